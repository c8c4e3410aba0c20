"""Proofs at all settings, while the rounds go on."""

import time

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett._clock import OutOfTime
from jaxleggett.proofs.checker.search import Bound
from jaxleggett.thresholds import all_settings, prover
from jaxleggett.thresholds.canonical_form import CanonicalForm
from jaxleggett.thresholds.everywhere import Above, Below
from jaxleggett.thresholds.prover import MOST_PROOFS, Prover

STATE = jl.pure(0.5)
FORM = CanonicalForm.of(STATE).without_marginals()
Z = np.array([0.0, 0.0, 1.0])
GOOD, POOR = (Below(np.concatenate([Z, -Z])[None], np.ones(1), V, 0.0, np.zeros(1)) for V in (0.2, 0.1))
"""The same hidden vectors at two visibilities."""


@pytest.fixture
def prover_that(monkeypatch):
    """A prover whose branch and bound ends in some way at once."""

    def made(outcome, excess=0.0, deadline=None):
        found = Bound(outcome, excess, excess, np.stack([Z, Z]), 1)
        monkeypatch.setattr(prover, "bounded", lambda problem, **how: found)
        return Prover(STATE, FORM, 1e-3, deadline)

    return made


@pytest.mark.parametrize(("outcome", "error"), [("out of time", OutOfTime), ("interrupted", KeyboardInterrupt)])
def test_what_is_proved_until_a_proof_is_stopped_is_kept(outcome, error, prover_that):
    stopped = prover_that(outcome, 0.01)
    with pytest.raises(error):
        stopped.prove(GOOD, None)
    assert stopped.below.found is GOOD
    assert 0 < stopped.lower < GOOD.V


def test_a_lower_end_that_takes_long_leaves_half_of_the_time_to_the_upper_one(monkeypatch):
    clock, ended = [0], []

    def endless(problem, *, late, **how):
        while not late():
            clock[0] += 1
        ended.append(clock[0])
        return Bound("out of time", 0.1, 0.0, np.stack([Z, Z]), 1)

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(prover, "bounded", endless)
    late = Prover(STATE, FORM, 1e-3, 60)
    with pytest.raises(OutOfTime):
        late.prove(GOOD, Above(np.concatenate([Z, Z])[None], np.ones(1), np.zeros(6), 1.0))
    assert ended == [31, 61]
    assert None not in (late.below, late.above)


def test_the_best_proof_is_kept_and_not_made_again(prover_that):
    proved = prover_that("proved")
    y, x = proved.prove(GOOD, None)
    assert (len(y), len(x)) == (1, 0)
    kept = proved.below
    assert len(proved.prove(GOOD, None)[0]) == 0
    assert len(proved.prove(POOR, None)[0]) == 1
    assert proved.below is kept


def test_proofs_that_bring_nothing_closer_end_the_rounds(prover_that):
    proved = prover_that("proved")
    for _ in range(MOST_PROOFS):
        proved.prove(POOR, None)
    assert not proved.futile
    proved.prove(POOR, None)
    assert proved.futile
    given_up = prover_that("given up")
    given_up.prove(POOR, None)
    assert given_up.futile


@pytest.mark.thorough
@pytest.mark.parametrize("certify", [pytest.param(False, marks=pytest.mark.slow), True])
def test_after_ctrl_c_no_second_programme_is_begun(certify, monkeypatch):
    begun = []
    monkeypatch.setattr(all_settings, "balanced", lambda *arguments: None)

    def stop(progress):
        begun.append(progress)
        raise KeyboardInterrupt

    found = all_settings.solve_everywhere(STATE, CanonicalForm.of(STATE), 1e-3, progress=stop, certify=certify)
    assert found.bracket.status == "interrupted"
    assert (found.bracket.lower, found.certificate, len(begun)) == (0.0, None, 1)
