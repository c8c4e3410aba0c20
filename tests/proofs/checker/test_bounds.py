"""The two functions that are bounded on boxes, against brute force that shares no code with them."""

import numpy as np
import oracles
import pytest
from scipy.spatial.transform import Rotation

from jaxleggett.proofs.checker import above, below
from jaxleggett.proofs.checker.cells import HALF, QUARTER, SPHERE, cut, opened
from jaxleggett.proofs.checker.search import bounded

TURNS = Rotation.from_rotvec([[0, 0, (k + 0.5) * 2 * np.pi / 4000] for k in range(4000)]).as_matrix()


def _points(rng, number):
    return np.concatenate([oracles.unit(rng, number), oracles.unit(rng, number)], axis=1)


def _mean(x, w, y, axial):
    """sum w |x.y| for y (n, 6); averaged over turns about z, one by one, and the mirror."""
    if not axial:
        return np.abs(y @ x.T) @ w
    total = np.zeros(len(y))
    for R in (*TURNS, *(TURNS @ np.diag([1, -1, 1]))):
        turned = np.concatenate([x[:, :3] @ R.T, x[:, 3:] @ R.T], axis=1)
        total += np.abs(y @ turned.T) @ w / (2 * len(TURNS))
    return total


def _boxes(rng, roots, second, number, cuts):
    """Random pairs of cells, cut so often in random directions."""
    a, b = roots[rng.integers(len(roots), size=number)], second[rng.integers(len(second), size=number)]
    for _ in range(cuts):
        column = np.where(a[:, 2] < 0, 3, np.where(a[:, 4] < 0, 1, rng.choice([1, 3], size=number)))
        a = cut(a, column)[rng.integers(2, size=number) + 2 * np.arange(number)]
        b = cut(b, rng.choice([1, 3], size=number))[rng.integers(2, size=number) + 2 * np.arange(number)]
    return opened(a), opened(b)


def _inside(rng, cells, number):
    """Random unit vectors of each cell (number, n, 3), corners among them."""
    shares = rng.dirichlet(np.full(cells.corners.shape[1], 0.5), size=(number, len(cells.corners)))
    shares[0], shares[1] = np.eye(shares.shape[2])[0], np.eye(shares.shape[2])[-1]
    points = (shares[..., None] * cells.corners).sum(2)
    return points / np.linalg.norm(points, axis=2, keepdims=True)


@pytest.mark.parametrize("axial", [False, True])
@pytest.mark.parametrize("cuts", [1, 4, 9])
def test_boxes_of_what_an_inequality_leaves_over(axial, cuts, rng):
    y, w = _points(rng, 8), rng.uniform(0.2, 1, 8)
    F = np.array([0, 0, 0.3, 0, 0, -0.2]) if axial else 0.3 * rng.normal(size=6)
    kind = above.AxialLeftOver if axial else above.LeftOver
    problem = kind(y, w, F, float(w.sum() + np.abs(F).sum()))
    a, b = _boxes(rng, problem.first, problem.second, 12, cuts)
    found, values, places = problem.bounds(a, b)
    x = np.concatenate([_inside(rng, a, 60), _inside(rng, b, 60)], axis=2)
    exact = x @ F - _mean(y, w, x.reshape(-1, 6), axial).reshape(60, 12)
    # 4000 turns are right to 1e-7.
    assert (exact <= found + 1e-6 * axial).all()
    assert (found <= exact.max(0) + 4 * 2.0 ** (-cuts / 2) * w.sum()).all()
    np.testing.assert_allclose(
        values, places.reshape(-1, 6) @ F - _mean(y, w, places.reshape(-1, 6), axial), atol=1e-6 if axial else 1e-12
    )


@pytest.mark.parametrize("widths", [(1e-12,), (-1.0,), (np.nan,), (1e9,)])
@pytest.mark.parametrize("axial", [False, True])
def test_bounds_hold_whatever_the_signs_are(widths, axial, rng, monkeypatch):
    monkeypatch.setattr(above, "WIDTHS", widths)
    y, w = _points(rng, 6), rng.uniform(0.2, 1, 6)
    problem = (above.AxialLeftOver if axial else above.LeftOver)(y, w, np.zeros(6), float(w.sum()))
    a, b = _boxes(rng, problem.first, problem.second, 12, 5)
    found, _, _ = problem.bounds(a, b)
    x = np.concatenate([_inside(rng, a, 30), _inside(rng, b, 30)], axis=2)
    exact = -_mean(y, w, x.reshape(-1, 6), axial).reshape(30, 12)
    assert not (exact > found + 1e-6 * axial).any()


