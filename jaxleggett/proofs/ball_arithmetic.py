"""Proofs by ball arithmetic (Arb, through python-flint).

A comparison of balls is true only if it holds for all numbers in them. So a sequence of comparisons that are all true
is a proof, provided that Arb is correct.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flint import arb


class CertificationError(RuntimeError):
    """An inequality that was to be proved could not be."""


def require(holds: bool, what: str) -> None:
    """Raise CertificationError, which names `what` is not proved, unless a comparison of balls `holds`."""
    if not holds:
        raise CertificationError(f"not proved: {what}")


def enclosing_doubles(ball: arb) -> tuple[float, float]:
    """A double below, and a double above, every number of a `ball`: neighbours, or with one other double in between.

    Raises CertificationError where the ball is too wide for that.

    >>> from flint import arb, ctx
    >>> with ctx.workprec(128):
    ...     enclosing_doubles(arb.pi())
    (3.141592653589793, 3.1415926535897936)
    """
    from flint import arb

    # The double nearest to the middle is one end if the whole ball lies on one side of it; otherwise both its
    # neighbours are the ends.
    middle = float(ball.mid())
    lower = middle if ball > arb(middle) else math.nextafter(middle, -math.inf)
    upper = middle if ball < arb(middle) else math.nextafter(middle, math.inf)
    require(ball > arb(lower) and ball < arb(upper), "the doubles enclose the ball")
    return lower, upper
