"""`design`: which Leggett inequality to test at an expected visibility, and with how many events."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from numbers import Real
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from .. import _checks
from .._checks import MAX_COUNTS, MAX_SEED, InputError, counted, integer, quoted
from ..inequalities.inequality import LeggettInequality
from ..models.werner import CRITICAL_VISIBILITY
from ..runs import Ending
from ..searches.result import count_settings
from ..settings import SettingPairs
from ..states import TwoQubitState, as_state, correlation_in_numpy, werner
from .choice import best_at, proved
from .concentration import Tail
from .counts import BOTH
from .known import Record, known_records, lowest
from .misalignment import allowance, check_angle
from .scores import event_scores, has_term
from .simulation import quantum_probabilities

if TYPE_CHECKING:
    from .._shapes import ArrayLike, Float

SIGMAS = 5.0
"""Standard errors above the bound that a test is planned for."""

P_VALUE = NormalDist().cdf(-SIGMAS)
"""The p-value that five standard errors would have if the estimate were normally distributed, 2.87e-7."""

COUNTS = 1000
"""Events per pair where the caller names no number."""

LEAST_SHARE = 1e-4
"""Least probability of a pair, relative to the largest."""

LEAST_ERROR = 1e-6
"""Least standard error for one event at each pair, relative to the sum of the moduli of all scores."""

WORTH = 2.0
"""How many times the fewest events in all a test may take that has fewer pairs."""


def _events(number: int | None) -> str:
    return f"more than {MAX_COUNTS:,} events" if number is None else counted(number, "event")


@dataclass(frozen=True, eq=False)
class Design:
    """A planned test of Leggett's models.

    visibility                    white-noise visibility that is expected of the source
    state                         the state at visibility 1
    inequality                    what to measure; its bound is proved, rounding included
    settings                      numbers of different settings of Alice and of Bob
    threshold_visibility          the visibility above which the state violates the bound, misalignment allowed for;
                                  above 1, or None, where no visibility does
    bound                         that of the inequality, enlarged by `allowance`
    allowance                     what misalignment adds to the bound
    expected_value                left side at the expected visibility
    standard_error                of the left side, for one event at each pair
    counts_per_pair               planned number of events at each pair
    counts_per_pair_for_5_sigma   the least number for which the expected z is 5; None where none up to 10^11 is
    counts_per_pair_for_p_value   the least number for which the expected value has a p-value of 2.87e-7; None likewise
    probabilities                 (N,): how to draw the pairs in trials, in proportion to the largest modulus of a score
    status                        `complete`, or `time_limit` where the proof was cut short: its bound may be too high
    given_pairs                   how many pairs were given, of which these are needed; None where none were given
    """

    visibility: float
    state: TwoQubitState
    inequality: LeggettInequality
    settings: tuple[int, int]
    threshold_visibility: float | None
    bound: float
    allowance: float
    expected_value: float
    standard_error: float
    counts_per_pair: int
    counts_per_pair_for_5_sigma: int | None
    counts_per_pair_for_p_value: int | None
    probabilities: Float[np.ndarray, "n"]
    status: Ending = Ending.COMPLETE
    given_pairs: int | None = None

    @property
    def pairs(self) -> SettingPairs:
        """The settings."""
        return SettingPairs(self.inequality.a, self.inequality.b)

    @property
    def detectable(self) -> bool:
        """Whether the expected value is above the bound, so that enough events would show a violation."""
        return self.expected_value > self.bound

    @property
    def expected_z(self) -> float:
        """(expected value - bound)/(standard error with the planned number of events)."""
        return (self.expected_value - self.bound) / self.standard_error * math.sqrt(self.counts_per_pair)

    @property
    def _threshold(self) -> str:
        return "none" if self.threshold_visibility is None else f"{self.threshold_visibility:.6f}"

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer."""
        return {
            "visibility": self.visibility,
            "num_pairs": len(self.pairs),
            "num_settings": list(self.settings),
            "detectable": self.detectable,
            "threshold_visibility": self.threshold_visibility,
            "expected_value": self.expected_value,
            "bound": self.bound,
            "misalignment_allowance": self.allowance,
            "counts_per_pair": self.counts_per_pair,
            "expected_standard_error": self.standard_error / math.sqrt(self.counts_per_pair),
            "expected_z": self.expected_z,
            "counts_per_pair_for_5_sigma": self.counts_per_pair_for_5_sigma,
            "counts_per_pair_for_p_value": self.counts_per_pair_for_p_value,
            "certified": True,
            "status": self.status,
            "given_pairs": self.given_pairs,
            "settings": {"a": self.pairs.a.tolist(), "b": self.pairs.b.tolist()},
            "probabilities": self.probabilities.tolist(),
            "inequality": self.inequality.to_json(),
        }

    def __str__(self) -> str:
        alice, bob = self.settings
        head = f"A test with {counted(len(self.pairs), 'setting pair')} ({alice} settings of Alice, {bob} of Bob)"
        rows = [
            f"{head} for visibility {self.visibility:g}",
            f"  threshold   {self._threshold}: the visibility that it needs",
            f"  bound       {self.bound:.6f} for every Leggett model, proved",
            f"  expected    {self.expected_value:.6f}",
        ]
        if self.given_pairs is not None and self.given_pairs > len(self.pairs):
            rows.append(f"  settings    {len(self.pairs)} of the {self.given_pairs:,} given pairs need to be measured")
        if self.status == Ending.TIME_LIMIT:
            rows.append("  time limit  the proof was cut short: with more time the bound is lower, and less is needed")
        if not self.detectable and self.status == Ending.TIME_LIMIT:
            return "\n".join([*rows, "\nWith the bound as far as it is proved nothing is detectable."])
        if not self.detectable:
            why = (
                "no Leggett inequality can: such Werner states have a Leggett model"
                if self.visibility <= CRITICAL_VISIBILITY and _is_singlet(self.state)
                else "no inequality known to us, of this size or at these settings, can"
            )
            rows.append(
                f"\nNot detectable: visibility {self.visibility:g} breaks no bound here at any number of counts; {why}."
            )
            return "\n".join(rows)
        rows += [
            f"  expected z  {self.expected_z:.2f} with {counted(self.counts_per_pair, 'event')} a pair",
            f"  for z = 5   {_events(self.counts_per_pair_for_5_sigma)} a pair",
        ]
        rows.append(
            f"  for p = {P_VALUE:.2g}  {_events(self.counts_per_pair_for_p_value)} a pair (valid for any number)"
        )
        return "\n".join(rows)


