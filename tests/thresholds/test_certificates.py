"""Both ends of a bracket, proved."""

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.thresholds import certificates, finite_settings, run
from jaxleggett.thresholds.run import prove, threshold


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


@pytest.mark.parametrize(("limit", "status"), [(None, "stalled"), (1e-9, "time_limit")])
def test_converged_is_said_only_of_a_bracket_as_narrow_as_asked(limit, status, monkeypatch):
    pairs = jl.SettingPairs.random(8)
    done = finite_settings.solve(jl.werner(), pairs, 1e-3)
    assert done.status == "converged"
    monkeypatch.setattr(run, "solve", lambda *arguments, **more: done)
    monkeypatch.setattr(certificates, "reached", lambda *arguments: 0.8)
    found = threshold(jl.werner(), pairs, tolerance=1e-3, certify=True, time_limit=limit)
    assert (found.lower, found.status) == (0.8, status)


def test_an_interrupted_certification_keeps_the_bracket(monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(certificates, "reached", stop)
    found = threshold(jl.werner(), "random:8", tolerance=1e-3, certify=True)
    assert (found.status, found.certified) == ("interrupted", False)
    assert found.upper - found.lower <= 1e-3
