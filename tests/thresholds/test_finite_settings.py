"""Thresholds at finitely many settings against published values and a dense programme."""

import jax
import numpy as np
import oracles
import pytest
from cases import THREE_AXES, exchanged, in_other_frames
from scipy.optimize import linprog

import jaxleggett as jl
from jaxleggett.inequalities.worst_vectors import Prices, search
from jaxleggett.proofs.checker import claims
from jaxleggett.thresholds import finite_settings
from jaxleggett.thresholds.run import threshold


@pytest.mark.thorough
def test_published_three_axes_are_optimal_for_their_settings():
    found = threshold(jl.werner(), jl.SettingPairs(THREE_AXES.a, THREE_AXES.b), tolerance=1e-7)
    assert found.status == "converged"
    assert found.lower == pytest.approx(np.sqrt(8) / 3, abs=1e-7)
    assert found.upper == pytest.approx(np.sqrt(8) / 3, abs=1e-7)
    found.check()


@pytest.mark.parametrize("settings", ["icosahedron", "equatorial:6"])
def test_settings_at_which_the_singlet_is_compatible(settings):
    found = threshold(jl.werner(), settings)
    assert found.upper == 1
    assert found.lower > 1 - 1e-4
    assert found.inequality is None
    found.check()


def _dense(state, pairs, num=3000, seed=0):
    """The same linear programme over random atoms, by another library's front end: a lower bound."""
    rng = np.random.default_rng(seed)
    u = oracles.unit(rng, num)
    v = np.where(rng.random((num, 1)) < 0.7, -u, oracles.unit(rng, num))
    x, y = u @ pairs.a.T, v @ pairs.b.T
    M_A, M_B, C = state.correlation(pairs.a, pairs.b)
    upper = np.concatenate([abs(x + y), abs(x - y)], axis=1).T
    A_ub = np.concatenate([upper, np.concatenate([-C, C])[:, None]], axis=1)
    A_eq = np.concatenate([x, y, np.ones((num, 1))], axis=1).T
    A_eq = np.concatenate([A_eq, np.concatenate([-np.asarray(M_A), -np.asarray(M_B), [0]])[:, None]], axis=1)
    cost = np.zeros(num + 1)
    cost[-1] = -1
    done = linprog(cost, A_ub, np.ones(2 * len(C)), A_eq, [0] * (2 * len(C)) + [1], bounds=[(0, None)] * num + [(0, 1)])
    return -done.fun


@pytest.mark.slow
@pytest.mark.parametrize("theta", [np.pi / 4, 0.65])
def test_random_pairs_close_and_agree_with_a_dense_programme(theta):
    state, pairs = jl.pure(theta), jl.SettingPairs.random(20, seed=3)
    found = threshold(state, pairs, tolerance=1e-6)
    assert found.status == "converged"
    if theta == np.pi / 4:
        assert oracles.V_C - 1e-6 < found.lower < 1
    dense = _dense(state, pairs)
    assert dense <= found.upper + 1e-7
    assert dense > found.upper - 0.1
    found.check()


def test_unequal_numbers_of_settings_and_rotations():
    rng = np.random.default_rng(5)
    psi = 0.97 * oracles.ket_01_10(0.72) + np.array([0.2, 0.05j, 0, 0.1])
    psi /= np.linalg.norm(psi)
    state = jl.TwoQubitState.from_density_matrix(np.outer(psi, psi.conj()))
    assert np.abs(state.r_A).max() > 0.05
    circle = [np.array([np.cos(t), 0.1, np.sin(t)]) for t in np.linspace(0, 3, 7)]
    bob = np.array([x / np.linalg.norm(x) for x in circle])
    pairs = jl.SettingPairs.product(oracles.unit(rng, 5), bob)
    one = threshold(state, pairs, tolerance=1e-6)
    one.check()
    R, S = oracles.random_rotation(rng), oracles.random_rotation(rng)
    turned = in_other_frames(state, R, S)
    two = threshold(turned, jl.SettingPairs(pairs.a @ R.T, pairs.b @ S.T), tolerance=1e-6)
    swapped = threshold(exchanged(state), jl.SettingPairs(pairs.b, pairs.a), tolerance=1e-6)
    for other in (two, swapped):
        assert other.lower <= one.upper + 1e-9
        assert one.lower <= other.upper + 1e-9


