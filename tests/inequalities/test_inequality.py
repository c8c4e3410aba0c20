"""Leggett inequalities: their left side, bound, value and threshold, the published family, JSON and files."""

import json

import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett.inequalities.files import read_inequality
from jaxleggett.inequalities.inequality import LeggettInequality
from jaxleggett.inequalities.published import published, smallest_mean_projection
from jaxleggett.inequalities.worst_vectors import bounded_inequality, worst_vectors
from jaxleggett.joint_rotations import Axis

AXES = np.eye(3)
DIRECTIONS = np.eye(3)[[1, 2, 0]]


def _random(number, seed=0):
    rng = np.random.default_rng(seed)
    g, f, h = rng.normal(size=(3, number))
    return g, oracles.unit(rng, number), oracles.unit(rng, number), 0.3 * f, 0.3 * h


def _plain(inequality, u, v):
    """The left side at its largest, from the four probabilities: C at the end of its interval that g prefers."""
    total = 0.0
    i = inequality
    for g, a, b, f, h in zip(i.coefficients, i.a, i.b, i.alice, i.bob, strict=True):
        M_A, M_B = float(u @ a), float(v @ b)
        low, high = -1 + abs(M_A + M_B), 1 - abs(M_A - M_B)
        total += max(g * low, g * high) + f * M_A + h * M_B
    return total


def test_left_side_is_what_free_correlators_reach():
    i = LeggettInequality(*_random(7), bound=0.0)
    u, v = oracles.unit(np.random.default_rng(1), 20).reshape(2, 10, 3)
    np.testing.assert_allclose(i.at(u, v), [_plain(i, x, y) for x, y in zip(u, v, strict=True)], atol=1e-13)


def test_left_side_averaged_over_joint_turns_about_an_axis():
    i = LeggettInequality(*_random(5), bound=0.0)
    alice, bob, u, v = oracles.unit(np.random.default_rng(3), 4)
    number = 4000
    total = 0.0
    for angle in 2 * np.pi * (np.arange(number) + 0.5) / number:
        total += _plain(i, oracles.turn_about(alice, angle) @ u, oracles.turn_about(bob, angle) @ v)
    assert i.at(u, v, Axis(alice, bob)) == pytest.approx(total / number, abs=1e-5)


@pytest.mark.parametrize("number", [*(pytest.param(n, marks=pytest.mark.slow) for n in (1, 5)), 20])
def test_no_hidden_vectors_go_beyond_the_bound(number):
    i = bounded_inequality(*_random(number, seed=number))
    u, v = oracles.unit(np.random.default_rng(2), 100000).reshape(2, -1, 3)
    reached = i.at(u, v).max()
    assert reached <= i.bound + 1e-12
    assert reached > i.bound - 0.3 * np.abs(i.coefficients).sum() / np.sqrt(number)
    assert _plain(i, *worst_vectors(i)) == pytest.approx(i.bound, abs=1e-12)


def test_bound_of_one_pair():
    """g C <= |g|: reached where u.a = sgn(g) v.b; with marginal terms the maximum is known in closed form."""
    a, b = AXES[:1], AXES[1:2]
    assert bounded_inequality([-2.0], a, b).bound == pytest.approx(2, abs=1e-10)
    assert bounded_inequality([0.5], a, b, alice=[3.0], bob=[1.0]).bound == pytest.approx(4.5, abs=1e-9)
    # |x - y| with x = 1 forced by a large weight on Alice, y = -1 by one on Bob: 1 - 2 + 5 + 5
    assert bounded_inequality([1.0], a, b, alice=[5.0], bob=[-5.0]).bound == pytest.approx(9, abs=1e-9)


