"""Whether orthogonal maps are symmetries of a function, so that one domain of the sphere is enough.

A function is given by its terms: rows of two vectors and a weight. A map is a symmetry if it takes the terms to the
terms, in another order. For an even function a term (a, b) is the same as (-a, -b).
"""

from __future__ import annotations

import numpy as np

SAME = 1e-10
"""How far the image of a term may be off from a term; what it is off by is added to what is proved."""

CLOSED = 1e-9
"""How far the product of two maps may be off from a map."""

IDENTITY = np.eye(3)[None]
"""The group of the identity alone."""

VIEW = np.array([0.577, -0.386, 0.221, 0.689, 0.293, -0.471, 0.127])
"""The direction along which rows are sorted. Rows that differ orthogonally to it may be sorted wrongly, and then a
symmetry is refused; nothing else can go wrong. So it is no special direction."""


def sorted_rows(rows: np.ndarray, even: bool) -> np.ndarray:
    """Rows (n, 7) in the order of their components along `VIEW`; for an even function, with signs fixed before that."""
    seen = rows[:, :6] @ VIEW[:6]
    if even:
        rows = np.concatenate([rows[:, :6] * np.where(seen < 0, -1.0, 1.0)[:, None], rows[:, 6:]], axis=1)
        seen = np.abs(seen)
    return rows[np.argsort(seen + rows[:, 6] * VIEW[6], kind="stable")]


def defect(rows: np.ndarray, R: np.ndarray, even: bool) -> float:
    """How far the image of `rows` (n, 7) under R is from `rows`, and R from an orthogonal matrix; NaN where not finite.

    The largest of three numbers: the largest difference of a component of the vectors, the sum of the differences of
    the weights, and the largest component of R R^T - 1. A sum of |x.y| with weights of sum 1 changes under R by at most
    six times as much.
    """
    image = np.concatenate([rows[:, :3] @ R.T, rows[:, 3:6] @ R.T, rows[:, 6:]], axis=1)
    gaps = np.abs(sorted_rows(image, even) - sorted_rows(rows, even))
    # np.max, unlike max, is NaN where one of them is.
    return float(np.max([gaps[:, :6].max(initial=0.0), gaps[:, 6].sum(), np.abs(R @ R.T - np.eye(3)).max()]))


def closed(maps: np.ndarray) -> bool:
    """Whether every R_j^T R_i is one of the maps (n, 3, 3), to `CLOSED`, as it is in a group."""
    products = (maps.transpose(0, 2, 1)[:, None] @ maps[None]).reshape(-1, 1, 9)
    parts = np.array_split(products, len(maps))
    return all(np.abs(part - maps.reshape(-1, 9)).max(2).min(1).max() < CLOSED for part in parts)
