"""Proofs by ball arithmetic (Arb, through python-flint); nothing here uses the solvers.

A comparison of balls is true only if it holds for all numbers in them, so a chain of comparisons that
passes is a proof up to the correctness of Arb.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flint import arb


class CertificationError(RuntimeError):
    """An inequality that was to be proved could not be."""


def require(holds: bool, what: str) -> None:
    """Go on only where a comparison of balls `holds`; CertificationError says `what` is not proved."""
    if not holds:
        raise CertificationError(f"not proved: {what}")


def enclosing_doubles(ball: arb) -> tuple[float, float]:
    """The doubles next below and next above every number of a `ball`.

    Raises CertificationError where the ball is too wide for two neighbouring doubles, or two with one between them.

    >>> from flint import arb, ctx
    >>> with ctx.workprec(128):
    ...     enclosing_doubles(arb.pi())
    (3.141592653589793, 3.1415926535897936)
    """
    from flint import arb

    # A ball that lies on one side of its middle's double has that double as one end; any other, its two neighbours.
    middle = float(ball.mid())
    lower = middle if ball > arb(middle) else math.nextafter(middle, -math.inf)
    upper = middle if ball < arb(middle) else math.nextafter(middle, math.inf)
    require(ball > arb(lower) and ball < arb(upper), "the doubles enclose the ball")
    return lower, upper
