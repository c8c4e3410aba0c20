"""Cells cover the sphere without gaps, and narrowness bounds averages of their corners."""

import numpy as np
import oracles
import pytest

from jaxleggett.proofs.checker import cells
from jaxleggett.proofs.checker.cells import HALF, MERIDIAN, QUARTER, SPHERE, cut, opened


def _some(rng, roots, cuts=5, number=60):
    """Random descendants of the roots."""
    found = roots[rng.integers(len(roots), size=number)]
    for _ in range(rng.integers(cuts) + 1):
        thin_p = found[:, 2] == cells.THIN
        thin_q = found[:, 4] == cells.THIN
        column = np.where(thin_p, 3, np.where(thin_q, 1, rng.choice([1, 3], size=len(found))))
        found = cut(found, column)[rng.integers(2, size=len(found)) + 2 * np.arange(len(found))]
    return found


def _holds(points, roots):
    """Whether each point lies in some of the cells: a combination of its corners with weights >= 0."""
    inside = np.zeros(len(points), bool)
    for corners in opened(roots).corners:
        n = corners.mean(0)
        hull = corners if len(corners) == 2 else corners[[0, 1, 3, 2]]
        sides = np.cross(hull, np.roll(hull, -1, axis=0))
        if len(corners) == 2:
            flat = np.abs(points @ np.cross(*corners)) < 1e-12
            inside |= flat & (points @ n >= corners @ n @ [0.5, 0.5] - 1e-12)
        else:
            sides *= np.sign(sides @ n)[:, None]
            inside |= (points @ sides.T >= -1e-12).all(1)
    return inside


@pytest.mark.parametrize(("roots", "thin"), [(SPHERE, False), (HALF, False), (MERIDIAN, True), (QUARTER, True)])
def test_regions_are_what_they_are_called(roots, thin, rng):
    points = oracles.unit(rng, 2000)
    if thin:
        points[:, 1] = 0
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    wanted = {
        id(SPHERE): np.ones(len(points), bool),
        id(HALF): points[:, 1] >= 0,
        id(MERIDIAN): points[:, 0] >= 0,
        id(QUARTER): (points[:, 0] >= 0) & (points[:, 2] >= 0),
    }[id(roots)]
    np.testing.assert_array_equal(_holds(points, roots), wanted)


@pytest.mark.parametrize("roots", [SPHERE, QUARTER])
def test_halves_cover_their_cell_and_meet_in_corners(roots, rng):
    found = _some(rng, roots)
    column = np.where(found[:, 2] == cells.THIN, 3, 1)
    whole, halves = opened(found).corners, opened(cut(found, column)).corners.reshape(len(found), 2, -1, 3)
    # The same doubles, so that a corner is one point for all cells that share it.
    first, last = (0, 1) if whole.shape[1] == 2 else (0, 2)
    np.testing.assert_array_equal(halves[:, 0, first], whole[:, first])
    wide = column == 1
    np.testing.assert_array_equal(halves[wide, 1, -1], whole[wide, -1])
    np.testing.assert_array_equal(halves[wide, 0, last], halves[wide, 1, first])


@pytest.mark.parametrize("roots", [SPHERE, QUARTER])
def test_narrowness_bounds_every_average_of_corners(roots, rng):
    found = opened(_some(rng, roots))
    shares = rng.dirichlet(np.full(found.corners.shape[1], 0.3), size=(200, len(found.corners)))
    lengths = np.linalg.norm((shares[..., None] * found.corners).sum(2), axis=2)
    assert (lengths >= found.narrowness).all()
    # And it is no weaker than the square of what a cap would give.
    assert (found.narrowness >= 2 * lengths.min(0) - 1.01).all()
