"""Thresholds of other notions: known values from both sides, and models and inequalities by routes of their own."""

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import in_other_frames

import jaxleggett as jl
from jaxleggett._clock import OutOfTime
from jaxleggett.notions import NOTIONS, NotionThreshold, bell, products, run, steering
from jaxleggett.notions.models import Found, HiddenStates, LocalModel
from jaxleggett.notions.navascues import most_steered
from jaxleggett.proofs.bell import local_bound, local_visibility
from jaxleggett.runs import Ending

X, Y, Z = np.eye(3)
CHSH = jl.SettingPairs.product([Z, X], [(Z + X) / np.sqrt(2), (Z - X) / np.sqrt(2)])
AXES = jl.SettingPairs.product(np.eye(3), np.eye(3))


def _enumerated(cut):
    """The local bound by trying all outcomes of both parties, one by one."""
    A, B = (list(map(tuple, np.unique(x, axis=0))) for x in (cut.a, cut.b))
    best = -np.inf
    for alpha in itertools.product((1, -1), repeat=len(A)):
        x = np.array([alpha[A.index(tuple(a))] for a in cut.a])
        for beta in itertools.product((1, -1), repeat=len(B)):
            y = np.array([beta[B.index(tuple(b))] for b in cut.b])
            best = max(best, cut.coefficients @ (x * y) + cut.alice @ x + cut.bob @ y)
    return best


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("notion", "pairs", "exact"),
    [
        ("bell", CHSH, 1 / np.sqrt(2)),
        ("bell", AXES, 1.0),
        ("steering", CHSH, 1 / np.sqrt(2)),
        ("steering", AXES, 1 / np.sqrt(3)),
        ("separable", CHSH, 1 / 2),
        pytest.param("separable", AXES, 1 / 3, marks=pytest.mark.slow),
        ("navascues", AXES, 1 / 3),
    ],
)
def test_known_values_of_the_singlet_from_both_sides(notion, pairs, exact):
    found = jl.threshold(jl.werner(), pairs, notion=notion, tolerance=1e-7)
    tolerance = 1e-9 if notion == "bell" else 1e-6
    assert exact - tolerance < found.lower <= exact + 1e-12
    assert exact - 1e-12 < found.upper < exact + tolerance
    assert found.to_json()["notion"] == notion
    found.check()
    weaker = jl.threshold(jl.werner(0.9), pairs, notion=notion, tolerance=1e-7)
    assert weaker.lower == pytest.approx(min(exact / 0.9, 1), abs=1e-6)


@pytest.mark.parametrize("state", [jl.werner(), jl.pure(0.4), jl.bell_diagonal(-0.9, 0.7, 0.6)])
def test_local_bounds_equal_an_independent_enumeration(state):
    alice, bob = jl.SettingPairs.random(4, seed=2).a, jl.SettingPairs.random(3, seed=5).b
    pairs = jl.SettingPairs.product(np.concatenate([alice, [Z]]), np.concatenate([bob, [X]]))
    found = jl.threshold(state, pairs, notion="bell", certify=True, tolerance=1e-6)
    assert found.certified
    assert found.upper - found.lower < 1e-5
    assert found.upper < 1
    found.check()
    cut = found.inequality
    assert (cut.coefficients == np.rint(cut.coefficients)).all()
    assert _enumerated(cut) == cut.bound
    assert cut.threshold(state) == pytest.approx(found.upper, abs=1e-12)
    M_A, M_B, C = (np.asarray(x) for x in state.with_visibility(found.lower).correlation(pairs.a, pairs.b))
    for seen, wanted in zip(found.model.correlation(pairs.a, pairs.b), (M_A, M_B, C), strict=True):
        np.testing.assert_allclose(seen, wanted, atol=1e-8)


def test_the_exact_bound_of_integers_whatever_the_shape(rng):
    for shape in ((3, 5), (5, 3), (1, 1), (16, 2)):
        G, F, H = (rng.integers(-9, 10, size) for size in (shape, shape[0], shape[1]))
        x = np.array(list(itertools.product((1, -1), repeat=shape[0])))
        assert local_bound(G, F, H) == int((np.abs(x @ G + H).sum(1) + x @ F).max())
    assert local_bound(G, F, H, late=lambda: True) is None


