"""Quadrature against the states that the models reproduce."""

import jax
import numpy as np
import oracles
import pytest
from tolerances import EXACT

import jaxleggett as jl
from jaxleggett.verification.montecarlo import average

KEY = jax.random.key(5)


@pytest.mark.thorough
def test_quadrature_is_exact_for_every_model():
    rng = np.random.default_rng(3)
    R = oracles.random_rotation(rng)
    pairs = jl.SettingPairs.product(oracles.unit(rng, 5), oracles.unit(rng, 7))
    circle = jl.SettingPairs.parse("equatorial:5")
    turned = jl.SettingPairs(circle.a @ R.T, circle.b @ R.T)
    for model, at in (
        (jl.WernerModel(0.7), pairs),
        (jl.WhiteNoiseModel(), pairs),
        (jl.SeparableModel(), pairs),
        (jl.GreatCircleModel(R[:, 2]), turned),
        (jl.PRBoxModel(), jl.PRBoxModel().pairs),
    ):
        found = average(KEY, [model], at.a, at.b, None)
        want = jl.probabilities(*model.target.correlation(at.a, at.b))
        np.testing.assert_allclose(found.mean[0], np.asarray(want).T, atol=EXACT)
        assert found.covariance is None
