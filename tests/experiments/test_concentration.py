"""The p-value of counts, held against exact probabilities."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binom

from jaxleggett.experiments.concentration import Tail


@pytest.mark.parametrize("n", [1, 7, 100, 10**4])
@pytest.mark.parametrize("bound", [-0.9, 0.0, 0.5])
def test_one_pair_is_chernoffs_bound_of_the_binomial(n, bound):
    """No smaller than the exact tail, and within the factor that Chernoff's exponent leaves."""
    tail, p = Tail([-1.0], [1.0], [n], bound), (1 + bound) / 2
    for k in range(int(n * p) + 1, n + 1, max(1, n // 20)):
        x = k / n
        exponent = x * np.log(x / p) + ((1 - x) * np.log((1 - x) / (1 - p)) if x < 1 else 0)
        found = float(tail.log_p_value(2 * x - 1))
        assert found >= binom.logsf(k - 1, n, p) - 1e-9
        # The smallest lambda that is tried is too large for an exponent near 0.
        assert -n * exponent - 1e-6 <= found <= -n * exponent * (1 - 1e-3) + 2e-3


def exact_tail(s, lo, hi, n, m):
    """P(S >= s) where each score takes its two ends with the mean m_i."""
    pi = (m - lo) / (hi - lo)
    total = 0.0
    for k in itertools.product(*(range(x + 1) for x in n)):
        if (lo + np.array(k) / n * (hi - lo)).sum() >= s - 1e-12:
            total += np.prod(binom.pmf(k, n, pi))
    return total


def test_no_model_within_the_bound_has_a_larger_tail():
    rng = np.random.default_rng(0)
    lo, hi, n = np.array([-1.0, -0.5, -0.2]), np.array([1.0, 0.5, 0.6]), np.array([4, 6, 3])
    bound = 1.2
    tail = Tail(lo, hi, n, bound)
    means = lo + (hi - lo) * rng.dirichlet(np.ones(4), 4000)[:, :3] * 3
    means = means[((means <= hi).all(1)) & (means.sum(1) <= bound)]
    means = means[np.argsort(-means.sum(1))[:60]]
    assert len(means) == 60
    for s in (1.3, 1.6, 1.9, 2.1):
        worst = max(exact_tail(s, lo, hi, n, m) for m in means)
        assert worst <= tail.p_value(s) <= 30 * worst


def test_exponent_is_the_largest_over_the_means():
    """The inner maximum and the outer minimum, found again by a general optimiser."""
    lo, hi, n, bound, s = np.array([-1, -0.4, -0.8]), np.array([1, 0.4, 0.8]), np.array([50, 80, 30]), 1.7, 1.95

    def log_mgf(m, rate):
        pi = (m - lo) / (hi - lo)
        return (rate * lo + n * np.log1p(pi * np.expm1(rate * (hi - lo) / n))).sum()

    def largest(rate):
        found = minimize(
            lambda m: -log_mgf(m, rate),
            bound * hi / hi.sum(),
            bounds=list(zip(lo, hi, strict=True)),
            constraints={"type": "ineq", "fun": lambda m: bound - m.sum()},
            method="SLSQP",
            options={"ftol": 1e-13},
        )
        return -found.fun

    best = min(largest(rate) - rate * s for rate in np.geomspace(10, 400, 80))
    assert float(Tail(lo, hi, n, bound).log_p_value(s)) == pytest.approx(best, abs=2e-2)


def test_p_values_are_those_of_chance():
    """Binomial data at the boundary: the fraction with a p-value below x is at most x."""
    rng = np.random.default_rng(1)
    C, n = np.full(6, -0.9), np.full(6, 40)
    tail = Tail(-np.ones(6), np.ones(6), n, 5.4)
    S = -(2 * rng.binomial(n, (1 + C) / 2, (20000, 6)) / n - 1).sum(axis=1)
    p = tail.p_value(S)
    for x in (0.3, 0.1, 0.01):
        assert np.mean(p <= x) <= x
    assert np.mean(p <= 0.1) > 0.01  # not for being useless


@pytest.mark.parametrize("n", [(5000, 20), (10**5, 3), (10**11, 40), (20, 20, 10**6)])
def test_numbers_of_events_may_differ_much(n):
    """Data at the boundary, where one pair decides: no more small p-values than chance allows; finite, and no jumps."""
    rng = np.random.default_rng(2)
    n, bound = np.array(n), 0.9 * len(n)
    tail = Tail(-np.ones(len(n)), np.ones(len(n)), n, bound)
    for small in (0.9, 0.8):  # the mean of the pairs with few events; the others have the rest
        few = n <= 100
        C = np.where(few, small, np.minimum(1, (bound - small * few.sum()) / max(1, (~few).sum())))
        S = (2 * rng.binomial(n, (1 + C) / 2, (20000, len(n))) / n - 1).sum(axis=1)
        p = tail.p_value(S)
        assert np.isfinite(p).all()
        for x in (0.1, 0.01, 1e-3):
            assert np.mean(p <= x) <= x + 3 * np.sqrt(x / 20000)
    s = np.linspace(bound, len(n), 200)
    steps = np.diff(tail.log_p_value(s))
    assert (steps <= 0).all()
    assert tail.log_p_value(bound + 1e-3 * np.sqrt(1 / n.min())) > -1


def test_coefficients_may_differ_much():
    """Against the exact tail: one large coefficient, and a small one whose pair hardly counts."""
    lo, hi, n = np.array([-1.0, -1e-4]), np.array([1.0, 1e-4]), np.array([12, 12])
    tail = Tail(lo, hi, n, 0.5)
    for s in (0.6, 0.8, 0.99):
        worst = max(exact_tail(s, lo, hi, n, np.array([0.5 - x, x])) for x in (-1e-4, 0, 1e-4))
        assert worst <= tail.p_value(s) <= 10 * worst


@pytest.mark.parametrize("small", [1e-9, 1e-13, 1e-200, 1e-310, 0.0])
def test_a_score_that_is_nearly_nothing_changes_nothing(small):
    """However small it is: a pair that it belongs to adds no more than its own size."""
    one = Tail([-1.0], [1.0], [50], 0.4)
    both = Tail([-1.0, -small], [1.0, small], [50, 7], 0.4)
    for s in (0.6, 0.9, 1.0):
        assert float(both.log_p_value(s)) == pytest.approx(float(one.log_p_value(s)), rel=1e-3, abs=1e-6)
        # To the 0.05 % by which the grids of lambda may differ.
        assert both.log_p_value(s + small) >= 1.001 * one.log_p_value(s + 2 * small) - 1e-6


def test_large_and_odd_numbers():
    many = Tail(-np.ones(4), np.ones(4), [10**11] * 4, 3.6)
    assert many.p_value(3.6) == 1
    assert 0 < many.p_value(3.60002) < 1e-3
    assert Tail([0.0, -1.0], [0.0, 1.0], [5, 5], 0.2).p_value(1.0) == pytest.approx(0.6**5, rel=1e-6)  # no score at one
    assert Tail([-1.0], [1.0], [10], 1.0).p_value(1.0) == 1  # the bound is no bound
    assert np.all(np.diff(Tail([-1.0], [1.0], [50], 0.0).p_value(np.linspace(-1, 1, 51))) <= 0)
