"""Column generation: the loop behind every bracket that comes from a linear programme.

The programme has one column for each hidden variable (and, where settings are generated too, one row for each pair of
settings), which are infinitely many. It is solved over a few of them: this is the *restricted programme*. Its prices
(dual values) say which of the others would change the optimum. The worst of those are searched for and join, until none
is found: P. C. Gilmore and R. E. Gomory, Oper. Res. 9, 849 (1961); a survey is M. E. Luebbecke and J. Desrosiers,
Oper. Res. 53, 1007 (2005). In every round the weights are a model, which gives a lower bound on the visibility, and the
prices are an inequality, which gives an upper bound.

What is to be answered in this way is an object with the five steps of `Question`; `generate` runs them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .._clock import OutOfTime
from ..inequalities.inequality import LeggettInequality
from ..models.interpolated import InterpolatedModel
from ..models.mixtures import SeparableModel
from ..runs import Ending, Progress
from .restricted_programme import SolverError

MOST_ROUNDS = 10**6
"""Largest number of rounds."""


@dataclass(frozen=True)
class Bracket:
    """Two bounds on the largest compatible visibility, and how the search for them ended.

    `model` shows the lower bound (None where that is 0), `inequality` the upper one (None where that is 1).
    """

    lower: float
    upper: float
    model: InterpolatedModel | SeparableModel | None
    inequality: LeggettInequality | None
    status: Ending

    @classmethod
    def of_none(cls, status: Ending) -> Bracket:
        """The bracket that holds for every state: V = 0 is white noise, V = 1 the state itself."""
        return cls(0.0, 1.0, None, None, status)


class Question(Protocol):
    """A linear programme over infinitely many columns, and the best bounds on its optimum so far.

    In every round the steps are called in this order. Each may raise OutOfTime, past a deadline that the question
    itself keeps, and KeyboardInterrupt; the bounds must hold at any such moment.
    """

    @property
    def lower(self) -> float:
        """The visibility that the best model so far reaches; 0 without one."""
        ...

    @property
    def upper(self) -> float:
        """The visibility above which the best inequality so far is broken; 1 without one."""
        ...

    def solve(self) -> None:
        """Solve the restricted programme; keep the model of its weights where it is better than the last."""
        ...

    def find_worst(self, number: int) -> None:
        """Find the worst hidden vectors (and pairs) for the prices of round `number`; keep the inequality found."""
        ...

    def to_be_reported(self, tolerance: float) -> bool:
        """Whether the bounds, as they stand after this round, may be the last."""
        ...

    def search_again(self, number: int) -> None:
        """Search harder for what would refute the bounds, and correct them; what is found may join, too.

        Called only in rounds whose bounds are `to_be_reported`.
        """
        ...

    def grow(self) -> bool:
        """Put what was found into the restricted programme; False where none of it would change the optimum."""
        ...


def generate(
    question: Question,
    tolerance: float,
    progress: Callable[[Progress], None] | None = None,
    most_rounds: int = MOST_ROUNDS,
) -> Ending:
    """Run the steps of a question until its bounds are within `tolerance`, or nothing helps any more; say how it ended.

    `converged` where the bounds are within the tolerance; `stalled` where nothing that was found would change the
    optimum, after `most_rounds` rounds, or where the solver failed after a bound was found; `time_limit` where the
    question raised OutOfTime; `interrupted` on Ctrl-C. Raises SolverError where the solver fails before that.
    """
    done = 0.0
    try:
        for number in range(1, most_rounds + 1):
            question.solve()
            # Case 1: the model alone closes the bracket (it reaches V = 1, say). No inequality is needed.
            if question.lower == question.upper:
                return Ending.CONVERGED
            question.find_worst(number)
            # Case 2: the bounds may be the last. A search from many starts can miss the worst hidden vectors, and then
            # a bound is wrong. So the bounds are searched again, which may widen the bracket.
            last = question.to_be_reported(tolerance)
            if last:
                question.search_again(number)
            gap = question.upper - question.lower
            done = max(done, _share(gap, tolerance))
            if progress:
                progress(Progress(done, question.lower, question.upper))
            if last and gap <= tolerance:
                return Ending.CONVERGED
            # Case 3: nothing that was found would change the optimum.
            if not question.grow():
                return Ending.STALLED
    except OutOfTime:
        return Ending.TIME_LIMIT
    except KeyboardInterrupt:
        return Ending.INTERRUPTED
    except SolverError:
        if question.lower <= 0 and question.upper >= 1:
            raise
    return Ending.STALLED


def _share(gap: float, tolerance: float) -> float:
    """How far a gap has come on the way from 1 to the tolerance, on a logarithmic scale: in [0, 1]."""
    if tolerance >= 1 or gap <= tolerance:
        return 1.0
    return min(1.0, math.log(min(gap, 1.0)) / math.log(tolerance)) if tolerance > 0 else 0.0
