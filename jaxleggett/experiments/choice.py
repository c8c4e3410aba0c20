"""Which Leggett inequality is tested: the best at the settings, or one that is given; its bound proved."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from .._checks import MAX_SEARCHED_PAIRS, InputError, counted
from ..inequalities.inequality import LeggettInequality
from ..proofs.branch_and_bound import enclose
from ..runs import Ending
from ..settings import SettingPairs
from ..states import TwoQubitState, werner
from ..survey import CorrelationTable
from ..thresholds.finite_settings import solve

TOLERANCE = 1e-6
"""How near to the optimum an inequality is searched for, and how near to its least bound one is proved, relative to the
sum of the moduli of its coefficients: far below the standard errors of counts."""


def best_at(
    pairs: SettingPairs,
    state: TwoQubitState,
    *,
    correlators: np.ndarray | None = None,
    seed: int = 0,
    deadline: float | None = None,
) -> LeggettInequality | None:
    """The inequality at `pairs` that excludes the `state` from the lowest visibility on; None where none excludes it.

    With `correlators` (N,), these numbers, without marginals, take the place of the state. The inequality is scaled so
    that the moduli of its coefficients sum to 1; its bound is numerical, not proved. Raises InputError for more than
    1000 pairs, and where no inequality is found before the deadline.
    """
    if len(pairs) > MAX_SEARCHED_PAIRS:
        raise InputError(
            f"settings must be at most {MAX_SEARCHED_PAIRS:,} pairs for an inequality to be found, "
            f"but are {len(pairs):,}"
        )
    zero = np.zeros(len(pairs))
    table = None if correlators is None else CorrelationTable(pairs, zero, zero, correlators)
    target = state if correlators is None else werner()
    found = solve(target, pairs, TOLERANCE, deadline, seed, table=table)
    if found.status == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    cut = found.inequality
    if cut is None:
        if found.status == Ending.TIME_LIMIT:
            raise InputError(
                "time_limit must leave time to find an inequality at the settings, but ended before one was found"
            )
        return None
    scale = float(np.abs([cut.coefficients, cut.alice, cut.bob]).sum())
    columns = [np.where(np.abs(x) > 1e-9 * scale, x, 0.0) / scale for x in (cut.coefficients, cut.alice, cut.bob)]
    return LeggettInequality(columns[0], cut.a, cut.b, columns[1], columns[2], cut.bound / scale)


def excluding(pairs: SettingPairs, state: TwoQubitState, seed: int, deadline: float | None) -> LeggettInequality:
    """`best_at`, or an InputError where the settings exclude no visibility of the `state`."""
    found = best_at(pairs, state, seed=seed, deadline=deadline)
    if found is None:
        raise InputError(
            f"the settings ({counted(len(pairs), 'pair')}) must exclude some visibility of the state, but "
            "Leggett models reproduce it there; --state names another, --inequality another test"
        )
    return found


@dataclass(frozen=True, eq=False)
class Proved:
    """An inequality with a proved bound.

    excess    the bound is at most so much above the least one that holds
    status    how the proof ended
    """

    inequality: LeggettInequality
    excess: float
    status: Ending


def proved(inequality: LeggettInequality, deadline: float | None = None) -> Proved:
    """The inequality with the bound that branch and bound proves, rounding included; its own bound is not used.

    Where `deadline` (seconds of `time.monotonic`) or Ctrl-C ends the proof, the bound holds, but may be higher.
    """
    left = None if deadline is None else max(deadline - time.monotonic(), 1e-3)
    found = enclose(inequality, TOLERANCE, time_limit=left)
    # No correlator and no marginal has a modulus above 1: so much is certain before the first box is bounded.
    trivial = float(np.abs([inequality.coefficients, inequality.alice, inequality.bob]).sum()) * (1 + 1e-9)
    bound, reached = min(found.bound, trivial), max(found.reached, -trivial)
    return Proved(replace(inequality, bound=bound), bound - reached, found.status)
