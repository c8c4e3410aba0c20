"""Column generation: the one loop behind every bracket that a linear programme closes.

A linear programme whose columns are all hidden variables (and, where settings are generated too, whose rows are all
pairs of settings) is solved over a few of them, the *restricted programme*. Its prices say which of the others are
missing; the worst of them are looked for and join, until none is missing: P. C. Gilmore and R. E. Gomory, Oper.
Res. 9, 849 (1961); a survey is M. E. Luebbecke and J. Desrosiers, Oper. Res. 53, 1007 (2005). In every round the
weights are a model, so a lower bound on the visibility, and the prices an inequality, so an upper one.

A question that is answered in this way is an object with the five steps of `Question`; `generate` runs them.
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


@dataclass(frozen=True)
class Bracket:
    """Two bounds on the largest compatible visibility, what shows them (None for 0 and 1), and how the search ended."""

    lower: float
    upper: float
    model: InterpolatedModel | SeparableModel | None
    inequality: LeggettInequality | None
    status: Ending

    @classmethod
    def of_none(cls, status: Ending) -> Bracket:
        """What is known before anything is: V = 0 is white noise, V = 1 the state itself."""
        return cls(0.0, 1.0, None, None, status)


class Question(Protocol):
    """A linear programme over infinitely many columns, and the best bounds on its optimum so far.

    The steps are called in this order, round by round. Each may raise OutOfTime, past the deadline that the question
    itself knows, and KeyboardInterrupt; whatever was kept until then has to hold.
    """

    @property
    def lower(self) -> float:
        """What the best model so far reaches."""
        ...

    @property
    def upper(self) -> float:
        """What the best inequality so far excludes; 1 without one."""
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
        """Search harder for what would refute the bounds, and correct them; what is found may join, too."""
        ...

    def grow(self) -> bool:
        """Put what was found into the restricted programme; False where nothing of it would change the optimum."""
        ...


def generate(
    question: Question,
    tolerance: float,
    progress: Callable[[Progress], None] | None = None,
    most_rounds: int = MOST_ROUNDS,
) -> Ending:
    """Run a question until its bounds are within `tolerance`, or nothing helps any more; say how it ended.

    `converged` within the tolerance; `stalled` where nothing that is found would change the optimum, `most_rounds` were
    made, or the solver failed after there were bounds; `time_limit` where the question raised OutOfTime; `interrupted`
    on Ctrl-C. Raises SolverError where the solver fails before there are bounds.
    """
    done = 0.0
    try:
        for number in range(1, most_rounds + 1):
            question.solve()
            # Case 1: the model alone closes the bracket (it reaches V = 1, say). No inequality is needed.
            if question.lower == question.upper:
                return Ending.CONVERGED
            question.find_worst(number)
            # Case 2: the bounds may be the last. Searches from many starts can miss the worst hidden vectors, and what
            # they missed would make a bound wrong, so the bounds are searched again; that may open the bracket.
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
    """How far a gap has come from 1 to the tolerance, by orders of magnitude: in [0, 1]."""
    if tolerance >= 1 or gap <= tolerance:
        return 1.0
    return min(1.0, math.log(min(gap, 1.0)) / math.log(tolerance)) if tolerance > 0 else 0.0
