"""Pairs that share settings: that they do, the best weights at given settings, seeds, interruptions, bad input."""

from dataclasses import replace

import jax
import numpy as np
import oracles
import pytest
from cases import shared_generators

import jaxleggett as jl
from jaxleggett._numerics import double_precision
from jaxleggett.inequalities.worst_vectors import bounded_inequality
from jaxleggett.runs import Ending
from jaxleggett.searches import DescentOptions, PolishOptions, SearchOptions, gradient_descent, restarts, sharing
from jaxleggett.searches.generators import Generators
from jaxleggett.searches.result import count_settings
from jaxleggett.thresholds.finite_settings import solve

BRIEF = SearchOptions(
    batch=2, polished=1, finishes=1, descent=DescentOptions(steps=200), polish=PolishOptions(programmes=5)
)


@pytest.fixture(scope="module")
def found():
    return jl.search(sides=(3, 4), restarts=2, seed=1, options=BRIEF)


def _sides(cut):
    """The different settings of both, bit by bit."""
    return np.unique(cut.a, axis=0), np.unique(cut.b, axis=0)


@pytest.mark.slow
def test_all_pairs_are_made_of_few_settings(found):
    cut = found.inequality
    a, b = _sides(cut)
    assert found.sides == (3, 4)
    assert (len(a), len(b)) == count_settings(cut) == (3, 4)
    assert found.num_pairs == len(cut.a) > 4
    assert (cut.coefficients != 0).all()
    assert len(np.unique(np.hstack([cut.a, cut.b]), axis=0)) == len(cut.a)
    assert found.to_json()["sides"] == found.to_json()["num_settings"] == [3, 4]
    assert "3 settings of Alice and 4 of Bob" in str(found)


@pytest.mark.slow
def test_its_bound_is_no_lower_than_what_hidden_vectors_reach(found, rng):
    cut = found.inequality
    assert cut.value(jl.werner()) == pytest.approx(1)
    assert cut.threshold(jl.werner()) == pytest.approx(found.visibility_threshold, abs=1e-12)
    left = oracles.left_side(cut.coefficients, cut.a, cut.b, oracles.unit(rng, 20000), oracles.unit(rng, 20000))
    assert cut.bound - 0.05 < left.max() < cut.bound


@pytest.mark.slow
def test_the_same_seed_gives_the_same_inequality(found):
    again = jl.search(sides="3x4", restarts=2, seed=1, options=BRIEF)
    assert again.visibility_threshold == found.visibility_threshold
    for name in ("coefficients", "a", "b"):
        assert (getattr(again.inequality, name) == getattr(found.inequality, name)).all()


def test_the_descent_and_the_polish_see_the_pairs_of_the_settings(rng):
    """Prices pair by pair: the pair (i, k), then the same with -b_k."""
    at = shared_generators(2, 3)
    u, v = oracles.unit(rng, 5), oracles.unit(rng, 5)
    expected = sum(
        at.p[i * 3 + k] * np.abs(u @ at.a[i] + v @ at.b[k]) + at.p[6 + i * 3 + k] * np.abs(u @ at.a[i] - v @ at.b[k])
        for i in range(2)
        for k in range(3)
    )
    assert at.prices.at(u, v) == pytest.approx(expected)
    with double_precision():
        parameters = gradient_descent.Parameters(np.log(np.expm1(3 * at.p)), 2 * at.a, at.b)
        terms = gradient_descent._terms((at.rotations, at.pairing), parameters)
        assert gradient_descent._price(terms, 0.0, u, v) == pytest.approx(expected)


def test_beginnings_favour_pairs_near_the_angle():
    for alice, bob in ((3, 7), (7, 3)):
        raw, a, b, _ = sharing.Sharing(alice, bob).start(jax.random.key(2), 0.6, 0.0)
        assert (a.shape, b.shape) == ((alice, 3), (bob, 3))
        angles = np.arccos(np.concatenate([(a @ b.T).ravel(), -(a @ b.T).ravel()]))
        p = np.log1p(np.exp(raw))
        assert (np.abs(angles - 0.6) < 1e-6).sum() >= 7
        assert p[np.abs(angles - 0.6) < 1e-6] == pytest.approx(1)
        assert p[np.abs(angles - 0.6) > 1.5] == pytest.approx(sharing.LEAST_WEIGHT)


def test_the_lesser_of_two_weights_of_one_pair_is_taken_off_both():
    at = shared_generators(2, 3)
    g, a, b = sharing.netted(at)
    assert g == pytest.approx(at.p[6:] - at.p[:6])
    assert (a == np.repeat(at.a, 3, axis=0)).all()
    assert (b == np.tile(at.b, (2, 1))).all()
    p = at.p.copy()
    p[[1, 7]] = 0
    few = sharing.netted(replace(at, p=p))[0]
    assert few == pytest.approx(np.delete(g, 1))


@pytest.mark.slow
def test_best_weights_have_the_sign_that_settings_ask_for(found):
    """The search found the best weights for its settings; turned around, these have coefficients of the other sign.

    `jl.threshold` at these settings differs by 1.1e-9.
    """
    a, b = _sides(found.inequality)
    way = sharing.Sharing(3, 4)
    turned = b * np.array([[1.0], [-1], [1], [-1]])
    at = Generators(way.rotations, np.ones(24), a, turned, np.zeros((1, 3)), way.pairing)
    cut = bounded_inequality(*sharing.netted(sharing.reweighed(at, None)))
    assert cut.threshold(jl.werner()) == pytest.approx(found.visibility_threshold, abs=5e-6)


@pytest.mark.thorough
def test_ctrl_c_while_weights_are_sought_keeps_the_best(monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(restarts, "reweighed", stop)
    stopped = jl.search(sides=(3, 4), restarts=2, seed=1, options=BRIEF)
    assert stopped.status == "interrupted"
    assert stopped.visibility_threshold < 0.97


def test_the_linear_programme_passes_ctrl_c_on(monkeypatch):
    def interrupted(*arguments, **options):
        bracket = solve(*arguments, **options)
        object.__setattr__(bracket, "status", Ending.INTERRUPTED)
        return bracket

    monkeypatch.setattr(sharing, "solve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sharing.reweighed(shared_generators(2, 3), None)


@pytest.mark.slow
def test_a_time_limit_ends_the_search_with_what_there_is(found):
    limited = jl.search(sides=(3, 4), restarts=10**6, time_limit=max(4.0, 2 * found.seconds), options=BRIEF)
    assert limited.status == "time_limit"
    assert limited.seconds < max(5.0, 2 * found.seconds + 1)
    assert limited.history


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(({"sides": x}, "sides must be the numbers of Alice's and of Bob's settings, as 3x4") for x in (
            "4", "4y4", "0x4", "-1x4", "4x4x4", "40x40", "", "\u0664x4", "4 x 4",
            (4,), (0, 4), (4, 4.5), (True, 4), (3, None, 4), 4,
        )),
        ({"sides": "4x4", "pairs": 5}, "pairs must be left out with sides 4x4"),
        ({"sides": "4x4", "start": {}}, "start must be left out with sides 4x4"),
        ({"sides": "4x4", "symmetry": "O"}, "symmetry must be none with sides 4x4, but is 'O'"),
    ],
)  # fmt: skip
def test_bad_input(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        jl.search(**arguments)