def test_product_and_separable_states_are_compatible():
    separable = jl.SeparableModel().target
    for state in (jl.pure(0.0), separable):
        found = threshold(state, jl.SettingPairs.random(12), tolerance=1e-4)
        assert found.upper == 1
        assert found.lower > 1 - 1e-4
        found.check()


def _mean_miss(found):
    """By how much the model's mean hidden vectors miss the Bloch vectors at `lower`, all components."""
    m, state = found.model, found.state
    sides = ((m.u, state.r_A), (m.v, state.r_B))
    return max(np.abs(m.weights @ x - found.lower * np.asarray(r)).max() for x, r in sides)


def _circle(number, lift):
    """Directions along the circle z = 0 with such third components, up and down."""
    angles = np.arange(number) * np.pi / number
    x = np.stack([np.cos(angles), np.sin(angles), lift * (-1.0) ** np.arange(number)], axis=1)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("lift", [3e-15, 1e-10])
def test_a_direction_that_only_last_digits_span_counts(lift):
    """Marginals at settings a little above and below a plane force E[u_z] = V r_z, however little that is."""
    state = jl.pure(0.6)
    bob = oracles.unit(np.random.default_rng(7), 3)
    found = threshold(state, jl.SettingPairs.product(_circle(12, lift), bob), tolerance=1e-3, certify=True)
    assert found.certified
    assert (found.status, found.upper - found.lower <= 1e-3) == ("converged", True)
    assert _mean_miss(found) < 1e-9
    found.check()


def test_a_turned_great_circle_gets_a_model_that_is_right_in_all_directions():
    R = oracles.random_rotation(np.random.default_rng(1))
    circle = _circle(5, 0.0)
    flat, turned = (jl.SettingPairs.product(x, x) for x in (circle, circle @ R.T))
    assert [len(claims.span(pairs.a)) for pairs in (flat, turned)] == [2, 3]
    for pairs, state in ((flat, jl.pure(0.6)), (turned, in_other_frames(jl.pure(0.6), R, R)), (turned, jl.werner())):
        found = threshold(state, pairs, tolerance=1e-3, certify=True)
        assert (found.certified, found.status, found.lower > 1 - 1e-3) == (True, "converged", True)
        assert pairs is flat or _mean_miss(found) < 1e-9
        found.check()


def test_the_exact_span_of_doubles():
    x, y, z = np.eye(3)
    cases = [
        ([x, x, -x], 1),
        ([x, x + 5e-324 * z], 2),
        ([x, y, -x], 2),
        ([x, y, x + 5e-324 * z], 3),
        ([x + 1e-200 * y, x - 1e-200 * y, x], 2),
        (oracles.unit(np.random.default_rng(0), 4), 3),
        ([0.1 * x + 0.3 * y, 0.3 * x + 0.9 * y], 2),  # three times 0.1 is not 0.3
    ]
    for rows, rank in cases:
        found = claims.span(np.array(rows))
        assert len(found) == rank
        np.testing.assert_allclose(found @ found.T, np.eye(rank), atol=1e-15)
        lengths = np.linalg.norm(np.array(rows) @ found.T, axis=1)
        np.testing.assert_allclose(lengths, np.linalg.norm(rows, axis=1), atol=1e-15)


def test_the_normal_of_nearly_parallel_rows_is_right_to_rounding():
    """The span of (1, 0, 0) and (1, 1e-12, 1e-12) holds no part of (0, 1, -1)."""
    found = claims.span(np.array([[1, 0, 0], [1, 1e-12, 1e-12]]))
    assert np.abs(found @ np.array([0, 1, -1])).max() < 1e-15
    assert np.linalg.norm(found @ np.array([0, 1, 1])) == pytest.approx(np.sqrt(2), abs=1e-15)


def test_the_bound_covers_what_settings_do_not_give_of_the_prices():
    p = Prices(np.array([0.5]), np.zeros(1), np.array([0.2, 0.3, 0.0]), np.array([0.0, 0.0, 0.4]), *np.eye(3)[:2, None])
    least = search(jax.random.key(0), p)[2][0]
    cut = finite_settings.inequality_of(p, least)
    np.testing.assert_allclose((cut.alice, cut.bob), ([0.2], [0.0]), atol=1e-12)
    assert cut.bound == pytest.approx(0.5 - least + 0.3 + 0.4, abs=1e-8)
