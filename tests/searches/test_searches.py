"""Searches for Leggett inequalities: derivatives by differences, floors, seeds, interruptions, bad input."""

import time

import jax
import numpy as np
import oracles
import pytest
from scipy.optimize import linprog

import jaxleggett as jl
from jaxleggett._numerics import double_precision
from jaxleggett.inequalities.published import published
from jaxleggett.inequalities.worst_vectors import THOROUGH, bounded_inequality
from jaxleggett.searches import gradient_descent, orbits, result, run, sequential_lp
from jaxleggett.searches.generators import Generators
from jaxleggett.searches.orbits import rotation_group, written_out
from jaxleggett.searches.restarts import MultiStart, SearchOptions
from jaxleggett.searches.sequential_lp import PolishOptions
from jaxleggett.thresholds import prove

RNG = np.random.default_rng(12)
THREE_AXES = published(np.eye(3), np.eye(3)[[1, 2, 0]])


def _generators(number, group="none", seed=0):
    rng = np.random.default_rng(seed)
    a = oracles.unit(rng, number)
    b = a + 0.6 * oracles.unit(rng, number)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return Generators(rotation_group(group), rng.uniform(0.5, 1, number), a, b, np.zeros((number, 3))).scaled()


def _price(terms, u, v, eps=0.0):
    """sum p sqrt((u.a + v.b)^2 + eps^2), term by term."""
    return sum(p * np.sqrt((u @ a + v @ b) ** 2 + eps**2) for p, a, b in zip(*terms, strict=True))


@pytest.mark.parametrize(("number", "group"), [(7, "none"), (1, "O"), (2, "D3")])
def test_the_orbits_of_generators_are_all_their_pairs(number, group):
    at = _generators(number, group)
    terms = written_out(at.rotations, at.p, at.a, at.b)
    u, v = oracles.unit(RNG, 4), oracles.unit(RNG, 4)
    assert at.prices.at(u, v) == pytest.approx([_price(terms, x, y) for x, y in zip(u, v, strict=True)])
    logits = np.log(np.expm1(3 * at.p))
    with double_precision():
        parameters = gradient_descent.Parameters(logits, 2 * at.a, at.b)
        for eps in (0.0, 0.2):
            found = gradient_descent._price(gradient_descent._terms(at.rotations, parameters), eps, u, v)
            assert found == pytest.approx([_price(terms, x, y, eps) for x, y in zip(u, v, strict=True)])


def test_the_crowd_goes_down_to_minima():
    at = _generators(6)
    terms = (at.p, at.a, at.b)
    with double_precision():
        u, v = oracles.unit(RNG, 30), oracles.unit(RNG, 30)
        step = jax.jit(jax.vmap(lambda u, v: gradient_descent._towards_minimum(terms, 0.05, u, v)))
        before = [_price(terms, x, y, 0.05) for x, y in zip(u, v, strict=True)]
        for _ in range(60):
            u, v = step(u, v)
    u, v = np.array(u), np.array(v)
    after = np.array([_price(terms, x, y, 0.05) for x, y in zip(u, v, strict=True)])
    assert (after <= np.array(before) + 1e-12).mean() > 0.9
    # no direction leads down from where most have arrived
    nearby = [
        _price(terms, *(x / np.linalg.norm(x) for x in (u[i] + d, v[i] + e)), 0.05) - after[i]
        for i in range(30)
        for d, e in 1e-3 * RNG.normal(size=(10, 2, 3))
    ]
    assert np.mean(np.array(nearby) > -1e-7) > 0.9