def test_a_larger_scenario_closes_in_time():
    alice, bob = jl.SettingPairs.random(9).a, jl.SettingPairs.random(9, seed=1).b
    found = jl.threshold(jl.werner(), jl.SettingPairs.product(alice, bob), notion="bell", tolerance=1e-5)
    assert found.status == "converged"
    assert 1 / np.sqrt(2) < found.upper < 1
    found.check()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "notion", [pytest.param(n, marks=pytest.mark.slow if n in ("separable", "navascues") else ()) for n in NOTIONS[1:]]
)
def test_thresholds_at_settings_do_not_change_in_other_frames(notion, rng):
    R, S = oracles.random_rotation(rng), oracles.random_rotation(rng)
    pairs = jl.SettingPairs.product(jl.SettingPairs.random(4).a, jl.SettingPairs.random(3, seed=7).b)
    turned = jl.SettingPairs(pairs.a @ R.T, pairs.b @ S.T)
    state = jl.pure(0.5)
    one = jl.threshold(state, pairs, notion=notion, tolerance=1e-5)
    two = jl.threshold(in_other_frames(state, R, S), turned, notion=notion, tolerance=1e-5)
    assert max(one.lower, two.lower) <= min(one.upper, two.upper) + 1e-9


@pytest.mark.thorough
def test_notions_are_ordered():
    """A separable state is unsteerable, an unsteerable one is local: at any settings."""
    pairs = jl.SettingPairs.product(jl.SettingPairs.random(5).a, jl.SettingPairs.random(6, seed=7).b)
    for state in (jl.werner(), jl.pure(0.6)):
        ends = [jl.threshold(state, pairs, notion=notion) for notion in ("separable", "steering", "bell")]
        for narrow, wide in itertools.pairwise(ends):
            assert narrow.lower <= wide.upper + 1e-9
        assert ends[0].upper < ends[1].lower < ends[1].upper < ends[2].lower


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("notion", "lower", "upper"),
    [("steering", 0.5, 0.5), ("separable", 1 / 3, 1 / 3), ("navascues", 1 / 3, 1 / 3), ("bell", 0.60, 1 / np.sqrt(2))],
)
def test_werner_states_at_all_settings(notion, lower, upper):
    found = jl.threshold(jl.werner(), notion=notion)
    assert lower - 1e-9 <= found.lower <= upper + 1e-12
    assert found.upper == pytest.approx(upper, abs=1e-9)
    assert found.certified == (notion != "bell")
    found.check()
    half = jl.threshold(jl.werner(0.5), notion=notion)
    assert half.lower == pytest.approx(min(2 * found.lower, 1), abs=1e-6)


def test_a_mixed_state_is_separable_up_to_its_partial_transpose(rng):
    state = jl.TwoQubitState.from_density_matrix(oracles.random_rho(rng))
    found = jl.threshold(state, notion="separable")
    least = np.linalg.eigvalsh(oracles.partial_transpose(state.density_matrix())).min()
    assert found.lower == pytest.approx(min(1 / (1 - 4 * least), 1), abs=1e-9)
    found.check()
    pure = jl.threshold(jl.pure(0.4), notion="separable")
    assert pure.lower == pytest.approx(1 / (1 + 2 * np.sin(0.8)), abs=1e-9)
    assert pure.certified
    pure.check()


@pytest.mark.slow
def test_steering_without_marginals_is_the_mean_length(rng):
    m = rng.normal(size=(10**6, 3))
    m /= np.linalg.norm(m, axis=1, keepdims=True)
    for T in (
        np.diag([-0.9, -0.8, -0.85]),
        np.diag([-1, -0.3, -0.3]),
        oracles.random_rotation(rng) @ np.diag([1, 0.4, 0.2]),
    ):
        state = jl.TwoQubitState(np.zeros(3), np.zeros(3), T)
        found = jl.threshold(state, notion="steering")
        assert found.upper - found.lower < 1e-9
        assert found.lower == pytest.approx(0.5 / np.linalg.norm(m @ T.T, axis=1).mean(), abs=2e-3)
        found.check()
    assert jl.threshold(jl.bell_diagonal(0, 0, 1), notion="steering").upper == pytest.approx(1)


@pytest.mark.slow
def test_the_programme_for_steering_agrees_with_the_closed_form():
    """With a marginal that is small, so that the closed form is nearly right and the programme has to run."""
    state = jl.TwoQubitState(np.array([0, 0, 1e-6]), np.zeros(3), np.diag([-0.9, -0.8, -0.85]))
    exact = jl.threshold(jl.bell_diagonal(-0.9, -0.8, -0.85), notion="steering").lower
    found = jl.threshold(state, notion="steering", tolerance=0.04, time_limit=60)
    assert found.status == "converged"
    assert not found.certified
    assert found.lower < exact + 1e-5
    assert found.upper > exact - 1e-5
    assert isinstance(found.model, HiddenStates)
    found.check()


