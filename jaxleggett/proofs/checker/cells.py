"""Cells of the sphere S^2: rectangles on the faces of a cube, seen from its middle.

A cell is a row (face, i, k, j, l) of integers. On its face, +x, +y, +z, -x, -y or -z, it is the set of directions
(1, p, q), the first component along the face's axis and the others along the next two in the order x, y, z, with

    -1 + 2 i / 2^k <= p <= -1 + 2 (i + 1) / 2^k,      -1 + 2 j / 2^l <= q <= -1 + 2 (j + 1) / 2^l;

a level k or l of `THIN` stands for p = 0 or q = 0 alone. These numbers are exact, so cells have no gaps: the cells that
a face is cut into cover it. A direction in a cell is a combination of those of its corners with weights >= 0, so a unit
vector of the cell is s times an average of its unit corners, 1 <= s <= 1 / `narrowness`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

THIN = -1
"""The level that marks a coordinate which is 0 in the whole cell."""

SPHERE = np.array([[face, 0, 0, 0, 0] for face in range(6)])
"""The whole sphere."""

HALF = np.array([[0, 1, 1, 0, 0], [3, 1, 1, 0, 0], [1, 0, 0, 0, 0], [2, 0, 0, 1, 1], [5, 0, 0, 1, 1]])
"""The half of the sphere with y >= 0."""

MERIDIAN = np.array([[0, 0, THIN, 0, 0], [2, 1, 1, 0, THIN], [5, 1, 1, 0, THIN]])
"""The half circle y = 0, x >= 0."""

QUARTER = np.array([[0, 0, THIN, 1, 1], [2, 1, 1, 0, THIN]])
"""The quarter circle y = 0, x >= 0, z >= 0."""

ROUNDING = 2.0**-49
"""More than the rounding error of the `narrowness` of a cell before this is subtracted."""


class Cells(NamedTuple):
    """The geometry of n cells: unit vectors `corners` (n, 4, 3), or (n, 2, 3) for thin cells, and `centres` (n, 3).

    `narrowness` (n,) is a lower bound on the length of every average of a cell's corners; it is close to 1 for a small
    cell.
    """

    corners: np.ndarray
    centres: np.ndarray
    narrowness: np.ndarray


def edges(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The smallest and the largest p, and the smallest and the largest q, of cells (n, 5): four arrays (n,)."""
    numbers = cells.astype(float)
    return *_interval(numbers[:, 1], numbers[:, 2]), *_interval(numbers[:, 3], numbers[:, 4])


def _interval(number: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    width = 2.0 ** (1 - level)
    return np.where(level == THIN, 0.0, number * width - 1), np.where(level == THIN, 0.0, (number + 1) * width - 1)


def directions(face: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The unit vectors (n, 3) along (1, p, q) on the given faces; `face`, `p` and `q` are (n,)."""
    length = np.sqrt(1 + p * p + q * q)
    local = np.stack([np.where(face < 3, 1.0, -1.0) / length, p / length, q / length], axis=1)
    return np.take_along_axis(local, (np.arange(3) - face[:, None]) % 3, axis=1)


def opened(cells: np.ndarray) -> Cells:
    """The geometry of cells (n, 5), which are either all thin or none of them.

    Corners are in the order 00, 01, 10, 11, where 0 and 1 stand for the smallest and the largest p, then q.
    """
    face = cells[:, 0]
    p0, p1, q0, q1 = edges(cells)
    corners = np.stack([directions(face, p, q) for p in (p0, p1) for q in (q0, q1)], axis=1)
    if (cells[:, [2, 4]] == THIN).any():
        ends = np.where(cells[:, [2]] == THIN, [[0, 1]], [[0, 2]])
        corners = np.take_along_axis(corners, ends[:, :, None], axis=1)
    centres = directions(face, (p0 + p1) / 2, (q0 + q1) / 2)
    narrowness = (corners @ centres[:, :, None])[:, :, 0].min(1) - ROUNDING
    return Cells(corners, centres, narrowness)


def cut(cells: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Both halves of each row, one after the other: (2 n, m) for rows (n, m) that are cells, or boxes of two cells.

    `column` (n,) is the place in the row of the coordinate that is cut: 1 for p, 3 for q; 6, 8 in a box's second cell.
    """
    halves, column = np.repeat(cells, 2, axis=0), np.repeat(column, 2)
    rows = np.arange(len(halves))
    halves[rows, column] = 2 * halves[rows, column] + rows % 2
    halves[rows, column + 1] += 1
    return halves


def lengths(cells: Cells) -> np.ndarray:
    """The squared lengths (n, 2) of cells along p and q; for thin cells (n, 1), along the coordinate that they have."""
    first = cells.corners[:, :1]
    others = cells.corners[:, 1:2] if cells.corners.shape[1] == 2 else cells.corners[:, [2, 1]]
    return ((others - first) ** 2).sum(2)
