"""Local deterministic strategies at finitely many settings, in exact arithmetic: both ends of a bracket.

Doubles are fractions. So are the components of settings and of a state (r_A, r_B, T), and C(a, b) = a.T b, exactly as
they are given. Coefficients and weights are rounded to integers first; what is proved is about the rounded ones.

Above: an inequality with integer coefficients. Its largest value over all strategies is found by trying all outcomes of
one party; the best outcomes of the other party then follow. Below: integer weights n_k of strategies, with sum N, give
the numbers c_i = sum_k n_k s_ki / N, where s_ki = +-1 are outcomes or products of outcomes. They are mixed with
strategies that give what is missing, r_i = V C_i - c_i, in proportion (see `local_visibility`). The mixture gives
V C_i / (1 + sum_i |r_i|).
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

MOST = 24
"""Largest number of settings of the party whose outcomes are all tried."""

DIGITS = 40
"""Binary digits of the largest integer coefficient: sums of 2^22 of them stay below 2^62."""

SMALL, NEARLY = 50, 1e-6
"""Integers up to `SMALL` are preferred for the largest coefficient, if all others are then integers to `NEARLY`."""

WEIGHT = 2**52
"""Weights of sum 1 are multiplied by this before they are rounded to integers."""


def whole(*columns: np.ndarray) -> list[np.ndarray]:
    """Columns of numbers as integers in nearly the same proportion: small ones if possible, else of `DIGITS` digits."""
    largest = max(float(np.abs(x).max(initial=0.0)) for x in columns)
    for k in range(1, SMALL + 1) if largest else ():
        scaled = [x * (k / largest) for x in columns]
        if max(float(np.abs(x - np.rint(x)).max(initial=0.0)) for x in scaled) < NEARLY:
            return [np.rint(x).astype(np.int64) for x in scaled]
    shift = DIGITS - math.frexp(largest)[1] if largest else 0
    return [np.rint(np.ldexp(x, shift)).astype(np.int64) for x in columns]


def local_bound(G: np.ndarray, F: np.ndarray, H: np.ndarray, late: Callable[[], bool] = lambda: False) -> int | None:
    """max of x G y + F.x + H.y over x in {-1, 1}^m, y in {-1, 1}^n, for integers G (m, n), F (m,), H (n,).

    None where `late` says that time is up. Raises ValueError where either party has more than `MOST` settings, or the
    moduli add up to 2^62.
    """
    if sum(abs(x) for part in (G, F, H) for x in part.ravel().tolist()) >= 2**62:
        raise ValueError("the moduli must sum to less than 2^62")
    if len(F) > len(H):
        G, F, H = G.T, H, F
    if len(F) > MOST:
        raise ValueError(f"one party must have at most {MOST} settings")
    gain, alone = H[None].copy(), np.zeros(1, np.int64)
    kept = min(len(F), 14)
    for i in range(kept):
        gain = np.concatenate([gain + G[i], gain - G[i]])
        alone = np.concatenate([alone + F[i], alone - F[i]])
    best = -(2**62)
    # The other outcomes x by a Gray code, in which one of them changes at a time.
    x = np.ones(len(F) - kept, np.int64)
    gain, alone = gain + x @ G[kept:], alone + x @ F[kept:]
    for step in range(1, 2 ** len(x) + 1):
        if late():
            return None
        best = max(best, int((np.abs(gain).sum(1) + alone).max()))
        if step < 2 ** len(x):
            i = (step & -step).bit_length() - 1
            x[i] = -x[i]
            gain, alone = gain + 2 * x[i] * G[kept + i], alone + 2 * x[i] * F[kept + i]
    return best


def exact_correlation(
    r_A: np.ndarray, r_B: np.ndarray, T: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(r_A.a, r_B.b, a.T b) at pairs of settings (N, 3), exactly: three arrays (N,) of fractions."""
    p, q, x, y, z = (_fractions(part) for part in (r_A, r_B, T, a, b))
    return y @ p, z @ q, ((y @ x) * z).sum(1)


_fractions = np.vectorize(Fraction, otypes=[object])


def broken_above(
    coefficients: tuple[np.ndarray, np.ndarray, np.ndarray],
    correlation: tuple[np.ndarray, np.ndarray, np.ndarray],
    bound: int,
) -> float:
    """A visibility above which a correlation (M^A, M^B, C) breaks an inequality with a bound >= 0; 1 where it does not.

    `coefficients` are integers (f, h, g), (N,) each, for M^A, M^B and C.
    """
    value = sum((_exactly(k) @ x for k, x in zip(coefficients, correlation, strict=True)), Fraction(0))
    return 1.0 if value <= bound else _up(Fraction(bound) / value)


def _exactly(integers: np.ndarray) -> np.ndarray:
    """Python's integers, which do not overflow."""
    return np.array([int(k) for k in integers], dtype=object)


def local_visibility(
    weights: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    alice: np.ndarray,
    bob: np.ndarray,
    correlation: tuple[np.ndarray, np.ndarray, np.ndarray],
    V: float,
    marginals: bool,
) -> float:
    """A visibility at most V for which strategies, mixed with others, are proved to reproduce a correlation.

    `x` (K, m), `y` (K, n) are outcomes +-1 with `weights` (K,) of sum about 1; pair i consists of the settings alice[i]
    and bob[i]. Without `marginals`, each strategy stands for itself and for the opposite of all its outcomes. Raises
    ValueError where outcomes or weights are others.

    What is missing is mixed in as follows. For what a correlator misses, r_i, take the outcomes s at Alice's setting
    and s sign(r_i) at Bob's; for what a marginal misses, the outcome sign(r_i) at that setting; s and all other
    outcomes are fair coins. All other correlators and marginals vanish. The mixture of these with the shares
    |r_i| / sum |r| gives r / sum |r|.
    """
    if not (np.abs(x) == 1).all() or not (np.abs(y) == 1).all():
        raise ValueError("strategies must have outcomes +-1")
    whole_weights = np.rint(weights * WEIGHT)
    # Sums of larger weights would exceed 2^63. NaN fails, too.
    if not ((whole_weights >= 0).all() and whole_weights.sum() <= 2 * WEIGHT):
        raise ValueError("weights must be at least 0, and their sum about 1")
    n = whole_weights.astype(np.int64)
    x, y = x.astype(np.int64), y.astype(np.int64)
    total, exact = int(n.sum()), Fraction(V)
    M_A, M_B, C = correlation
    rest = _rest(n @ (x[:, alice] * y[:, bob]), total, exact * C)
    if marginals:
        for outcomes, index, M in ((x, alice, M_A), (y, bob, M_B)):
            settings, first = np.unique(index, return_index=True)
            rest += _rest(n @ outcomes[:, settings], total, exact * M[first])
    else:
        # The marginals of the averaged strategies vanish, so those of the correlation are missing as a whole.
        for index, M in ((alice, M_A), (bob, M_B)):
            first = np.unique(index, return_index=True)[1]
            rest += sum((abs(exact * x) for x in M[first]), Fraction(0))
    return _down(exact / (1 + rest))


def _rest(sums: np.ndarray, total: int, targets: np.ndarray) -> Fraction:
    """sum |sums/total - targets|, exactly."""
    return sum((abs(Fraction(int(c), total) - t) for c, t in zip(sums, targets, strict=True)), Fraction(0))


def _up(x: Fraction) -> float:
    found = float(x)
    return found if Fraction(found) >= x else math.nextafter(found, math.inf)


def _down(x: Fraction) -> float:
    found = float(x)
    return found if Fraction(found) <= x else math.nextafter(found, -math.inf)
