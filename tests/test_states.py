import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from tolerances import ALGEBRA

import jaxleggett as jl
from jaxleggett import states
from jaxleggett.states import parse_state

REMEDY = r"; nearest=True \(--project\) takes the nearest state$"
PARAMETRISED = [
    jl.werner(0.3),
    jl.pure(0.4),
    jl.WernerModel(0.5),
    jl.WhiteNoiseModel(),
    jl.GreatCircleModel(),
    jl.PRBoxModel(),
    jl.SeparableModel(),
]


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


def test_white_noise_scales_everything(rng):
    rho = oracles.random_rho(rng)
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
        (np.eye(3), r"must have shape \(4, 4\), or \(4,\) as a state vector, but has \(3, 3\)"),
        (np.ones((1, 4)) / 2, r"but has \(1, 4\)"),
        ([1, 0, 0, 1], "a state vector must have norm 1 .* but has 1.41421356"),
        ([10**400, 0, 0, 1], "must be a 4x4 array of numbers"),
        (np.diag([1e308, -1e308, 1, 0]), "must be finite"),
        ("nonsense", "must be a 4x4 array of numbers"),
        (np.full((4, 4), np.nan), "must be finite"),
        (np.eye(4) / 4 + np.triu(np.full((4, 4), 0.01), 1), "must be Hermitian, but .* adjoint by 0.01" + REMEDY),
        (np.eye(4) / 2, "must have trace 1, but has 2" + REMEDY),
        (np.diag([0.6, 0.5, 0.0, -0.1]), "must be positive, but has the eigenvalue -0.1" + REMEDY),
    ],
)
def test_bad_density_matrices_are_refused(rho, message):
    with pytest.raises(jl.InputError, match=message):
        jl.TwoQubitState.from_density_matrix(rho)


def test_rounding_of_a_density_matrix_is_forgiven():
    jl.TwoQubitState.from_density_matrix(np.diag([1 + 1e-10, 0, 0, -1e-10]))


def _measured(rng, noise):
    g = rng.normal(size=(2, 4, 4))
    return oracles.random_rho(rng) + noise * (g[0] + 1j * g[1])


