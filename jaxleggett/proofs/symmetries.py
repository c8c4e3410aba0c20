"""Symmetries of an inequality, so that branch and bound has to look at one domain of the sphere only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..inequalities.inequality import LeggettInequality
from .minorant import Terms

if TYPE_CHECKING:
    from .._shapes import Float

SAME = 1e-10
"""How far images of settings may be off for a symmetry to be tried; what they are off by enters the bound."""

CLOSED = 1e-9
"""How far the products of symmetries may be off from one of them."""

MOST_MAPS = 120
"""Largest group of symmetries that is used: that of the icosahedron."""


def count_symmetries(inequality: LeggettInequality) -> int:
    """How many rotations of both parties' settings, that of the identity included, leave `inequality` as it is.

    >>> import numpy as np
    >>> from jaxleggett.inequalities import published
    >>> from jaxleggett.proofs.symmetries import count_symmetries
    >>> count_symmetries(published(np.eye(3), np.roll(np.eye(3), 1, axis=0)))  # the rotations of a tetrahedron
    12
    """
    maps, _ = symmetries(Terms.of(inequality.normalised()[0]))
    return int((np.linalg.det(maps) > 0).sum())


def symmetries(terms: Terms, late: Callable[[], bool] = lambda: False) -> tuple[Float[np.ndarray, "group 3 3"], float]:
    """A group of orthogonal maps R with m(R u, R v) = m(u, v), and by how much the two may differ.

    Candidates take one pair of settings to another with the same numbers; each is kept only if it
    takes every term to a term. Without f and h, m(-u, -v) = m(u, v). Where the maps are too many, or no
    group because some were missed (or `late()`), only these two are used: the domain of others need not meet every
    orbit.
    """
    even = not terms.numbers[:, 1:].any()
    plain = np.array([np.eye(3), -np.eye(3)] if even else [np.eye(3)])
    maps, defect = [np.eye(3)], 0.0
    images = Images(terms, even)
    for R in images.candidates():
        if late() or len(maps) > MOST_MAPS:
            return plain, 0.0
        off = images.defect(R)
        if off < np.inf and np.abs(R - np.array(maps)).max((1, 2)).min() > 1e-6:
            maps.append(R)
            defect = max(defect, off)
    group = np.array(maps)
    if even:
        group = np.concatenate([group, -group])
        group = group[[np.abs(R - group[:i]).max((1, 2)).min(initial=1.0) > 1e-6 for i, R in enumerate(group)]]
    return (plain, 0.0) if len(group) > MOST_MAPS or not closed(group) else (group, defect)


def closed(group: Float[np.ndarray, "group 3 3"]) -> bool:
    """Whether every R_j^T R_i is one of the maps: products and inverses."""
    products = (group.transpose(0, 2, 1)[:, None] @ group[None]).reshape(-1, 9)
    return all(np.abs(product - group.reshape(-1, 9)).max(1).min() < CLOSED for product in products)


class Images:
    """Maps that may take terms to terms, and how well they do.

    `even`: whether m(-u, -v) = m(u, v), so that the image of a term may be the opposite of another. `table` has the
    rows (a_i, b_i, g_i, f_i, h_i), the numbers divided by the largest; `tree` finds the row nearest to an image.
    """

    def __init__(self, terms: Terms, even: bool) -> None:
        from scipy.spatial import KDTree  # pyright: ignore[reportMissingTypeStubs]

        self.terms, self.signs = terms, (1, -1) if even else (1,)
        self.scale = float(np.abs(terms.numbers).max())
        self.table = self._rows(np.eye(3))
        self.tree = KDTree(self.table)

    def _rows(self, R: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "n 9"]:
        """(R a, R b, numbers)."""
        numbers = self.terms.numbers / (self.scale or 1.0)
        return np.concatenate([self.terms.a @ R.T, self.terms.b @ R.T, numbers], axis=1)

    def candidates(self) -> Iterator[np.ndarray]:
        """The maps that take the most orthogonal pair to one like it; none where its settings are parallel."""
        a, b = self.terms.a, self.terms.b
        cosine = (a * b).sum(1)
        first = int(np.argmin(np.abs(cosine)))
        if abs(cosine[first]) > 0.999999:
            return
        alike = np.abs(self.table[:, 6:] - self.table[first, 6:]).max(1) < SAME
        alike &= np.abs(cosine - cosine[first]) < SAME
        inverse = np.linalg.inv(np.stack([a[first], b[first], np.cross(a[first], b[first])], axis=1))
        for j in np.flatnonzero(alike):
            for handed in (1, -1):
                yield np.stack([a[j], b[j], handed * np.cross(a[j], b[j])], axis=1) @ inverse

    def defect(self, R: Float[np.ndarray, "3 3"]) -> float:
        """A bound on |m(R u, R v) - m(u, v)|; infinite where R takes some term to none."""
        skew = float(np.abs(R @ R.T - np.eye(3)).max())
        off, image = np.full(len(self.table), np.inf), np.zeros(len(self.table), int)
        for sign in self.signs:
            rows = self._rows(sign * R)
            near = np.asarray(self.tree.query(rows, p=np.inf)[1])  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            distance = np.abs(rows - self.table[near]).max(1)
            image, off = np.where(distance < off, near, image), np.minimum(distance, off)
        worst = float(off.max())
        if max(worst, skew) > SAME or len(np.unique(image)) < len(image):
            return np.inf
        # With the rounding of what is compared.
        return 48 * (worst + skew + 2.0**-49) * self.scale * len(image)
