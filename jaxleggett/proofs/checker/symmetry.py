"""Whether orthogonal maps take the terms of a function to its terms, so that one domain of them is enough.

A term is a row: two vectors and a weight. An even function has the term (-a, -b) with (a, b).
"""

from __future__ import annotations

import numpy as np

SAME = 1e-10
"""How far images of terms may be off; what they are off by enters the bound."""

CLOSED = 1e-9
"""How far the products of maps may be off from one of them."""

IDENTITY = np.eye(3)[None]
"""No symmetry but that."""

VIEW = np.array([0.577, -0.386, 0.221, 0.689, 0.293, -0.471, 0.127])
"""The direction along which rows are sorted; none of a symmetric set should be perpendicular to a difference."""


def sorted_rows(rows: np.ndarray, even: bool) -> np.ndarray:
    """Rows (n, 7) in the order of their components along `VIEW`; of an even function, with a sign first."""
    seen = rows[:, :6] @ VIEW[:6]
    if even:
        rows = np.concatenate([rows[:, :6] * np.where(seen < 0, -1.0, 1.0)[:, None], rows[:, 6:]], axis=1)
        seen = np.abs(seen)
    return rows[np.argsort(seen + rows[:, 6] * VIEW[6], kind="stable")]


def defect(rows: np.ndarray, R: np.ndarray, even: bool) -> float:
    """How far the image of `rows` under R is from them: of the vectors the worst component, of the weights the sum.

    With how far R is from orthogonal. A sum of |x.y| with weights of sum 1 changes by at most six times as much.
    """
    image = np.concatenate([rows[:, :3] @ R.T, rows[:, 3:6] @ R.T, rows[:, 6:]], axis=1)
    gaps = np.abs(sorted_rows(image, even) - sorted_rows(rows, even))
    return float(max(gaps[:, :6].max(initial=0.0), gaps[:, 6].sum(), np.abs(R @ R.T - np.eye(3)).max()))


def closed(maps: np.ndarray) -> bool:
    """Whether every R_j^T R_i is one of the maps (n, 3, 3): the identity, products and inverses."""
    products = (maps.transpose(0, 2, 1)[:, None] @ maps[None]).reshape(-1, 1, 9)
    parts = np.array_split(products, len(maps))
    return all(np.abs(part - maps.reshape(-1, 9)).max(2).min(1).max() < CLOSED for part in parts)
