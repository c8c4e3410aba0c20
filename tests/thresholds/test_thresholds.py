import dataclasses
import json

import jax
import numpy as np
import oracles
import pytest
from scipy.optimize import linprog

import jaxleggett as jl
from jaxleggett.inequalities.inequality import LeggettInequality
from jaxleggett.inequalities.published import published
from jaxleggett.inequalities.worst_vectors import Prices, search
from jaxleggett.lp import restricted_programme
from jaxleggett.states import parse_state
from jaxleggett.thresholds import certificates, finite_settings, run
from jaxleggett.thresholds.result import Threshold
from jaxleggett.thresholds.run import prove, threshold

THREE_AXES = published(np.eye(3), np.eye(3)[[1, 2, 0]])


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


@pytest.mark.parametrize("theta", [np.pi / 4, 0.65])
def test_random_pairs_close_and_agree_with_a_dense_programme(theta):
    state, pairs = jl.pure(theta), jl.SettingPairs.random(20, seed=3)
    found = threshold(state, pairs, tolerance=1e-6)
    assert found.status == "converged"
    assert oracles.V_C - 1e-6 < found.lower < 1 or theta != np.pi / 4
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
    pairs = jl.SettingPairs.product(oracles.unit(rng, 5), np.concatenate([bob]))
    one = threshold(state, pairs, tolerance=1e-6)
    one.check()
    R, S = oracles.random_rotation(rng), oracles.random_rotation(rng)
    turned = jl.TwoQubitState(R @ state.r_A, S @ state.r_B, R @ state.T @ S.T)
    two = threshold(turned, jl.SettingPairs(pairs.a @ R.T, pairs.b @ S.T), tolerance=1e-6)
    swapped = threshold(
        jl.TwoQubitState(state.r_B, state.r_A, state.T.T), jl.SettingPairs(pairs.b, pairs.a), tolerance=1e-6
    )
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


def test_werner_at_all_settings_is_certified():
    found = threshold(jl.werner(), "all")
    assert (found.lower, found.upper) == (0.8535533905932737, 0.8535533905932738)
    assert found.certified
    found.check()
    assert found.inequality.threshold(jl.werner()) == pytest.approx(oracles.V_C, abs=1e-15)
    answer = found.to_json()
    assert answer["num_pairs"] is None
    assert answer["model"]["symmetry"] == answer["inequality"]["symmetry"] == "SO(3)"
    with pytest.raises(ArithmeticError, match="not the one that is proved"):
        dataclasses.replace(found, upper=0.9).check()


def _turned(state, R, S):
    """The state in other local frames."""
    return jl.TwoQubitState(R @ np.asarray(state.r_A), S @ np.asarray(state.r_B), R @ np.asarray(state.T) @ S.T)


def test_isotropic_states_at_all_settings():
    weaker = threshold(jl.werner(0.9), "all")
    assert weaker.lower < oracles.V_C / 0.9 < weaker.upper < weaker.lower + 1e-8
    assert not weaker.certified
    weaker.check()
    assert (threshold(jl.werner(0.5), "all").upper, threshold(jl.werner(-0.3), "all").lower) == (1, 1)
    R = oracles.random_rotation(np.random.default_rng(0))
    turned = threshold(_turned(jl.werner(), R, np.eye(3)), "all")
    assert turned.lower < oracles.V_C < turned.upper
    assert turned.inequality.threshold(turned.state) == pytest.approx(oracles.V_C, abs=1e-12)
    with pytest.raises(ArithmeticError, match="not the one that is proved"):
        dataclasses.replace(weaker, lower=weaker.lower - 0.01, upper=weaker.lower).check()


