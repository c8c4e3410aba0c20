"""The largest visibility of Werner states for all settings, enclosed by ball arithmetic."""

from __future__ import annotations

from .ball_arithmetic import enclosing_doubles, require


def certify_werner() -> tuple[float, float]:
    """Two neighbouring doubles that enclose V_c, the largest visibility of Werner states for all settings.

    Verifies the inequalities between numbers in the proof of docs/WERNER.md: that the explicit model is non-negative at
    the lower double, and that the single angle phi* excludes every visibility above the upper one. Raises
    CertificationError where a ball is too wide to decide.

    >>> from jaxleggett.proofs.werner import certify_werner
    >>> lower, upper = certify_werner()  # about (1 + 1/sqrt 2)/2
    >>> lower, upper - lower < 2e-16
    (0.8535533905932737, True)
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
        require(1 - 8 * V * (1 - V) < 0, "the explicit model is non-negative at the lower visibility")
        require(s**2 < 2 * m2 * c2, "inequality (4)")
        require(s**2 < 3 * m2 * c2, "inequality (5)")
        require(1 - 2 * s**2 > 0, "the cosine of phi* is positive")
        require(arb(upper) > critical, "the upper visibility is above V_c")
    finally:
        ctx.prec = previous
    return lower, upper
