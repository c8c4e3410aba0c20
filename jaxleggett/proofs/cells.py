"""Cells of the sphere S^2, and boxes, which are pairs of them: what branch and bound cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._doubles import unit

if TYPE_CHECKING:
    from .._shapes import Bool, Float, Int

GENERIC = np.array([0.61, 0.35, 0.71]) / np.linalg.norm([0.61, 0.35, 0.71])
"""A point that no small group of symmetries keeps: its domain is used."""

MOVED = 0.01
"""How far a symmetry has to move that point to be of use: the domain's edge is then known to 3 CLOSED / MOVED."""


class Cells:
    """Cells of S^2: the six faces of a cube, cut by great circles; boxes are pairs of cells.

    A cell is a row (face, i, j, level) of integers: on its face it lies between the angles i and i + 1, j and j + 1,
    times 90 degrees / 2^level, less 45. A box is a row of eight: the cell of u and the cell of v.

    `maps` are the symmetries of the inequality, a group of orthogonal matrices: only cells of u that may meet one
    domain of the group are kept. Invariant: every orbit of pairs (u, v) meets a box of `first`, and every pair in a
    box and in the domain is in one of the parts that `split` makes of it.
    """

    START = 2
    """Level of the coarse cells: 16 on each face."""

    def __init__(self, maps: Float[np.ndarray, "group 3 3"]) -> None:
        self.maps = maps

    def first(self) -> Int[np.ndarray, "boxes 8"]:
        """All pairs of coarse cells, but for those of u that lie outside the domain."""
        side = np.arange(2**self.START)
        cells = np.stack(np.meshgrid(np.arange(6), side, side, [self.START], indexing="ij"), -1).reshape(-1, 4)
        inside = cells[self.kept(cells)]
        return np.concatenate([np.repeat(inside, len(cells), 0), np.tile(cells, (len(inside), 1))], axis=1)

    def split(
        self, boxes: Int[np.ndarray, "boxes 8"], bounds: Float[np.ndarray, "boxes"]
    ) -> tuple[Int[np.ndarray, "parts 8"], Float[np.ndarray, "parts"]]:
        """Each box cut in four along the coarser of its cells; the parts inherit its bound."""
        parts, bounds = np.repeat(boxes, 4, axis=0), np.repeat(bounds, 4)
        cell = np.where(parts[:, 3] <= parts[:, 7], 0, 4)
        rows, quarter = np.arange(len(parts)), np.tile(np.arange(4), len(boxes))
        parts[rows, cell + 1] = 2 * parts[rows, cell + 1] + quarter // 2
        parts[rows, cell + 2] = 2 * parts[rows, cell + 2] + quarter % 2
        parts[rows, cell + 3] += 1
        kept = (cell == 4) | self.kept(parts[:, :4])
        return parts[kept], bounds[kept]

    def caps(self, cells: Int[np.ndarray, "n 4"]) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n"]]:
        """Centres and radii of caps that hold the cells: their corners are farthest from the centre."""
        face, i, j, level = cells.T
        width = np.pi / 2 / 2.0**level
        corners = np.stack(
            [on_cube(face, (i + x) * width - np.pi / 4, (j + y) * width - np.pi / 4) for x in (0, 1) for y in (0, 1)]
        )
        centre = unit(corners.sum(0))
        # Half the chord keeps its digits where the angle is small.
        chord = np.linalg.norm(corners - centre, axis=2).max(0)
        return centre, 2 * np.arcsin(chord / 2) * (1 + 1e-9) + 1e-12

    def kept(self, cells: Int[np.ndarray, "n 4"]) -> Bool[np.ndarray, "n"]:
        """Whether cells of u may meet {u : u.p >= u.(R p) for every symmetry R}, which every orbit meets."""
        centre, radius = self.caps(cells)
        outside = np.zeros(len(cells), bool)
        for away in self.maps @ GENERIC - GENERIC:
            length = np.linalg.norm(away)
            if length > MOVED:
                angle = np.arccos(np.clip(centre @ away / length, -1, 1))
                outside |= angle + radius < np.pi / 2 - 1e-6
        return ~outside


def on_cube(
    face: Int[np.ndarray, "n"], s: Float[np.ndarray, "n"], t: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n 3"]:
    """The unit vectors at angles s, t of the faces 0 to 5: +x, +y, +z, -x, -y, -z."""
    local = np.stack([np.where(face < 3, 1.0, -1.0), np.tan(s), np.tan(t)], axis=1)
    local = np.take_along_axis(local, (np.arange(3)[None] - face[:, None]) % 3, axis=1)
    return unit(local)
