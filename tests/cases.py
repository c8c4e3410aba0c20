"""Data for several test files: settings, inequalities, states in other frames, hidden vectors, a biased model."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from scipy.spatial.transform import Rotation

import jaxleggett as jl
from jaxleggett.inequalities.inequality import LeggettInequality
from jaxleggett.inequalities.published import published
from jaxleggett.joint_rotations import CRITICAL_ANGLE
from jaxleggett.kernels import chunks
from jaxleggett.kernels.points import one_point
from jaxleggett.searches.generators import Generators
from jaxleggett.searches.orbits import rotation_group
from jaxleggett.searches.sharing import Sharing
from jaxleggett.sphere import cylinder_to_sphere, rotated_fibonacci

THREE_AXES = published(np.eye(3), np.eye(3)[[1, 2, 0]])


def verdicts_of(result):
    return [row.verdict for row in result.rows]


def in_other_frames(state, R, S):
    """The state in other local frames."""
    return jl.TwoQubitState(R @ np.asarray(state.r_A), S @ np.asarray(state.r_B), R @ np.asarray(state.T) @ S.T)


def exchanged(state):
    """The state with Alice's qubit and Bob's exchanged."""
    return jl.TwoQubitState(state.r_B, state.r_A, np.asarray(state.T).T)


def all_hidden(key, model, plan):
    """Every hidden vector of a run and its weight, batch by batch, made chunk by chunk."""
    with jax.enable_x64(True):
        make = jax.jit(lambda c: chunks.hidden_vectors(key, model, plan, c))
        made = [make(np.uint32(c)) for c in range(plan.num_chunks)]
    u, v, w = (np.concatenate([np.asarray(c[i]) for c in made]) for i in range(3))
    return u.reshape(plan.batches, -1, 3), v.reshape(plan.batches, -1, 3), w.reshape(plan.batches, -1)


def angled_pair(angle, rng):
    """Two settings at an angle."""
    a, c = np.linalg.qr(rng.normal(size=(3, 2)))[0].T
    return a, np.cos(angle) * a + np.sin(angle) * c


def at_one_point(model, u, v, a, b):
    """P of one hidden vector and one pair of settings."""
    return one_point(model, *(np.atleast_2d(x) for x in (u, v, a, b)))[0]


def generators(number, group="none", seed=0):
    rng = np.random.default_rng(seed)
    a = oracles.unit(rng, number)
    b = a + 0.6 * oracles.unit(rng, number)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return Generators(rotation_group(group), rng.uniform(0.5, 1, number), a, b, np.zeros((number, 3))).scaled()


def shared_generators(alice, bob, seed=0):
    """Pairs that share settings, all with weights, those with -b smaller ones."""
    way = Sharing(alice, bob)
    _, a, b, axes = way.start(jax.random.key(seed), 0.6, 0.3)
    p = np.random.default_rng(seed).uniform(0.5, 1, 2 * alice * bob)
    p[: alice * bob] += 2 * np.maximum((a @ b.T).ravel(), 0)
    p[alice * bob :] += 2 * np.maximum(-(a @ b.T).ravel(), 0)
    return Generators(way.rotations, p, a, b, axes, way.pairing).scaled()


def inequality(g, a, b, f=0.0, h=0.0):
    """Coefficients and settings, with marginals of one strength if any, and no bound yet."""
    zero = np.zeros(len(g))
    return LeggettInequality(g, a, b, f + zero, h + zero, bound=0.0)


def orbit_inequality(rng, name):
    """The rotations of a group applied to one pair at the critical angle: v = -u is a flat valley."""
    R = Rotation.create_group(name).as_matrix()
    a, n = np.linalg.qr(rng.normal(size=(3, 2)))[0].T
    b = np.cos(CRITICAL_ANGLE) * a + np.sin(CRITICAL_ANGLE) * n
    return inequality(-np.ones(len(R)), R @ a, R @ b)


def random_inequality(rng, number, marginals):
    """Random settings and coefficients; those of the marginals are `marginals` times as large."""
    g, f, h = rng.normal(size=(3, number))
    return inequality(g, oracles.unit(rng, number), oracles.unit(rng, number), marginals * f, marginals * h)


def assert_no_bias(u, v, weights):
    """Averages of u, of v and of u v^T all vanish."""
    u, v, weights = (np.asarray(x) for x in (u, v, weights))
    assert weights.sum() == pytest.approx(1)
    for average in (weights @ u, weights @ v, (weights[:, None] * u).T @ v):
        np.testing.assert_allclose(average, 0, atol=1e-7)


class Leaning:
    """The right correlator, but u is not uniform: it leans towards +z by a per cent."""

    def __init__(self, V):
        self.right = jl.WernerModel(V)
        self.correlator = self.right.correlator
        self.target = self.right.target

    def sample(self, key, num):
        height, azimuth = jax.random.uniform(key, (2, num), float)
        u = cylinder_to_sphere(height**1.05, azimuth)
        return u, -u

    def lattice(self, key, index, num):
        u = rotated_fibonacci(key, index, num)
        u = u.at[:, 2].set(jnp.where(index % 50 == 0, jnp.abs(u[:, 2]), u[:, 2]))
        return u, -u
