"""The symmetries of an inequality, so that branch and bound has to cover only one domain of the sphere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..inequalities.inequality import LeggettInequality
from .checker.claims import MOST_MAPS, Inequality
from .checker.symmetry import SAME, closed, defect

if TYPE_CHECKING:
    from .._shapes import Float


def count_symmetries(inequality: LeggettInequality) -> int:
    """How many rotations of all settings leave `inequality` as it is, the identity included; 1 where not all are found.

    Not all are found where they are more than `MOST_MAPS`, or where no pair of settings fixes them.

    >>> import numpy as np
    >>> from jaxleggett.inequalities import published
    >>> from jaxleggett.proofs.symmetries import count_symmetries
    >>> count_symmetries(published(np.eye(3), np.roll(np.eye(3), 1, axis=0)))  # the rotations of a tetrahedron
    12
    """
    i, _ = inequality.normalised()
    claim = with_symmetries(Inequality.of(i.coefficients, i.a, i.b, i.alice, i.bob))
    maps = claim.maps if claim.F.any() else np.concatenate([claim.maps, -claim.maps])
    return int((np.linalg.det(maps) > 0).sum())


def with_symmetries(claim: Inequality, late: Callable[[], bool] = lambda: False) -> Inequality:
    """The inequality with a group of orthogonal maps that leave it as it is; without F, R and -R count as one.

    Candidates take one pair of settings to another with the same weight. A candidate is kept if it takes every term to
    a term, and F to F. If there are more than `MOST_MAPS` maps, if they are no group because some were missed, or if
    time is up (`late()`), the inequality is returned as it was.
    """
    even = not claim.F.any()
    F, scale = claim.F.reshape(2, 3), claim.scale or 1.0
    rows = np.concatenate([claim.y, claim.w[:, None] / (claim.w.max(initial=0.0) or 1.0)], axis=1)
    maps = [np.eye(3)]
    for R in _candidates(rows):
        if late() or len(maps) > MOST_MAPS:
            return claim
        known = np.array([*maps, *(-S for S in maps)] if even else maps)
        new = np.abs(R - known).max((1, 2)).min() > 1e-6
        if new and defect(rows, R, even) < SAME and np.abs(F @ R.T - F).max() < SAME * scale:
            maps.append(R)
    group = np.array(maps)
    whole = len(group) <= MOST_MAPS and closed(np.concatenate([group, -group]) if even else group)
    return replace(claim, maps=group) if whole else claim


def _candidates(rows: Float[np.ndarray, "n 7"]) -> Iterator[np.ndarray]:
    """The maps that take one pair of settings to another with the same weight and angle, for rows (n, 7) of terms.

    That pair is the one whose angle is closest to a right angle; there are no candidates where it is nearly parallel.
    For an even function the image of a term may also be the opposite of a term; that map is -1 times one of these.
    """
    if not len(rows):
        return
    a, b, weights = rows[:, :3], rows[:, 3:6], rows[:, 6]
    cosine = (a * b).sum(1)
    first = int(np.argmin(np.abs(cosine)))
    if abs(cosine[first]) > 0.999999:
        return
    alike = (np.abs(weights - weights[first]) < SAME) & (np.abs(cosine - cosine[first]) < SAME)
    inverse = np.linalg.inv(np.stack([a[first], b[first], np.cross(a[first], b[first])], axis=1))
    for j in np.flatnonzero(alike):
        for handed in (1, -1):
            yield np.stack([a[j], b[j], handed * np.cross(a[j], b[j])], axis=1) @ inverse
