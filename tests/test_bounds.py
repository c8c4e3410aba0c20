"""Certified bounds against values that are reached, closed forms, and symmetries used where there are none."""

import jax
import numpy as np
import oracles
import pytest
from scipy.spatial.transform import Rotation

import jaxleggett as jl
from jaxleggett import bounds
from jaxleggett.bounds import enclose
from jaxleggett.inequality import LeggettInequality, published
from jaxleggett.pricing import search
from jaxleggett.sphere import icosahedron_axes
from jaxleggett.twirl import CRITICAL_ANGLE

RNG = np.random.default_rng(8)


def _inequality(g, a, b, f=0.0, h=0.0):
    zero = np.zeros(len(g))
    return LeggettInequality(g, a, b, f + zero, h + zero, bound=0.0)


def _orbit(name):
    """The rotations of a group applied to one pair at the critical angle: v = -u is a flat valley."""
    R = Rotation.create_group(name).as_matrix()
    a, n = np.linalg.qr(RNG.normal(size=(3, 2)))[0].T
    b = np.cos(CRITICAL_ANGLE) * a + np.sin(CRITICAL_ANGLE) * n
    return _inequality(-np.ones(len(R)), R @ a, R @ b)


def _random(number, marginals):
    g, f, h = RNG.normal(size=(3, number))
    return _inequality(g, oracles.unit(RNG, number), oracles.unit(RNG, number), marginals * f, marginals * h)


def _icosahedral():
    axes = icosahedron_axes()
    across = np.cross(axes, np.roll(axes, 1, axis=0) + 0.1 * np.array([3, 1, 2]))
    return published(axes, across / np.linalg.norm(across, axis=1, keepdims=True))


CASES = {
    "three axes": lambda: published(np.eye(3), np.eye(3)[[1, 2, 0]]),
    "icosahedral": _icosahedral,
    "octahedral orbit": lambda: _orbit("O"),
    "icosahedral orbit": lambda: _orbit("I"),
    "random": lambda: _random(20, 0.0),
    "random with marginals": lambda: _random(30, 0.1),
    "strong marginals": lambda: _random(6, 2.0),
}


SLOW = ("icosahedral orbit", "random")  # the octahedral orbit and what has marginals go the same way


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in CASES]
)
def test_bounds_are_close_and_never_passed(name):
    i = CASES[name]()
    size = np.abs(i.coefficients).sum()
    found = enclose(i, 1e-4)
    assert found.converged
    best = size - search(jax.random.key(0), i.prices)[2][0]
    total = size + np.abs(i.alice).sum() + np.abs(i.bob).sum()
    assert best <= found.bound <= best + 1.1e-4 * total
    assert found.reached <= best + 1e-9
    u, v = oracles.unit(RNG, 20000).reshape(2, -1, 3)
    assert i.at(u, v).max() <= found.bound
    R = oracles.random_rotation(RNG)
    turned = _inequality(i.coefficients, i.a @ R.T, i.b @ R.T, i.alice, i.bob)
    assert enclose(turned, 1e-4).bound == pytest.approx(found.bound, abs=2.2e-4 * total)


def test_the_three_axes_exclude_what_they_are_known_to():
    i = CASES["three axes"]()
    threshold = enclose(i, 1e-5).bound / i.value(jl.werner())
    assert np.sqrt(8) / 3 <= threshold <= np.sqrt(8) / 3 + 1e-4


def test_bounds_of_one_pair():
    """g C <= |g|, and what marginal terms add to it: known in closed form."""
    a, b = np.eye(3)[:1], np.eye(3)[1:2]
    for g, f, h, exact in ((-2.0, 0, 0, 2.0), (0.5, 3.0, 1.0, 4.5), (1.0, 5.0, -5.0, 9.0), (1.0, 5.0, 5.0, 11.0)):
        assert exact <= enclose(_inequality([g], a, b, f, h), 1e-4).bound <= exact + 2e-4 * (abs(g) + abs(f) + abs(h))


def test_marginals_alone():
    """Without correlators the bound is |F| + |H|."""
    i = _inequality(np.zeros(3), np.eye(3), np.eye(3), np.array([1.0, 2, 2]), np.array([0, 3, 4.0]))
    assert 8 <= enclose(i, 1e-4).bound <= 8 + 1e-4 * 12


def test_the_number_of_symmetries():
    def number(i):
        return len(bounds._symmetries(i.coefficients, i.alice, i.bob, i.a, i.b)[0])

    assert number(_orbit("O")) == 48
    assert number(_orbit("I")) == 120
    assert number(_random(9, 0.0)) == 2
    assert number(_random(9, 1.0)) == 1
    broken = _orbit("O")
    broken.coefficients[3] *= 1.001
    assert number(broken) < 48


def test_the_number_of_rotations():
    assert [bounds.count_symmetries(_orbit(name)) for name in ("O", "I")] == [24, 60]
    assert bounds.count_symmetries(_random(9, 0.0)) == bounds.count_symmetries(_random(9, 1.0)) == 1


def test_cells_lie_in_their_caps_and_cover_the_sphere():
    cells = bounds._Cells(np.eye(3)[None])
    boxes = cells.first()
    for _ in range(2):
        some = boxes[RNG.choice(len(boxes), 300)]
        centre, radius = cells.caps(some[:, :4])
        face, i, j, level = some[:, :4].T
        width = np.pi / 2 / 2.0**level
        for _ in range(40):
            s, t = RNG.random((2, 300))
            points = bounds._on_cube(face, (i + s) * width - np.pi / 4, (j + t) * width - np.pi / 4)
            assert (np.arccos(np.clip((points * centre).sum(1), -1, 1)) <= radius).all()
        boxes, _ = cells.split(some, np.zeros(300))
    first = np.unique(cells.first()[:, :4], axis=0)
    assert len(first) == 96
    centre, radius = cells.caps(first)
    nearest = np.arccos(np.clip(oracles.unit(RNG, 20000) @ centre.T, -1, 1)) - radius
    assert nearest.min(1).max() <= 0
    # every orbit meets the domain of a group
    maps = Rotation.create_group("O").as_matrix()
    domain = bounds._Cells(maps)
    kept = first[domain.kept(first)]
    assert len(kept) < 30
    centre, radius = domain.caps(kept)
    orbits = np.einsum("gij,nj->ngi", maps, oracles.unit(RNG, 2000))
    inside = (np.arccos(np.clip(orbits @ centre.T, -1, 1)) <= radius).any((1, 2))
    assert inside.all()


def test_the_minimum_over_a_cap_by_brute_force():
    points = oracles.unit(RNG, 400000)
    with jax.enable_x64(True):
        for radius in (0.05, 0.5, 1.5):
            for _ in range(10):
                G, centre = 3 * RNG.normal(size=3), oracles.unit(RNG, 1)[0]
                inside = points[np.arccos(np.clip(points @ centre, -1, 1)) <= radius]
                least = float(bounds._least_on_cap(G, centre, radius))
                assert least <= (inside @ G).min()
                assert least >= (inside @ G).min() - 0.02 * np.linalg.norm(G)


def test_out_of_time_there_is_still_a_bound():
    i = _orbit("O")
    found = enclose(i, 1e-7, time_limit=0.5)
    assert not found.converged
    u, v = i.worst()
    assert i.at(u[None], v[None])[0] <= found.bound < 24