def test_annealing_lowers_the_threshold_that_a_search_finds():
    at = _generators(8, seed=4)
    V, _ = sequential_lp.threshold_of(jax.random.key(0), at)
    with double_precision():
        parameters = np.log(np.expm1(at.p / at.p.mean())), at.a, at.b, at.axes
        state = gradient_descent.begin(jax.random.key(1), *parameters)
        states = jax.tree.map(lambda x: np.asarray(x)[None], state)
        keys = jax.random.split(jax.random.key(2), 1)
        for done in (0, gradient_descent.DEFAULT.segment):
            states = gradient_descent.advance(keys, at.rotations, states, done)
        found = jax.tree.map(lambda x: x[0], states.parameters)
        p, a, b = (np.asarray(x) for x in (gradient_descent.weights_of(found), found.a, found.b))
    after, _ = sequential_lp.threshold_of(jax.random.key(0), Generators(at.rotations, p, a, b, at.axes).scaled())
    assert after < V - 0.02


@pytest.mark.parametrize(("number", "group"), [(14, "none"), (2, "T")])
def test_derivatives_of_the_polish_by_differences(number, group):
    """Of minima that are held in corners: how they move when p, a, b move, followed from where they were."""
    at = _generators(number, group, seed=3)
    _, minima = sequential_lp.threshold_of(jax.random.key(0), at)
    by_p, by_a, by_b = sequential_lp._derivatives(at, minima)
    rng, h = np.random.default_rng(0), 1e-6
    dp, x, y = rng.normal(size=number), rng.normal(size=(number, 2)), rng.normal(size=(number, 2))
    expected = by_p @ dp + by_a @ x.ravel() + by_b @ y.ravel()
    A, B = at.frames()
    tested = 0
    for k in range(40):
        if _nearest_minimum(at.prices, minima.u[k], minima.v[k]) < minima.m[k] - 1e-9:
            # Not every start of a search ends in a minimum.
            continue
        tested += 1
        sides = []
        for step in (h, -h):
            a, b = (s + step * np.einsum("jcx,jx->jc", f, z) for s, f, z in ((at.a, A, x), (at.b, B, y)))
            a, b = (s / np.linalg.norm(s, axis=1, keepdims=True) for s in (a, b))
            moved = Generators(at.rotations, at.p + step * dp, a, b, at.axes)
            sides.append(_nearest_minimum(moved.prices, minima.u[k], minima.v[k]))
        # A corner that just opens moves differently to either side.
        one_sided = (np.array(sides) - minima.m[k]) / np.array([h, -h])
        assert np.abs(one_sided - expected[k]).min() < 1e-4
    assert tested >= 2


def _nearest_minimum(prices, u, v):
    """The least of sum p |u.a + v.b| within 1e-4 of u, v, flat there: a linear programme over tangents and moduli."""
    frames = [np.linalg.svd(x[None])[2][1:] for x in (u, v)]
    rows = np.hstack([prices.a @ frames[0].T, prices.b @ frames[1].T])
    z, count = prices.a @ u + prices.b @ v, len(prices.plus)
    answer = linprog(
        np.concatenate([np.zeros(4), prices.plus]),
        A_ub=np.block([[rows, -np.eye(count)], [-rows, -np.eye(count)]]),
        b_ub=np.concatenate([-z, z]),
        bounds=[(-1e-4, 1e-4)] * 4 + [(0, None)] * count,
    )
    # |u + t| is longer than 1 by t^2/2, which does not count at this scale
    return answer.fun


@pytest.mark.parametrize(("number", "group"), [(8, "none"), (2, "T")])
def test_small_steps_of_a_polish_keep_their_promise(number, group):
    at = _generators(number, group, seed=3)
    V, minima = sequential_lp.threshold_of(jax.random.key(0), at, steps=THOROUGH)
    promise, there = sequential_lp._step(at, minima, V, 1e-5)
    assert promise > 1e-6
    assert V - sequential_lp.threshold_of(jax.random.key(0), there, minima, steps=THOROUGH)[0] > 0.9 * promise


def test_a_programme_is_given_up_when_time_is_over():
    at = _generators(60, seed=3)
    V, minima = sequential_lp.threshold_of(jax.random.key(0), at)
    assert sequential_lp._step(at, minima, V, 0.03) is not None
    assert sequential_lp._step(at, minima, V, 0.03, deadline=time.monotonic() - 1) is None


