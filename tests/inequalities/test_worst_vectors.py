"""Searches for worst hidden vectors against brute force that shares no code with them."""

import jax
import numpy as np
import oracles
import pytest
from scipy.optimize import minimize

from jaxleggett.inequalities.worst_vectors import THOROUGH, Effort, Prices, search

FEW = Effort(lattice=100, starts=32)


def _prices(number, marginals, seed):
    rng = np.random.default_rng(seed)
    plus, minus = rng.exponential(size=(2, number)) * (rng.random((2, number)) < 0.6) / number
    F, H = marginals * rng.normal(size=(2, 3))
    return Prices(plus, minus, F, H, oracles.unit(rng, number), oracles.unit(rng, number))


def _plain(p, u, v):
    """The function at one u, v, term by term."""
    pairs = zip(p.plus, p.minus, p.a, p.b, strict=True)
    return sum(x * abs(u @ a + v @ b) + y * abs(u @ a - v @ b) for x, y, a, b in pairs) - u @ p.F - v @ p.H


def _brute(p, rng):
    """The least value of 100 000 random points, improved by Nelder-Mead from the best of them."""
    x = rng.normal(size=(100_000, 6))
    u, v = (y / np.linalg.norm(y, axis=1, keepdims=True) for y in np.split(x, 2, axis=1))
    s, d = u @ p.a.T + v @ p.b.T, u @ p.a.T - v @ p.b.T
    values = np.abs(s) @ p.plus + np.abs(d) @ p.minus - u @ p.F - v @ p.H

    def function(x):
        return _plain(p, x[:3] / np.linalg.norm(x[:3]), x[3:] / np.linalg.norm(x[3:]))

    options = {"xatol": 1e-9, "fatol": 1e-11}
    return min(minimize(function, x[k], method="Nelder-Mead", options=options).fun for k in np.argsort(values)[:3])


@pytest.mark.parametrize(
    ("number", "marginals"),
    [
        (7, 0.05),
        (30, 0.0),
        *(pytest.param(*x, marks=pytest.mark.slow) for x in ((7, 0.0), (30, 0.05), (150, 0.0), (150, 0.05))),
    ],
)
def test_no_point_is_cheaper_than_what_a_search_finds(number, marginals):
    seed = number
    p = _prices(number, marginals, seed)
    u, v, least = search(jax.random.key(seed), p)
    assert (np.diff(least) >= 0).all()
    assert _plain(p, u[0], v[0]) == pytest.approx(least[0], abs=1e-12)
    np.testing.assert_allclose(p.at(u, v), least, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm([u, v], axis=2), 1, atol=1e-12)
    assert least[0] <= _brute(p, np.random.default_rng(seed)) + 1e-9
    # it ends in a corner, and another lattice ends in the same one
    used = [np.abs(u[0] @ p.a.T + s * (v[0] @ p.b.T))[w > 0] for s, w in ((1, p.plus), (-1, p.minus))]
    assert (np.concatenate(used) < 1e-9).sum() >= 2
    assert search(jax.random.key(seed + 100), p)[2][0] == pytest.approx(least[0], abs=1e-9)


@pytest.mark.thorough
def test_known_hidden_vectors_are_starts():
    p = _prices(20, 0.05, 3)
    u, v, least = search(jax.random.key(0), p)
    _, _, again = search(jax.random.key(9), p, u[:1], v[:1], effort=Effort(lattice=20, starts=4))
    assert again[0] <= least[0] + 1e-12


def test_a_corner_that_nearly_meets_others_is_reached_from_every_lattice():
    """Thirty pairs at which a single descent ended up to 1e-5 of the prices above the corner, by the lattice."""
    rng = np.random.default_rng(0)
    g, f, h = rng.normal(size=(3, 30))
    a, b = oracles.unit(rng, 30), oracles.unit(rng, 30)
    prices = Prices(np.maximum(-g, 0), np.maximum(g, 0), 0.3 * f @ a, 0.3 * h @ b, a, b)
    least = [search(jax.random.key(k), prices)[2][0] for k in range(4)]
    assert np.ptp(least) < 1e-10


@pytest.mark.thorough
def test_narrow_valleys_between_nearly_parallel_settings_are_followed_to_their_end():
    """Four pairs that a search for inequalities came upon: short searches ended 1e-4 above, at different places."""
    p = np.array([0.25057648, 0.45163654, 0.09162966, 0.2067883])
    a = [
        [0.84148482, -0.38877174, -0.37517974],
        [-0.81355925, 0.33064846, 0.47832306],
        [-0.33677008, 0.50037985, -0.79762518],
        [0.63382915, -0.60440199, -0.48265811],
    ]
    b = [
        [0.85550475, -0.40352226, -0.32447097],
        [-0.81922397, 0.33902081, 0.46253322],
        [-0.36269017, 0.51970841, -0.77353669],
        [0.6257944, -0.62773312, -0.46296057],
    ]
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in map(np.array, (a, b)))
    prices = Prices(p, np.zeros(4), np.zeros(3), np.zeros(3), a, b)
    found = [search(jax.random.key(k), prices, effort=THOROUGH)[2][0] for k in range(3)]
    assert np.ptp(found) < 1e-9
    assert found[0] <= _brute(prices, np.random.default_rng(0))
    # shorter searches still end above it, or this test would show nothing
    assert max(search(jax.random.key(k), prices)[2][0] for k in range(3)) > found[0] + 1e-5


@pytest.mark.thorough
@pytest.mark.parametrize("power", [-1000, -200, 300, 900])
def test_prices_of_any_size_are_searched_alike(power):
    p = _prices(9, 0.05, 4)
    u, v, least = search(jax.random.key(0), p, effort=FEW)
    found = search(jax.random.key(0), p.scaled(power), effort=FEW)
    for x, y in zip(found, (u, v, np.ldexp(least, power)), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.thorough
def test_no_prices_are_searched_too():
    p = _prices(3, 0.0, 1).scaled(-3000)
    assert not p.plus.any()
    assert (search(jax.random.key(0), p, effort=FEW)[2] == 0).all()
