"""A p-value for counts that holds for any number of them: Chernoff's bound over all Leggett models.

Let S = sum_i (mean score at pair i), from n_i independent events at pair i with scores in [lo_i, hi_i]. Under a Leggett
model the means m_i of the scores have sum_i m_i <= bound. For every lambda > 0 (H. Chernoff, Ann. Math. Stat. 23, 493
(1952); the step to two-point distributions is W. Hoeffding's, J. Am. Stat. Assoc. 58, 13 (1963))

    P(S >= s)  <=  exp(-lambda s) E exp(lambda S)
               <=  exp(-lambda s) max over m of  prod_i [(1 - pi_i) e^{lambda lo_i/n_i} + pi_i e^{lambda hi_i/n_i}]^n_i,

where pi_i = (m_i - lo_i)/(hi_i - lo_i). Of all distributions of a score with mean m_i, the one on the two ends has the
largest E exp. As log is concave, events at a pair whose means differ have no larger product than events that all have
the average of these means; m_i is that average. For every price mu >= 0 of the condition sum_i m_i <= bound, the
Lagrangian, maximised pair by pair, is no smaller than the maximum over all m. So the p-value is valid whatever lambda
and mu are; they are chosen so that it is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._shapes import ArrayLike, Float

STEPS = 16
"""Values of lambda for each factor of 2: one is within 2.2 % of the best, which costs 0.05 % of the exponent."""

BISECTIONS = 80
"""Halvings of the interval of log mu."""

STEEPEST = 60.0
"""Lambda is tried up to where lambda (hi - lo)/n is this much, at the pair where that is smallest."""

NEGLIGIBLE = 1e-12
"""Ranges of scores up to this part of the largest one are not followed, but counted as if all were at the upper end."""

LARGEST_LOG = 600.0
"""Largest log mu that is used, so that neither mu nor its products overflow."""


class Tail:
    """A bound from above on P(S >= s) that holds for all Leggett models, for any s.

    lo, hi      (N,): least and largest score of an event at each pair
    events      (N,): number of events at each pair, at least 1
    bound       what every Leggett model obeys: the sum of the means is at most this

    >>> import numpy as np
    >>> from jaxleggett.experiments.concentration import Tail
    >>> tail = Tail(np.array([-1.0]), np.array([1.0]), np.array([100]), bound=0.0)  # a coin, 100 times
    >>> bool(tail.p_value(0.5) > 2.82e-7), float(tail.p_value(0.0))  # the probability of 75 heads or more
    (True, 1.0)
    """

    def __init__(self, lo: ArrayLike, hi: ArrayLike, events: ArrayLike, bound: float) -> None:
        lo, hi, n = (np.asarray(x, np.float64) for x in (lo, hi, events))
        width = hi - lo
        used = width > NEGLIGIBLE * width.max()
        w, n, room = width[used], n[used], bound - float(lo.sum())
        self.bound = bound
        self.largest = float(np.maximum(np.abs(lo), np.abs(hi)).sum())
        self.rates = self.exponents = np.zeros(0)
        if len(w) == 0 or room >= w.sum():
            return  # every S is possible
        first = 0.05 / float(np.sqrt((w**2 / n).sum()))
        last = STEEPEST * float((n / w).max())
        steps = max(1, int(np.ceil(STEPS * np.log2(last / first))))
        self.rates = first * (last / first) ** (np.arange(steps + 1) / steps)
        x = self.rates[:, None] * w / n  # (lambdas, pairs)
        constant = float(lo.sum() + width[~used].sum())
        self.exponents = _largest_product(x, w, n, max(room, 0.0)) + self.rates * constant

    def log_p_value(self, s: ArrayLike) -> Float[np.ndarray, "..."]:
        """The logarithm of the p-value of S = `s`, of shape (...)."""
        s = np.asarray(s, np.float64)
        if len(self.rates) == 0:
            return np.zeros(s.shape)
        # A little is added for rounding, relative to the largest numbers that cancel: lambda S, and what is as large in
        # the exponents.
        slack = 1e-14 * (np.abs(self.exponents) + self.rates * self.largest)
        least = (self.exponents + slack - self.rates * s[..., None]).min(axis=-1)
        return np.asarray(np.where(s > self.bound, np.minimum(least, 0.0), 0.0))

    def p_value(self, s: ArrayLike) -> Float[np.ndarray, "..."]:
        """The p-value of S = `s`: at most p with a probability of at most p, under every Leggett model."""
        return np.asarray(np.exp(self.log_p_value(s)))


def _largest_product(
    x: Float[np.ndarray, "l n"], w: Float[np.ndarray, "n"], n: Float[np.ndarray, "n"], room: float
) -> Float[np.ndarray, "l"]:
    """A bound from above on the largest sum_i n_i log(1 + pi_i (e^x_i - 1)) with 0 <= pi <= 1, sum_i pi_i w_i <= room.

    It is the largest value of the Lagrangian at a price mu, which is found by bisection; every mu gives a bound.
    Logarithms are used throughout, because e^x overflows where numbers of events differ much from pair to pair.
    """
    below = np.log(-np.expm1(-x))  # log (1 - e^-x)
    inverse = np.exp(-x - below)  # 1/(e^x - 1)

    def best(log_mu: Float[np.ndarray, "l"]) -> Float[np.ndarray, "l n"]:
        with np.errstate(over="ignore"):
            return np.clip(np.exp(np.log(n / w) - log_mu[:, None]) - inverse, 0.0, 1.0)

    # Between the prices at which every pi is 1 and those at which every pi is 0.
    low, high = (np.log(n / w) + below).min(axis=1) - 1.0, (np.log(n / w) + x + below).max(axis=1) + 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        too_much = (best(middle) * w).sum(axis=1) > room
        low, high = np.where(too_much, middle, low), np.where(too_much, high, middle)
    log_mu = np.minimum(high, LARGEST_LOG)
    pi, mu = best(log_mu), np.exp(log_mu)
    with np.errstate(divide="ignore"):
        logs = np.logaddexp(np.log1p(-pi), np.log(pi) + x)  # log (1 - pi + pi e^x)
    return (n * logs - mu[:, None] * w * pi).sum(axis=1) + mu * room