def test_a_polish_ends_no_higher_than_it_began():
    at = _generators(6, seed=5)
    V, _ = sequential_lp.threshold_of(jax.random.key(0), at)
    *before, found = sequential_lp.polish(jax.random.key(0), at, options=PolishOptions(programmes=15))
    polished, _ = sequential_lp.threshold_of(jax.random.key(1), found)
    assert len(before) <= 15
    assert polished < V - 0.01
    cut = bounded_inequality(-found.p, found.a, found.b)
    assert cut.threshold(jl.werner()) == pytest.approx(polished, abs=1e-5)


def test_the_published_settings_are_improved():
    """Started from the published inequality of 6 pairs, which is optimal only for its settings."""
    found = jl.search(start=THREE_AXES, restarts=1, certify=True)
    assert found.certified
    assert found.num_pairs == 6
    assert oracles.V_C < found.visibility_threshold < 0.93
    again = prove(found.inequality, jl.werner(), tolerance=1e-5)
    assert again.upper == pytest.approx(found.visibility_threshold, abs=2e-5)
    assert found.inequality.value(jl.werner()) == pytest.approx(1)


def test_the_same_seed_gives_the_same_inequality(brief):
    first, second = (jl.search(6, restarts=2, seed=3, options=brief) for _ in range(2))
    for name in ("coefficients", "a", "b"):
        assert (getattr(first.inequality, name) == getattr(second.inequality, name)).all()
    assert first.visibility_threshold == second.visibility_threshold < 0.9428
    assert result.count_settings(first.inequality) == (6, 6)
    assert first.restarts == 2
    assert "threshold   0.9" in str(first)
    assert jl.search(6, restarts=2, seed=4, options=brief).visibility_threshold != first.visibility_threshold


def test_orbits_keep_their_symmetry(brief):
    found = jl.search(12, restarts=2, symmetry="O", options=brief)
    assert found.num_pairs == len(found.inequality.a) == 12
    u, v = oracles.unit(RNG, 3), oracles.unit(RNG, 3)
    turn = rotation_group("O")[5]
    assert found.inequality.at(u @ turn.T, v @ turn.T) == pytest.approx(found.inequality.at(u, v))


def test_too_few_pairs_exclude_nothing(brief):
    found = jl.search(2, restarts=2, options=brief)
    assert found.visibility_threshold == 1
    assert found.inequality is None
    assert not found.certified
    assert "none was found" in str(found)


def test_coefficients_of_either_sign_begin_the_same_search():
    """C(a, -b) = -C(a, b): an inequality with g > 0 is another one written differently."""
    sign = np.array([1, -1, 1, -1, -1, 1])
    flipped = jl.LeggettInequality(
        sign * THREE_AXES.coefficients, THREE_AXES.a, sign[:, None] * THREE_AXES.b, *np.zeros((2, 6)), 1.0
    )
    first, second = (run._given(x, 6, "none") for x in (THREE_AXES, flipped))
    assert (first.p == second.p).all()
    assert first.b == pytest.approx(second.b)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
def test_ctrl_c_keeps_the_best(share):
    """While the start is polished, in the annealing, in a polish, in the last one."""

    events = []

    def stop(event):
        events.append(event)
        if event.done >= share:
            raise KeyboardInterrupt

    start = THREE_AXES if share == 0 else None
    found = jl.search(6, restarts=2, seed=3, start=start, progress=stop)
    assert found.status == "interrupted"
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert 0 <= events[-1].done < 1
    assert found.restarts == (2 if share > 0.9 else 0)
    assert found.visibility_threshold < 0.9429
    assert found.inequality is not None