def design(
    visibility: float,
    pairs: int | None = None,
    *,
    sides: tuple[int, int] | str | None = None,
    settings: SettingPairs | None = None,
    counts_per_pair: int = COUNTS,
    state: TwoQubitState | str | ArrayLike | None = None,
    misalignment: float = 0.0,
    seed: int = 0,
    time_limit: float | None = None,
) -> Design:
    """Plan a test for a source of this white-noise `visibility`: settings, inequality, and how many events it takes.

    pairs             most setting pairs; of what is known, the inequality with the lowest threshold is taken. Without
                      `pairs` and `sides` the one with the fewest pairs that takes at most twice as many events in all
                      as the best of up to 24 pairs
    sides             most settings of Alice and of Bob: (m, n), or the text "mxn"
    settings          setting pairs, where they cannot be chosen; the best coefficients at them are found
    counts_per_pair   planned number of events at each pair
    state             the state at visibility 1, given as to `jl.threshold` [the singlet]; for others the settings of
                      the singlet's inequality are turned to the state's correlations, and the coefficients are found
                      anew
    misalignment      angle in degrees by which settings may be off: the bound is enlarged by what that can do
    seed              of searches for inequalities
    time_limit        seconds after which searches and proofs end

    Raises InputError for bad arguments. Where no inequality excludes the state, the answer has one that no state
    violates.

    >>> from jaxleggett.experiments import design
    >>> plan = design(0.93, 6)
    >>> plan.detectable, round(plan.threshold_visibility, 4), plan.counts_per_pair_for_5_sigma > 100
    (True, 0.9247, True)
    >>> design(0.93, 5).detectable
    False
    """
    started = time.monotonic()
    _checks.time_limit(time_limit)
    if not (isinstance(visibility, Real) and 0 < visibility <= 1):
        raise InputError(f"visibility must lie in (0, 1], but is {quoted(visibility)}")
    V = float(visibility)
    seed = integer("seed", seed, 0, MAX_SEED)
    counts_per_pair = integer("counts_per_pair", counts_per_pair, 1, MAX_COUNTS)
    check_angle(misalignment)
    deadline = None if time_limit is None else started + time_limit
    target = werner() if state is None else as_state(state)
    if settings is not None:
        if pairs is not None or sides is not None:
            raise InputError("settings must be left out with pairs or sides, which name their number")
        cut, status = _certain(_best_or_trivial(settings, target, seed, deadline), deadline)
        plan = planned(_without_zeros(cut), V, target, counts_per_pair, misalignment)
        return replace(plan, status=status, given_pairs=len(settings))
    known = known_records(pairs, sides)
    if not _is_singlet(target):
        turned = _turned(lowest(known), target)
        cut, status = _certain(_best_or_trivial(turned, target, seed, deadline), deadline)
        return replace(planned(_without_zeros(cut), V, target, counts_per_pair, misalignment), status=status)
    chosen = lowest(known).inequality
    if pairs is None and sides is None:
        plans = [planned(record.inequality, V, target, counts_per_pair, misalignment) for record in known]
        events = [(plan.counts_per_pair_for_5_sigma or math.inf) * len(plan.pairs) for plan in plans]
        if (fewest := min(events)) < math.inf:
            affordable = [plan for plan, needed in zip(plans, events, strict=True) if needed <= WORTH * fewest]
            chosen = min(affordable, key=lambda plan: len(plan.pairs)).inequality
    # The record's own bound was proved when it was kept, so it holds where the time does not suffice for a proof now.
    cut, _ = _certain(chosen, deadline)
    return planned(replace(cut, bound=min(cut.bound, chosen.bound)), V, target, counts_per_pair, misalignment)


