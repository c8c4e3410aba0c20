"""What each event counts for: the score of a Leggett inequality at measured settings.

For an inequality with coefficients g, f, h an event with outcomes alpha, beta at pair i has the score

    s_i(alpha, beta) = g_i alpha beta + f_i alpha + h_i beta,

and the sum over the pairs of the means of s_i is the inequality's left side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import InputError
from ..inequalities.inequality import LeggettInequality
from ..settings import SettingPairs
from .counts import ALPHA, BETA, BOTH

if TYPE_CHECKING:
    from .._shapes import Bool, Float, Int

SMALLEST = 1e-100
"""Least sum of the moduli of coefficients; its inverse is the largest. Their squares must not underflow or overflow."""

SAME = 1e-6
"""How far a setting of an inequality may be from the measured one that it stands for."""


def event_scores(inequality: LeggettInequality) -> Float[np.ndarray, "n 9"]:
    """s_i(alpha, beta) in each column of `Counts`, (N, 9); where an outcome is missing, the least that it can be.

    Without an assumption, nothing more is known of an event with a missing outcome than that its score is at least
    this one. So means of these scores are never above the means that the full outcomes would have.
    """
    g, f, h = (x[:, None] for x in (inequality.coefficients, inequality.alice, inequality.bob))
    scores = g * (ALPHA * BETA) + f * ALPHA + h * BETA
    both = scores[:, :BOTH]
    for column in range(BOTH, len(ALPHA)):
        possible = ((ALPHA[column] == 0) | (ALPHA[:BOTH] == ALPHA[column])) & (
            (BETA[column] == 0) | (BETA[:BOTH] == BETA[column])
        )
        scores[:, column] = both[:, possible].min(axis=1)
    return scores


def has_term(inequality: LeggettInequality) -> Bool[np.ndarray, "n"]:
    """Which pairs have a coefficient that is not 0; the others need not be measured."""
    return (inequality.coefficients != 0) | (inequality.alice != 0) | (inequality.bob != 0)


def at_measured(inequality: LeggettInequality, pairs: SettingPairs) -> LeggettInequality:
    """The inequality written at the measured `pairs`: N coefficients of each kind, 0 where it has no term.

    A setting counts as measured where it, or its opposite, is within 1e-6 of a measured one; the opposite is the same
    measurement with outcomes exchanged. Terms at the same pair are added up. The bound is left as it is: it has to be
    proved again at these settings. Raises InputError where a pair that has a coefficient was not measured, and unless
    the moduli of the coefficients sum to between 1e-100 and 1e100.
    """
    columns = np.zeros((3, len(pairs)))
    for i in np.flatnonzero(has_term(inequality)):
        cosines = np.stack([pairs.a @ inequality.a[i], pairs.b @ inequality.b[i]])
        signs = np.where(cosines < 0, -1.0, 1.0)
        distance = np.maximum(
            np.linalg.norm(pairs.a - signs[0][:, None] * inequality.a[i], axis=1),
            np.linalg.norm(pairs.b - signs[1][:, None] * inequality.b[i], axis=1),
        )
        k = int(distance.argmin())
        if distance[k] > SAME:
            raise InputError(
                f"the inequality must be about measured pairs, but its row {i} (counted from 0) was not measured"
            )
        s_A, s_B = signs[:, k]
        columns[:, k] += (s_A * s_B * inequality.coefficients[i], s_A * inequality.alice[i], s_B * inequality.bob[i])
    # Only now: terms at one pair may have cancelled.
    size = float(np.abs(columns).sum())
    if not SMALLEST <= size <= 1 / SMALLEST:
        raise InputError(
            f"coefficients of the inequality must have moduli that sum to {SMALLEST:g} to {1 / SMALLEST:g} at the "
            f"measured pairs, but they sum to {size:g}"
        )
    g, f, h = columns
    return LeggettInequality(g, pairs.a, pairs.b, f, h, inequality.bound)


@dataclass(frozen=True)
class Estimate:
    """A left side estimated from counts: its `value`, and the `standard_error` of that."""

    value: float
    standard_error: float


def estimate(scores: Float[np.ndarray, "n c"], numbers: Int[np.ndarray, "n c"]) -> Estimate:
    """sum_i of the mean score at pair i, and the square root of sum_i (variance of the score)/(events of the pair).

    `scores` and `numbers` are (N, columns). Where all n events of a pair have the same score, its variance is that of
    n + 1 events one of which has the other extreme, so that it is not 0.
    """
    events = numbers.sum(axis=1)
    mean = (scores * numbers).sum(axis=1) / events
    variance = ((scores - mean[:, None]) ** 2 * numbers).sum(axis=1) / events
    spread = scores.max(axis=1) - scores.min(axis=1)
    # Decided by the scores that were seen, since rounding may leave a small variance.
    seen = numbers > 0
    varies = np.where(seen, scores, -np.inf).max(axis=1) > np.where(seen, scores, np.inf).min(axis=1)
    variance = np.where(varies, variance, spread**2 * events / (events + 1.0) ** 2)
    return Estimate(float(mean.sum()), float(np.sqrt((variance / events).sum())))
