"""The linear programme: its time limit, Ctrl-C, and other ways where one fails; states that are compatible at V = 1."""

import _thread
import threading
import time
from dataclasses import replace

import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett._clock import OutOfTime
from jaxleggett.lp.restricted_programme import CENTRAL, DEFAULT, MOST, RestrictedProgramme, SolverError


def _hard(rows=500, columns=1000, options=DEFAULT):
    """A dense programme that takes the simplex method seconds: with 0 for C, V is at its largest, 2."""
    rng = np.random.default_rng(0)
    programme = RestrictedProgramme(np.zeros(0), options)
    programme.add_pairs(np.zeros((rows, 0)), rng.normal(size=rows))
    programme.add_hidden(2 * rng.random((rows, columns)), np.zeros((0, columns)))
    return programme


def test_the_solver_keeps_to_its_time():
    programme = _hard()
    began = time.monotonic()
    with pytest.raises(OutOfTime):
        programme.solve(began + 0.3)
    assert time.monotonic() - began < 1.5
    with pytest.raises(OutOfTime):
        programme.solve(began)
    # The next run has its own time, though the solver's clock runs on.
    assert 0 < programme.solve(time.monotonic() + 60).V < MOST


def test_ctrl_c_reaches_the_solver_and_no_other_one():
    """Several times: where Ctrl-C arrives is a matter of chance, and in some places it once left a lock behind."""
    for trial in range(4):
        programme = _hard()
        threading.Timer(0.2 + 0.06 * trial, _thread.interrupt_main).start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            programme.solve()
        assert time.monotonic() - began < 2.5
        assert 0 < _hard(20, 40).solve(time.monotonic() + 20).V <= MOST


def test_where_one_way_fails_there_are_others(monkeypatch):
    programme, tried = _hard(60, 120), []
    expected = programme.solve().V
    run = RestrictedProgramme._run

    def limited(self):
        tried.append(self.solver.getOptionValue("solver")[1])
        self.solver.setOptionValue("simplex_iteration_limit", 1)
        run(self)

    monkeypatch.setattr(RestrictedProgramme, "_run", limited)
    programme.add_hidden(np.full((60, 1), 2.0), np.zeros((0, 1)))
    programme.solver.clearSolver()
    found = programme.solve()
    assert tried == ["simplex", "simplex", "ipm"]
    assert found.V == pytest.approx(expected, abs=1e-7)
    assert found.weights.sum() == pytest.approx(1)
    assert found.pairs.min() >= 0
    programme.options = replace(DEFAULT, ways=DEFAULT.ways[:2])
    programme.solver.clearSolver()
    with pytest.raises(SolverError, match="Iteration limit"):
        programme.solve()


def test_what_is_taken_out_of_a_programme_changes_only_what_binds():
    """Against a programme that never had it; what carries no weight and no price can go without a change."""
    rng = np.random.default_rng(7)
    kernel, C = rng.uniform(0, 1, (40, 60)), rng.uniform(-1, -0.5, 40)
    pairs, hidden = rng.uniform(size=40) < 0.5, rng.uniform(size=60) < 0.5

    def solved(kernel, C, options=DEFAULT):
        programme = RestrictedProgramme(np.zeros(0), options)
        programme.add_pairs(np.zeros((len(C), 0)), C)
        programme.add_hidden(kernel, np.zeros((0, kernel.shape[1])))
        return programme, programme.solve()

    programme, all_of_it = solved(kernel, C)
    programme.keep(pairs, hidden)
    kept, expected = programme.solve(), solved(kernel[pairs][:, hidden], C[pairs])[1]
    assert kept.V == pytest.approx(expected.V, abs=1e-9)
    assert abs(kept.V - all_of_it.V) > 1e-3
    np.testing.assert_allclose(kept.weights, expected.weights, atol=1e-7)
    programme, all_of_it = solved(kernel, C)
    programme.keep(all_of_it.pairs > 0, all_of_it.weights > 0)
    assert programme.solve().V == pytest.approx(all_of_it.V, abs=1e-9)
    assert len(programme.solve().weights) < 60


def test_the_interior_point_method_ends_near_the_optimum_and_away_from_corners():
    programme = _hard(60, 120)
    exact = programme.solve()
    programme = _hard(60, 120, CENTRAL)
    central = programme.solve()
    assert central.V == pytest.approx(exact.V, abs=1e-5)
    assert np.count_nonzero(central.weights > 1e-9) > np.count_nonzero(exact.weights > 1e-9)
    assert central.weights.sum() == pytest.approx(1)
    assert programme.solver.getOptionValue("solver")[1] == "ipm"


@pytest.mark.slow
def test_a_state_that_is_compatible_at_full_visibility_comes_to_an_end():
    """An optimum at V = 1, a bound of the programme, made the simplex method wander for ever."""
    rho = oracles.random_rho(np.random.default_rng(2))
    state = jl.TwoQubitState.from_density_matrix(rho)
    assert np.linalg.eigvalsh(oracles.partial_transpose(rho))[0] < -0.04  # entangled
    found = jl.threshold(state, tolerance=5e-3, time_limit=100)
    assert (found.lower, found.upper, found.status, found.inequality) == (1, 1, "converged", None)
    found.check()
    at_some = jl.threshold(state, "random:9", tolerance=1e-6)
    assert (at_some.lower, at_some.upper, at_some.status) == (1, 1, "converged")
    at_some.check()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "state",
    [
        pytest.param(jl.bell_diagonal(-0.9, -0.8, -0.85), id="discrete"),
        pytest.param(jl.pure(0.5), id="axial", marks=pytest.mark.slow),
    ],
)
def test_all_settings_keep_to_the_time_limit(state):
    """Once the searches are compiled, which nothing interrupts: each run compiles at most what its last round needs."""
    spent, lower = [], 0.0
    while len(spent) < 6 and (lower == 0 or spent[-1] > 6):
        began = time.monotonic()
        found = jl.threshold(state, tolerance=1e-7, time_limit=4)
        spent.append(time.monotonic() - began)
        lower = found.lower  # 0 where compilation has taken all of the time
    assert spent[-1] <= 6, spent
    assert found.status == "time_limit"
    assert 0.5 < found.lower < found.upper <= 1
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
        programme = RestrictedProgramme(np.zeros(0))
        programme.add_pairs(np.zeros((1, 0)), np.array([-1.0]))
        programme.add_hidden(np.array([[0.5, 0.25]]), np.zeros((0, 2)))
        programme.solver = Failing(programme.solver, times)
        if times == len(DEFAULT.ways):
            with pytest.raises(SolverError, match="Not Set"):
                programme.solve()
        else:
            assert programme.solve().V == pytest.approx(0.75, abs=1e-7)
