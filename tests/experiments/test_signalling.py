"""The test of no signalling: exact tails, no false alarms, and planted signals."""

import numpy as np
import pytest
from oracles import unit
from scipy.stats import hypergeom

import jaxleggett as jl
from jaxleggett.experiments import Counts, simulate
from jaxleggett.experiments.signalling import _upper_tail, no_signalling


def test_tail_is_no_smaller_than_the_exact_one():
    rng = np.random.default_rng(0)
    far = 0
    for _ in range(300):
        N = int(rng.integers(2, 400))
        K, n = int(rng.integers(0, N + 1)), int(rng.integers(1, N))
        k = int(rng.integers(max(0, n + K - N), min(n, K) + 1))
        exact, found = hypergeom.sf(k - 1, N, K, n), _upper_tail(k, n, K, N)
        assert exact <= found * (1 + 1e-9)
        if exact < 1e-3:
            far += 1
            assert found < 2 * exact
    assert far > 50


def grid(rng):
    return jl.SettingPairs.product(unit(rng, 3), unit(rng, 3))


def test_no_false_alarms_and_planted_signals():
    rng = np.random.default_rng(1)
    pairs = grid(rng)
    state = jl.TwoQubitState.from_density_matrix(np.outer([0.6, 0, 0, 0.8], [0.6, 0, 0, 0.8]))
    found = [no_signalling(simulate(state, pairs, 300, seed)) for seed in range(300)]
    assert found[0].comparisons == 18
    for x in (0.3, 0.1):
        assert np.mean([f.p_value <= x for f in found]) <= x + 2 * np.sqrt(x / 300)
    numbers = simulate(state, pairs, 300, 0).counts.copy()
    moved = min(60, int(numbers[4, 2]))
    numbers[4, 2] -= moved  # -+ becomes ++: Alice's outcome, at one pair
    numbers[4, 0] += moved
    signal = no_signalling(Counts(pairs, numbers))
    assert (signal.party, signal.pair) == ("Alice", 4)
    assert signal.p_value < 1e-2
    assert signal.difference > 0.2


def test_opposite_settings_are_one():
    rng = np.random.default_rng(2)
    a, b = unit(rng, 1)[0], unit(rng, 2)
    pairs = jl.SettingPairs([a, -a], b)
    assert no_signalling(Counts(pairs, [[90, 0, 10, 0], [10, 0, 90, 0]])).p_value == 1
    assert no_signalling(Counts(pairs, [[90, 0, 10, 0], [90, 0, 10, 0]])).p_value < 1e-20
    assert no_signalling(Counts(jl.SettingPairs(unit(rng, 2), b), [[1, 2, 3, 4]] * 2)).comparisons == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_one_comparison_is_fishers_exact_test(sign):
    """60 of 100 against 30 of 100, also where Alice's first setting is written as its opposite."""
    first = [60, 0, 40, 0] if sign > 0 else [40, 0, 60, 0]
    pairs = jl.SettingPairs([[0, 0, sign], [0, 0, 1]], [[0, 0, 1], [1, 0, 0]])
    found = no_signalling(Counts(pairs, [first, [30, 0, 70, 0]]))
    two_sided = 2 * hypergeom.sf(59, 200, 90, 100)
    assert (found.comparisons, found.party, found.pair) == (1, "Alice", 0)
    assert two_sided <= found.p_value < 1.5 * two_sided
    assert found.difference == pytest.approx(sign * (0.2 + 0.4))


def test_many_events():
    z, x = [0, 0, 1.0], [1.0, 0, 0]
    pairs = jl.SettingPairs([z, z], [z, x])
    same = no_signalling(Counts(pairs, [[10**11, 0, 10**11, 0]] * 2))
    assert same.p_value > 0.5
    assert no_signalling(Counts(pairs, [[10**11, 0, 10**11, 0], [10**11 - 10**8, 0, 10**11, 0]])).p_value < 1e-6
