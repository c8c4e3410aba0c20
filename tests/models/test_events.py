import jax
import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett.models.events import simulate_counts

KEY = jax.random.key(5)


def test_counts_follow_the_averaged_probabilities():
    pairs = jl.SettingPairs.random(6)
    counts = simulate_counts(KEY, jl.WernerModel(0.8), pairs.a, pairs.b, 5000)
    np.testing.assert_array_equal(counts.sum(1), 5000)
    want = 5000 * np.array([oracles.born(oracles.werner_rho(0.8), *p) for p in zip(pairs.a, pairs.b, strict=True)])
    chi2 = ((counts - want) ** 2 / want).sum()
    assert 3 < chi2 < 43  # 18 degrees of freedom: 1e-4 on either side
    again = simulate_counts(KEY, jl.WernerModel(0.8), pairs.a, pairs.b, 5000)
    np.testing.assert_array_equal(counts, again)


def test_a_model_with_negative_probabilities_shows_no_events():
    pairs = jl.SettingPairs([[1, 0, 0]], [[0.6, 0.8, 0]])
    with pytest.raises(jl.InputError, match="negative probabilities"):
        simulate_counts(KEY, jl.WernerModel(1.0), pairs.a, pairs.b, 5000)
    with pytest.raises(jl.InputError, match="counts must lie between 0"):
        simulate_counts(KEY, jl.WernerModel(0.5), pairs.a, pairs.b, -5)
    with pytest.raises(jl.InputError, match="must hold unit vectors"):
        simulate_counts(KEY, jl.WernerModel(0.5), 2 * pairs.a, pairs.b, 5)


def test_events_are_drawn_from_unit_vectors_and_finite_probabilities_alone():
    """`sample(key, 64)` shows neither fault."""

    class Shrunk(jl.WhiteNoiseModel):
        def sample(self, key, num):
            u, v = super().sample(key, num)
            return (u, v) if num == 64 else (0 * u, v)

    class Rarely(jl.WhiteNoiseModel):
        def correlator(self, u, v, a, b):
            return jax.numpy.where(u[2] > 0.99, jax.numpy.nan, super().correlator(u, v, a, b))

    pairs = jl.SettingPairs.random(3)
    with pytest.raises(jl.InputError, match=r"must be unit vectors .* misses 1 by 1"):
        simulate_counts(KEY, Shrunk(), pairs.a, pairs.b, 2000)
    with pytest.raises(jl.InputError, match="probabilities that are NaN"):
        simulate_counts(KEY, Rarely(), pairs.a, pairs.b, 2000)