def _averaged_over_turns(model, axis, a, b, number=3000):
    """E|u.a + v.b| with turns about the axis by `number` angles, rotation by rotation."""
    total = 0.0
    for angle in (np.arange(number) + 0.5) * 2 * np.pi / number:
        turned = []
        for vectors, n in ((model.u, axis.alice), (model.v, axis.bob)):
            along = np.outer(vectors @ n, n)
            turned.append(along + np.cos(angle) * (vectors - along) + np.sin(angle) * np.cross(n, vectors))
        total += model.weights @ np.abs(turned[0] @ a + turned[1] @ b) / number
    return total


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "tolerance"),
    [
        (jl.pure(0.6), 1e-4),
        (jl.pure(0.15), 1e-4),
        (jl.bell_diagonal(-1, -0.8, -0.8), 1e-4),
        (jl.bell_diagonal(0.5, -0.5, -1), 1e-4),
    ],
)
def test_states_with_an_axis_at_all_settings(state, tolerance):
    """Closed to the tolerance; the same, within the brackets, in other frames and for exchanged parties."""
    one = threshold(state, "all", tolerance=tolerance)
    assert one.status == "converged"
    assert one.upper - one.lower <= tolerance
    one.check()
    rng = np.random.default_rng(2)
    for a, b in zip(oracles.unit(rng, 3), oracles.unit(rng, 3), strict=True):
        C = one.lower * a @ np.asarray(state.T) @ b
        assert _averaged_over_turns(one.model, one.symmetry, a, b) <= 1 + C + 1e-6
    R, S = oracles.random_rotation(rng), oracles.random_rotation(rng)
    swapped = jl.TwoQubitState(state.r_B, state.r_A, np.asarray(state.T).T)
    for other in (_turned(state, R, S), swapped):
        two = threshold(other, "all", tolerance=tolerance)
        assert max(one.lower, two.lower) <= min(one.upper, two.upper)


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.6140486225480862, 0.6997233929727672])
def test_ridges_in_a_plane_with_the_axis_are_found(theta):
    """Where grids that were the same in every round, and had no points in such planes, left a breach of 1e-5."""
    found = threshold(jl.pure(theta), "all", tolerance=1e-4)
    assert found.status == "converged"
    found.check()


@pytest.mark.slow
def test_a_bell_diagonal_and_a_generic_state_at_all_settings():
    found = threshold(jl.bell_diagonal(-0.95, -0.92, -0.9), "all", tolerance=1e-3)
    assert found.status == "converged"
    found.check()
    rng = np.random.default_rng(1)
    psi = oracles.ket_01_10(np.pi / 4) + 0.15 * (rng.normal(size=4) + 1j * rng.normal(size=4))
    rho = 0.97 * np.outer(psi, psi.conj()) / np.vdot(psi, psi).real + 0.03 * oracles.random_rho(rng)
    found = threshold(jl.TwoQubitState.from_density_matrix(rho), "all", tolerance=5e-3)
    assert found.status == "converged"
    found.check()


def test_all_settings_loosely():
    found = threshold(jl.pure(0.6), "all", tolerance=0.02)
    assert found.status == "converged"
    assert str(found.symmetry) == "O(2) about z"
    assert found.to_json()["inequality"]["symmetry"] == found.to_json()["model"]["symmetry"] == "O(2) about z"
    assert found.lower <= 0.8715 <= found.upper
    found.check()
    fewer = threshold(jl.pure(0.6), jl.SettingPairs.random(20), tolerance=1e-4)
    assert fewer.upper >= found.lower
    with pytest.raises(ArithmeticError, match="misses the state"):
        dataclasses.replace(found, lower=found.lower + 0.02, upper=1.0).check()
    bound = dataclasses.replace(found.inequality, bound=found.inequality.bound - 1e-3)
    with pytest.raises(ArithmeticError, match="beyond the bound"):
        dataclasses.replace(found, inequality=bound).check()
    none = threshold(jl.bell_diagonal(-0.6, -0.5, -0.4), "all", tolerance=0.01)
    assert none.upper == 1
    assert none.lower > 0.99
    none.check()


