"""`analyze`: from measured counts, or trials, to a verdict on Leggett's models."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .. import _checks
from .._checks import MAX_RESTARTS, MAX_SEED, InputError, counted, integer, quoted
from .._clock import late
from ..inequalities.inequality import LeggettInequality
from ..runs import Ending, Progress
from ..states import TwoQubitState, as_state, werner
from . import betting
from .choice import best_at, excluding, proved
from .concentration import Tail
from .counts import BOTH, Counts
from .leggett_set import Compatibility, compatibility
from .misalignment import allowance, check_angle
from .result import Analysis
from .scores import Estimate, at_measured, estimate, event_scores, has_term
from .signalling import no_signalling
from .trials import Trials

if TYPE_CHECKING:
    from .._shapes import ArrayLike

RESAMPLES = 100
"""Resamples of the bootstrap where the caller names no number."""

Missing = Literal["fair", "worst"]


@dataclass(frozen=True)
class AnalysisOptions:
    """What is assumed of the data, and what is computed beside the verdict."""

    misalignment: float = 0.0
    """Angle in degrees by which settings may be off; the bound is enlarged by what that can do."""
    missing: Missing = "fair"
    """Events with a missing outcome: left out (fair sampling), or counted with the least score they can have."""
    choose: Literal["settings", "counts"] = "settings"
    """What the inequality is chosen from, where none is given; from counts only with `split`."""
    split: float | None = None
    """Share of the data that the inequality is chosen on; the rest is tested."""
    resamples: int = RESAMPLES
    """Resamples of the bootstrap; 0 for none."""

    def __post_init__(self) -> None:
        if self.missing not in ("fair", "worst"):
            raise InputError(f"missing must be one of fair, worst, but is {quoted(self.missing)}")
        if self.choose not in ("settings", "counts"):
            raise InputError(f"choose must be one of settings, counts, but is {quoted(self.choose)}")
        if self.choose == "counts" and self.split is None:
            raise InputError(
                "choose must be settings without a split, but is 'counts': an inequality that is chosen on the counts "
                "that it is tested on is violated by chance alone"
            )
        if self.split is not None and not (isinstance(self.split, float) and 0 < self.split < 1):
            raise InputError(f"split must be a share between 0 and 1, but is {quoted(self.split)}")
        if self.split is not None and self.choose != "counts":
            raise InputError(f"split must be left out where choose is settings, but is {self.split:g}")
        integer("resamples", self.resamples, 0, MAX_RESTARTS)
        check_angle(self.misalignment)


def analyze(
    data: Counts | Trials,
    inequality: LeggettInequality | None = None,
    *,
    state: TwoQubitState | str | ArrayLike | None = None,
    options: AnalysisOptions | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Analysis:
    """Hold measured data against every Leggett model, by an inequality whose bound is proved.

    data         `Counts`, or `Trials` whose settings were drawn at random
    inequality   the one that is tested; it has to be fixed before the data were looked at [the best at the settings]
    state        the state that the source should make, given as to `jl.threshold` [the singlet]: the inequality that
                 excludes it from the lowest visibility on is taken, and visibilities are its
    options      what is assumed of the data, and what is computed beside
    seed         of a split, of resamples, and of the lattices of searches
    time_limit   seconds after which proofs and resamples end; the bound that is proved by then holds, but may be higher
    progress     is called with a `Progress`

    The p-value of counts is Chernoff's bound (`experiments.concentration`), that of trials a betting martingale's
    (`experiments.betting`). Raises InputError for bad arguments, for settings at which no inequality excludes the
    state, and for an inequality about pairs that were not measured.

    >>> import jaxleggett as jl
    >>> from jaxleggett.experiments import AnalysisOptions, design, simulate
    >>> plan = design(0.93, 8)
    >>> counts = simulate(jl.werner(0.93), plan.pairs, 3000)
    >>> found = analyze(counts, plan.inequality, options=AnalysisOptions(resamples=0))
    >>> found.violated, 0.9 < found.visibility_estimate < 0.96
    (True, True)
    """
    started = time.monotonic()
    seed = integer("seed", seed, 0, MAX_SEED)
    _checks.time_limit(time_limit)
    options = options or AnalysisOptions()
    target = werner() if state is None else as_state(state)
    deadline = None if time_limit is None else started + time_limit
    notes: list[str] = []
    tested, chosen, split = _chosen(data, inequality, target, options, seed, deadline, notes)
    if progress:
        progress(Progress(0.3))
    certain = proved(chosen, deadline)
    wider = allowance(certain.inequality, options.misalignment)
    bound = certain.inequality.bound + wider
    if isinstance(tested, Counts):
        found = _of_counts(tested, certain.inequality, bound, options)
    else:
        found = _of_trials(tested, certain.inequality, bound, options)
    if certain.status in (Ending.INTERRUPTED, Ending.TIME_LIMIT):
        notes.append(f"The proof of the bound was cut short: the bound may be up to {certain.excess:.2g} too high.")
    status = certain.status if certain.status in (Ending.INTERRUPTED, Ending.TIME_LIMIT) else Ending.COMPLETE
    counts = tested if isinstance(tested, Counts) else tested.counts()
    beside: Compatibility | None = None
    if counts is not None and status != Ending.INTERRUPTED:
        try:
            share = None if progress is None else lambda done: progress(Progress(0.5 + done / 2))
            beside = compatibility(counts, options.resamples, seed, deadline, share)
            if beside.resamples < options.resamples or (late(deadline) and not beside.complete):
                status = Ending.TIME_LIMIT
        except KeyboardInterrupt:
            status = Ending.INTERRUPTED
    return Analysis(
        mode="counts" if isinstance(tested, Counts) else "trials",
        state=target,
        num_pairs=len(tested.pairs),
        total_counts=found.events,
        missing=found.missing,
        inequality=certain.inequality,
        bound=bound,
        excess=certain.excess,
        allowance=wider,
        estimate=found.estimate,
        log_p_value=found.log_p_value,
        ideal=certain.inequality.value(target),
        compatibility=beside,
        signalling=None if counts is None else no_signalling(counts),
        drawn_p_value=found.drawn_p_value,
        split=split,
        assumptions=(*found.assumptions, *_assumptions(found.missing, options)),
        notes=tuple(notes),
        status=status,
        seconds=time.monotonic() - started,
    )


def _chosen(
    data: Counts | Trials,
    inequality: LeggettInequality | None,
    state: TwoQubitState,
    options: AnalysisOptions,
    seed: int,
    deadline: float | None,
    notes: list[str],
) -> tuple[Counts | Trials, LeggettInequality, dict[str, object] | None]:
    """The data that are tested, the inequality at their settings, and how the data were split."""
    if isinstance(data, Counts) and data.merged:
        notes.append(f"{counted(data.merged, 'row')} with a pair of settings that was there before: counts added up.")
    if inequality is not None:
        if options.choose == "counts":
            raise InputError("choose must be settings where an inequality is given, but is 'counts'")
        written = at_measured(inequality, data.pairs)
        if unused := int(np.count_nonzero(~has_term(written))):
            notes.append(f"{counted(unused, 'measured pair')} without a term in the inequality.")
        return data, written, None
    if options.split is None:
        return data, excluding(data.pairs, state, seed, deadline), None
    if isinstance(data, Counts):
        first, rest = data.split(options.split, seed)
        seen: Counts | None = first
    else:
        number = round(options.split * len(data))
        if not 0 < number < len(data):
            raise InputError(f"split must leave trials to both parts, but {options.split:g} of {len(data)} does not")
        first, rest = data.first(number)
        seen = first.counts()
        if seen is None:
            raise InputError("split must leave trials at every pair to the part that the inequality is chosen on")
    chosen = best_at(seen.pairs, state, correlators=seen.C, seed=seed, deadline=deadline)
    split: dict[str, object] = {
        "share": options.split,
        "seed": seed,
        "chosen_on": _size(first),
        "tested_on": _size(rest),
    }
    if chosen is None:
        notes.append("The part that the inequality was to be chosen on breaks none; the best at the settings is taken.")
        chosen = excluding(seen.pairs, state, seed, deadline)
    notes.append(f"The inequality was chosen on {_size(first):,} events, and tested on the other {_size(rest):,}.")
    # Trials may name a pair twice, counts do not.
    return rest, at_measured(chosen, data.pairs), split


def _size(data: Counts | Trials) -> int:
    return int(data.counts.sum()) if isinstance(data, Counts) else len(data)


@dataclass(frozen=True)
class _Verdict:
    """What the test of counts, or that of trials, finds."""

    events: int
    missing: int
    estimate: Estimate
    log_p_value: float
    drawn_p_value: float | None
    assumptions: tuple[str, ...]


def _of_counts(counts: Counts, inequality: LeggettInequality, bound: float, options: AnalysisOptions) -> _Verdict:
    """The verdict on counts per pair."""
    columns = counts.counts.shape[1] if options.missing == "worst" else BOTH
    scores, numbers = event_scores(inequality)[:, :columns], counts.counts[:, :columns]
    found = estimate(scores, numbers)
    events = numbers.sum(axis=1)
    tail = Tail(scores.min(axis=1), scores.max(axis=1), events, bound)
    assumptions = (
        "The trials at each pair are independent of each other, and the source is the same at all pairs (memory and "
        "drifts between pairs would need trials with settings drawn at random).",
        "How many events there are at each pair was not decided by looking at their outcomes (trials allow that).",
    )
    return _Verdict(int(events.sum()), counts.missing, found, float(tail.log_p_value(found.value)), None, assumptions)


def _of_trials(trials: Trials, inequality: LeggettInequality, bound: float, options: AnalysisOptions) -> _Verdict:
    """The verdict on trials at pairs that were drawn at random."""
    column = trials.column
    both = column < BOTH
    kept = both if options.missing == "fair" else np.ones(len(trials), bool)
    if not kept.any():
        raise InputError("there must be a trial with both outcomes, but all lack one")
    # Where an outcome is missing, the score is the least one that is possible: no new extremes.
    weighted = event_scores(inequality) / trials.probabilities[:, None]
    X = weighted[trials.pair[kept], column[kept]]
    least = float(weighted.min())
    spread = float(weighted.max()) - least
    # Where all trials have the same score, as `estimate` does it for counts.
    error = max(float(X.std()), spread * np.sqrt(len(X)) / (len(X) + 1) if np.ptp(X) == 0 else 0.0) / np.sqrt(len(X))
    p = betting.log_p_value(X, bound, least) if least < bound else 0.0
    stopping = "may have been ended at any time."
    if options.split is not None:
        # Who chooses the end also chooses where the tested part begins; after long enough, some beginning suits.
        stopping = (
            "their number was not decided by looking at outcomes, since it says where the tested part begins "
            "(without --split they may be ended at any time)."
        )
    assumptions = (
        "In every trial the pair is drawn with the stated probabilities, independently of all that came before and of "
        f"the hidden variables. The trials may depend on all earlier ones, and {stopping}",
    )
    missing = int(np.count_nonzero(~both))
    if options.missing == "fair":
        assumptions += ("Outcomes are missing equally often at all pairs, whatever the past and the hidden variables.",)
    return _Verdict(
        len(X),
        missing,
        Estimate(float(X.mean()), float(error)),
        p,
        _drawn_p_value(trials.pair[kept], trials.probabilities),
        assumptions,
    )


def _drawn_p_value(pair: np.ndarray, q: np.ndarray) -> float:
    """The p-value of how often each pair (T,) was drawn, if its probability q (N,) was the stated one in every trial.

    It is the smallest binomial tail times the number of tails, 2 N (Bonferroni); valid for a fixed number of trials.
    """
    from scipy.stats import binom

    drawn, T = np.bincount(pair, minlength=len(q)), len(pair)
    tails = np.minimum(binom.cdf(drawn, T, q), binom.sf(drawn - 1, T, q))
    return float(min(1.0, 2 * len(q) * tails.min()))


def _assumptions(missing: int, options: AnalysisOptions) -> tuple[str, ...]:
    """What all ways of testing assume."""
    found = ["The inequality was fixed before the tested data were looked at."]
    if options.misalignment:
        found.append(f"Every setting is within {options.misalignment:g} degrees of the one that is stated.")
    else:
        found.append("The settings are exactly those that are stated (--misalignment allows for an angle).")
    if options.missing == "worst":
        found.append(
            "Events of which no outcome was seen are in the data. Where an outcome is missing, the event counts with "
            "the least score that it can have had."
        )
    elif missing:
        found.append(
            f"Fair sampling: {missing:,} events that lack an outcome are left out (--missing worst counts them); they, "
            "and pairs that were not detected at all, would have shown the same statistics."
        )
    else:
        found.append("Fair sampling: pairs that were not detected would have shown the same statistics.")
    return tuple(found)
