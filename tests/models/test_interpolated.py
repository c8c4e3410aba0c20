"""The models that linear programmes find, sampled, integrated and verified like any other."""

import dataclasses

import jax
import numpy as np
import oracles
import pytest
from cases import in_other_frames

import jaxleggett as jl
from jaxleggett._numerics import double_precision
from jaxleggett.joint_rotations import Axis
from jaxleggett.models import AxialModel, InterpolatedModel, IsotropicModel
from jaxleggett.models.interpolated import correction

KEY = jax.random.key(3)


def _random_parts(rng, number=7):
    weights = rng.dirichlet(np.ones(number))
    return weights, oracles.unit(rng, number), oracles.unit(rng, number)


def _models(rng):
    """One of each kind, at a target that it need not serve."""
    parts = _random_parts(rng)
    state = jl.TwoQubitState(0.1 * rng.normal(size=3), 0.1 * rng.normal(size=3), 0.3 * rng.normal(size=(3, 3)))
    Q = oracles.random_rotation(rng)
    axis = Axis(*oracles.unit(rng, 2))
    return {
        "written out": InterpolatedModel(*parts, state),
        "O(2)": AxialModel(*parts, state, axis),
        "SO(3)": IsotropicModel(*parts, state, Q),
    }


def _turned_by_hand(model, rng, number):
    """Hidden vectors (number, K, 3) of every atom under `number` elements of the model's group, by matrices."""
    if model.symmetry is None:
        return model.u[None], model.v[None]
    if isinstance(model, AxialModel):
        angles = (np.arange(number) + 0.5) * 2 * np.pi / number
        sides = ((model.axis.alice, model.u), (model.axis.bob, model.v))
        return tuple(np.array([x @ oracles.turn_about(n, angle).T for angle in angles]) for n, x in sides)
    from scipy.stats import special_ortho_group

    R = special_ortho_group.rvs(3, number, random_state=rng)
    Q = model.turn
    return np.einsum("nij,kj->nki", R, model.u), np.einsum("ji,njk,kl,ml->nmi", Q, R, Q, model.v)


@pytest.mark.parametrize("kind", ["written out", "O(2)", "SO(3)"])
def test_the_mean_modulus_is_that_of_the_hidden_vectors_turned_one_by_one(kind):
    rng = np.random.default_rng(1)
    model = _models(rng)[kind]
    u, v = _turned_by_hand(model, rng, 20000)
    for a, b in zip(oracles.unit(rng, 3), oracles.unit(rng, 3), strict=True):
        each = np.abs(u @ a + v @ b) @ model.weights
        allowed = 5 * each.std() / np.sqrt(len(each)) if kind == "SO(3)" else 1e-7  # worst seen 7e-9
        with double_precision():
            assert float(model.mean(a, b)) == pytest.approx(each.mean(), abs=allowed + 1e-15)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["written out", "O(2)", "SO(3)"])
@pytest.mark.parametrize("method", ["sample", "lattice"])
def test_hidden_vectors_are_drawn_as_the_mean_modulus_says(kind, method):
    rng = np.random.default_rng(2)
    model, num = _models(rng)[kind], 2**15
    with double_precision():
        u, v = model.sample(KEY, num) if method == "sample" else model.lattice(KEY, np.arange(num), num)
        u, v = np.asarray(u), np.asarray(v)
        np.testing.assert_allclose(np.linalg.norm([u, v], axis=2), 1, atol=1e-14)  # worst seen 9e-16
        for a, b in zip(oracles.unit(rng, 4), oracles.unit(rng, 4), strict=True):
            x = np.abs(u @ a + v @ b)
            allowed = 5 * x.std() / np.sqrt(num) if method == "sample" else 2e-3
            assert x.mean() == pytest.approx(float(model.mean(a, b)), abs=allowed)


def test_quadrature_over_turns_is_exact():
    rng = np.random.default_rng(3)
    model = _models(rng)["O(2)"]
    for a, b in zip(oracles.unit(rng, 5), oracles.unit(rng, 5), strict=True):
        with double_precision():
            u, v, weights = (np.asarray(x) for x in model.quadrature(a, b))
            assert weights.sum() == pytest.approx(1, abs=1e-14)
            for sign in (1, -1):
                expected = float(model.mean(a, sign * b))
                assert weights @ np.abs(u @ a + sign * v @ b) == pytest.approx(expected, abs=2e-14)


@pytest.mark.parametrize("kind", ["written out", "O(2)", "SO(3)"])
def test_correlators_average_to_the_target_and_lie_between_the_bounds_as_the_weights_say(kind):
    rng = np.random.default_rng(4)
    model = _models(rng)[kind]
    a, b, u, v = oracles.unit(rng, 4)
    minus, plus = (float(p) for p in model.interpolation(a, b))
    assert minus + plus == pytest.approx(1, abs=1e-14)
    x, y = u @ a, v @ b
    by_hand = minus * (-1 + abs(x + y)) + plus * (1 - abs(x - y))
    assert float(model.correlator(u, v, a, b)) == pytest.approx(by_hand, abs=1e-14)
    with double_precision():
        means = float(model.mean(a, b)), float(model.mean(a, -b))
    assert minus * (-1 + means[0]) + plus * (1 - means[1]) == pytest.approx(a @ model.target.T @ b, abs=1e-14)


@pytest.mark.parametrize(("breach", "miss"), [(0.0, 0.0), (1e-10, 0.0), (0.0, 1e-9), (0.02, 0.01)])
def test_what_a_correction_mixes_in_makes_up_for_breach_and_miss(breach, miss):
    opposed, noise = correction(breach, miss, 10)
    kept = 1 - opposed - noise
    # What is mixed in to mend the means has at most 2 for |u.a + v.b|, noise less than 0.72.
    assert kept * (1 + breach) + 2 * opposed + 0.72 * noise < 1
    assert kept * miss <= opposed


