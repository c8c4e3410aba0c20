"""`threshold`: time limits, interruptions, failures, bad input."""

import pytest
from cases import THREE_AXES

import jaxleggett as jl
from jaxleggett.lp.restricted_programme import RestrictedProgramme, SolverError
from jaxleggett.thresholds.run import threshold


@pytest.mark.thorough
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


def test_a_failing_solver_is_an_error(monkeypatch):
    def fail(self, deadline):
        raise SolverError("no optimum")

    monkeypatch.setattr(RestrictedProgramme, "solve", fail)
    with pytest.raises(SolverError, match="no optimum"):
        threshold(jl.werner(), "random:5")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": 0}, "tolerance must be a number above 0"),
        ({"tolerance": float("nan")}, "tolerance must be a number above 0"),
        ({"tolerance": "0.1"}, "tolerance must be a number above 0"),
        ({"tolerance": None}, "tolerance must be a number above 0"),
        ({"tolerance": 10**400}, "tolerance must be a number above 0"),
        ({"time_limit": -1}, "time_limit must be a number of seconds above 0"),
        ({"settings": "random:0"}, "must lie between"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        threshold(**{"state": jl.werner(), **arguments})
