"""Proofs by ball arithmetic (Arb, through python-flint); nothing here uses the solvers.

A comparison of balls is true only if it holds for all numbers in them, so a chain of comparisons that
passes is a proof up to the correctness of Arb.
"""

from __future__ import annotations

import math
from typing import Any


class CertificationError(RuntimeError):
    """An inequality that was to be proved could not be."""


def certify_werner() -> tuple[float, float]:
    """Two neighbouring doubles that enclose V_c, the largest visibility of Werner states for all settings.

    Verifies every inequality of docs/WERNER.md: that the explicit model is non-negative at the lower
    double, and that the single angle phi* excludes every visibility above the upper one. Raises
    CertificationError where a ball is too wide to decide.
    """
    from flint import arb, ctx

    previous, ctx.prec = ctx.prec, 128
    try:
        s = 1 - 1 / arb(2).sqrt()  # sin(phi*/2)
        c2 = 1 - s**2
        m2 = (4 / arb.pi() ** 2) ** 2
        critical = (1 - s) / (1 - 2 * s**2)
        lower, upper = enclosing_doubles(critical)
        V = arb(lower)
        require(V > 0, "the lower visibility is positive")
        require(1 - 8 * V * (1 - V) < 0, "the model's weights are positive at the lower visibility")
        require(s**2 < 2 * m2 * c2, "inequality (4)")
        require(s**2 < 3 * m2 * c2, "inequality (5)")
        require(1 - 2 * s**2 > 0, "the cosine of phi* is positive")
        require(arb(upper) > critical, "the upper visibility is above V_c")
    finally:
        ctx.prec = previous
    return lower, upper


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