@pytest.mark.parametrize("axial", [False, True])
@pytest.mark.parametrize("cuts", [1, 4, 9])
def test_boxes_of_the_excess_of_a_model(axial, cuts, rng):
    x, w = _points(rng, 5), rng.dirichlet(np.ones(5))
    S = np.diag([0.8, 0.8, 1.0]) if axial else rng.normal(size=(3, 3)) / 3
    kind = below.AxialExcess if axial else below.Excess
    problem = kind(x, w, S, 0.9)
    a, b = _boxes(rng, problem.first, problem.second, 12, cuts)
    found, values, places = problem.bounds(a, b)
    y = np.concatenate([_inside(rng, a, 60), _inside(rng, b, 60)], axis=2).reshape(-1, 6)
    exact = _mean(x, w, y, axial) - 1 - 0.9 * np.einsum("ni,ij,nj->n", y[:, :3], S, y[:, 3:])
    exact = exact.reshape(60, 12)
    assert (exact <= found + 1e-6 * axial).all()
    # The loss is of second order: a quarter for each two cuts.
    assert (found <= exact.max(0) + 60 * 4.0 ** (-cuts / 2)).all()
    y = places.reshape(-1, 6)
    exact = _mean(x, w, y, axial) - 1 - 0.9 * np.einsum("ni,ij,nj->n", y[:, :3], S, y[:, 3:])
    np.testing.assert_allclose(values, exact, atol=1e-6 if axial else 1e-12)


@pytest.mark.parametrize("centres", [0, 1, 12])
def test_the_majorant_holds_for_any_centres(centres, rng, monkeypatch):
    monkeypatch.setattr(below, "STEPS", max(centres, 1))
    x, w = _points(rng, 3), rng.dirichlet(np.ones(3))
    problem = below.Excess(x, w, np.eye(3), 0.9)
    a, b = _boxes(rng, SPHERE, SPHERE, 30, 2)
    found, _, _ = problem.bounds(a, b)
    y = np.concatenate([_inside(rng, a, 200), _inside(rng, b, 200)], axis=2).reshape(-1, 6)
    exact = (_mean(x, w, y, False) - 1 - 0.9 * (y[:, :3] * y[:, 3:]).sum(1)).reshape(200, 30)
    assert (exact <= found).all()


