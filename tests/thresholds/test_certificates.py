"""Both ends of a bracket, proved."""

import numpy as np
import oracles
import pytest
from cases import exchanged, in_other_frames

import jaxleggett as jl
from jaxleggett.thresholds import certificates, finite_settings, run
from jaxleggett.thresholds.run import prove, threshold

KET = np.array([0.2, 0.7 + 0.2j, -0.6, 0.1j]) / np.sqrt(0.04 + 0.53 + 0.36 + 0.01)
"""Entangled, with marginals, and without any symmetry."""


@pytest.mark.thorough
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "tolerance"),
    [
        (jl.pure(0.5), 1.5e-4),
        (jl.bell_diagonal(-1, -0.8, -0.8), 1.5e-4),
        (jl.bell_diagonal(-0.9, -0.8, -0.85), 5e-3),
        (jl.TwoQubitState.from_density_matrix(0.9 * np.outer(KET, KET.conj()) + 0.025 * np.eye(4)), 1e-2),
    ],
)
def test_proved_brackets_at_all_settings_hold_in_other_frames_and_for_exchanged_parties(state, tolerance):
    rng = np.random.default_rng(3)
    R, S = oracles.random_rotation(rng), oracles.random_rotation(rng)
    brackets = []
    for other in (state, in_other_frames(state, R, S), exchanged(state)):
        found = threshold(other, "all", tolerance=tolerance, certify=True)
        assert (found.certified, found.status) == (True, "converged")
        assert found.upper - found.lower <= tolerance
        found.check()
        brackets.append((found.lower, found.upper))
    lower, upper = np.array(brackets).T
    assert lower.max() <= upper.min()


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