@pytest.mark.thorough
def test_a_check_finds_what_is_wrong():
    for notion in ("bell", "steering", "separable"):
        found = jl.threshold(jl.werner(), CHSH, notion=notion)
        lower = dataclasses.replace(found, lower=found.lower + 0.02, upper=1.0)
        with pytest.raises(ArithmeticError, match="misses the state"):
            lower.check()
        less = dataclasses.replace(found.inequality, bound=found.inequality.bound * 0.99)
        with pytest.raises(ArithmeticError, match="beyond the bound"):
            dataclasses.replace(found, inequality=less).check()
        with pytest.raises(ArithmeticError, match="inverted"):
            dataclasses.replace(found, lower=0.9)
    for found in (jl.threshold(jl.werner(), notion=notion) for notion in ("steering", "bell", "separable")):
        with pytest.raises(ArithmeticError, match="misses the state"):
            dataclasses.replace(found, lower=found.lower + 0.05, upper=1.0).check()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"notion": "quantum"}, "notion must be one of leggett, bell"),
        ({"notion": "bell", "tolerance": 0}, "tolerance must be a number above 0"),
        ({"notion": "bell", "time_limit": -1}, "time_limit must be"),
        ({"notion": "bell", "settings": "random:1001"}, "at most 1000 different ones"),
        ({"notion": "bell", "settings": "none"}, "settings must be"),
        ({"notion": "bell", "settings": [[0, 0, 1]]}, "settings must be SettingPairs or a name"),
        ({"settings": None}, "settings must be SettingPairs or a name"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        jl.threshold(jl.werner(), **arguments)


def test_a_time_limit_and_ctrl_c_leave_a_bracket():
    pairs = jl.SettingPairs.product(jl.SettingPairs.random(14).a, jl.SettingPairs.random(14, seed=1).b)
    found = jl.threshold(jl.werner(), pairs, notion="bell", tolerance=1e-9, time_limit=1)
    assert isinstance(found, NotionThreshold)
    assert found.status == "time_limit"
    assert 0 <= found.lower <= found.upper <= 1

    def stop(progress):
        raise KeyboardInterrupt

    assert jl.threshold(jl.werner(), CHSH, notion="bell", progress=stop).status == "interrupted"


def test_ctrl_c_in_the_programme_at_the_vertices_is_not_overlooked(monkeypatch):
    stopped = Found(0.0, 1.0, None, None, Ending.INTERRUPTED)
    monkeypatch.setattr(bell, "solve_products", lambda *arguments, **options: stopped)
    found = jl.threshold(jl.werner(), notion="bell")
    assert (found.status, found.upper) == ("interrupted", pytest.approx(1 / np.sqrt(2)))


def _stop(*arguments):
    raise KeyboardInterrupt


def test_ctrl_c_in_a_proof_leaves_the_numerical_bracket(monkeypatch):
    monkeypatch.setattr(run.exact, "local_bound", _stop)
    found = jl.threshold(jl.werner(), CHSH, notion="bell", certify=True)
    assert (found.status, found.certified) == ("interrupted", False)
    assert found.lower == pytest.approx(1 / np.sqrt(2), abs=1e-4)
    found.check()


@pytest.mark.parametrize("ending", [KeyboardInterrupt, OutOfTime])
def test_what_ends_another_search_leaves_the_bounds_before(ending, monkeypatch):
    question = steering._Steering(np.array([0, 0, 0.1]), np.zeros(3), -0.9 * np.eye(3), None, 0)
    question.lower, question.upper = 0.3, 0.7
    monkeypatch.setattr(question, "_find", lambda effort: (_ for _ in ()).throw(ending))
    with pytest.raises(ending):
        question.search_again(1)
    assert (question.lower, question.upper) == (0.3, 0.7)


def test_a_bound_that_an_earlier_search_missed_is_corrected(monkeypatch):
    """The strongest inequality may be an older one than that of the last round; it is the one to search again."""
    highest, calls = products.highest, []

    def missing_once(functional, situation, number, rng, deadline=None):
        calls.append(functional)
        if len(calls) > 1:
            return highest(functional, situation, number, rng, deadline)
        x = situation.A.some(20_000, rng)
        y = situation.B.best(x @ functional.G + functional.H)
        # More than the programme has reached by then, and less than it reaches in the end.
        chosen = [np.abs(functional.at(x, y) - 0.6189).argmin()]
        return x[chosen], y[chosen]

    monkeypatch.setattr(products, "highest", missing_once)
    found = jl.threshold(jl.pure(0.4), "grid:3", notion="separable", tolerance=1e-4)
    assert 0.6193 < found.lower < 0.6194
    assert found.upper - found.lower < 1e-4
    found.check()


def test_a_model_has_no_settings_but_its_own():
    model = LocalModel(np.ones(1), np.ones((1, 1)), np.ones((1, 1)), Z[None], Z[None])
    for setting in (X, np.full(3, np.nan)):
        with pytest.raises(jl.InputError, match="b must hold settings of the model, but row 1 is"):
            model.correlation(np.stack([Z, Z]), np.stack([Z, setting]))


@pytest.mark.parametrize("singular_values", [(0.9, 0, 0), (1, 1, 0), (1, 0.5, 0.5), (1e-3, 1e-14, 0)])
def test_the_mean_length_is_enclosed_whatever_vanishes(singular_values, rng):
    exact = steering.mean_length(np.diag(singular_values))
    R, S = oracles.random_rotation(rng), oracles.random_rotation(rng)
    low, high = steering.mean_length(R @ np.diag(singular_values) @ S)
    assert low <= exact[0] <= exact[1] <= high
    assert high - low < 1e-11


def test_the_published_example_of_bell_polytopes():
    """README of BellPolytopes.jl (S. Designolle et al.), axes of an icosahedron: [0.778, 0.779] and v_c <= 0.778392."""
    found = jl.threshold(jl.werner(), "icosahedron", notion="bell", tolerance=1e-8, certify=True)
    assert found.certified
    assert 0.778 < found.lower < found.upper < 0.778392


@pytest.mark.parametrize("size", [1e-17, 1e-13, 5e-13])
def test_marginals_of_rounding_leave_a_certified_bracket_narrow(size):
    state = jl.TwoQubitState(np.array([size, 0, 0]), np.zeros(3), -np.eye(3))
    found = jl.threshold(state, "grid:4", notion="bell", certify=True)
    assert found.certified
    assert found.upper - found.lower < 1e-6
    found.check()


@pytest.mark.slow
def test_bounds_of_two_qubits_are_not_missed(rng):
    """Answering in turn can take very many turns; the bound has to hold for hidden variables found otherwise."""
    for _ in range(3):
        g = rng.normal(size=(4, 2)) + 1j * rng.normal(size=(4, 2))
        rho = g @ g.conj().T
        found = jl.threshold(jl.TwoQubitState.from_density_matrix(rho / np.trace(rho)), "grid:4", notion="separable")
        found.check()


@pytest.mark.parametrize("notion", ["bell", "steering"])
@pytest.mark.parametrize("state", [jl.bell_diagonal(0, 0, 0), jl.pure(0), jl.werner(0.3)])
def test_separable_states_are_local_and_unsteerable(notion, state):
    found = jl.threshold(state, notion=notion)
    assert (found.lower, found.upper, found.certified) == (1, 1, True)
    found.check()


def test_integers_that_could_overflow_are_refused():
    with pytest.raises(ValueError, match="less than 2"):
        local_bound(np.array([[2**62]]), np.array([2**62]), np.array([2**62]))


def test_the_witness_of_a_state_with_complex_entries(rng):
    R, S = oracles.random_rotation(rng), oracles.random_rotation(rng)
    found = jl.threshold(in_other_frames(jl.pure(0.4), R, S), notion="separable")
    assert found.upper == pytest.approx(1 / (1 + 2 * np.sin(0.8)), abs=1e-9)
    assert found.upper - found.lower < 1e-11
    assert found.certified
    found.check()


def test_what_marginals_take_from_a_proved_model_by_hand():
    """One strategy and its opposite have C = 1 and no marginals; what is missing of 0.1 and 0.2 is mixed in."""
    one, zero = np.ones((1, 1)), np.zeros(1, int)
    numbers = (np.array([Fraction(1, 10)]), np.array([Fraction(-1, 5)]), np.array([Fraction(1)]))
    found = local_visibility(np.ones(1), one, one, zero, zero, numbers, 1.0, False)
    assert found == pytest.approx(1 / 1.3, abs=1e-15)
    # Without the opposite both marginals are 1: 0.9 and 1.2 are missing.
    assert local_visibility(np.ones(1), one, one, zero, zero, numbers, 1.0, True) == pytest.approx(1 / 3.1, abs=1e-15)
    # Weights whose integers do not fit into 64 bits, or that are none, prove nothing.
    for weight in (2049.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="about 1"):
            local_visibility(np.full(1, weight), one, one, zero, zero, numbers, 1.0, True)


@pytest.mark.parametrize("given", ["pure:0.3", jl.pure(0.3).density_matrix()])
def test_a_state_may_be_given_by_name_or_by_its_density_matrix(given):
    found = jl.threshold(given, notion="separable")
    assert found.state == jl.states.as_state(given)
    np.testing.assert_allclose(found.upper, jl.threshold(jl.pure(0.3), notion="separable").upper, rtol=0, atol=1e-9)
    with pytest.raises(jl.InputError, match="state must be"):
        jl.threshold("nonsense")


def test_a_result_of_probability_zero_leaves_bob_without_a_mean():
    model = jl.SeparableModel.mixture(np.ones(1), Z[None], X[None])
    found = most_steered(model, jl.SettingPairs(Z, X))
    assert (found.gap, found.bob[0], found.expected) == (0, 1, 1)
    assert np.isnan(found.bob[1])
