"""docs/MARGINALS.md: what thresholds with marginals have to do with those without."""

import numpy as np
import oracles
import pytest

import jaxleggett as jl


def with_and_without(rho):
    """A state and the one with its correlators and no marginals, half of it its spin flip."""
    y = np.array([[0, -1j], [1j, 0]])
    flip = np.kron(y, y)
    return tuple(jl.TwoQubitState.from_density_matrix(each) for each in (rho, (rho + flip @ rho.conj() @ flip) / 2))


def mixture(p, theta):
    """A share p of a pure state, the rest |00>."""
    psi = oracles.ket_01_10(theta).real
    return p * np.outer(psi, psi) + (1 - p) * np.diag([1.0, 0, 0, 0])


def test_half_a_state_and_half_its_spin_flip_has_the_correlators_and_no_marginals():
    rng = np.random.default_rng(3)
    G = rng.normal(size=(4, 3)) + 1j * rng.normal(size=(4, 3))
    rho = G @ G.conj().T
    state, alone = with_and_without(rho / np.trace(rho).real)
    np.testing.assert_allclose(alone.T, state.T, atol=1e-15)
    np.testing.assert_allclose(np.concatenate([alone.r_A, alone.r_B]), 0, atol=1e-15)


@pytest.mark.slow
def test_marginals_lower_the_threshold_by_no_more_than_the_bound():
    psi = oracles.ket_01_10(0.65).real
    state, alone = with_and_without(np.outer(psi, psi))
    # Three orthogonal axes e: b = cos(phi/2) a +- sin(phi/2) e, sin(phi/2) = 1/3 (Branciard et al. 2008, six pairs)
    e = np.eye(3)
    a = np.roll(e, -1, axis=0)
    sine, cosine = 1 / 3, np.sqrt(8) / 3
    settings = jl.SettingPairs(np.concatenate([a, a]), np.concatenate([cosine * a + sine * e, cosine * a - sine * e]))
    found, free = (jl.threshold(one, settings, tolerance=1e-6) for one in (state, alone))
    lengths = np.linalg.norm(state.r_A) + np.linalg.norm(state.r_B)
    assert free.lower / (1 + free.lower * lengths) - 1e-6 <= found.upper
    assert found.lower <= free.upper + 1e-6
    assert free.upper < 1, "the test says nothing where everything is compatible"


@pytest.mark.slow
def test_marginals_bind_for_a_mixture_of_rank_two():
    state, alone = with_and_without(mixture(0.95, 0.4))
    found, free = (jl.threshold(one, tolerance=1e-3, certify=True) for one in (state, alone))
    assert found.certified
    assert free.certified
    assert found.upper < 0.987
    assert free.lower == 1


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.2, 0.6])
def test_marginals_of_pure_states_do_not_bind(theta):
    psi = oracles.ket_01_10(theta).real
    state, alone = with_and_without(np.outer(psi, psi))
    found, free = (jl.threshold(one, tolerance=3e-4) for one in (state, alone))
    assert max(found.lower, free.lower) <= min(found.upper, free.upper)
