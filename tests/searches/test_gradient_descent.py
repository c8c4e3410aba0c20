"""Gradient descent over settings: prices term by term, minima, annealing."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import generators

from jaxleggett._numerics import double_precision
from jaxleggett.searches import gradient_descent, sequential_lp
from jaxleggett.searches.generators import Generators
from jaxleggett.searches.orbits import written_out


def _price(terms, u, v, eps=0.0):
    """sum p sqrt((u.a + v.b)^2 + eps^2), term by term."""
    return sum(p * np.sqrt((u @ a + v @ b) ** 2 + eps**2) for p, a, b in zip(*terms, strict=True))


@pytest.mark.parametrize(
    ("number", "group"), [*(pytest.param(*x, marks=pytest.mark.slow) for x in ((7, "none"), (1, "O"))), (2, "D3")]
)
def test_the_orbits_of_generators_are_all_their_pairs(number, group, rng):
    at = generators(number, group)
    terms = written_out(at.rotations, at.p, at.a, at.b)
    u, v = oracles.unit(rng, 4), oracles.unit(rng, 4)
    assert at.prices.at(u, v) == pytest.approx([_price(terms, x, y) for x, y in zip(u, v, strict=True)])
    logits = np.log(np.expm1(3 * at.p))
    with double_precision():
        parameters = gradient_descent.Parameters(logits, 2 * at.a, at.b)
        for eps in (0.0, 0.2):
            found = gradient_descent._price(gradient_descent._terms((at.rotations, None), parameters), eps, u, v)
            assert found == pytest.approx([_price(terms, x, y, eps) for x, y in zip(u, v, strict=True)])


def test_the_crowd_goes_down_to_minima(rng):
    at = generators(6)
    terms = (at.p, at.a, at.b)
    with double_precision():
        u, v = oracles.unit(rng, 30), oracles.unit(rng, 30)
        step = jax.jit(jax.vmap(lambda u, v: gradient_descent._towards_minimum(terms, 0.05, u, v)))
        before = [_price(terms, x, y, 0.05) for x, y in zip(u, v, strict=True)]
        for _ in range(60):
            u, v = step(u, v)
    u, v = np.array(u), np.array(v)
    after = np.array([_price(terms, x, y, 0.05) for x, y in zip(u, v, strict=True)])
    assert (after <= np.array(before) + 1e-12).mean() > 0.9
    # no direction leads down from where most have arrived
    nearby = [
        _price(terms, *(x / np.linalg.norm(x) for x in (u[i] + d, v[i] + e)), 0.05) - after[i]
        for i in range(30)
        for d, e in 1e-3 * rng.normal(size=(10, 2, 3))
    ]
    assert np.mean(np.array(nearby) > -1e-7) > 0.9


@pytest.mark.thorough
def test_a_restart_is_of_the_same_types_before_and_after_steps():
    """Otherwise `advance` is compiled a second time for its second call."""
    at = generators(3)
    with double_precision():
        keys = jax.random.split(jax.random.key(1), 2)
        parameters = (jnp.stack([x, x]) for x in (at.p, at.a, at.b, at.axes))
        before = jax.vmap(gradient_descent.begin)(keys, *parameters)
        after = jax.eval_shape(gradient_descent.advance, keys, at.rotations, before, 0)

    def types(restarts):
        return [(x.shape, x.dtype, x.weak_type) for x in jax.tree.leaves(restarts)]

    assert types(after) == types(before)


@pytest.mark.slow
def test_annealing_lowers_the_threshold_that_a_search_finds():
    at = generators(8, seed=4)
    V, _ = sequential_lp.threshold_of(jax.random.key(0), at)
    with double_precision():
        parameters = np.log(np.expm1(at.p / at.p.mean())), at.a, at.b, at.axes
        state = gradient_descent.begin(jax.random.key(1), *parameters)
        states = jax.tree.map(lambda x: np.asarray(x)[None], state)
        keys = jax.random.split(jax.random.key(2), 1)
        for done in (0, gradient_descent.DEFAULT.segment):
            states = gradient_descent.advance(keys, at.rotations, states, done)
        found = jax.tree.map(lambda x: x[0], states.parameters)
        p, a, b = (np.asarray(x) for x in (gradient_descent.weights_of(found), found.a, found.b))
    after, _ = sequential_lp.threshold_of(jax.random.key(0), Generators(at.rotations, p, a, b, at.axes).scaled())
    assert after < V - 0.02