@pytest.mark.parametrize(("first", "second"), [(1, 9), (9, 1), (2, 4)])
def test_the_majorant_is_the_same_with_the_parties_exchanged(first, second, rng):
    """One cell of a box is much wider than the other, so that one of the two cases of (M) decides."""
    x, w = _points(rng, 3), rng.dirichlet(np.ones(3))
    S = rng.normal(size=(3, 3)) / 3
    a, b = (_boxes(rng, SPHERE, SPHERE, 30, cuts)[0] for cuts in (first, second))
    found, values, places = below.Excess(x, w, S, 0.9).bounds(a, b)
    exchanged = below.Excess(np.roll(x, 3, axis=1), w, S.T, 0.9).bounds(b, a)
    np.testing.assert_allclose(exchanged[0], found, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(exchanged[1], values, atol=1e-14)
    np.testing.assert_array_equal(exchanged[2][:, ::-1], places)
    y = np.concatenate([_inside(rng, a, 200), _inside(rng, b, 200)], axis=2).reshape(-1, 6)
    exact = _mean(x, w, y, False) - 1 - 0.9 * np.einsum("ni,ij,nj->n", y[:, :3], S, y[:, 3:])
    assert (exact.reshape(200, 30) <= found).all()


def test_searches_end_proved_refuted_or_given_up(rng):
    problem = below.Excess(_points(rng, 4), np.full(4, 0.25), np.eye(3), 0.8)
    whole = bounded(problem, tolerance=1e-3)
    assert whole.outcome == "proved"
    assert whole.reached <= whole.bound <= whole.reached + 1e-3 + 1e-12
    assert bounded(problem, target=whole.bound).outcome == "proved"
    refuted = bounded(problem, target=whole.reached - 1e-6)
    assert refuted.outcome == "refuted"
    y = refuted.place.reshape(1, 6)
    assert _mean(problem.x, problem.w, y, False) - 1 - 0.8 * (y[:, :3] @ y[0, 3:]) > whole.reached - 1e-6
    stopped = bounded(problem, tolerance=1e-9, late=lambda: True)
    assert stopped.outcome == "out of time"
    assert stopped.bound >= whole.reached


class _Recorded:
    """A problem whose boxes are cut until they are small, and kept then."""

    trivial, work = 1.0, 1000

    def __init__(self, problem):
        self.first, self.second, self.maps = problem.first, problem.second, problem.maps
        self.a, self.b = [], []

    def bounds(self, a, b):
        wide = np.minimum(a.narrowness, b.narrowness) < 0.97
        self.a.append(a.corners[~wide])
        self.b.append(b.corners[~wide])
        return np.where(wide, 1.0, -1.0), np.full(len(wide), -2.0), np.zeros((len(wide), 2, 3))


def _holds(corners, points):
    """Whether each cell (n, 4, 3) or (n, 2, 3) holds each point (m, 3), (m, n): by the planes through its edges."""
    if corners.shape[1] == 2:
        across = np.cross(corners[:, 0], corners[:, 1])
        planes = np.stack([np.cross(across, corners[:, 0]), np.cross(corners[:, 1], across), across, -across], axis=1)
    else:
        ring = corners[:, [0, 1, 3, 2]]
        planes = np.cross(ring, np.roll(ring, -1, axis=1))
        planes *= np.sign((planes * ring.mean(1)[:, None]).sum(2))[..., None]
    return (np.einsum("nkc,mc->mnk", planes, points) > -1e-12).all(2)


@pytest.mark.parametrize("case", ["inversion", "octant", "one", "icosahedron", "axis", "axis with F", "excess, axis"])
def test_boxes_hold_an_image_of_every_pair_of_vectors(case, rng):
    signs = np.array(np.meshgrid([1.0, -1], [1.0, -1], [1.0, -1])).reshape(3, -1).T
    maps = {
        "inversion": np.stack([np.eye(3), -np.eye(3)]),
        "octant": np.array([np.diag(sign) for sign in signs]),
        "icosahedron": Rotation.create_group("I").as_matrix(),
    }.get(case, np.eye(3)[None])
    x, w = _points(rng, 2), np.full(2, 0.5)
    problem = {
        "axis": above.AxialLeftOver(x, w, np.zeros(6), 1.0),
        "axis with F": above.AxialLeftOver(x, w, np.array([0, 0, 0.1, 0, 0, 0]), 1.0),
        "excess, axis": below.AxialExcess(x, w, np.eye(3), 0.9),
        "one": above.LeftOver(x, w, np.zeros(6), 1.0),
    }.get(case, below.Excess(x, w, np.eye(3), 0.9, maps))
    recorded = _Recorded(problem)
    bounded(recorded, target=0.0)
    a, b = np.concatenate(recorded.a), np.concatenate(recorded.b)
    y = _points(rng, 60).reshape(-1, 2, 3)
    if "axis" in case:
        y = np.concatenate([y, -y]) if case != "axis with F" else y
        turns = [Rotation.from_rotvec([0, 0, -np.arctan2(*pair[0, 1::-1])]).as_matrix() for pair in y]
        y = np.einsum("nij,nkj->nki", turns, y)
        y[:, 0, 1] = 0
        images = np.concatenate([y, y * [1, -1, 1]])
    else:
        images = np.concatenate([y @ R.T for R in maps])
    held = (_holds(a, images[:, 0]) & _holds(b, images[:, 1])).any(1).reshape(-1, 60)
    assert held.any(0).all()


def test_the_domain_of_an_axis_is_enough(rng):
    """The largest excess over the quarter meridian and the half sphere is that over all settings."""
    x, w = _points(rng, 3), rng.dirichlet(np.ones(3))
    problem = below.AxialExcess(x, w, np.diag([0.7, 0.7, 1.0]), 0.9)
    found = bounded(problem, tolerance=1e-2)
    y = _points(rng, 4000)
    exact = _mean(x, w, y, True) - 1 - 0.9 * (y[:, :3] * [0.7, 0.7, 1] * y[:, 3:]).sum(1)
    assert exact.max() <= found.bound + 1e-6
    at = _mean(x, w, found.place.reshape(1, 6), True) - 1 - 0.9 * (found.place[0] * [0.7, 0.7, 1]) @ found.place[1]
    assert at[0] == pytest.approx(found.reached, abs=1e-6)
    assert len(QUARTER) + len(HALF) == 7
