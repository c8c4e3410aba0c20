"""Verdicts on counts and on trials: right ones, and what they rest on."""

import json
from dataclasses import replace

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.experiments import (
    AnalysisOptions,
    Counts,
    Trials,
    analysis,
    analyze,
    choice,
    design,
    simulate,
    simulate_trials,
)
from jaxleggett.experiments.analysis import _drawn_p_value
from jaxleggett.experiments.concentration import Tail
from jaxleggett.experiments.misalignment import allowance
from jaxleggett.lp.column_generation import Bracket
from jaxleggett.runs import Ending

QUICK = AnalysisOptions(resamples=0)


@pytest.fixture(scope="module")
def plan():
    return design(0.93, 8)


@pytest.fixture(scope="module")
def counts(plan):
    return simulate(jl.werner(0.93), plan.pairs, 3000, seed=1)


@pytest.mark.slow
def test_inequality_of_the_settings_is_the_record(plan, counts):
    found = analyze(counts, options=QUICK)
    assert found.threshold_visibility == pytest.approx(plan.threshold_visibility, abs=2e-5)
    assert found.visibility_estimate == pytest.approx(0.93, abs=0.02)
    assert found.violated
    assert found.z > 5
    assert 0 <= found.excess < 1e-5


def test_figures_are_those_of_the_scores(plan, counts):
    """Value, standard error and p-value by hand, for coefficients without marginals."""
    found = analyze(counts, plan.inequality, options=QUICK)
    g, C, n = plan.inequality.coefficients, counts.C, 3000
    assert found.estimate.value == pytest.approx(g @ C)
    assert found.estimate.standard_error == pytest.approx(np.sqrt(g**2 @ (1 - C**2) / n))
    assert found.z == pytest.approx((g @ C - found.bound) / np.sqrt(g**2 @ (1 - C**2) / n))
    assert found.p_value == float(Tail(-abs(g), abs(g), [n] * 8, found.bound).p_value(found.estimate.value))
    assert found.total_counts == 8 * n
    ideal = -g @ (counts.pairs.a * counts.pairs.b).sum(1)
    assert found.visibility_estimate == pytest.approx(g @ C / ideal)
    assert found.threshold_visibility == pytest.approx(found.bound / ideal)
    assert found.bound == pytest.approx(plan.bound, abs=1e-5)


def test_json_has_the_fields_of_the_contract(plan, counts):
    answer = analyze(counts, plan.inequality, options=QUICK).to_json()
    assert {
        *("num_pairs", "total_counts", "value", "bound", "standard_error", "z", "p_value", "violated"),
        *("visibility_estimate", "threshold_visibility", "inequality"),
    } <= set(answer)
    json.dumps(answer, allow_nan=False)
    assert all(text.endswith(".") for text in answer["assumptions"])


@pytest.mark.slow
def test_inequality_in_another_order_says_the_same(plan, counts):
    i, order = plan.inequality, np.random.default_rng(0).permutation(8)
    turned = jl.LeggettInequality(-i.coefficients[order], -i.a[order], i.b[order], i.alice[order], -i.bob[order], 0.0)
    first, second = (analyze(counts, cut, options=QUICK) for cut in (i, turned))
    assert second.estimate.value == pytest.approx(first.estimate.value)
    assert second.p_value == pytest.approx(first.p_value, rel=1e-2)


