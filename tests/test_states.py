import math

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from tolerances import ALGEBRA

import jaxleggett as jl

RNG = np.random.default_rng(3)


def _statistics(state, a, b):
    return jl.probabilities(*state.correlation(a, b))


@pytest.mark.parametrize("seed", range(5))
def test_random_states_against_the_born_rule(seed):
    rng = np.random.default_rng(seed)
    rho = oracles.random_rho(rng)
    state = jl.TwoQubitState.from_density_matrix(rho)
    assert np.abs(state.T - state.T.T).max() > 0.01  # a transposed T would show
    a, b = oracles.unit(rng, 7), oracles.unit(rng, 7)
    want = [oracles.born(rho, x, y) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(_statistics(state, a, b), want, atol=ALGEBRA)
    np.testing.assert_allclose(state.density_matrix(), rho, atol=ALGEBRA)


def test_unequal_numbers_of_settings_broadcast():
    rng = np.random.default_rng(9)
    rho = oracles.random_rho(rng)
    a, b = oracles.unit(rng, 5), oracles.unit(rng, 7)
    M_A, M_B, C = jl.TwoQubitState.from_density_matrix(rho).correlation(a[:, None], b[None])
    assert (M_A.shape, M_B.shape, C.shape) == ((5, 1), (1, 7), (5, 7))
    want = oracles.born(rho, a[4], b[6])
    np.testing.assert_allclose(jl.probabilities(M_A[4, 0], M_B[0, 6], C[4, 6]), want, atol=ALGEBRA)


@pytest.mark.parametrize("V", [-1 / 3, 0, 0.7, 1])
def test_werner(V):
    np.testing.assert_allclose(jl.werner(V).density_matrix(), oracles.werner_rho(V), atol=ALGEBRA)


def test_werner_is_the_singlet_unless_told_otherwise():
    np.testing.assert_allclose(jl.werner().density_matrix(), oracles.werner_rho(1), atol=ALGEBRA)


@pytest.mark.parametrize("theta", [0, 0.1, 0.5, math.pi / 4, 1.2])
def test_pure(theta):
    psi = oracles.ket_01_10(theta)
    np.testing.assert_allclose(jl.pure(theta).density_matrix(), np.outer(psi, psi.conj()), atol=ALGEBRA)


def test_bell_diagonal_keeps_the_order_of_its_entries():
    rho = jl.bell_diagonal(0.1, -0.2, 0.3).density_matrix()
    for i, t in enumerate((0.1, -0.2, 0.3)):
        assert np.trace(rho @ np.kron(oracles.SIGMA[i], oracles.SIGMA[i])).real == pytest.approx(t)


def test_white_noise_scales_everything():
    rho = oracles.random_rho(RNG)
    noisy = jl.TwoQubitState.from_density_matrix(rho).with_visibility(0.3)
    np.testing.assert_allclose(noisy.density_matrix(), 0.3 * rho + 0.7 * np.eye(4) / 4, atol=ALGEBRA)


def test_states_can_be_traced():
    slope = jax.grad(lambda t: jl.pure(t).T[0, 0])(0.3)
    assert slope == pytest.approx(-2 * np.cos(0.6), rel=1e-5)
    assert jax.jit(lambda V: jl.werner(V).T.sum())(0.5) == pytest.approx(-1.5)
    assert jax.vmap(jl.werner)(jnp.ones(4)).T.shape == (4, 3, 3)


@pytest.mark.parametrize(
    ("rho", "message"),
    [
        (np.eye(3), r"must have shape \(4, 4\), but has \(3, 3\)"),
        ("nonsense", "must be a 4x4 array of numbers"),
        (np.full((4, 4), np.nan), "must be finite"),
        (np.eye(4) / 4 + np.triu(np.full((4, 4), 0.01), 1), "must be Hermitian, but differs from its adjoint by 0.01"),
        (np.eye(4) / 2, "must have trace 1, but has 2"),
        (np.diag([0.6, 0.5, 0.0, -0.1]), "must be positive, but has the eigenvalue -0.1"),
    ],
)
def test_what_is_no_density_matrix(rho, message):
    with pytest.raises(jl.InputError, match=message):
        jl.TwoQubitState.from_density_matrix(rho)


def test_rounding_of_a_density_matrix_is_forgiven():
    jl.TwoQubitState.from_density_matrix(np.diag([1 + 1e-10, 0, 0, -1e-10]))