def _best_or_trivial(pairs: SettingPairs, state: TwoQubitState, seed: int, deadline: float | None) -> LeggettInequality:
    """The inequality that excludes the state at `pairs` from the lowest V on; where none does, +-C <= 1 at one pair."""
    found = best_at(pairs, state, seed=seed, deadline=deadline)
    if found is not None:
        return found
    C = correlation_in_numpy(state, pairs.a, pairs.b)[2]
    g = np.where(np.arange(len(C)) == np.abs(C).argmax(), np.where(C < 0, -1.0, 1.0), 0.0)
    return LeggettInequality(g, pairs.a, pairs.b, np.zeros(len(C)), np.zeros(len(C)), 1.0)


def _certain(inequality: LeggettInequality, deadline: float | None) -> tuple[LeggettInequality, Ending]:
    """The inequality with the bound that is proved now, and `complete` or `time_limit`; KeyboardInterrupt on Ctrl-C."""
    found = proved(inequality, deadline)
    if found.status == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    return found.inequality, Ending.TIME_LIMIT if found.status == Ending.TIME_LIMIT else Ending.COMPLETE


def _is_singlet(state: TwoQubitState) -> bool:
    r_A, r_B, T = (np.asarray(x) for x in (state.r_A, state.r_B, state.T))
    return bool(np.abs(T + np.eye(3)).max() < 1e-12 and not (np.abs([r_A, r_B]) > 1e-12).any())


def _turned(record: Record, state: TwoQubitState) -> SettingPairs:
    """The record's settings, with Bob's turned by the polar factor of T, which brings T nearest to the singlet's."""
    left, _, right = np.linalg.svd(np.asarray(state.T, np.float64))
    Q = -left @ right  # T = -Q (something positive)
    return SettingPairs(record.inequality.a, record.inequality.b @ Q)


def _without_zeros(inequality: LeggettInequality) -> LeggettInequality:
    """The inequality without pairs that have no term."""
    i, used = inequality, has_term(inequality)
    return LeggettInequality(i.coefficients[used], i.a[used], i.b[used], i.alice[used], i.bob[used], i.bound)


def planned(
    inequality: LeggettInequality, V: float, state: TwoQubitState, counts_per_pair: int, misalignment: float
) -> Design:
    """The figures of a test with this inequality, whose bound is proved."""
    source = state.with_visibility(V)
    pairs = SettingPairs(inequality.a, inequality.b)
    scores = event_scores(inequality)[:, :BOTH]
    P = quantum_probabilities(source, pairs)
    mean = (P * scores).sum(axis=1)
    error = math.sqrt(float((P * (scores - mean[:, None]) ** 2).sum()))
    # Perfect correlations do not scatter; no source has them.
    error = max(error, LEAST_ERROR * float(np.abs(scores).sum()))
    wider = allowance(inequality, misalignment)
    bound, value = inequality.bound + wider, float(mean.sum())
    ideal = inequality.value(state)
    enough = valid = None
    if value > bound:
        enough = math.ceil((SIGMAS * error / (value - bound)) ** 2)
        valid = _enough_for_p_value(scores, value, bound)
        if enough > MAX_COUNTS:
            enough = None
    weights = np.abs(scores).max(axis=1)
    weights = np.maximum(weights, LEAST_SHARE * weights.max())
    return Design(
        visibility=V,
        state=state,
        inequality=inequality,
        settings=count_settings(inequality),
        threshold_visibility=bound / ideal if ideal > 0 else None,
        bound=bound,
        allowance=wider,
        expected_value=value,
        standard_error=error,
        counts_per_pair=counts_per_pair,
        counts_per_pair_for_5_sigma=enough,
        counts_per_pair_for_p_value=valid,
        probabilities=weights / weights.sum(),
    )


def _enough_for_p_value(scores: Float[np.ndarray, "n 4"], value: float, bound: float) -> int | None:
    """The least number of events a pair for which the expected value has the p-value `P_VALUE`; None if above 10^11."""

    def is_enough(events: int) -> bool:
        tail = Tail(scores.min(axis=1), scores.max(axis=1), np.full(len(scores), events), bound)
        return bool(tail.log_p_value(value) <= math.log(P_VALUE))

    low, high = 0, 1
    while not is_enough(high):
        if high == MAX_COUNTS:
            return None
        low, high = high, min(2 * high, MAX_COUNTS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
