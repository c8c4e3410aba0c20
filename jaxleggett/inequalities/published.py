"""Published Leggett inequalities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import InputError, unit_vectors
from ..settings import SettingPairs
from .inequality import LeggettInequality

if TYPE_CHECKING:
    from .._shapes import ArrayLike


def smallest_mean_projection(e: ArrayLike) -> float:
    """eta = min over unit v of mean_i |v.e_i|, for axes `e`, unit vectors of shape (N, 3).

    Between the great circles v.e_i = 0 the mean is linear in v and positive, so it is concave along
    the sphere and least where two of them cross: v along e_i x e_j. Where all axes are parallel, it is 0.
    Raises InputError for axes that are no unit vectors.

    >>> import numpy as np
    >>> from jaxleggett.inequalities import smallest_mean_projection
    >>> round(smallest_mean_projection(np.eye(3)), 9)  # three orthogonal axes: 1/3, along one of them
    0.333333333
    """
    axes = unit_vectors("axes", e)
    i, j = np.triu_indices(len(axes), 1)
    v = np.cross(axes[i], axes[j])
    length = np.linalg.norm(v, axis=1)
    v = v[length > 1e-9] / length[length > 1e-9, None]
    return float(np.abs(v @ axes.T).mean(1).min()) if len(v) else 0.0


def published(axes: ArrayLike, directions: ArrayLike) -> LeggettInequality:
    """(1/N) sum_i |E(a_i, b_i) + E(a_i, b_i')| <= 2 - 2 eta sin(phi/2), with the bound as published.

    The family of C. Branciard et al., Nat. Phys. 4, 681 (2008). The settings of Bob differ by b_i - b_i' along
    row i of `axes` (N, 3), which is e_i; the setting a_i of Alice points along b_i + b_i', which is row i of
    `directions` (N, 3) and orthogonal to e_i. eta is `smallest_mean_projection`. The angle phi between b_i and b_i'
    is the best one, sin(phi/2) = eta; then the singlet's threshold is sqrt(1 - eta^2). What is returned has the
    2 N pairs (a_i, b_i), then (a_i, b_i'), with coefficients -1/N: each modulus is written with the sign that it
    has for the singlet. The published bound uses Bob's marginals only, so the bound that
    `worst_vectors.bounded_inequality` finds for the same coefficients is never weaker.
    Raises InputError for axes or directions that are no unit vectors, or not orthogonal row by row.

    >>> import numpy as np
    >>> import jaxleggett as jl
    >>> from jaxleggett.inequalities import published
    >>> three = published(np.eye(3), np.roll(np.eye(3), 1, axis=0))
    >>> round(three.threshold(jl.werner()), 6)  # sqrt(8)/3
    0.942809
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
