"""The p-value of trials: a martingale, held against its definition and against another implementation."""

import itertools

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.experiments import betting


def test_capital_is_the_product_of_bets_fixed_by_the_past():
    rng = np.random.default_rng(0)
    X, bound, least = rng.choice([-1.0, 0.3, 1.0], 300), 0.1, -1.0
    parts = np.ones(betting.RATES)
    rates = betting.rates(bound, least)
    product, logs = 1.0, betting.log_wealth(X, bound, least)
    for t, x in enumerate(X):
        bet = parts @ rates / parts.sum()  # from the past alone
        assert 0 <= bet <= 1 / (bound - least)
        product *= 1 + bet * (x - bound)
        parts *= 1 + rates * (x - bound)
        assert logs[t] == pytest.approx(np.log(product), abs=1e-10)


def test_no_strategy_of_a_leggett_model_gains_on_average():
    """All ways through six trials whose means, at most the bound, depend on the past: E W <= 1, at each step."""
    bound, least = 0.2, -1.0

    def mean(past):
        return -0.5 if sum(past) > 1 else 0.2 if sum(past) > -2 else 0.1

    for T in (1, 3, 6):
        expected = 0.0
        for way in itertools.product((-1.0, 1.0), repeat=T):
            probability = 1.0
            for t, x in enumerate(way):
                m = mean(way[:t])
                probability *= (1 + x * m) / 2
            expected += probability * np.exp(betting.log_wealth(np.array(way), bound, least)[-1])
        assert expected <= 1 + 1e-12
        assert expected > 0.5


def test_how_trials_are_cut_changes_nothing(monkeypatch):
    X = np.random.default_rng(1).uniform(-1, 1, 1000)
    whole = betting.log_wealth(X, 0.0, -1.0)
    monkeypatch.setattr(betting, "TOGETHER", 7)
    assert np.allclose(betting.log_wealth(X, 0.0, -1.0), whole, atol=1e-12)


def test_another_implementation_has_the_same_capital(monkeypatch):
    """ville's BettingTest bets its largest share, c/m0 of the rescaled data, as long as its own plan is above that."""
    ville = pytest.importorskip("ville")
    rng = np.random.default_rng(2)
    lo, hi, bound = -1.5, 2.5, 0.3
    X = rng.uniform(lo, hi, 60)
    other = ville.BettingTest(bound, bounds=(lo, hi), alternative="greater", alpha=1e-300, c=betting.LARGEST).fit(X)
    monkeypatch.setattr(betting, "RATES", 1)
    assert np.allclose(betting.log_wealth(X, bound, lo), other.log_e_values_, atol=1e-10)
    assert np.exp(betting.log_p_value(X, bound, lo)) == pytest.approx(other.p_values_[-1])


def test_power_is_near_what_can_be_had():
    """At 5 standard errors the logarithm of the capital is near z^2/2, less what the division costs."""
    rng = np.random.default_rng(3)
    p, T = 0.53, 10000
    z = (2 * p - 1) * np.sqrt(T) / np.sqrt(1 - (2 * p - 1) ** 2)
    final = [betting.log_wealth(np.where(rng.random(T) < p, 1.0, -1.0), 0.0, -1.0)[-1] for _ in range(100)]
    assert z**2 / 2 - 4 < np.median(final) < z**2 / 2


def test_p_value_is_at_most_one_and_uses_the_largest_capital():
    assert betting.log_p_value(np.array([-1.0]), 0.0, -1.0) == 0
    up = np.concatenate([np.ones(50), -np.ones(200)])
    assert betting.log_p_value(up, 0.0, -1.0) == betting.log_p_value(np.ones(50), 0.0, -1.0) < np.log(1e-5)
    with pytest.raises(jl.InputError, match="below the bound"):
        betting.rates(0.0, 0.0)
