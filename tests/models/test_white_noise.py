"""White noise: two independent uniform vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import angled_pair, assert_no_bias, at_one_point
from tolerances import ALGEBRA

import jaxleggett as jl

KEY = jax.random.key(11)


@pytest.mark.parametrize("lattice", [False, True])
def test_white_noise_hidden_vectors_are_uniform_and_independent(lattice):
    with jax.enable_x64(True):
        model = jl.WhiteNoiseModel()
        u, v = model.lattice(KEY, jnp.arange(40000), 40000) if lattice else model.sample(KEY, 40000)
    u, v = np.asarray(u), np.asarray(v)
    for w in (u, v):
        np.testing.assert_allclose(w.mean(0), 0, atol=0.02)
        np.testing.assert_allclose(w.T @ w / len(w), np.eye(3) / 3, atol=0.02)
    np.testing.assert_allclose(u.T @ v / len(u), 0, atol=0.02)
    np.testing.assert_allclose((u**2).T @ v**2 / len(u), 1 / 9, atol=0.01)


def test_white_noise_lattice_steps_by_powers_of_the_root_of_x5_x_1():
    root = max(x.real for x in np.roots([1, 0, 0, 0, -1, -1]) if abs(x.imag) < 1e-12)
    with jax.enable_x64(True):
        u, v = (np.asarray(x) for x in jl.WhiteNoiseModel().lattice(KEY, jnp.arange(9), 9))
    cylinder = [np.stack([(1 - w[:, 2]) / 2, np.arctan2(w[:, 1], w[:, 0]) / (2 * np.pi)], 1) for w in (u, v)]
    steps = np.diff(np.concatenate(cylinder, axis=1), axis=0) % 1
    np.testing.assert_allclose(steps, np.tile(root ** -np.arange(1.0, 5.0), (8, 1)), atol=1e-12)


def test_white_noise_is_a_product(rng):
    u, v, a, b = oracles.unit(rng, 4)
    want = [(1 + x * np.dot(u, a)) * (1 + y * np.dot(v, b)) / 4 for x, y in oracles.SIGNS]
    np.testing.assert_allclose(at_one_point(jl.WhiteNoiseModel(), u, v, a, b), want, atol=ALGEBRA)


def test_white_noise_quadrature_without_bias():
    a, b = angled_pair(0.7, np.random.default_rng(0))
    assert_no_bias(*jl.WhiteNoiseModel().quadrature(jnp.asarray(a), jnp.asarray(b)))


def test_white_noise_averages_to_nothing():
    np.testing.assert_array_equal(jl.WhiteNoiseModel().target.T, np.zeros((3, 3)))