def test_a_check_finds_what_is_wrong():
    found = threshold(jl.werner(), jl.SettingPairs(THREE_AXES.a, THREE_AXES.b), tolerance=1e-7)
    model, cut = found.model, found.inequality
    wrong = [
        ({"lower": found.lower + 1e-6, "upper": 0.95}, "misses the state at the lower bound"),
        ({"upper": found.upper + 1e-6}, "does not reach the inequality's bound"),
        ({"inequality": dataclasses.replace(cut, bound=cut.bound - 1e-5)}, "beyond the bound"),
        ({"model": dataclasses.replace(model, weights=model.weights * 1.01)}, "no probabilities"),
        ({"model": dataclasses.replace(model, u=model.u * 1.01)}, "no unit vectors"),
        ({"model": dataclasses.replace(model, v=-model.v)}, "misses the state"),
    ]
    for change, message in wrong:
        with pytest.raises(ArithmeticError, match=message):
            dataclasses.replace(found, **change).check()
    with pytest.raises(ArithmeticError, match="the bracket is inverted"):
        dataclasses.replace(found, lower=0.95, upper=0.94)


def test_a_time_limit_leaves_a_valid_bracket():
    found = threshold(jl.werner(), "random:40", tolerance=1e-12, time_limit=1e-6)
    assert (found.lower, found.upper, found.status, found.model) == (0.0, 1.0, "time_limit", None)
    stalled = threshold(jl.werner(), jl.SettingPairs(THREE_AXES.a, THREE_AXES.b), tolerance=1e-15)
    assert stalled.status == "stalled"
    assert stalled.upper - stalled.lower < 1e-8


def test_an_interruption_keeps_the_bracket():
    def stop(event):
        raise KeyboardInterrupt

    found = threshold(jl.werner(), "random:25", tolerance=1e-9, progress=stop)
    assert found.status == "interrupted"
    assert 0.5 < found.lower < found.upper
    found.check()


def test_a_programme_that_fails_where_it_was_is_solved_from_nothing():
    """Two hidden vectors, one pair: V C <= 1 - K w at best."""

    class Failing:
        def __init__(self, solver, times):
            self.solver, self.times = solver, times

        def __getattr__(self, name):
            return getattr(self.solver, name)

        def getModelStatus(self):
            from highspy import HighsModelStatus

            self.times -= 1
            return HighsModelStatus.kNotset if self.times >= 0 else self.solver.getModelStatus()

    for times in range(4):
        programme = restricted_programme.RestrictedProgramme(np.zeros(0))
        programme.add_pairs(np.zeros((1, 0)), np.array([-1.0]))
        programme.add_hidden(np.array([[0.5, 0.25]]), np.zeros((0, 2)))
        programme.solver = Failing(programme.solver, times)
        if times == len(restricted_programme.DEFAULT.ways):
            with pytest.raises(restricted_programme.SolverError, match="Not Set"):
                programme.solve()
        else:
            assert programme.solve().V == pytest.approx(0.75, abs=1e-7)


def test_a_failing_solver_is_an_error(monkeypatch):
    monkeypatch.setattr(
        restricted_programme.RestrictedProgramme,
        "solve",
        lambda self, deadline: (_ for _ in ()).throw(restricted_programme.SolverError("no optimum")),
    )
    with pytest.raises(restricted_programme.SolverError):
        threshold(jl.werner(), "random:5")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": 0}, "tolerance must be a number above 0"),
        ({"tolerance": float("nan")}, "tolerance must be a number above 0"),
        ({"time_limit": -1}, "time_limit must be a number of seconds above 0"),
        ({"settings": "random:0"}, "must lie between"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        threshold(**{"state": jl.werner(), **arguments})


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
        ("pure:x", "must have 1 finite numbers"),
        ("bell-diagonal:1,2", "must have 3 finite numbers"),
        ("bell-diagonal:1,1,1", "must be positive, but has the eigenvalue -0.5"),
        (str(tmp_path / "bad.json"), "cannot be read as a density matrix"),
        (str(tmp_path / "pickled.npy"), "cannot be read as a density matrix"),
    ):
        with pytest.raises(jl.InputError, match=message):
            parse_state(text)


def test_a_bracket_prints_itself():
    text = str(threshold(jl.werner(), "all"))
    assert "0.8535533905932737" in text
    assert "proved, rounding included" in text
    assert isinstance(threshold(jl.werner(), "all"), Threshold)
    assert isinstance(THREE_AXES, LeggettInequality)


