"""What settings that are off can add to a bound: no more than the allowance, and nearly as much."""

import numpy as np
import pytest
from cases import random_inequality
from oracles import unit

import jaxleggett as jl
from jaxleggett.experiments.misalignment import allowance


def off(settings, u, signs, degrees):
    """Settings moved within `degrees` so that u.a' changes most, in the direction of the signs."""
    delta = np.radians(degrees)
    across = u - (settings @ u)[:, None] * settings
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)
    return np.cos(delta) * settings + np.sin(delta) * np.sign(signs)[:, None] * across


@pytest.mark.parametrize("degrees", [0.1, 1.0, 10.0, 45.0])
@pytest.mark.parametrize("marginals", [False, True])
def test_no_misalignment_goes_beyond_the_allowance(degrees, marginals):
    rng = np.random.default_rng(int(degrees * 10))
    cut = random_inequality(rng, 6, marginals)
    u, v = unit(rng, 4000), unit(rng, 4000)
    before = cut.at(u, v)
    allowed, seen = allowance(cut, degrees), 0.0
    for k in np.argsort(-before)[:200]:
        for _ in range(4):
            a = off(cut.a, u[k], rng.normal(size=6), degrees)
            b = off(cut.b, v[k], rng.normal(size=6), degrees)
            moved = jl.LeggettInequality(cut.coefficients, a, b, cut.alice, cut.bob, 0.0)
            seen = max(seen, float(moved.at(u[k], v[k]) - before[k]))
    assert 0 < seen <= allowed


def test_allowance_is_nearly_reached():
    """Orthogonal axes, u and v in their middle: every modulus is moved by the whole sum."""
    eye = np.eye(3)
    cut = jl.LeggettInequality(-np.ones(3), eye, -eye, np.zeros(3), np.zeros(3), 0.0)
    u = np.full(3, 3**-0.5)
    v = np.array([0.9, 0.3, 0.1]) / np.linalg.norm([0.9, 0.3, 0.1])
    degrees = 0.5
    x, y = cut.a @ u, cut.b @ v
    signs = -np.sign(x + y)
    moved = jl.LeggettInequality(
        cut.coefficients, off(eye, u, signs, degrees), off(-eye, v, signs, degrees), cut.alice, cut.bob, 0.0
    )
    gained = float(moved.at(u, v) - cut.at(u, v))
    assert 0.8 * allowance(cut, degrees) < gained <= allowance(cut, degrees)


@pytest.mark.parametrize("degrees", [10.0, 30.0, 45.0])
def test_allowance_holds_where_it_is_nearly_reached_at_large_angles(degrees):
    """One pair, u and v at 90 degrees less the angle from its settings, which move until both are orthogonal."""
    z, delta = [[0.0, 0.0, 1.0]], np.radians(degrees)
    cut = jl.LeggettInequality([-1.0], z, z, [0.0], [0.0], 1.0)
    u = np.array([np.cos(delta), 0.0, np.sin(delta)])
    a = [[-np.sin(delta), 0.0, np.cos(delta)]]
    moved = jl.LeggettInequality([-1.0], a, a, [0.0], [0.0], 1.0)
    gained = float(moved.at(u, u) - cut.at(u, u))
    assert gained == pytest.approx(2 * np.sin(delta))
    assert gained <= allowance(cut, degrees) < 1.1 * gained


def test_the_allowance_grows_with_the_angle_and_stays_below_a_simple_bound():
    cut = random_inequality(np.random.default_rng(1), 5, marginals=True)
    assert allowance(cut, 0.0) == 0
    assert allowance(cut, 1.0) < allowance(cut, 2.0)
    g, f, h = (np.abs(x).sum() for x in (cut.coefficients, cut.alice, cut.bob))
    simple = 2 * np.sin(np.radians(0.5)) * (2 * g + f + h)  # Cauchy-Schwarz, pair by pair
    assert 0.7 * simple < allowance(cut, 1.0) < simple
    for bad in (-1, 91, float("nan"), "1"):
        with pytest.raises(jl.InputError, match="misalignment must be"):
            allowance(cut, bad)