@pytest.mark.parametrize("noise", [1e-3, 0.1, 1])
def test_no_state_is_nearer_than_the_nearest(noise):
    """Variational inequality: a convex set's nearest point to rho is the one with Re<rho - near, sigma - near> <= 0."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        rho = _measured(rng, noise)
        state, distance = jl.TwoQubitState.nearest_to(rho)
        near = state.density_matrix()
        assert np.trace(near).real == pytest.approx(1, abs=ALGEBRA)
        assert np.linalg.eigvalsh(near)[0] > -ALGEBRA
        assert distance == pytest.approx(np.linalg.norm(rho - near), abs=1e-14)
        # <H, sigma> is largest at the top eigenvector of H = rho - near.
        H = rho - near
        assert np.linalg.eigvalsh((H + H.conj().T) / 2)[-1] <= np.trace(H @ near).real + 1e-13


def test_the_example_of_smolin_gambetta_and_smith():
    """The eigenvalues of their example, Phys. Rev. Lett. 108, 070502 (2012), and a density matrix."""
    near = states._onto_simplex(np.array([-11, 2, 7, 10, 12]) / 20)
    np.testing.assert_allclose(near, np.array([0, 0, 4, 7, 9]) / 20, atol=1e-15)
    state, distance = jl.TwoQubitState.nearest_to(np.diag([0.6, 0.5, 0.05, -0.15]))
    np.testing.assert_allclose(state.density_matrix(), np.diag([0.55, 0.45, 0, 0]), atol=1e-15)
    assert distance == pytest.approx(math.hypot(0.05, 0.05, 0.05, 0.15))


def test_a_state_is_its_own_nearest(rng):
    rho = oracles.random_rho(rng)
    assert jl.TwoQubitState.nearest_to(rho) == (jl.TwoQubitState.from_density_matrix(rho), 0)
    bad = rho + np.diag([0.1, 0, 0, 0])
    nearest = jl.TwoQubitState.nearest_to(bad)[0]
    assert jl.TwoQubitState.from_density_matrix(bad, nearest=True) == nearest


def test_state_vectors():
    rng = np.random.default_rng(8)
    psi = rng.normal(size=4) + 1j * rng.normal(size=4)
    psi /= np.linalg.norm(psi)
    for vector in (psi, psi[:, None], psi * (1 + 5e-10), list(psi)):
        state = jl.TwoQubitState.from_density_matrix(vector)
        np.testing.assert_allclose(state.density_matrix(), np.outer(psi, psi.conj()), atol=1e-15)


def test_objects_of_qutip(rng):
    qutip = pytest.importorskip("qutip")
    rho = oracles.random_rho(rng)
    made = qutip.Qobj(rho, dims=[[2, 2], [2, 2]])
    np.testing.assert_allclose(jl.TwoQubitState.from_density_matrix(made).density_matrix(), rho, atol=1e-15)
    up_down = qutip.tensor(qutip.basis(2, 0), qutip.basis(2, 1))
    assert jl.TwoQubitState.from_density_matrix(up_down) == jl.pure(0.0)


def test_objects_of_qiskit(rng):
    pytest.importorskip("qiskit")
    from qiskit.quantum_info import DensityMatrix, Statevector

    rho = oracles.random_rho(rng)
    made = jl.TwoQubitState.from_density_matrix(DensityMatrix(rho))
    np.testing.assert_allclose(made.density_matrix(), rho, atol=1e-15)
    # In Qiskit's labels the qubit on the left has the higher number; it is Alice's.
    zero_one = Statevector.from_label("01")
    assert jl.TwoQubitState.from_density_matrix(zero_one) == jl.pure(0.0)
    assert jl.TwoQubitState.from_density_matrix(zero_one.reverse_qargs()).r_A[2] == -1


@pytest.mark.parametrize("thing", PARAMETRISED, ids=lambda thing: type(thing).__name__)
def test_equal_and_hashed_by_value(thing):
    copy = jax.tree.map(np.array, thing)
    on_device = jax.tree.map(lambda x: jnp.asarray(x, float), jl.werner(0.5))
    assert copy == thing
    assert hash(copy) == hash(thing)
    assert len({thing, copy, *PARAMETRISED}) == len(PARAMETRISED)
    assert on_device == jl.werner(0.5)
    assert hash(on_device) == hash(jl.werner(0.5))
    for i, leaf in enumerate(jax.tree.leaves(thing)):
        leaves = jax.tree.leaves(thing)
        leaves[i] = leaf + 1e-3
        assert jax.tree.unflatten(jax.tree.structure(thing), leaves) != thing
    assert thing != 0.5
    through = jax.jit(lambda x: x)(thing)
    np.testing.assert_allclose(
        np.concatenate([np.ravel(x) for x in [*jax.tree.leaves(through), 0]]),
        np.concatenate([np.ravel(x) for x in [*jax.tree.leaves(thing), 0]]),
        rtol=1e-6,
    )


def test_zeros_of_either_sign_are_equal():
    one, other = (jl.TwoQubitState(x * np.zeros(3), np.zeros(3), -np.eye(3)) for x in (1, -1))
    assert one == other
    assert hash(one) == hash(other)


def test_no_public_dataclass_compares_arrays_by_accident():
    """Equality made by `dataclass` compares tuples of arrays, which raises."""
    for cls in (getattr(jl, name) for name in jl.__all__):
        if dataclasses.is_dataclass(cls):
            assert not cls.__dataclass_params__.eq, cls


def test_states_by_name(tmp_path):
    rho = oracles.random_rho(np.random.default_rng(0))
    np.save(tmp_path / "rho.npy", rho)
    (tmp_path / "rho.json").write_text(json.dumps([[[x.real, x.imag] for x in row] for row in rho]))
    for name in ("rho.npy", "rho.json"):
        np.testing.assert_allclose(parse_state(str(tmp_path / name)).density_matrix(), rho, atol=1e-12)
    np.testing.assert_allclose(parse_state("pure:0.3").density_matrix(), jl.pure(0.3).density_matrix(), atol=1e-12)
    np.testing.assert_allclose(parse_state("bell-diagonal:0.1,-0.2,0.3").T, np.diag([0.1, -0.2, 0.3]), atol=1e-12)
    (tmp_path / "bad.json").write_text("[[1, 2], [3]]")
    (tmp_path / "pickled.npy").write_bytes(b"\x93NUMPY nonsense")
    for text, message in (
        ("wener", "state must be werner, bell-diagonal"),
        ("pure:x", "state pure must have 1 finite number, but is"),
        ("bell-diagonal:1,2", "must have 3 finite numbers"),
        ("bell-diagonal:1,1,1", "must be positive, but has the eigenvalue -0.5"),
        (str(tmp_path / "bad.json"), "cannot be read as a density matrix"),
        (str(tmp_path / "pickled.npy"), "cannot be read as a density matrix"),
    ):
        with pytest.raises(jl.InputError, match=message):
            parse_state(text)
