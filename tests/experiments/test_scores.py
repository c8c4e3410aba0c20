"""Scores: what events count for, and how an inequality is written at measured settings."""

import itertools

import numpy as np
import pytest
from cases import random_inequality
from oracles import born, random_rho

import jaxleggett as jl
from jaxleggett.experiments.counts import ALPHA, BETA
from jaxleggett.experiments.scores import at_measured, estimate, event_scores


@pytest.fixture
def cut():
    return random_inequality(np.random.default_rng(0), 4, marginals=True)


def test_scores_are_those_of_each_outcome(cut):
    scores = event_scores(cut)
    for i, (alpha, beta) in itertools.product(range(4), itertools.product((1, -1), repeat=2)):
        g, f, h = cut.coefficients[i], cut.alice[i], cut.bob[i]
        column = np.flatnonzero((ALPHA == alpha) & (beta == BETA))[0]
        assert scores[i, column] == pytest.approx(g * alpha * beta + f * alpha + h * beta)
    for column in range(4, 9):
        left = [
            (x, y)
            for x, y in itertools.product((1, -1), repeat=2)
            if ALPHA[column] in (0, x) and BETA[column] in (0, y)
        ]
        for i in range(4):
            worst = min(cut.coefficients[i] * x * y + cut.alice[i] * x + cut.bob[i] * y for x, y in left)
            assert scores[i, column] == pytest.approx(worst)


def test_mean_score_is_the_left_side(cut):
    rho = random_rho(np.random.default_rng(1))
    P = np.array([born(rho, a, b) for a, b in zip(cut.a, cut.b, strict=True)])
    state = jl.TwoQubitState.from_density_matrix(rho)
    assert (event_scores(cut)[:, :4] * P).sum() == pytest.approx(cut.value(state))


def test_inequality_is_found_at_measured_settings(cut):
    """In another order, with opposite settings, among others, and with a pair that stands there twice."""
    rng = np.random.default_rng(2)
    a, b = cut.a[[2, 0, 3, 1]] * [[1], [-1], [1], [-1]], cut.b[[2, 0, 3, 1]] * [[-1], [1], [1], [-1]]
    others = [x / np.linalg.norm(x) for x in rng.normal(size=(2, 3))]
    pairs = jl.SettingPairs([*a, others[0]], [*b, others[1]])
    written = at_measured(cut, pairs)
    assert written.coefficients[-1] == written.alice[-1] == written.bob[-1] == 0
    for seed in range(5):
        state = jl.TwoQubitState.from_density_matrix(random_rho(np.random.default_rng(seed)))
        assert written.value(state) == pytest.approx(cut.value(state))
    twice = jl.LeggettInequality(
        *(np.concatenate([x, x[:1]]) for x in (cut.coefficients, cut.a, cut.b, cut.alice, cut.bob)), bound=1.0
    )
    assert at_measured(twice, pairs).coefficients[1] == pytest.approx(-2 * cut.coefficients[0])
    with pytest.raises(jl.InputError, match="was not measured"):
        at_measured(cut, pairs[1:])


def test_standard_error_is_that_of_many_repetitions():
    rng = np.random.default_rng(3)
    cut = random_inequality(rng, 3, marginals=True)
    P = rng.dirichlet(np.ones(4), 3)
    n = np.array([200, 400, 300])
    scores = event_scores(cut)[:, :4]
    found = [estimate(scores, rng.multinomial(n, P)) for _ in range(4000)]
    values = np.array([x.value for x in found])
    assert values.mean() == pytest.approx((scores * P).sum(), abs=4 * values.std() / 63)
    assert values.std() == pytest.approx(np.mean([x.standard_error for x in found]), rel=0.05)


def test_standard_error_never_vanishes():
    scores = np.array([[1.0, -1.0, -1.0, 1.0]])
    # One outcome only, and two that score alike, also where their mean is rounded.
    for size, numbers in ((1.0, [0, 10, 0, 0]), (1.0, [0, 5, 5, 0]), (0.1, [0, 1, 2, 0]), (0.3, [0, 1, 6, 0])):
        found, n = estimate(size * scores, np.array([numbers])), sum(numbers)
        assert found.value == pytest.approx(-size)
        assert found.standard_error == pytest.approx(2 * size / (n + 1))
