"""A p-value for trials that holds with memory, and whenever one stops: betting against Leggett's models.

Each trial has a score X_t whose mean, given all that came before, is at most `bound` under every Leggett model. A
capital of 1, of which lambda_t per unit of score is bet on X_t being above the bound, becomes

    W_T = prod_{t <= T} (1 + lambda_t (X_t - bound)),       0 <= lambda_t <= 1/(bound - least score),

a nonnegative supermartingale if lambda_t is fixed by the past alone. By Ville's inequality (J. Ville, "Etude critique
de la notion de collectif", 1939) the probability that it ever reaches 1/p is at most p: 1/max W is a p-value, at any
stopping time. The bound, the least score and the first trial have to be fixed before. Testing by betting: G. Shafer,
J. R. Stat. Soc. A 184, 407 (2021); I. Waudby-Smith and A. Ramdas, J. R. Stat. Soc. B 86, 1 (2024).

The capital is divided into equal parts, each of which is bet at a constant rate lambda; these rates are a factor of
sqrt(2) apart. So W is at least 1/32 of what the best of these rates makes of a capital of 1. It is the product above,
with lambda_t the mean of the rates, each weighted with its part of the capital before trial t.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import InputError

if TYPE_CHECKING:
    from .._shapes import Float

RATES = 32
"""How many parts the capital is divided into; in one trial, the smallest rate risks 2^-16.5 of its part at most."""

LARGEST = 0.5
"""What the largest rate risks of its part in one trial at most."""

TOGETHER = 2**16
"""Trials that are computed at once."""


def rates(bound: float, least: float) -> Float[np.ndarray, "rates"]:
    """The constant rates lambda, largest first; `least` is the smallest score that a trial can have.

    Raises InputError unless that is below the bound.
    """
    if not least < bound:
        raise InputError(f"the least score of a trial must be below the bound {bound:.6g}, but is {least:.6g}")
    return LARGEST / (bound - least) * 2.0 ** (-np.arange(RATES) / 2)


def log_wealth(scores: Float[np.ndarray, "t"], bound: float, least: float) -> Float[np.ndarray, "t"]:
    """log W_1 ... log W_T for scores X_t in the order of the trials (T,), all of them at least `least`.

    >>> import numpy as np
    >>> from jaxleggett.experiments.betting import log_wealth
    >>> wealth = log_wealth(np.ones(100), bound=0.0, least=-1.0)  # heads, a hundred times
    >>> bool(wealth[-1] > 30)
    True
    """
    constant = rates(bound, least)
    logs, found = np.zeros(len(constant)), np.empty(len(scores))
    for first in range(0, len(scores), TOGETHER):
        part = slice(first, first + TOGETHER)
        steps = np.log1p(constant * (scores[part, None] - bound))
        parts = logs + np.cumsum(steps, axis=0)
        top = parts.max(axis=1)
        found[part] = top + np.log(np.exp(parts - top[:, None]).mean(axis=1))
        logs = parts[-1]
    return found


def log_p_value(scores: Float[np.ndarray, "t"], bound: float, least: float) -> float:
    """log (1/max W_t), at most 0, of scores as for `log_wealth`; valid with memory, and whenever trials were ended."""
    return -float(log_wealth(scores, bound, least).max(initial=0.0))
