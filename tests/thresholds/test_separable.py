"""Separable states: the partial transpose and the decomposition, against states that are mixtures by construction."""

import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett.states import TwoQubitState
from jaxleggett.thresholds import separable
from jaxleggett.thresholds.separable import decomposition, proved_separable, separable_visibility


def _mixture(rng, number):
    u, v = oracles.unit(rng, 2 * number).reshape(2, number, 3)
    w = rng.dirichlet(np.ones(number))
    return TwoQubitState(w @ u, w @ v, np.einsum("k,ki,kj->ij", w, u, v))


def _rank(rng, rank):
    G = rng.normal(size=(4, rank)) + 1j * rng.normal(size=(4, rank))
    rho = G @ G.conj().T
    return TwoQubitState.from_density_matrix(rho / np.trace(rho).real)


def _transposed(state):
    return oracles.partial_transpose(state.density_matrix())


def _missed(state):
    """By how much the decomposition misses the state."""
    model = decomposition(state)
    w, u, v = model.weights, model.u, model.v
    assert w.min() >= 0
    assert np.abs(np.linalg.norm([u, v], axis=2) - 1).max() < 1e-14
    off = w @ u - state.r_A, w @ v - state.r_B, np.einsum("k,ki,kj->ij", w, u, v) - state.T
    return max(np.abs(x).max() for x in off)


@pytest.mark.parametrize("number", range(1, 8))
def test_mixtures_of_products_are_decomposed(number, rng):
    for _ in range(20):
        state = _mixture(rng, number)
        assert separable_visibility(state) == pytest.approx(1, abs=1e-14)
        assert _missed(state) < 1e-13


@pytest.mark.parametrize("rank", range(1, 5))
def test_the_visibility_is_where_the_transpose_is_singular(rank, rng):
    """There the decomposition still exists; a little above it does not."""
    for _ in range(20):
        state = _rank(rng, rank)
        V = separable_visibility(state)
        edge = state.with_visibility(V)
        if V < 1:
            assert np.linalg.eigvalsh(_transposed(edge))[0] == pytest.approx(0, abs=1e-15)
        assert _missed(edge) < 1e-13
        if V < 0.99:
            assert _missed(state.with_visibility(1.01 * V)) > 1e-4


def test_werner_states_are_separable_up_to_a_third():
    assert separable_visibility(jl.werner()) == pytest.approx(1 / 3, abs=1e-15)
    assert proved_separable(jl.werner(1 / 3))  # the double nearest to 1/3 is below it
    assert not proved_separable(jl.werner(np.nextafter(1 / 3, 1)))
    assert not proved_separable(jl.werner())


def test_what_is_exactly_positive_and_what_is_so_by_rounding_alone(rng):
    for state in (
        jl.bell_diagonal(0, 0, 0),
        jl.bell_diagonal(0.25, 0.25, 0.25),
        jl.pure(0.0),
        jl.bell_diagonal(0, 0, 1),
    ):
        assert proved_separable(state)
        assert _missed(state) < 1e-15
    # The transpose of a state that is none is positive, too: both are looked at.
    flipped = TwoQubitState(np.zeros(3), np.zeros(3), np.eye(3))
    assert np.linalg.eigvalsh(_transposed(flipped))[0] >= -1e-15
    assert not proved_separable(flipped)
    # Signs of Alice's second component matter as they stand: a state without symmetry, well inside and well outside.
    rho = _mixture(rng, 6).with_visibility(0.9)
    assert proved_separable(rho)
    assert not proved_separable(_rank(rng, 1))


@pytest.mark.parametrize("settings", [pytest.param("all", marks=pytest.mark.thorough), "random:7"])
def test_separable_states_have_a_threshold_of_one(settings, rng):
    for state in (jl.bell_diagonal(0, 0, 0), jl.bell_diagonal(0.25, 0.25, 0.25), _mixture(rng, 5).with_visibility(0.9)):
        found = jl.threshold(state, settings)
        assert (found.lower, found.upper, found.status, found.certified) == (1, 1, "converged", True)
        assert found.inequality is None
        found.check()


def test_nearly_separable_states_are_answered_within_the_tolerance(rng):
    state = _rank(rng, 1)
    near = state.with_visibility(separable_visibility(state) * 1.0005)
    found = jl.threshold(near, tolerance=1e-3)
    assert 1 - 1e-3 < found.lower < 1 == found.upper
    assert found.certified
    assert proved_separable(near.with_visibility(found.lower))
    found.check()


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_the_lower_end_is_below_the_state_whose_positivity_is_decided(kind, rng, monkeypatch):
    """By much more than what the doubles of that state are rounded by, relative to them."""
    decided = []
    monkeypatch.setattr(separable, "proved_separable", lambda state: decided.append(state) or proved_separable(state))
    state = _rank(rng, 1)
    state = TwoQubitState(*(np.asarray(x).astype(kind) for x in (state.r_A, state.r_B, state.T)))
    lower, proved = separable.proved_visibility(state)
    assert proved
    for name in ("r_A", "r_B", "T"):
        exact, rounded = (np.asarray(getattr(x, name), np.float64) for x in (state, decided[-1]))
        share = 1 - lower * exact / rounded
        np.testing.assert_allclose(share, 5e-13, rtol=0.01)


def test_what_is_no_state_is_not_separable_though_its_transpose_is_positive():
    """The decomposition of a matrix with a negative eigenvalue would be of another one."""
    none = jl.bell_diagonal(0.5, -0.5, -1)
    assert np.linalg.eigvalsh(none.density_matrix())[0] == pytest.approx(-0.25)
    assert np.linalg.eigvalsh(_transposed(none))[0] >= -1e-15
    assert separable_visibility(none) == pytest.approx(0.5)
    assert not proved_separable(none)
    assert _missed(none) > 0.1
    found = jl.threshold(none, "random:60", tolerance=1e-3)
    found.check()
