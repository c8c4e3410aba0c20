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
"""The level of a coordinate that is 0 throughout the cell."""

SPHERE = np.array([[face, 0, 0, 0, 0] for face in range(6)])
"""The whole sphere."""

HALF = np.array([[0, 1, 1, 0, 0], [3, 1, 1, 0, 0], [1, 0, 0, 0, 0], [2, 0, 0, 1, 1], [5, 0, 0, 1, 1]])
"""The half with y >= 0."""

MERIDIAN = np.array([[0, 0, THIN, 0, 0], [2, 1, 1, 0, THIN], [5, 1, 1, 0, THIN]])
"""The half circle y = 0, x >= 0."""

QUARTER = np.array([[0, 0, THIN, 1, 1], [2, 1, 1, 0, THIN]])
"""Of that, the quarter with z >= 0."""

ROUNDING = 2.0**-49
"""More than what `narrowness` is off by."""


class Cells(NamedTuple):
    """What is used of n cells: `corners` (n, 4, 3), or (n, 2, 3) of thin ones, unit vectors; `centres` (n, 3).

    `narrowness` (n,) is a lower bound on the length of every average of the corners of a cell, 1 for a point.
    """

    corners: np.ndarray
    centres: np.ndarray
    narrowness: np.ndarray


def edges(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The least and the largest p, and the least and the largest q, of cells (n, 5)."""
    numbers = cells.astype(float)
    return *_interval(numbers[:, 1], numbers[:, 2]), *_interval(numbers[:, 3], numbers[:, 4])


def _interval(number: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    width = 2.0 ** (1 - level)
    return np.where(level == THIN, 0.0, number * width - 1), np.where(level == THIN, 0.0, (number + 1) * width - 1)


def directions(face: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The unit vectors (n, 3) along (1, p, q) of the faces."""
    length = np.sqrt(1 + p * p + q * q)
    local = np.stack([np.where(face < 3, 1.0, -1.0) / length, p / length, q / length], axis=1)
    return np.take_along_axis(local, (np.arange(3) - face[:, None]) % 3, axis=1)


def opened(cells: np.ndarray) -> Cells:
    """The corners of cells (n, 5), of which either all are thin or none; in the order p, q: 00, 01, 10, 11."""
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
    """Both halves of each cell (n, 5), cut along p (`column` 1) or q (3): (2 n, 5), the halves of one side by side."""
    halves, column = np.repeat(cells, 2, axis=0), np.repeat(column, 2)
    rows = np.arange(len(halves))
    halves[rows, column] = 2 * halves[rows, column] + rows % 2
    halves[rows, column + 1] += 1
    return halves


def lengths(cells: Cells) -> np.ndarray:
    """The squared lengths (n, 2) of cells along p and q; of thin ones, (n, 1) along what they have."""
    first = cells.corners[:, :1]
    others = cells.corners[:, 1:2] if cells.corners.shape[1] == 2 else cells.corners[:, [2, 1]]
    return ((others - first) ** 2).sum(2)
