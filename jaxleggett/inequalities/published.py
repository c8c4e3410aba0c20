"""Published Leggett inequalities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import InputError
from ..settings import SettingPairs
from .inequality import LeggettInequality

if TYPE_CHECKING:
    from .._shapes import ArrayLike


def smallest_mean_projection(e: ArrayLike) -> float:
    """eta = min over unit v of mean_i |v.e_i|, for at least two different axes `e` of shape (N, 3).

    Between the great circles v.e_i = 0 the mean is linear in v and positive, so it is concave along
    the sphere and least where two of them cross: v along e_i x e_j.

    >>> import numpy as np
    >>> from jaxleggett.inequalities import smallest_mean_projection
    >>> round(smallest_mean_projection(np.eye(3)), 9)  # three orthogonal axes: 1/3, along one of them
    0.333333333
    """
    axes = np.asarray(e, dtype=np.float64)
    i, j = np.triu_indices(len(axes), 1)
    v = np.cross(axes[i], axes[j])
    length = np.linalg.norm(v, axis=1)
    v = v[length > 1e-9] / length[length > 1e-9, None]
    return float(np.abs(v @ axes.T).mean(1).min())


def published(axes: ArrayLike, directions: ArrayLike) -> LeggettInequality:
    """(1/N) sum_i |E(a_i, b_i) + E(a_i, b_i')| <= 2 - 2 eta sin(phi/2), with the bound as published.

    The family of C. Branciard et al., Nat. Phys. 4, 681 (2008): b_i - b_i' points along the `axes` e_i
    (N, 3), and a_i along b_i + b_i', one of the `directions` orthogonal to them. eta is
    `smallest_mean_projection`, and the angle is the best one, sin(phi/2) = eta: then the singlet's
    threshold is sqrt(1 - eta^2). The moduli carry the signs that the singlet gives them. The family
    uses Bob's marginals only; `worst_vectors.bounded_inequality` on the same coefficients is never weaker.
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
