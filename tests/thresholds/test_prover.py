"""Proofs at all settings, while the rounds go on."""

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett._clock import OutOfTime
from jaxleggett.proofs.checker.search import Bound
from jaxleggett.thresholds import all_settings
from jaxleggett.thresholds.canonical_form import CanonicalForm
from jaxleggett.thresholds.everywhere import Below
from jaxleggett.thresholds.prover import MOST_PROOFS, Prover

STATE = jl.pure(0.5)
FORM = CanonicalForm.of(STATE).without_marginals()
Z = np.array([0.0, 0.0, 1.0])
GOOD, POOR = (Below(np.concatenate([Z, -Z])[None], np.ones(1), V, 0.0, np.zeros(1)) for V in (0.2, 0.1))
"""The same hidden vectors at two visibilities."""


def prover_that(outcome, excess=0.0):
    prover = Prover(STATE, FORM, 1e-3, None)
    prover.effort = lambda problem, **how: Bound(outcome, excess, excess, np.stack([Z, Z]), 1)
    return prover


@pytest.mark.parametrize(("outcome", "error"), [("out of time", OutOfTime), ("interrupted", KeyboardInterrupt)])
def test_what_is_proved_until_a_proof_is_stopped_is_kept(outcome, error):
    prover = prover_that(outcome, 0.01)
    with pytest.raises(error):
        prover.prove(GOOD, None)
    assert prover.below.found is GOOD
    assert 0 < prover.lower < GOOD.V


def test_the_best_proof_is_kept_and_not_made_again():
    prover = prover_that("proved")
    y, x = prover.prove(GOOD, None)
    assert (len(y), len(x)) == (1, 0)
    kept = prover.below
    assert len(prover.prove(GOOD, None)[0]) == 0
    assert len(prover.prove(POOR, None)[0]) == 1
    assert prover.below is kept


def test_proofs_that_bring_nothing_closer_end_the_rounds():
    prover = prover_that("proved")
    for _ in range(MOST_PROOFS):
        prover.prove(POOR, None)
    assert not prover.futile
    prover.prove(POOR, None)
    assert prover.futile
    given_up = prover_that("given up")
    given_up.prove(POOR, None)
    assert given_up.futile


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
