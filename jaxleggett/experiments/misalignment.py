"""By how much the bound of a Leggett inequality has to be enlarged where settings are off by up to an angle.

Let the real settings be a_i', b_i', each within the angle delta of the a_i, b_i that the inequality is about; they may
differ from trial to trial. With x = u.a_i and x' = u.a_i',

    |x' - x|  <=  |x| (1 - cos delta) + sqrt(1 - x^2) sin delta  =: phi(x^2)  <=  2 sin(delta/2),

since the angle between u and the setting changes by at most delta <= 90 degrees. A modulus changes by no more
than its argument, so the left side at the real settings is at most

    bound + sum_i |g_i| (phi((u.a_i)^2) + phi((v.b_i)^2)) + 2 sin(delta/2) sum_i (|f_i| + |h_i|).

phi is concave in x^2, so sum_i |g_i| phi((u.a_i)^2) <= G phi(q) with G = sum_i |g_i| and q = sum_i |g_i| (u.a_i)^2/G.
This q is at least the smallest eigenvalue of sum_i |g_i| a_i a_i^T/G, and phi(q) is largest at q = sin^2(delta/2) and
falls beyond it. So q is replaced by the larger of the two.
"""

from __future__ import annotations

import math

import numpy as np

from .._checks import InputError, quoted
from ..inequalities.inequality import LeggettInequality

LARGEST = 90.0
"""Largest angle, in degrees, for which the bound is derived."""

ROUNDING = 1e-12
"""Allowed for rounding: taken from the eigenvalue, and, relative to the result, added to it."""


def check_angle(degrees: object) -> None:
    """InputError unless `degrees` is an angle from 0 to 90."""
    if not (isinstance(degrees, int | float) and 0 <= degrees <= LARGEST):
        raise InputError(f"misalignment must be an angle from 0 to {LARGEST:g} degrees, but is {quoted(degrees)}")


def allowance(inequality: LeggettInequality, degrees: float) -> float:
    """By how much the bound of `inequality` has to be enlarged for settings that are off by up to this angle (degrees).

    It is an upper bound on what misalignment can add, not the least one. Raises InputError for any other angle than one
    from 0 to 90.

    >>> import numpy as np
    >>> from jaxleggett.inequalities import published
    >>> from jaxleggett.experiments.misalignment import allowance
    >>> round(allowance(published(np.eye(3), np.roll(np.eye(3), 1, axis=0)), 0.1), 5)  # 2 means of |C|: G = 2
    0.0057
    """
    check_angle(degrees)
    if degrees == 0:
        return 0.0
    delta = math.radians(degrees)
    g = np.abs(inequality.coefficients)
    total = float(g.sum())
    marginal = 2 * math.sin(delta / 2) * float(np.abs([inequality.alice, inequality.bob]).sum())
    moved = 0.0
    for settings in (inequality.a, inequality.b):
        smallest = float(np.linalg.eigvalsh((settings.T * g) @ settings / total)[0]) if total > 0 else 0.0
        q = min(max(smallest - ROUNDING, math.sin(delta / 2) ** 2), 1.0)
        moved += total * (math.sqrt(q) * (1 - math.cos(delta)) + math.sqrt(1 - q) * math.sin(delta))
    return (moved + marginal) * (1 + ROUNDING)