def test_a_correction_is_at_most_everything():
    opposed, noise = correction(0.5, 2.0, 10)
    assert 0 <= opposed <= 0.5
    assert noise <= 1 - opposed


def test_a_corrected_model_has_the_marginals_of_its_target(rng):
    """Whatever the hidden vectors missed: in two directions, by different lengths, and with noise for a breach."""
    weights, u, v = _random_parts(rng)
    misses = 0.03 * oracles.unit(rng, 1)[0], 0.01 * oracles.unit(rng, 1)[0]
    state = jl.TwoQubitState(weights @ u - misses[0], weights @ v - misses[1], np.zeros((3, 3)))
    mended, share = InterpolatedModel(weights, u, v, state).corrected(0.02, *misses)
    assert 0 < share < 1
    np.testing.assert_allclose(mended.weights @ mended.u, mended.target.r_A, atol=1e-15)
    np.testing.assert_allclose(mended.weights @ mended.v, mended.target.r_B, atol=1e-15)
    np.testing.assert_allclose(mended.target.r_A, (1 - share) * np.asarray(state.r_A), atol=1e-15)


@pytest.mark.slow
def test_a_corrected_model_obeys_the_conditions_with_the_right_marginals():
    rng = np.random.default_rng(5)
    pairs, state = jl.SettingPairs.random(20), jl.pure(0.7)
    model = jl.threshold(state, pairs, tolerance=1e-3).model
    V = float(model.target.T[2, 2] / state.T[2, 2])
    spoiled = dataclasses.replace(model, u=np.concatenate([model.u[:-1], oracles.unit(rng, 1)]))
    off = [spoiled.weights @ x - V * np.asarray(r) for x, r in ((spoiled.u, state.r_A), (spoiled.v, state.r_B))]
    worst = spoiled.excess(state, V, pairs)
    mended, share = spoiled.corrected(worst, *off)
    assert 0 < share < 1
    assert mended.weights.sum() == pytest.approx(1, abs=1e-14)
    assert mended.excess(state, V * (1 - share), pairs) < 1e-14
    np.testing.assert_allclose(mended.target.T, V * (1 - share) * np.asarray(state.T), atol=1e-15)


CASES = {
    "some settings": (jl.pure(0.65), jl.SettingPairs.random(12), 1e-6, "exact"),
    "no marginals": (jl.werner(), jl.SettingPairs.random(12, seed=4), 1e-6, "exact"),
    "compatible": (jl.werner(0.8), jl.SettingPairs.random(9), 1e-6, "exact"),
    "separable": (jl.SeparableModel().target, jl.SettingPairs.random(9), 1e-6, "exact"),
    "all, SO(3)": (jl.werner(), "all", 1e-4, "rqmc"),
    "all, SO(3), turned": (
        jl.TwoQubitState(np.zeros(3), np.zeros(3), -oracles.random_rotation(np.random.default_rng(0))),
        "all",
        1e-4,
        "rqmc",
    ),
    "all, O(2)": (jl.pure(0.6), "all", 0.08, "exact"),
    "all, O(2), turned": (
        in_other_frames(jl.pure(0.6), *(oracles.random_rotation(np.random.default_rng(i)) for i in (1, 2))),
        "all",
        0.08,
        "rqmc",
    ),
}


# A state in a turned frame is the general one and finds faults of the special one, too; O(2) takes long in either.
LONG = ("all, SO(3)", "all, O(2)", "all, O(2), turned")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if case in LONG else case for case in CASES]
)
def test_verify_confirms_what_threshold_found(case):
    """And no more: above the lower bound some probability is negative or an average wrong, at the pairs themselves."""
    state, settings, tolerance, method = CASES[case]
    found = jl.threshold(state, settings, tolerance=tolerance)
    pairs = jl.SettingPairs.random(30, seed=9) if settings == "all" else settings
    target = state.with_visibility(found.lower)
    done = jl.verify(found.model, pairs, target=target, method=method, samples=2e4)
    assert done.reproduces, str(done)
    if settings != "all" and found.upper < 1:
        beyond = dataclasses.replace(found.model, target=state.with_visibility(found.upper + 1e-3))
        assert not jl.verify(beyond, pairs, method="exact").reproduces
    wrong = jl.verify(found.model, pairs, target=state.with_visibility(0.9 * found.lower), method=method, samples=2e4)
    assert wrong.rows[0].verdict == "wrong_average"


@pytest.mark.thorough
def test_the_certified_model_is_the_one_of_the_certified_bound():
    state, pairs = jl.pure(0.6), jl.SettingPairs.random(10)
    found = jl.threshold(state, pairs, tolerance=1e-3, certify=True)
    assert found.certified
    assert jl.verify(found.model, pairs, target=state.with_visibility(found.lower), method="exact").reproduces


@pytest.mark.thorough
@pytest.mark.parametrize("settings", [pytest.param("all", marks=pytest.mark.slow), "random:4"])
def test_events_are_drawn_from_what_threshold_found(settings):
    state = jl.werner()
    found = jl.threshold(state, settings, tolerance=1e-3)
    pairs = jl.SettingPairs.random(4)
    counts = jl.simulate_counts(KEY, found.model, pairs.a, pairs.b, 20000)
    C = (counts * [1, -1, -1, 1]).sum(1) / 20000
    expected = -found.lower * (pairs.a * pairs.b).sum(1)
    np.testing.assert_allclose(C, expected, atol=5 / np.sqrt(20000))
