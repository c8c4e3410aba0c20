"""Published Leggett inequalities."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import InputError
from ..settings import SettingPairs
from .inequality import LeggettInequality


def smallest_mean_projection(e: Any) -> float:
    """eta = min over unit v of mean_i |v.e_i|, for at least two different axes e_i of shape (N, 3).

    Between the great circles v.e_i = 0 the mean is linear in v and positive, so it is concave along
    the sphere and least where two of them cross: v along e_i x e_j.
    """
    e = np.asarray(e, dtype=np.float64)
    i, j = np.triu_indices(len(e), 1)
    v = np.cross(e[i], e[j])
    length = np.linalg.norm(v, axis=1)
    v = v[length > 1e-9] / length[length > 1e-9, None]
    return float(np.abs(v @ e.T).mean(1).min())


def published(axes: Any, directions: Any) -> LeggettInequality:
    """(1/N) sum_i |E(a_i, b_i) + E(a_i, b_i')| <= 2 - 2 eta sin(phi/2), with the bound as published.

    The family of C. Branciard et al., Nat. Phys. 4, 681 (2008): b_i - b_i' points along the axes e_i
    (N, 3), and a_i along b_i + b_i', one of the `directions` orthogonal to them. eta is
    `smallest_mean_projection`, and the angle is the best one, sin(phi/2) = eta: then the singlet's
    threshold is sqrt(1 - eta^2). The moduli carry the signs that the singlet gives them. The family
    uses Bob's marginals only; `worst_vectors.bounded_inequality` on the same coefficients is never weaker.
    """
    pairs = SettingPairs(axes, directions)
    e, m = pairs.a, pairs.b
    if np.abs((e * m).sum(1)).max() > 1e-6:
        raise InputError("directions of a published inequality must be orthogonal to its axes, row by row")
    eta = smallest_mean_projection(e)
    middle = np.sqrt(1 - eta**2) * m
    number = len(e)
    zero = np.zeros(2 * number)
    return LeggettInequality(
        coefficients=np.full(2 * number, -1 / number),
        a=np.concatenate([m, m]),
        b=np.concatenate([middle + eta * e, middle - eta * e]),
        alice=zero,
        bob=zero,
        bound=2 - 2 * eta**2,
    )