def test_value_and_threshold_against_the_born_rule():
    rng = np.random.default_rng(4)
    rho = oracles.random_rho(rng)
    i = LeggettInequality(*_random(6), bound=1.5)
    value = 0.0
    for g, a, b, f, h in zip(i.coefficients, i.a, i.b, i.alice, i.bob, strict=True):
        P = oracles.born(rho, a, b)
        value += g * (P @ [1, -1, -1, 1]) + f * (P @ [1, 1, -1, -1]) + h * (P @ [1, -1, 1, -1])
    state = jl.TwoQubitState.from_density_matrix(rho)
    assert i.value(state) == pytest.approx(value, abs=1e-13)
    assert value > 0.05
    assert i.threshold(state) == pytest.approx(1.5 / value)
    assert LeggettInequality([1.0], AXES[:1], AXES[:1], [0], [0], 1.0).threshold(jl.werner()) == np.inf


@pytest.mark.thorough
@pytest.mark.parametrize("power", [-300, pytest.param(-160, marks=pytest.mark.slow), 0, 300])
def test_numbers_of_any_size_have_the_same_threshold(power):
    g, a, b, f, h = _random(4, 3)
    g, f, h = (10.0**power * x for x in (g, f, h))
    i = bounded_inequality(g, a, b, f, h)
    scaled, k = i.normalised()
    total = sum(np.abs(x).sum() for x in (scaled.coefficients, scaled.alice, scaled.bob))
    assert 1 <= total < 2
    np.testing.assert_array_equal(np.ldexp(scaled.coefficients, k), g)
    usual = bounded_inequality(*_random(4, 3)[:3], *_random(4, 3)[3:])
    assert i.bound == pytest.approx(10.0**power * usual.bound, rel=1e-9)
    state = jl.TwoQubitState.from_density_matrix(oracles.random_rho(np.random.default_rng(3)))
    assert i.threshold(state) == pytest.approx(usual.threshold(state), rel=1e-9)


def test_a_bound_far_beyond_the_coefficients_excludes_nothing():
    i = LeggettInequality([-1e-300], AXES[:1], AXES[:1], [0], [0], 1e300)
    assert i.threshold(jl.werner()) == np.inf


def _icosahedral():
    g = (1 + np.sqrt(5)) / 2
    e = np.array([[0, 1, g], [0, 1, -g], [1, g, 0], [1, -g, 0], [g, 0, 1], [-g, 0, 1]])
    return e / np.linalg.norm(e[0])


def _dodecahedral():
    g = (1 + np.sqrt(5)) / 2
    cube = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]])
    rest = np.array([[0, 1 / g, g], [0, -1 / g, g], [1 / g, g, 0], [-1 / g, g, 0], [g, 0, 1 / g], [g, 0, -1 / g]])
    return np.concatenate([cube, rest]) / np.sqrt(3)


FAMILIES = [
    (AXES, 1 / 3, 0.942809),
    (np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3), 1 / np.sqrt(6), 0.912871),
    (_icosahedral(), 0.458794, 0.888543),
    (_dodecahedral(), 0.477985, 0.878368),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("axes", "eta", "known"), FAMILIES, ids=["orthogonal", "tetrahedral", "icosa", "dodeca"])
def test_published_thresholds(axes, eta, known):
    v = oracles.unit(np.random.default_rng(5), 200000)
    assert smallest_mean_projection(axes) == pytest.approx(eta, abs=5e-7)
    assert np.abs(v @ axes.T).mean(1).min() == pytest.approx(eta, abs=0.01)
    directions = np.cross(axes, np.roll(axes, 1, axis=0) + 0.1 * np.array([3, 1, 2]))
    form = published(axes, directions / np.linalg.norm(directions, axis=1, keepdims=True))
    assert len(form.coefficients) == 2 * len(axes)
    assert form.threshold(jl.werner()) == pytest.approx(known, abs=5e-7)
    assert form.threshold(jl.werner()) == pytest.approx(np.sqrt(1 - eta**2), abs=5e-7)
    tight = bounded_inequality(form.coefficients, form.a, form.b)
    assert 0.8535 < tight.threshold(jl.werner()) <= form.threshold(jl.werner()) + 1e-9


def test_directions_that_are_not_orthogonal():
    with pytest.raises(jl.InputError, match="must be orthogonal to its axes"):
        published(AXES, AXES)


