"""The Leggett set: the largest compatible part of correlators, and their distance, from both sides."""

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.experiments import Counts, leggett_set, simulate
from jaxleggett.experiments.known import records


@pytest.fixture(scope="module")
def record():
    return next(r for r in records() if r.settings == (8, 8))


@pytest.fixture(scope="module")
def pairs(record):
    return jl.SettingPairs(record.inequality.a, record.inequality.b)


@pytest.mark.thorough
def test_visibility_is_that_of_the_threshold(record, pairs):
    C = -0.95 * (pairs.a * pairs.b).sum(axis=1)
    inside = leggett_set.LeggettSet(pairs)
    assert 0.95 * inside.visibility(C) == pytest.approx(record.threshold, abs=3e-6)
    assert inside.complete
    assert inside.visibility(C * 0.9) == 1


@pytest.mark.thorough
def test_distance_is_what_the_best_inequality_shows(record, pairs):
    """No inequality with moduli of sum 1 is broken by more, and correlators that much nearer are inside."""
    C = -0.95 * (pairs.a * pairs.b).sum(axis=1)
    inside = leggett_set.LeggettSet(pairs, seed=1)
    t = inside.distance(C)
    cut = record.inequality
    assert t >= (cut.coefficients @ C - cut.bound) / np.abs(cut.coefficients).sum() - 1e-7
    assert inside.visibility(C - np.sign(C) * (t + 1e-5)) == 1
    assert inside.visibility(C - np.sign(C) * t * 0.98) < 1
    assert inside.distance(C * 0.9) == 0


@pytest.mark.slow
def test_answers_for_counts_have_intervals(pairs):
    counts = simulate(jl.werner(0.95), pairs, 2000, seed=1)
    found = leggett_set.compatibility(counts, 12)
    assert found.resamples == 12
    assert found.visibility_interval[0] < found.visibility < found.visibility_interval[1] <= 1
    assert found.distance_interval[0] < found.distance < found.distance_interval[1]
    assert found == leggett_set.compatibility(counts, 12)
    none = leggett_set.compatibility(counts, 0)
    assert (none.visibility, none.visibility_interval, none.distance_interval) == (found.visibility, None, None)


def test_intervals_are_the_middle_95_per_cent_of_the_resamples(monkeypatch):
    """With answers that are C plus a constant, whose resamples are those of a binomial number."""
    monkeypatch.setattr(leggett_set.LeggettSet, "_answer", lambda self, C, kind: C[0])
    shift = {"visibility": 0.4, "distance": 0.6}
    monkeypatch.setattr(leggett_set.LeggettSet, "solved", lambda self, C, kind: (C[0] + shift[kind], None, None, None))
    z = jl.SettingPairs([[0, 0, 1]], [[0, 0, 1]])
    found = leggett_set.compatibility(Counts(z, [[500, 1700, 1300, 500]]), 4000)  # C = -0.5
    spread = 1.96 * np.sqrt((1 - 0.5**2) / 4000)
    for interval, centre in ((found.visibility_interval, -0.1), (found.distance_interval, 0.1)):
        assert interval == pytest.approx((centre - spread, centre + spread), abs=0.08 * spread)


def test_past_its_deadline_a_bootstrap_has_no_resamples():
    z = jl.SettingPairs([[0, 0, 1]], [[0, 0, 1]])
    found = leggett_set.compatibility(Counts(z, [[0, 5, 5, 0]]), 50, deadline=0.0)
    assert found.resamples == 0
    assert found.visibility_interval is None
