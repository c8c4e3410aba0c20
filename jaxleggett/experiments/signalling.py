"""Do one party's outcomes depend on the other's setting? A test of no signalling, valid for any number of events.

Wherever a setting of Alice is measured with several of Bob's, the outcomes at it are compared: those with one of Bob's
settings against those with all others. Assume that trials are independent, and that + has the same probability in all
trials at a setting of Alice. If Bob's setting makes no difference, then, given the totals, the number of + among the
first is hypergeometric, whatever that probability is (R. A. Fisher's exact test). The smallest of these p-values, times
their number (Bonferroni), is the p-value of the test. Bob's settings are tested likewise. A source that drifts from
pair to pair may give a small p-value without any signalling.

The tail of the hypergeometric distribution is bounded by a geometric series: the ratios of successive terms fall.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from .counts import ALPHA, BETA, BOTH, Counts

if TYPE_CHECKING:
    from .._shapes import Float, Int

SAME = 1e-6
"""How near settings have to be to count as one."""


@dataclass(frozen=True)
class NoSignalling:
    """The smallest p-value over all comparisons, times their number; 1 where no setting is in two pairs.

    comparisons     how many there are
    p_value         at most p with a probability of at most p where no party signals, for independent trials of a source
                    that does not change
    party, pair     the comparison with the smallest p-value: whose outcomes, at which pair (counted from 0); None
                    without a comparison
    difference      by how much the marginal there is above that of the same setting in the other pairs
    """

    comparisons: int
    p_value: float
    party: str | None
    pair: int | None
    difference: float | None


def no_signalling(counts: Counts) -> NoSignalling:
    """Test `counts` for signalling, from the events with both outcomes."""
    found = [
        (_two_sided(k, n, K, N), party, pair, 2 * sign * (k / n - (K - k) / (N - n)))
        for party, pair, sign, k, n, K, N in _comparisons(counts)
    ]
    if not found:
        return NoSignalling(0, 1.0, None, None, None)
    p, party, pair, difference = min(found)
    return NoSignalling(len(found), min(1.0, len(found) * p), party, pair, difference)


def _comparisons(counts: Counts) -> Iterator[tuple[str, int, float, int, int, int, int]]:
    """For each comparison: the party, the pair, the sign that its setting was turned by, and four numbers of events.

    They are those with + and all at this pair, then those with + and all at all pairs with this setting.
    """
    events = counts.events
    for party, settings, outcome in (("Alice", counts.pairs.a, ALPHA), ("Bob", counts.pairs.b, BETA)):
        number = events.sum(axis=1)
        # The outcomes of -a are those of a, exchanged; so of each setting and its opposite one stands for both.
        sign = _side(settings)
        plus = np.where(sign > 0, events[:, outcome[:BOTH] > 0].sum(axis=1), events[:, outcome[:BOTH] < 0].sum(axis=1))
        for group in _groups(settings * sign[:, None]):
            if len(group) > 1:
                K, N = int(plus[group].sum()), int(number[group].sum())
                # Where there are two pairs, the second comparison would be the first one again.
                for i in group[: 1 if len(group) == 2 else None]:
                    yield party, int(i), float(sign[i]), int(plus[i]), int(number[i]), K, N


def _side(settings: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
    """The sign of the first component that is not 0, for each setting: opposite settings have opposite signs."""
    first = np.argmax(np.abs(settings) > SAME, axis=1)
    return np.sign(settings[np.arange(len(settings)), first])


def _groups(settings: Float[np.ndarray, "n 3"]) -> Iterator[Int[np.ndarray, "k"]]:
    """The rows of each set of equal settings."""
    left = np.arange(len(settings))
    while len(left):
        same = np.linalg.norm(settings[left] - settings[left[0]], axis=1) < SAME
        yield left[same]
        left = left[~same]


def _two_sided(k: int, n: int, K: int, N: int) -> float:
    """Twice the smaller of the two tails of drawing `k` of `K` marked balls in `n` draws from `N`; at most 1."""
    return min(1.0, 2 * min(_upper_tail(k, n, K, N), _upper_tail(n - k, n, N - K, N)))


def _upper_tail(k: int, n: int, K: int, N: int) -> float:
    """A bound from above on P(at least `k` of `K` marked balls in `n` draws from `N`): the first term/(1 - ratio)."""
    ratio = (K - k) * (n - k) / ((k + 1) * (N - K - n + k + 1))
    if ratio >= 1:
        return 1.0
    log_term = _log_binomial(K, k) + _log_binomial(N - K, n - k) - _log_binomial(N, n)
    rounding = 4e-15 * N * float(np.log(N + 1))  # of nine logarithms of factorials, at most N log N each
    return min(1.0, float(np.exp(log_term + rounding)) / (1 - ratio))


def _log_binomial(n: int, k: int) -> float:
    return float(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))