@pytest.mark.parametrize("axes", [AXES[:1], np.array([AXES[0], -AXES[0]])])
def test_of_parallel_axes_the_mean_projection_vanishes(axes):
    assert smallest_mean_projection(axes) == 0
    form = published(axes, AXES[[1] * len(axes)])
    assert (form.bound, form.threshold(jl.werner())) == (2, 1)


@pytest.mark.parametrize("axes", [[[np.nan] * 3] * 2, [1, 2], [[2, 0, 0], [0, 1, 0]]])
def test_axes_that_are_no_unit_vectors(axes):
    with pytest.raises(jl.InputError, match="axes must h"):
        smallest_mean_projection(axes)


@pytest.mark.parametrize("bound", [1, np.float32(1), np.int64(1), np.float64(1)])
def test_a_bound_of_any_type_of_number_is_a_float(bound):
    i = LeggettInequality([-1.0], AXES[:1], AXES[:1], [0], [0], bound)
    assert type(i.bound) is float
    assert json.loads(json.dumps(i.to_json()))["bound"] == 1


@pytest.mark.parametrize("arguments", [([[1.0], [2.0, 3.0]], AXES, AXES), ([1.0], AXES, AXES), (1.0, "x", AXES)])
def test_a_bound_of_what_is_no_inequality_is_refused(arguments):
    with pytest.raises(jl.InputError, match=r"coefficients of an inequality must be|a must be"):
        bounded_inequality(*arguments)


def test_json_both_ways():
    i = bounded_inequality(*_random(4))
    again = LeggettInequality.from_json(i.to_json())
    for name, x in vars(i).items():
        np.testing.assert_allclose(getattr(again, name), x, rtol=0, atol=1e-15)
    assert "<= " in str(i)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coefficients": [1.0]}, "coefficients of an inequality must be 4 finite numbers"),
        ({"coefficients": ["1"] * 4}, "coefficients of an inequality must be 4 finite numbers"),
        ({"coefficients": [True] * 4}, "coefficients of an inequality must be 4 finite numbers"),
        ({"coefficients": [10**400] * 4}, "coefficients of an inequality must be 4 finite numbers"),
        ({"bound": 10**400}, "bound of an inequality must be a finite number"),
        ({"a": [[10**400, 0, 0]] * 4}, "must be an array of 3-vectors"),
        ({"alice": [np.nan] * 4}, "alice of an inequality must be 4 finite numbers"),
        ({"bob": "x"}, "bob of an inequality must be"),
        ({"bound": None}, "bound of an inequality must be a finite number, but is None"),
        ({"bound": float("inf")}, "bound of an inequality must be a finite number"),
        ({"a": [[1, 1, 1]] * 4}, "a must hold unit vectors"),
    ],
)
def test_bad_json(change, message):
    content = LeggettInequality(*_random(4), bound=1.0).to_json()
    with pytest.raises(jl.InputError, match=message):
        LeggettInequality.from_json({**content, **change})
    with pytest.raises(jl.InputError, match="must have the field bob"):
        LeggettInequality.from_json({k: x for k, x in content.items() if k != "bob"})
    with pytest.raises(jl.InputError, match="must be a JSON object"):
        LeggettInequality.from_json([1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"inequality": None}, "must be a report with an inequality, but this one found none"),
        ({"symmetry": "SO(3)"}, "must have finitely many pairs, but is averaged over 'SO"),
        ({"notion": "bell"}, "must be one that Leggett models obey, but is about 'bell'"),
        ({"bound": "x"}, "cannot be used: bound of an inequality must be a finite number, but is 'x'"),
        ([1], "cannot be used: an inequality must be a JSON object"),
    ],
)
def test_a_message_about_a_file_names_it(content, message, tmp_path):
    file = tmp_path / "some.json"
    full = LeggettInequality(*_random(4), bound=1.0).to_json()
    file.write_text(json.dumps({**full, **content} if isinstance(content, dict) else content))
    with pytest.raises(jl.InputError, match=f"^inequality .*some.json {message}"):
        read_inequality(str(file))
    file.write_text(json.dumps({"inequality": full}))
    assert read_inequality(str(file)).bound == 1