def test_ctrl_c_in_the_proof_keeps_the_best(monkeypatch):
    real = run.prove

    def stop(*arguments, certify, **options):
        if certify:
            raise KeyboardInterrupt
        return real(*arguments, certify=certify, **options)

    monkeypatch.setattr(run, "prove", stop)
    found = jl.search(start=THREE_AXES, restarts=1, time_limit=1, certify=True)
    assert (found.status, found.certified) == ("interrupted", False)
    assert found.visibility_threshold < 0.9429


def test_a_time_limit_ends_the_search_with_what_there_is():
    found = jl.search(6, restarts=10**6, time_limit=1e-3)
    assert found.status == "time_limit"
    assert found.seconds < 60
    assert found.history
    assert jl.search(start=THREE_AXES, restarts=10**6, time_limit=1e-3).visibility_threshold < 0.9429


def test_a_threshold_below_what_models_reach_is_an_error(monkeypatch):
    real = run.prove

    def wrong(*arguments, **options):
        proof = real(*arguments, **options)
        object.__setattr__(proof, "upper", 0.85)
        return proof

    monkeypatch.setattr(run, "prove", wrong)
    with pytest.raises(ArithmeticError, match="below what a Leggett model reaches"):
        jl.search(6, restarts=2, seed=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pairs": 0}, "pairs must lie between"),
        ({"restarts": 0}, "restarts must lie between"),
        ({"time_limit": 0}, "time_limit must be a number of seconds above 0"),
        ({"symmetry": "X"}, "symmetry must be none"),
        ({"pairs": 5, "start": THREE_AXES}, "start must have 5 pairs, but has 6"),
        ({"pairs": 12, "symmetry": "O", "start": THREE_AXES}, "symmetry must be none with a start"),
        ({"start": {}}, "start must be a LeggettInequality"),
        ({"time_limit": "3"}, "time_limit must be a number of seconds above 0"),
        ({"symmetry": None}, "symmetry must be none"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        jl.search(**arguments)


@pytest.mark.parametrize(("g", "b"), [(-1.0, [1, 0, 0]), (-1.0, [0, 1, 1e-17]), (0.0, [0, 0, 1]), (-1e308, [0, 1, 0])])
def test_a_start_that_says_nothing_about_the_singlet_is_refused(g, b):
    with pytest.raises(jl.InputError, match="start must have a positive value at the singlet"):
        jl.search(start=jl.LeggettInequality([g], [[0.0, 0, 1]], [b], [0.0], [0.0], 1.0))


def test_thresholds_are_rounded_up():
    assert result.rounded_up(0.9246781, 4) == "0.9247"
    assert result.rounded_up(0.9, 9) == "0.900000001"  # the double 0.9 is 0.90000000000000002...
    assert result.rounded_up(0.5, 3) == "0.500"


def test_many_ways_to_make_pairs_of_orbits_share_the_restarts():
    ways = orbits.layouts(48, "D2")
    assert len(ways) == 13
    work = MultiStart(ways, None, 64, 0, None)
    assert len(work.ways) == 4
    assert {(way.free, way.bound) for way in (work.ways[0], work.ways[-1])} == {(12, 0), (0, 24)}
    assert sorted(n for _, numbers in work._batches() for n in numbers) == list(range(64))
    assert len(MultiStart(ways, None, 3, 0, None).ways) == 1


@pytest.mark.slow
def test_no_search_ends_below_what_models_reach():
    """200 tiny searches, no two alike; `search` itself raises below V_c, the bound is proved here."""
    tiny = SearchOptions(finishes=1, polish=PolishOptions(programmes=6))
    for seed in range(200):
        pairs = 3 + seed % 4
        found = jl.search(pairs, restarts=1, seed=seed, options=tiny)
        if found.inequality is not None:
            proved = prove(found.inequality, jl.werner(), tolerance=1e-4)
            assert oracles.V_C <= proved.upper
            assert proved.upper == pytest.approx(found.visibility_threshold, abs=2e-4)
