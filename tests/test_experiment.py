import jax
import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett.experiment import simulate_counts

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
