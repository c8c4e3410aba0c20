"""Local models at all settings: the polytope that simulates them."""

import numpy as np
import oracles

from jaxleggett.notions.bell import polytope


def test_the_polytope_holds_the_ball_and_no_larger_one(rng):
    """The hull of points and their opposites holds the ball of radius r iff max |n.a| >= r for all unit vectors n."""
    axes, radius = polytope()
    assert axes.shape == (16, 3)
    np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1, atol=1e-14)
    n = oracles.unit(rng, 200_000)
    least = np.abs(n @ axes.T).max(1).min()
    assert radius <= least < radius + 2e-3