def test_no_violation_where_there_is_none(plan):
    found = analyze(simulate(jl.werner(0.8), plan.pairs, 3000, seed=1), plan.inequality, options=QUICK)
    assert (found.violated, found.p_value) == (False, 1.0)
    assert found.compatibility.visibility == 1
    assert found.compatibility.distance == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"choose": "counts"}, "choose must be settings without a split, but is 'counts'"),
        ({"split": 0.5}, "split must be left out where choose is settings, but is 0.5"),
        ({"choose": "counts", "split": 1.0}, "split must be a share between 0 and 1"),
        ({"choose": "counts", "split": 0}, "split must be a share between 0 and 1"),
        ({"choose": "both"}, "choose must be one of settings, counts"),
        ({"missing": "none"}, "missing must be one of fair, worst"),
        ({"resamples": -1}, "resamples must lie between 0 and"),
        ({"misalignment": 91}, "misalignment must be an angle from 0 to 90"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(jl.InputError, match=message):
        AnalysisOptions(**options)


@pytest.mark.slow
def test_an_inequality_is_chosen_on_one_part_and_tested_on_the_other(plan, counts):
    found = analyze(counts, options=AnalysisOptions(choose="counts", split=0.25, resamples=0), seed=4)
    assert found.split == {"share": 0.25, "seed": 4, "chosen_on": 6000, "tested_on": 18000}
    assert found.total_counts == 18000
    assert any("was chosen on 6,000 events" in note for note in found.notes)
    _, rest = counts.split(0.25, 4)
    again = analyze(rest, found.inequality, options=QUICK)
    assert again.estimate.value == pytest.approx(found.estimate.value)
    with pytest.raises(jl.InputError, match="where an inequality is given"):
        analyze(counts, plan.inequality, options=AnalysisOptions(choose="counts", split=0.5))


@pytest.mark.thorough
def test_misalignment_enlarges_the_bound(plan, counts):
    exact, off = (
        analyze(counts, plan.inequality, options=AnalysisOptions(misalignment=x, resamples=0)) for x in (0, 0.3)
    )
    assert off.bound - exact.bound == pytest.approx(allowance(plan.inequality, 0.3))
    assert off.p_value > exact.p_value
    assert off.threshold_visibility == pytest.approx(off.bound / off.inequality.value(jl.werner()))
    assert any("0.3 degrees" in text for text in off.assumptions)


@pytest.mark.slow
def test_missing_outcomes(plan, counts):
    lost = np.zeros((8, 5), np.int64)
    lost[:, 4] = 30  # one in a hundred, without any outcome
    full = Counts(plan.pairs, np.concatenate([counts.counts, lost], axis=1))
    fair = analyze(full, plan.inequality, options=QUICK)
    worst = analyze(full, plan.inequality, options=AnalysisOptions(missing="worst", resamples=0))
    plain = analyze(counts, plan.inequality, options=QUICK)
    assert fair.estimate.value == plain.estimate.value
    assert fair.missing == worst.missing == 240
    expected = (3000 * plain.estimate.value - 30 * np.abs(plan.inequality.coefficients).sum()) / 3030
    assert worst.estimate.value == pytest.approx(expected)
    assert worst.total_counts == 8 * 3030
    assert any("Fair sampling" in text for text in fair.assumptions)
    assert not any("Fair sampling" in text for text in worst.assumptions)


@pytest.mark.thorough
def test_trials(plan):
    trials = simulate_trials(jl.werner(0.93), plan.pairs, 24000, plan.probabilities, seed=1)
    found = analyze(trials, plan.inequality, options=QUICK)
    scores = plan.inequality.coefficients[trials.pair] * trials.alpha * trials.beta / plan.probabilities[trials.pair]
    assert found.mode == "trials"
    assert found.estimate.value == pytest.approx(scores.mean())
    assert found.estimate.standard_error == pytest.approx(scores.std() / np.sqrt(24000))
    assert found.violated
    assert found.p_value > 1e-3 * np.exp(-(found.z**2) / 2)
    assert found.drawn_p_value > 1e-3
    json.dumps(found.to_json(), allow_nan=False)
    wrong = Trials(trials.pairs, np.roll([0.3, *([0.1] * 7)], 3), trials.pair, trials.alpha, trials.beta)
    assert analyze(wrong, plan.inequality, options=QUICK).drawn_p_value < 1e-6


@pytest.mark.thorough
def test_p_values_too_small_for_a_double(plan):
    found = analyze(simulate(jl.werner(), plan.pairs, 10**6), plan.inequality, options=QUICK)
    assert found.log_p_value < -1000
    assert 0 < found.p_value < 1e-300
    assert "p = 10^-" in str(found)
    assert found.to_json()["log10_p_value"] == pytest.approx(found.log_p_value / np.log(10))


@pytest.mark.slow
def test_trials_with_missing_outcomes_and_few_pairs(plan):
    trials = simulate_trials(jl.werner(0.93), plan.pairs, 2000, seed=2)
    alpha = trials.alpha.copy()
    alpha[::50] = 0
    lossy = Trials(trials.pairs, trials.probabilities, trials.pair, alpha, trials.beta)
    fair = analyze(lossy, plan.inequality, options=QUICK)
    worst = analyze(lossy, plan.inequality, options=AnalysisOptions(missing="worst", resamples=0))
    assert (fair.total_counts, worst.total_counts, fair.missing) == (1960, 2000, 40)
    assert worst.estimate.value < fair.estimate.value
    few = Trials(trials.pairs, trials.probabilities, trials.pair[:3], trials.alpha[:3], trials.beta[:3])
    found = analyze(few, plan.inequality, options=QUICK)
    assert (found.compatibility, found.signalling) == (None, None)
    assert found.estimate.standard_error > 0
    split = AnalysisOptions(choose="counts", split=0.5, resamples=0)
    halves = analyze(trials, options=split)
    assert halves.split["tested_on"] == 1000
    # Who may choose the last trial may choose the first one that is tested.
    assert "may have been ended at any time" in fair.assumptions[0]
    assert "their number was not decided by looking at outcomes" in halves.assumptions[0]
    with pytest.raises(jl.InputError, match="every pair"):
        analyze(few, options=split)


def test_pairs_that_are_lost_or_drawn_otherwise_are_seen(plan):
    """`drawn_p_value` looks at the trials that are kept, and does not cry out without need."""
    rng, trials = np.random.default_rng(0), simulate_trials(jl.werner(0.8), plan.pairs, 20000, seed=3)
    alpha = np.where((trials.pair == 2) & (rng.random(20000) < 0.3), 0, trials.alpha)
    lossy = Trials(trials.pairs, trials.probabilities, trials.pair, alpha, trials.beta)
    assert analyze(lossy, plan.inequality, options=QUICK).drawn_p_value < 1e-6
    worst = AnalysisOptions(missing="worst", resamples=0)
    assert analyze(lossy, plan.inequality, options=worst).drawn_p_value > 1e-3
    p = [
        _drawn_p_value(rng.choice(4, 400, p=[0.1, 0.2, 0.3, 0.4]), np.array([0.1, 0.2, 0.3, 0.4])) for _ in range(2000)
    ]
    for x in (0.3, 0.1):
        assert np.mean(np.array(p) <= x) <= x + 3 * np.sqrt(x / 2000)
    assert np.mean(np.array(p) <= 0.3) > 0.05


def test_ctrl_c_and_time_limits_while_an_inequality_is_looked_for(counts, monkeypatch):
    for ending, raised in ((Ending.INTERRUPTED, KeyboardInterrupt), (Ending.TIME_LIMIT, jl.InputError)):
        monkeypatch.setattr(choice, "solve", lambda *a, ending=ending, **k: Bracket.of_none(ending))
        with pytest.raises(raised):
            analyze(counts)
        with pytest.raises(raised):
            design(0.9, settings=counts.pairs)


def test_bad_inequalities(counts, plan):
    i = plan.inequality
    for scale in (0.0, 1e-300, 1e300):
        bad = jl.LeggettInequality(scale * i.coefficients, i.a, i.b, i.alice, i.bob, 1.0)
        with pytest.raises(jl.InputError, match="coefficients of the inequality"):
            analyze(counts, bad)
    double = [np.concatenate([x, x]) for x in (i.coefficients, i.a, i.b, i.alice, i.bob)]
    double[0][len(i.a) :] *= -1
    with pytest.raises(jl.InputError, match="at the measured pairs, but they sum to 0"):
        analyze(counts, jl.LeggettInequality(*double, 1.0))
    many = jl.SettingPairs.random(1001)
    with pytest.raises(jl.InputError, match="at most 1,000 pairs"):
        analyze(Counts(many, np.ones((1001, 4), int)))


@pytest.mark.slow
def test_trials_may_name_a_pair_twice(plan):
    trials = simulate_trials(jl.werner(0.93), plan.pairs, 4000, seed=5)
    half = np.arange(4000) % 2
    pairs = jl.SettingPairs(np.tile(plan.pairs.a, (2, 1)), np.tile(plan.pairs.b, (2, 1)))
    twice = Trials(pairs, np.full(16, 1 / 16), trials.pair + 8 * half, trials.alpha, trials.beta)
    found = analyze(twice, options=AnalysisOptions(choose="counts", split=0.5, resamples=0))
    assert found.split["tested_on"] == 2000
    assert 0.8 < found.visibility_estimate < 1.06


def test_settings_that_exclude_nothing():
    z = jl.SettingPairs([[0, 0, 1]], [[0, 0, 1]])
    with pytest.raises(jl.InputError, match="must exclude some visibility"):
        analyze(Counts(z, [[1, 40, 40, 1]]))


def test_merged_rows_are_noted(plan, counts):
    twice = Counts(
        jl.SettingPairs(np.tile(plan.pairs.a, (2, 1)), np.tile(plan.pairs.b, (2, 1))), np.tile(counts.counts, (2, 1))
    )
    found = analyze(twice, plan.inequality, options=QUICK)
    assert found.total_counts == 48000
    assert "8 rows" in found.notes[0]


@pytest.mark.thorough
def test_resamples_that_a_time_limit_cut_off_are_told(plan, counts, monkeypatch):
    beside = analyze(counts, plan.inequality, options=QUICK).compatibility
    monkeypatch.setattr(analysis, "compatibility", lambda *_: replace(beside, resamples=3))
    for asked, status in ((5, Ending.TIME_LIMIT), (3, Ending.COMPLETE)):
        found = analyze(counts, plan.inequality, options=AnalysisOptions(resamples=asked))
        assert (found.status, found.compatibility.resamples) == (status, 3)


def test_late_proofs_still_hold(plan, counts):
    none = analyze(counts, plan.inequality, options=QUICK, time_limit=1e-9)
    assert none.bound <= 1.001 * np.abs(plan.inequality.coefficients).sum()
    json.dumps(none.to_json(), allow_nan=False)
    found = analyze(counts, plan.inequality, options=QUICK, time_limit=1e-3)
    assert found.status == "time_limit"
    assert found.bound >= plan.bound - 1e-6
    assert found.excess > 0
    assert any("cut short" in note for note in found.notes)
