"""Simulated events: quantum frequencies, and Leggett models that stand at their boundary."""

from dataclasses import replace

import numpy as np
import pytest
from oracles import born, random_rho, unit

import jaxleggett as jl
from jaxleggett.experiments import Trials, simulate, simulate_trials, simulation, source_of
from jaxleggett.experiments.scores import event_scores
from jaxleggett.inequalities import published
from jaxleggett.runs import Ending
from jaxleggett.thresholds import prove


@pytest.fixture(scope="module")
def boundary():
    return source_of(jl.werner(), 1.0, PAIRS, "leggett")


THREE = published(np.eye(3), np.roll(np.eye(3), 1, axis=0))
PAIRS = jl.SettingPairs(THREE.a, THREE.b)


def test_quantum_counts_have_the_frequencies_of_the_born_rule():
    rng = np.random.default_rng(0)
    rho = random_rho(rng)
    pairs = jl.SettingPairs(unit(rng, 4), unit(rng, 4))
    counts = simulate(jl.TwoQubitState.from_density_matrix(rho), pairs, 10**6, seed=3)
    P = np.array([born(rho, a, b) for a, b in zip(pairs.a, pairs.b, strict=True)])
    assert np.abs(counts.counts / 10**6 - P).max() < 6 * 0.5e-3
    assert np.array_equal(simulate(jl.TwoQubitState.from_density_matrix(rho), pairs, 10**6, 3).counts, counts.counts)


@pytest.mark.slow
def test_leggett_model_stands_at_its_boundary(boundary):
    source, reached = boundary
    assert reached == pytest.approx(np.sqrt(8) / 3, abs=2e-6)
    counts = simulate(source, PAIRS, 40000, seed=1)
    value = (event_scores(THREE)[:, :4] * counts.counts / 40000).sum()
    assert value == pytest.approx(prove(THREE, jl.werner(), tolerance=1e-4).inequality.bound, abs=4 * 0.002)
    lower, visibility = source_of(jl.werner(), 0.7, PAIRS, "leggett")
    assert visibility == pytest.approx(0.7)
    C = simulate(lower, PAIRS, 40000, seed=1).C
    assert np.abs(C + 0.7 * (PAIRS.a * PAIRS.b).sum(axis=1)).max() < 4 / 200


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["quantum", "leggett"])
def test_trials_are_drawn_with_their_probabilities(kind, boundary):
    q = np.array([0.3, 0.1, 0.1, 0.2, 0.2, 0.1])
    source, V = boundary if kind == "leggett" else source_of(jl.werner(), 0.9, PAIRS, kind)
    trials = simulate_trials(source, PAIRS, 60000, q, seed=2)
    assert isinstance(trials, Trials)
    assert np.abs(np.bincount(trials.pair) / 60000 - q).max() < 4 * 0.002
    C = trials.counts().C
    assert np.abs(C + V * (PAIRS.a * PAIRS.b).sum(axis=1)).max() < 4 / np.sqrt(6000)
    # Events do not come in the order of their outcomes.
    product = (trials.alpha * trials.beta)[trials.pair == 0]
    assert abs(product[: len(product) // 2].mean() - product[len(product) // 2 :].mean()) < 0.05


@pytest.mark.thorough
def test_ctrl_c_leaves_no_model_that_stands_anywhere(monkeypatch):
    ended = jl.threshold(jl.werner(), PAIRS, tolerance=0.1)
    monkeypatch.setattr(simulation, "threshold", lambda *a, **k: replace(ended, status=Ending.INTERRUPTED))
    with pytest.raises(KeyboardInterrupt):
        source_of(jl.werner(), 1.0, PAIRS, "leggett")


def test_bad_input():
    for bad in (-0.1, 1.5, float("nan"), "0.9"):
        with pytest.raises(jl.InputError, match="visibility"):
            source_of(jl.werner(), bad, PAIRS, "quantum")
    with pytest.raises(jl.InputError, match="model must be"):
        source_of(jl.werner(), 0.5, PAIRS, "bell")
    for bad in (0, -1, 1.5, 10**12):
        with pytest.raises(jl.InputError, match="counts"):
            simulate(jl.werner(), PAIRS, bad)
    with pytest.raises(jl.InputError, match="counts of a Leggett model"):
        simulate(jl.WernerModel(0.5), PAIRS, 10**10)
    with pytest.raises(jl.InputError, match="trials"):
        simulate_trials(jl.werner(), PAIRS, 0)