@pytest.mark.parametrize("theta", [pytest.param(np.pi / 4, marks=pytest.mark.slow), 0.6])
def test_both_ends_are_proved_on_demand(theta):
    state, pairs = jl.pure(theta), jl.SettingPairs.random(24, seed=6)
    found = threshold(state, pairs, tolerance=1e-4, certify=True)
    assert found.certified
    assert found.upper - found.lower <= 1e-4
    numerical = threshold(state, pairs, tolerance=1e-6)
    assert found.lower <= numerical.lower + 1e-6
    assert found.upper >= numerical.upper - 1e-9
    found.check()
    if found.inequality is not None:
        again = prove(found.inequality, state, tolerance=1e-5)
        assert (again.certified, again.lower, again.model) == (True, 0.0, None)
        assert found.upper - 1e-4 <= again.upper <= found.upper + 1e-5
        searched = prove(found.inequality, state, certify=False)
        assert not searched.certified
        assert searched.upper == pytest.approx(again.upper, abs=2e-5)


def test_nothing_is_proved_at_all_settings_of_other_states():
    with pytest.raises(jl.InputError, match="certify needs finitely many settings"):
        threshold(jl.pure(0.6), "all", certify=True)


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
    assert [len(finite_settings.exact_span(pairs.a)) for pairs in (flat, turned)] == [2, 3]
    for pairs, state in ((flat, jl.pure(0.6)), (turned, _turned(jl.pure(0.6), R, R)), (turned, jl.werner())):
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
        found = finite_settings.exact_span(np.array(rows))
        assert len(found) == rank
        np.testing.assert_allclose(found @ found.T, np.eye(rank), atol=1e-15)
        lengths = np.linalg.norm(np.array(rows) @ found.T, axis=1)
        np.testing.assert_allclose(lengths, np.linalg.norm(rows, axis=1), atol=1e-15)


def test_the_normal_of_nearly_parallel_rows_is_right_to_rounding():
    """The span of (1, 0, 0) and (1, 1e-12, 1e-12) holds no part of (0, 1, -1)."""
    found = finite_settings.exact_span(np.array([[1, 0, 0], [1, 1e-12, 1e-12]]))
    assert np.abs(found @ np.array([0, 1, -1])).max() < 1e-15
    assert np.linalg.norm(found @ np.array([0, 1, 1])) == pytest.approx(np.sqrt(2), abs=1e-15)


@pytest.mark.parametrize(("limit", "status"), [(None, "stalled"), (1e-9, "time_limit")])
def test_converged_is_said_only_of_a_bracket_as_narrow_as_asked(limit, status, monkeypatch):
    pairs = jl.SettingPairs.random(8)
    done = finite_settings.solve(jl.werner(), pairs, 1e-3)
    assert done.status == "converged"
    monkeypatch.setattr(run, "solve", lambda *arguments, **more: done)
    monkeypatch.setattr(certificates, "repaired", lambda *arguments: 0.8)
    found = threshold(jl.werner(), pairs, tolerance=1e-3, certify=True, time_limit=limit)
    assert (found.lower, found.status) == (0.8, status)


def test_an_interrupted_certification_keeps_the_bracket(monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(certificates, "repaired", stop)
    found = threshold(jl.werner(), "random:8", tolerance=1e-3, certify=True)
    assert (found.status, found.certified) == ("interrupted", False)
    assert found.upper - found.lower <= 1e-3


def test_the_bound_covers_what_settings_do_not_give_of_the_prices():
    p = Prices(np.array([0.5]), np.zeros(1), np.array([0.2, 0.3, 0.0]), np.array([0.0, 0.0, 0.4]), *np.eye(3)[:2, None])
    least = search(jax.random.key(0), p)[2][0]
    cut = finite_settings.inequality_of(p, least)
    np.testing.assert_allclose((cut.alice, cut.bob), ([0.2], [0.0]), atol=1e-12)
    assert cut.bound == pytest.approx(0.5 - least + 0.3 + 0.4, abs=1e-8)
