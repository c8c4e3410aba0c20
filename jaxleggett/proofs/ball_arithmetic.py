"""Proofs by ball arithmetic (Arb, through python-flint); nothing here uses the solvers.

A comparison of balls is true only if it holds for all numbers in them, so a chain of comparisons that
passes is a proof up to the correctness of Arb.
"""

from __future__ import annotations

import math
from typing import Any


class CertificationError(RuntimeError):
    """An inequality that was to be proved could not be."""


def require(holds: Any, what: str) -> None:
    """Go on only where a comparison of balls holds; CertificationError says `what` is not proved."""
    if not holds:
        raise CertificationError(f"not proved: {what}")


def enclosing_doubles(ball: Any) -> tuple[float, float]:
    """The doubles next below and next above every number of a ball."""
    from flint import arb

    middle = float(ball.mid())
    lower = middle if ball > arb(middle) else math.nextafter(middle, -math.inf)
    upper = middle if ball < arb(middle) else math.nextafter(middle, math.inf)
    require(ball > arb(lower) and ball < arb(upper), "the doubles enclose the ball")
    return lower, upper
