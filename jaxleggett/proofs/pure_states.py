"""Every pure entangled two-qubit state violates crypto-nonlocality: an explicit inequality and its certified threshold.

The state is cos(theta) |01> - sin(theta) |10> with S = sin 2 theta. For nodes t_k = (3/4) 2^-k, k < K,
and t_K = S/4, axes e = +-x, +-y and settings that `pure_state_inequality` writes out, every Leggett model obeys

    -sum_k w_k sum_e C(a_k+, b_k) + C(a_k-, b_k)  <=  8 sum_k w_k - 1,

and the state breaks it above a visibility V_th with 1 - V_th > S^2 / (18 + 5 ln(1/S)).
The proof is docs/PURE.md; the numbers (1) to (9) in comments are those of its equations.
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

import math

import numpy as np

from .._checks import InputError, quoted
from ..inequalities.inequality import LeggettInequality
from .ball_arithmetic import CertificationError, enclosing_doubles, require


def pure_state_inequality(theta: float) -> LeggettInequality:
    """The Leggett inequality (5) of docs/PURE.md for cos(theta) |01> - sin(theta) |10>, 0 < theta <= pi/4.

    With A_k^2 = 1 + t_k^2, B_k^2 = 1 + S^2 t_k^2, R_k^2 = A_k^2 - V*^2 B_k^2, in rows (k, e, sign):

        a_k+- = ((t_k V* B_k +- R_k) e + (V* B_k -+ t_k R_k) z) / A_k^2,     b_k = (S t_k e + z) / B_k,
        g = -w_k = -c_k A_k^2 / (4 R_k),     f = h = 0,     bound 8 sum_k w_k - 1.

    c_k are the jumps of slope of a polygon on the nodes (3), V* = 1 - 7 S^2 / (32 L + 16 S^2) with
    L = sum_k c_k / t_k (7). There are 8 (K + 1) pairs, where K is the smallest integer with (3/4) 2^-K <= S/4. The
    settings, the weights and the bound are rounded to doubles, so they obey the theorem to rounding only. Raises
    InputError for any other `theta`.

    >>> from jaxleggett.proofs.pure_states import pure_state_inequality
    >>> import jaxleggett as jl
    >>> inequality = pure_state_inequality(0.5)
    >>> len(inequality.a), inequality.threshold(jl.pure(0.5)) < 1
    (24, True)
    """
    theta = _angle(theta)
    S, cosine = math.sin(2 * theta), math.cos(2 * theta)
    t = np.append(0.75 * 0.5 ** np.arange(_last_node(S)), S / 4)
    A = np.sqrt(1 + t**2)
    s = (t[:-1] + t[1:]) / (A[:-1] + A[1:])
    c = np.append(1, s) - np.append(s, 0)  # (3)
    nu = 7 * S**2 / (32 * (c / t).sum() + 16 * S**2)  # 1 - V* (7)
    n = nu * (2 - nu)  # 1 - V*^2
    VB = (1 - nu) * np.sqrt(1 + (S * t) ** 2)
    R = np.hypot(t * math.sqrt(cosine**2 + S**2 * n), math.sqrt(n))
    w = c * A**2 / (4 * R)  # (5)

    e = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])[None, :, None]
    z = np.array([0.0, 0, 1])
    sign = np.array([1.0, -1])[:, None]
    t, A, VB, R, weight = (x[:, None, None, None] for x in (t, A, VB, R, w))
    a = ((t * VB + sign * R) * e + (VB - sign * t * R) * z) / A**2
    b = np.broadcast_to((S * t * e + z) / np.sqrt(1 + (S * t) ** 2), a.shape)
    g = -np.broadcast_to(weight, (*a.shape[:-1], 1)).ravel()
    zero = np.zeros_like(g)
    return LeggettInequality(g, a.reshape(-1, 3), b.reshape(-1, 3), zero, zero, bound=float(8 * w.sum() - 1))


def certify_pure(theta: float) -> float:
    """A double below 1 that is proved to be at least V_th(theta), the threshold of the inequality (5) of docs/PURE.md:

        V_th = (sum_k 2 c_k A_k^2 / R_k - 1) / (V* sum_k 2 c_k B_k^2 / R_k).

    This holds for `theta` as it is, a double, and for the exact settings of (4). The inequalities (6) and (8) of the
    proof, and those that make the settings and weights exist, are verified in ball arithmetic. Raises InputError for
    theta outside (0, pi/4], and CertificationError where a step is not proved, or where no double lies between V_th
    and 1 (theta below 5e-8).

    >>> from jaxleggett.proofs.pure_states import certify_pure
    >>> certify_pure(1e-3) < 1  # hardly entangled
    True
    """
    from flint import arb, ctx

    theta = _angle(theta)
    K = _last_node(math.sin(2 * theta))
    # Numbers as small as the squares of the nodes, about 2^-2K, are added to 1: more digits for more nodes.
    previous, ctx.prec = ctx.prec, 128 + 8 * K
    try:
        S = (2 * arb(theta)).sin()
        S2 = S**2
        t = [arb(3) / 2 ** (k + 2) for k in range(K)] + [S / 4]
        require(all(t[k] < t[k - 1] for k in range(1, K + 1)), "the nodes are in order")
        phi = [(1 + x**2).sqrt() - arb(1) / 2 for x in t]
        s = [arb(1)] + [(phi[k - 1] - phi[k]) / (t[k - 1] - t[k]) for k in range(1, K + 1)] + [arb(0)]
        c = [s[k] - s[k + 1] for k in range(K + 1)]
        require(all(x > 0 for x in c), "the weights (3) are positive")
        L = sum(x / y for x, y in zip(c, t, strict=True))
        V = 1 - 7 * S2 / (32 * L + 16 * S2)
        require(0 < V and V < 1, "V* lies between 0 and 1")
        A2, B2 = [1 + x**2 for x in t], [1 + S2 * x**2 for x in t]
        require(all(x > V**2 * y for x, y in zip(A2, B2, strict=True)), "the settings (4) exist")
        R = [(x - V**2 * y).sqrt() for x, y in zip(A2, B2, strict=True)]
        require((1 + t[K] ** 2) * (1 - V**2 * S2 / 2) + (1 - V**2) * L < 1, "inequality (8)")
        require(sum(2 * x * y for x, y in zip(c, R, strict=True)) < 1, "inequality (6)")
        bound = sum(2 * x * y / z for x, y, z in zip(c, A2, R, strict=True)) - 1
        value = V * sum(2 * x * y / z for x, y, z in zip(c, B2, R, strict=True))
        threshold = bound / value
        require(value > 0 and threshold < V, "the threshold is below V*")
        upper = enclosing_doubles(threshold)[1]
    finally:
        ctx.prec = previous
    if not upper < 1:
        raise CertificationError(f"not proved: no double lies between the threshold of pure:{theta!r} and 1")
    return upper


def _last_node(S: float) -> int:
    """K, the smallest integer with (3/4) 2^-K <= S/4, for a rounded S.

    Where rounding makes it another integer, `certify_pure` still verifies all that the proof needs of it.
    """
    K = 0
    while 3 * 0.5**K > S:
        K += 1
    return K


def _angle(theta: float) -> float:
    """`theta` as a float; InputError where it is no number, or outside (0, pi/4]."""
    try:
        angle = float(theta)
    except (TypeError, ValueError, OverflowError):
        angle = math.nan
    if not 0 < angle <= math.pi / 4:
        raise InputError(f"theta must lie in (0, pi/4], but is {quoted(theta)}")
    return angle
