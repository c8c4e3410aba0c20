"""The search with three angles a point: what Newton's method is given."""

import itertools

import jax
import numpy as np
import oracles
import pytest

from jaxleggett.joint_rotations import Axis, mean_modulus
from jaxleggett.thresholds.axial_search import _Objective

AXIS = Axis(np.eye(3)[2], np.eye(3)[2])


def _by_numpy(objective, angles):
    """The objective at angles (3,), its mean over the turns by arccos instead of arcsin."""
    p, q, azimuth = angles
    a = np.array([np.sin(p), 0, np.cos(p)])
    b = np.array([np.sin(q) * np.cos(azimuth), np.sin(q) * np.sin(azimuth), np.cos(q)])
    u, v = objective.points[:, :3], objective.points[:, 3:]
    mean = mean_modulus(u, v, a[None], b[None], AXIS)[:, 0]
    return objective.sign * objective.weights @ mean + (objective.s * a * b).sum() - objective.F @ np.r_[a, b]


@pytest.mark.slow
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_gradient_and_second_derivatives(rng, sign):
    points = np.hstack([oracles.unit(rng, 7), oracles.unit(rng, 7)])
    objective = _Objective(points, rng.uniform(size=7), sign, rng.normal(size=3), rng.normal(size=6))
    h = 1e-4
    for _ in range(5):
        angles = rng.uniform(0.2, 2.9, size=3)
        steps = h * np.eye(3)
        gradient = [(_by_numpy(objective, angles + d) - _by_numpy(objective, angles - d)) / (2 * h) for d in steps]
        second = np.zeros((3, 3))
        for i, j in itertools.product(range(3), repeat=2):
            corners = [(x, y) for x in (1, -1) for y in (1, -1)]
            values = [x * y * _by_numpy(objective, angles + x * steps[i] + y * steps[j]) for x, y in corners]
            second[i, j] = sum(values) / (4 * h * h)
        with jax.enable_x64(True):
            np.testing.assert_allclose(objective.at(angles), _by_numpy(objective, angles), rtol=0, atol=1e-13)
            found = objective.expansion(jax.numpy.asarray(angles))
        np.testing.assert_allclose(found[0], gradient, rtol=0, atol=1e-6)
        np.testing.assert_allclose(found[1], second, rtol=1e-3, atol=1e-3)
