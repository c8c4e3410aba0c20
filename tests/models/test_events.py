"""Single detection events: counts, and which outcomes a lambda gives."""

import jax
import numpy as np
import oracles
import pytest
from cases import at_one_point

import jaxleggett as jl
from jaxleggett.models import events
from jaxleggett.models.events import simulate_counts

KEY = jax.random.key(5)


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_events_are_drawn_from_unit_vectors_and_finite_probabilities_alone():
    """Two faults that the 64 hidden vectors which are inspected beforehand do not show."""

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


def test_lambda_splits_the_unit_interval():
    P = np.array([0.1, 0.2, 0.3, 0.4])
    lam = np.array([0.0, 0.0999, 0.1001, 0.2999, 0.3001, 0.5999, 0.6001, 0.9999])
    alpha, beta = events.outcomes(lam, np.tile(P, (8, 1)))
    assert alpha.tolist() == [1, 1, 1, 1, -1, -1, -1, -1]
    assert beta.tolist() == [1, 1, -1, -1, 1, 1, -1, -1]
    assert [int(x) for x in events.outcomes(0.2, P)] == [1, -1]
    # probabilities that rounding left a little short of 1 still hold every lambda
    short = events.outcomes(np.nextafter(1, 0), P * (1 - 1e-12))
    assert [int(x) for x in short] == [-1, -1]


def test_for_a_single_lambda_the_outcomes_are_signalling():
    """Bob's outcome at fixed lambda and hidden vectors depends on which setting Alice chose."""
    model, u = jl.WernerModel(0.8), np.array([0.0, 0.0, 1.0])
    b = np.array([0.6, 0.0, 0.8])
    lam = np.linspace(0.0005, 0.9995, 1000)
    seen, rates = [], []
    for a in (np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])):
        P = np.tile(at_one_point(model, u, -u, a, b), (1000, 1))
        beta = events.outcomes(lam, P)[1]
        seen.append(np.asarray(beta))
        rates.append(beta.mean())
    assert (seen[0] != seen[1]).any()
    assert rates[0] == pytest.approx(rates[1], abs=0.005)  # averaged over lambda: no signal
    assert rates[0] == pytest.approx(-0.8, abs=0.005)
