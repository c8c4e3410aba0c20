"""The polish: derivatives by differences, steps that keep their promise."""

import time
from dataclasses import replace

import jax
import numpy as np
import pytest
from cases import generators, shared_generators
from scipy.optimize import linprog

import jaxleggett as jl
from jaxleggett.inequalities.worst_vectors import THOROUGH, bounded_inequality
from jaxleggett.searches import sequential_lp
from jaxleggett.searches.sequential_lp import PolishOptions

# Made in the test: every process that only collects the tests would compile them, too.
KINDS = {
    "pairs of their own": lambda number: generators(number, seed=3),
    "orbits": lambda number: generators(2, "T", seed=3),
    "shared settings": lambda number: shared_generators(3, 4),
}


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_of_the_polish_by_differences(kind):
    """Of minima that are held in corners: how they move when p, a, b move, followed from where they were."""
    at = KINDS[kind](14)
    _, minima = sequential_lp.threshold_of(jax.random.key(0), at)
    by_p, by_a, by_b = sequential_lp._derivatives(at, minima)
    rng, h = np.random.default_rng(0), 1e-6
    dp, x, y = (rng.normal(size=shape) for shape in (len(at.p), (len(at.a), 2), (len(at.b), 2)))
    expected = by_p @ dp + by_a @ x.ravel() + by_b @ y.ravel()
    A, B = at.frames()
    tested = 0
    for k in range(40):
        if _nearest_minimum(at.prices, minima.u[k], minima.v[k]) < minima.m[k] - 1e-9:
            # Not every start of a search ends in a minimum.
            continue
        tested += 1
        sides = []
        for step in (h, -h):
            a, b = (s + step * np.einsum("jcx,jx->jc", f, z) for s, f, z in ((at.a, A, x), (at.b, B, y)))
            a, b = (s / np.linalg.norm(s, axis=1, keepdims=True) for s in (a, b))
            moved = replace(at, p=at.p + step * dp, a=a, b=b)
            sides.append(_nearest_minimum(moved.prices, minima.u[k], minima.v[k]))
        # A corner that just opens moves differently to either side.
        one_sided = (np.array(sides) - minima.m[k]) / np.array([h, -h])
        assert np.abs(one_sided - expected[k]).min() < 1e-4
    assert tested >= 2


def _nearest_minimum(prices, u, v):
    """The least of sum p |u.a + v.b| within 1e-4 of u, v, flat there: a linear programme over tangents and moduli."""
    frames = [np.linalg.svd(x[None])[2][1:] for x in (u, v)]
    rows = np.hstack([prices.a @ frames[0].T, prices.b @ frames[1].T])
    z, count = prices.a @ u + prices.b @ v, len(prices.plus)
    answer = linprog(
        np.concatenate([np.zeros(4), prices.plus]),
        A_ub=np.block([[rows, -np.eye(count)], [-rows, -np.eye(count)]]),
        b_ub=np.concatenate([-z, z]),
        bounds=[(-1e-4, 1e-4)] * 4 + [(0, None)] * count,
    )
    # |u + t| is longer than 1 by t^2/2, which does not count at this scale
    return answer.fun


@pytest.mark.parametrize("kind", KINDS)
def test_small_steps_of_a_polish_keep_their_promise(kind):
    at = KINDS[kind](8)
    V, minima = sequential_lp.threshold_of(jax.random.key(0), at, steps=THOROUGH.steps)
    promise, there = sequential_lp._step(at, minima, V, 1e-5)
    assert promise > 1e-6
    assert V - sequential_lp.threshold_of(jax.random.key(0), there, minima, steps=THOROUGH.steps)[0] > 0.9 * promise


def test_a_programme_is_given_up_when_time_is_over():
    at = generators(60, seed=3)
    V, minima = sequential_lp.threshold_of(jax.random.key(0), at)
    assert sequential_lp._step(at, minima, V, 0.03) is not None
    assert sequential_lp._step(at, minima, V, 0.03, deadline=time.monotonic() - 1) is None


@pytest.mark.slow
def test_a_polish_ends_no_higher_than_it_began():
    at = generators(6, seed=5)
    V, _ = sequential_lp.threshold_of(jax.random.key(0), at)
    *before, found = sequential_lp.polish(jax.random.key(0), at, options=PolishOptions(programmes=15))
    polished, _ = sequential_lp.threshold_of(jax.random.key(1), found)
    assert len(before) <= 15
    assert polished < V - 0.01
    cut = bounded_inequality(-found.p, found.a, found.b)
    assert cut.threshold(jl.werner()) == pytest.approx(polished, abs=1e-5)
