"""Orbits of rotation groups: their sizes, their members, and what is refused."""

import jax
import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett.searches.orbits import layouts, rotation_group, two_fold_axes, written_out

SIZES = {"none": 1, "T": 12, "O": 24, "I": 60, "D2": 4, "D5": 10, "D8": 16}
HALF_TURNS = {"none": 0, "T": 3, "O": 9, "I": 15, "D2": 3, "D5": 5, "D8": 9}


@pytest.mark.parametrize("name", SIZES)
def test_groups_are_groups(name):
    R = rotation_group(name)
    assert len(R) == SIZES[name]
    assert np.linalg.det(R) == pytest.approx(1)
    products = (R[:, None] @ R[None]).reshape(-1, 1, 3, 3)
    assert np.abs(products - R).max((2, 3)).min(1).max() < 1e-12
    axes = two_fold_axes(R)
    assert len(axes) == HALF_TURNS[name]
    for n in axes:
        half_turn = 2 * np.outer(n, n) - np.eye(3)
        assert np.abs(R - half_turn).max((1, 2)).min() < 1e-12


@pytest.mark.parametrize(("pairs", "name", "expected"), [
    (7, "none", [(7, 0)]),
    (24, "O", [(1, 0), (0, 2)]),
    (12, "O", [(0, 1)]),
    (90, "I", [(1, 1), (0, 3)]),
    (15, "D5", [(1, 1), (0, 3)]),
])  # fmt: skip
def test_ways_to_make_a_number_of_pairs(pairs, name, expected):
    ways = layouts(pairs, name)
    assert [(way.free, way.bound) for way in ways] == expected
    for way in ways:
        raw, a, b, axes = way.start(jax.random.key(3), 0.6, 0.3)
        assert (raw == np.zeros(len(a))).all()
        assert np.linalg.norm([*a, *b], axis=1) == pytest.approx(1)
        assert np.abs((a * axes).sum(1)).max() < 1e-12
        assert np.abs((b * axes).sum(1)).max() < 1e-12
        assert (axes.any(1) == (np.arange(len(a)) >= way.free)).all()
        p, A, B = written_out(way.rotations, np.ones(len(a)), a, b)
        assert len(p) == pairs
        assert p.sum() == pytest.approx(len(a))
        assert (A * B).sum(1) == pytest.approx(np.repeat((a * b).sum(1), np.diff([*_starts(way), pairs])))


def _starts(way):
    size = len(way.rotations)
    return np.concatenate([np.arange(way.free) * size, way.free * size + np.arange(way.bound) * size // 2])


def test_an_orbit_bounds_what_all_its_images_bound():
    """The orbit's inequality keeps its value when hidden vectors are turned by the group."""
    R = rotation_group("O")
    rng = np.random.default_rng(2)
    p, a, b = written_out(R, np.array([0.4]), oracles.unit(rng, 1), oracles.unit(rng, 1))
    zero = np.zeros(len(p))
    cut = jl.LeggettInequality(-p, a, b, zero, zero, 1.0)
    u, v = oracles.unit(rng, 5), oracles.unit(rng, 5)
    for turn in R[3:6]:
        assert cut.at(u @ turn.T, v @ turn.T) == pytest.approx(cut.at(u, v))


@pytest.mark.parametrize("name", ["", "C3", "D1", "D0", "D201", "Dx", "o", "D1\u0663", "D" + 5000 * "9", None])
def test_unknown_groups_are_refused(name):
    with pytest.raises(jl.InputError, match="symmetry must be none, T, O, I or D2"):
        rotation_group(name)


def test_numbers_that_no_orbits_make_are_refused():
    with pytest.raises(jl.InputError, match="pairs must be a multiple of 12"):
        layouts(20, "O")
