import json
import time
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from jax.tree_util import register_dataclass
from scipy import stats
from tolerances import EXACT, EXACT_SINGLE, RQMC_4E6, SMALLEST

import jaxleggett as jl
from jaxleggett._numerics import random_key
from jaxleggett.kernels import points
from jaxleggett.kernels.plan import Plan
from jaxleggett.models import arguments, interface, werner
from jaxleggett.output.saved import save_verification
from jaxleggett.sphere import cylinder_to_sphere, rotated_fibonacci
from jaxleggett.verification import admission, run, verdicts

REPRODUCED = [0.0, 0.2, 0.5, 0.8, 0.853553]
BROKEN = [-1 / 3, -0.01, 0.8536, 0.86, 0.9, 1.0]


def _verdicts(result):
    return [row.verdict for row in result.rows]


@pytest.mark.parametrize("method", ["rqmc", "mc", "exact"])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_the_explicit_model_on_both_sides_of_its_range(method, precision):
    found = jl.verify(
        jl.WernerModel, "random:1024", REPRODUCED + BROKEN, samples=20000, method=method, precision=precision
    )
    assert _verdicts(found) == ["reproduces"] * len(REPRODUCED) + ["negative_probability"] * len(BROKEN)
    assert not found.reproduces
    assert [row.witness is None for row in found.rows] == [True] * len(REPRODUCED) + [False] * len(BROKEN)


@pytest.mark.parametrize("method", ["rqmc", "mc", "exact"])
def test_smallest_probability_against_its_exact_value(method):
    pairs = jl.SettingPairs.random(300, seed=4)
    V = np.array(BROKEN + REPRODUCED)
    found = jl.verify(jl.WernerModel, pairs, V, samples=50000, method=method)
    for v, row in zip(V, found.rows, strict=True):
        exact = min(oracles.smallest_werner_probability(v, a, b) for a, b in zip(pairs.a, pairs.b, strict=True))
        assert row.min_probability >= exact - SMALLEST
        if method == "exact":
            assert row.min_probability == pytest.approx(exact, abs=SMALLEST)
        else:
            assert row.min_probability == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize("method", ["rqmc", "exact"])
def test_a_witness_can_be_recomputed_by_hand(method):
    found = jl.verify(jl.WernerModel, "random:200", BROKEN, samples=5000, method=method)
    for V, row in zip(BROKEN, found.rows, strict=True):
        w = row.witness
        a, b, u, v = (np.array(x) for x in (w.a, w.b, w.u, w.v))
        np.testing.assert_array_equal(u, -v)
        P = oracles.werner_model(V, u, a, b)[oracles.SIGNS.index((w.alpha, w.beta))]
        assert P == pytest.approx(w.probability, abs=1e-14)
        assert P == pytest.approx(row.min_probability, abs=1e-14)
        assert P < 0


def test_exact_averages_are_exact():
    found = jl.verify(jl.WernerModel, "random:1024", np.linspace(-1 / 3, 1, 21), method="exact")
    assert max(row.max_abs_error for row in found.rows) < EXACT
    assert {(row.max_standard_error, row.max_z) for row in found.rows} == {(None, None)}
    assert found.num_samples is None
    assert found.to_json()["seed"] is None
    single = jl.verify(jl.WernerModel, "random:1024", [0.5], method="exact", precision="single")
    assert EXACT < single.rows[0].max_abs_error < EXACT_SINGLE


@pytest.mark.slow
def test_rqmc_reaches_2e_8():
    found = jl.verify(jl.WernerModel, "random:1024", np.linspace(0, 0.853553, 5), samples=4 * 10**6)
    assert max(row.max_abs_error for row in found.rows) < RQMC_4E6
    assert found.reproduces


def test_mc_errors_are_those_of_their_standard_errors():
    found = jl.verify(jl.WernerModel, "random:1024", [0.0, 0.5, 0.85], samples=10**5, method="mc")
    for row in found.rows:
        assert 2e-4 < row.max_standard_error < 2e-3
        assert 1 < row.max_z < 6


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (jl.WhiteNoiseModel(), "random:50"),
        (jl.GreatCircleModel(), "equatorial:7"),
        (jl.PRBoxModel(), jl.PRBoxModel().pairs),
        (jl.SeparableModel(), "random:50"),
        (
            jl.SeparableModel(np.array([0.999, 0.001]), np.eye(3)[:2], np.eye(3)[1:]),
            jl.SettingPairs.product(np.eye(3), np.eye(3)),
        ),
    ],
)
@pytest.mark.parametrize("method", ["rqmc", "mc", "exact"])
@pytest.mark.parametrize("samples", [10, 3000])
def test_every_model_reproduces_its_target(model, settings, method, samples):
    found = jl.verify(model, settings, method=method, samples=samples)
    assert _verdicts(found) == ["reproduces"]
    assert found.rows[0].visibility is None
    assert found.rows[0].min_probability > -1e-15


def test_off_its_circle_the_great_circle_model_breaks():
    assert _verdicts(jl.verify(jl.GreatCircleModel(), "random:20")) == ["negative_probability"]


class _Wrong(jl.WernerModel):
    """The explicit model with one thing wrong."""

    def correlator(self, u, v, a, b):
        minus, plus = werner.werner_weights(self.visibility, a, b)
        lower = -1 + jnp.abs(jnp.dot(u, a - b))
        upper = 1 - jnp.abs(jnp.dot(u, a + b))
        faulty = (
            plus * lower + minus * upper,  # p+ and p- exchanged: the wrong sign in p+-
            minus * lower * 0.99 + plus * upper,  # a wrong factor
            minus * lower - plus * upper,  # a wrong sign
        )
        return faulty[self.FAULT]

    FAULT: ClassVar[int]


class _Exchanged(_Wrong):
    FAULT = 0


class _Factor(_Wrong):
    FAULT = 1


class _Sign(_Wrong):
    FAULT = 2


for _class in (_Exchanged, _Factor, _Sign):
    register_dataclass(_class, data_fields=["visibility"], meta_fields=[])


class _Leaning:
    """The right correlator, but u is not uniform: it leans towards +z by a per cent."""

    def __init__(self, V):
        self.right = jl.WernerModel(V)
        self.correlator = self.right.correlator
        self.target = self.right.target

    def sample(self, key, num):
        height, azimuth = jax.random.uniform(key, (2, num), float)
        u = cylinder_to_sphere(height**1.05, azimuth)
        return u, -u

    def lattice(self, key, index, num):
        u = rotated_fibonacci(key, index, num)
        u = u.at[:, 2].set(jnp.where(index % 50 == 0, jnp.abs(u[:, 2]), u[:, 2]))
        return u, -u


@pytest.mark.parametrize("fault", [_Exchanged, _Factor, _Sign, _Leaning])
@pytest.mark.parametrize("method", ["rqmc", "mc"])
def test_a_wrong_model_is_found_out(fault, method):
    found = jl.verify(fault, "random:64", [0.5, 0.7], samples=10**5, method=method, target=jl.werner)
    assert not found.reproduces
    assert set(_verdicts(found)) <= {"wrong_average", "negative_probability"}


@pytest.mark.parametrize("method", ["rqmc", "exact"])
def test_a_visibility_off_by_one_in_ten_thousand_is_found_out(method):
    found = jl.verify(lambda V: jl.WernerModel(V + 1e-4), "random:64", 0.5, method=method, target=jl.werner)
    assert _verdicts(found) == ["wrong_average"], found.rows
    right = jl.verify(lambda V: jl.WernerModel(V), "random:64", 0.5, method=method, target=jl.werner)
    assert _verdicts(right) == ["reproduces"]


def test_everything_may_be_rotated():
    """Rotating settings, normals and decompositions together changes no verdict and no exact average."""
    rng = np.random.default_rng(0)
    R = oracles.random_rotation(rng)
    a, b = oracles.unit(rng, 5), oracles.unit(rng, 7)
    straight, turned = (jl.SettingPairs.product(x, y) for x, y in ((a, b), (a @ R.T, b @ R.T)))
    for pairs in (straight, turned):
        found = jl.verify(jl.WernerModel, pairs, [0.1, 0.8, 1.0], samples=5000)
        assert _verdicts(found) == ["reproduces", "reproduces", "negative_probability"]
    one, two = (jl.verify(jl.WernerModel, p, [0.1, 1.0], method="exact") for p in (straight, turned))
    for x, y in zip(one.rows, two.rows, strict=True):
        assert x.min_probability == pytest.approx(y.min_probability, abs=1e-13)
    np.testing.assert_allclose(one.averages.mean, two.averages.mean, atol=1e-13)


def test_equal_and_opposite_settings_are_no_special_case():
    a = oracles.unit(np.random.default_rng(1), 4)
    pairs = jl.SettingPairs(np.concatenate([a, a]), np.concatenate([a, -a]))
    for method in ("rqmc", "mc", "exact"):
        found = jl.verify(jl.WernerModel, pairs, [0.0, 0.5, 0.85], method=method, samples=2000)
        assert found.reproduces
        assert np.isfinite([row.max_abs_error for row in found.rows]).all()


@pytest.mark.parametrize(
    ("method", "distribution"), [("mc", stats.norm), ("rqmc", stats.t(15))], ids=["mc-normal", "rqmc-t15"]
)
def test_z_scores_over_seeds_follow_their_distribution(method, distribution):
    pairs = jl.SettingPairs.random(1, seed=21)
    target = np.asarray(jl.probabilities(*jl.werner(0.6).correlation(pairs.a, pairs.b)))[0]
    z = []
    for seed in range(200):
        found = jl.verify(jl.WernerModel, pairs, 0.6, samples=20000, method=method, seed=seed).averages
        z.append((found.mean[0, :, 0] - target) / np.sqrt(found.covariance[0, 0, :, 0]))
    for outcome in np.array(z).T:
        assert stats.kstest(outcome, distribution.cdf).pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mc", "rqmc"])
def test_ten_thousand_verdicts_without_a_rejection(method):
    for samples in (16, 200, 1000, 3000):
        for seed in range(2500):
            found = jl.verify(jl.WernerModel, "random:16", [0.0, 0.85], samples=samples, method=method, seed=seed)
            assert found.reproduces, (samples, seed, str(found))


def test_a_scan_is_the_sum_of_its_rows():
    """Every row of a scan equals the run at that visibility alone, witnesses between the ends apart."""
    V = [0.1, 0.4, 0.8]
    scan = jl.verify(jl.WernerModel, "random:32", V, samples=5000)
    for v, row in zip(V, scan.rows, strict=True):
        alone = jl.verify(jl.WernerModel, "random:32", v, samples=5000).rows[0]
        assert row.max_abs_error == pytest.approx(alone.max_abs_error, rel=1e-6)
        assert row.max_standard_error == pytest.approx(alone.max_standard_error, rel=1e-6)
        assert row.min_probability >= alone.min_probability - 1e-15


def test_rounding_has_a_floor():
    z = np.array([[0.0, 0.0, 1.0]])
    rounding = 8 * np.finfo(float).eps
    row = jl.verify(jl.SeparableModel(np.ones(1), z, z), jl.SettingPairs(z, z), method="mc", samples=100).rows[0]
    assert (row.max_standard_error, row.max_z) == (rounding, 0)
    judge = verdicts._Judge(None, 1, [], rounding)
    assert judge.negative(-16.1 * rounding)
    assert not judge.negative(-15.9 * rounding)


def test_blocks_of_pairs_are_judged_as_one(monkeypatch):
    whole = jl.verify(jl.WernerModel, "random:50", [0.5, 0.9], samples=2000)
    monkeypatch.setattr(verdicts, "PAIRS_AT_ONCE", 7)
    parts = jl.verify(jl.WernerModel, "random:50", [0.5, 0.9], samples=2000)
    for x, y in zip(whole.rows, parts.rows, strict=True):
        assert x.to_json() == pytest.approx(y.to_json()) if x.witness is None else x.witness == y.witness
        assert (x.verdict, x.max_z) == (y.verdict, y.max_z)


def test_the_seed_decides():
    runs = [jl.verify(jl.WernerModel, "random:8", 0.5, samples=1000, seed=s).averages.mean for s in (3, 3, 4)]
    assert runs[0].tobytes() == runs[1].tobytes()
    assert not np.allclose(runs[0], runs[2], atol=1e-6)


def test_a_users_two_functions_are_enough():
    class Mine:
        def sample(self, key, num):
            u = jl.sample_sphere(key, num)
            return u, -u

        def correlator(self, u, v, a, b):
            return -jnp.dot(u, a) * jnp.dot(u, b)

    found = jl.verify(Mine(), "random:16", samples=10**5, target=jl.werner(1 / 3))
    assert found.method == "mc"
    assert found.reproduces
    assert not jl.verify(Mine(), "random:16", samples=10**5, target=jl.werner(0.5)).reproduces


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"visibility": 1.2}, r"visibility must lie in \[-1/3, 1\], but 1.2"),
        ({"visibility": [0.5, -0.4]}, r"but -0.4"),
        ({"visibility": float("nan")}, r"but nan does not"),
        ({"visibility": []}, "visibility must be a number or a list"),
        ({"visibility": "much"}, "visibility must be a number"),
        ({}, "visibility must be given"),
        ({"model": jl.WhiteNoiseModel(), "visibility": 0.5}, "visibility must be left out"),
        ({"model": 3, "visibility": 0.5}, "model must have the methods sample and correlator"),
        ({"visibility": 0.5, "samples": 0}, "samples must lie between 1 and"),
        ({"visibility": 0.5, "samples": 1.5}, "samples must be an integer"),
        ({"visibility": 0.5, "seed": -1}, "seed must lie between 0 and"),
        ({"visibility": 0.5, "method": "exat"}, "method must be rqmc, mc or exact, but is 'exat'"),
        ({"visibility": 0.5, "precision": "half"}, "precision must be single or double"),
        ({"visibility": 0.5, "target": 7}, "target must be given for the model werner"),
        ({"visibility": 0.5, "settings": "random:x"}, "must be an integer"),
        ({"model": _Leaning, "visibility": 0.5, "method": "exact"}, "method exact needs a quadrature"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        jl.verify(**arguments)


def test_targets_are_those_of_every_visibility():
    """A target that is not affine in V is not interpolated, a family that is not is refused."""
    found = jl.verify(
        jl.WernerModel, "random:16", [0.0, 0.4, 0.8], method="exact", target=lambda V: jl.werner(V * V / 0.8)
    )
    assert _verdicts(found) == ["reproduces", "wrong_average", "reproduces"]
    with pytest.raises(jl.InputError, match="must be affine in the visibility"):
        jl.verify(lambda V: jl.WernerModel(V * V), "random:16", [0.0, 0.4, 0.8])


def test_a_subclass_that_samples_otherwise_is_sampled():
    class Hemisphere(jl.WernerModel):
        def sample(self, key, num):
            u, _ = super().sample(key, num)
            u = u * jnp.sign(u[:, 2:])
            return u, -u

    register_dataclass(Hemisphere, data_fields=["visibility"], meta_fields=[])
    found = jl.verify(Hemisphere, "random:16", 0.5, samples=20000)
    assert (found.method, _verdicts(found)) == ("mc", ["wrong_average"])
    with pytest.raises(jl.InputError, match="method exact needs a quadrature that belongs to the sample"):
        jl.verify(Hemisphere, "random:16", 0.5, method="exact")


class _Faulty:
    """A user's model with a fault that no statistics should be asked about."""

    target = jl.werner(0.0)

    def __init__(self, u=None, C=0.0):
        self.u, self.C = u, C

    def sample(self, key, num):
        u = jl.sample_sphere(key, num)
        return (u, u) if self.u is None else self.u(u)

    def correlator(self, u, v, a, b):
        return self.C(u, a) if callable(self.C) else jnp.dot(u, a) * self.C


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_Faulty(u=lambda u: (0 * u, u)), "must return unit vectors of shape"),
        (_Faulty(u=lambda u: (u[1:], u[1:])), "must return unit vectors of shape"),
        (_Faulty(u=lambda u: u), r"must return \(u, v\)"),
        (_Faulty(C=float("nan")), "must return one finite number"),
        (_Faulty(C=lambda u, a: u * a), "must be a scalar function in JAX"),
        (_Faulty(C=lambda u, a: np.asarray(u) @ a), "must be a scalar function in JAX"),
        (jl.SeparableModel(np.array([1.5, -0.5]), np.eye(3)[:2], np.eye(3)[:2]), "must be non-negative and sum to 1"),
        (jl.GreatCircleModel(np.zeros(3)), "must return unit vectors"),
    ],
)
def test_what_is_no_leggett_model_is_refused(model, message):
    with pytest.raises(jl.InputError, match=message):
        jl.verify(model, "random:4", method="mc")


def test_hidden_vectors_may_not_depend_on_the_visibility():
    def family(V):
        return jl.SeparableModel(np.array([1 - V, V]), np.eye(3)[:2], np.eye(3)[:2])

    with pytest.raises(jl.InputError, match="must not depend on the visibility"):
        jl.verify(family, "random:4", [0.1, 0.9])


def test_the_callers_configuration_does_not_matter():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        assert jl.verify(jl.WernerModel, "random:4", [0.1, 0.5], samples=100).reproduces


def test_json_is_finite_and_complete():
    found = jl.verify(jl.WernerModel, "random:4", [0.5, 1.0], samples=100).to_json()
    assert {"model", "method", "num_pairs", "num_samples", "seed", "dtype", "device", "seconds"} <= set(found)
    assert found["evaluations"] == found["num_samples"] * found["num_pairs"]
    assert found["model"] == "werner"
    keys = {"visibility", "verdict", "min_probability", "witness", "max_abs_error", "max_standard_error", "max_z"}
    keys.add("tolerance")
    assert all(set(row) == keys for row in found["visibilities"])
    assert set(found["visibilities"][1]["witness"]) == {"a", "b", "u", "v", "alpha", "beta", "probability"}


@pytest.mark.parametrize(("model", "seed"), [(jl.WhiteNoiseModel(), 269), (jl.SeparableModel(), 3)])
def test_few_samples_reject_no_right_model_and_say_that_they_could_not(model, seed):
    """White noise at 16 samples was rejected with z = 19.7: batches of one point are far from normal."""
    row = jl.verify(model, "grid:32", samples=16, seed=seed).rows[0]
    assert (row.verdict, row.tolerance) == ("reproduces", None)


def test_the_tolerance_is_the_largest_error_that_passes():
    pairs, z = jl.SettingPairs.random(8), np.array([[0.0, 0.0, 1.0]])
    model = jl.SeparableModel(np.ones(1), z, z)  # never off, so that a target decides the error
    for method in ("rqmc", "mc", "exact"):
        tolerance = jl.verify(model, pairs, method=method, samples=10**5).rows[0].tolerance
        for factor, verdict in ((0.99, "reproduces"), (1.01, "wrong_average")):
            shifted = _Shifted(model.target, 4 * factor * tolerance)
            row = jl.verify(model, pairs, method=method, samples=10**5, target=shifted).rows[0]
            assert (row.verdict, row.tolerance) == (verdict, tolerance)


class _Shifted:
    """A target whose correlators are off."""

    def __init__(self, state, shift):
        self.state, self.shift = state, shift

    def correlation(self, a, b):
        M_A, M_B, C = self.state.correlation(a, b)
        return M_A, M_B, C + self.shift


def test_many_atoms_hide_no_fault():
    """4000 atoms, T off by 0.2, 10^6 samples: an allowance of one draw for each atom let it pass, at z = 290."""
    rng = np.random.default_rng(1)
    model = jl.SeparableModel(rng.dirichlet(np.ones(4000)), oracles.unit(rng, 4000), oracles.unit(rng, 4000))
    right = model.target
    assert jl.verify(model, "random:8", samples=10**6).reproduces
    wrong = jl.TwoQubitState(right.r_A, right.r_B, right.T + np.diag([0.2, 0.0, 0.0]))
    assert _verdicts(jl.verify(model, "random:8", samples=10**6, target=wrong)) == ["wrong_average"]


def test_the_allowance_of_a_run():
    """7 ln(2/level) / (3 (n - 1)) with n all samples, lowered by a `lattice_error` that counts, by none below."""
    level = verdicts.FALSE_REJECTIONS / 80
    plan, rounding = Plan.of(1600, "rqmc"), 1e-15
    for n, way in ((1600, plan), (1600, Plan.of(1600, "mc"))):
        judge = verdicts._Judge(way, 40, [jl.WhiteNoiseModel()], rounding)
        assert judge.allowance == pytest.approx(7 * np.log(2 / level) / (3 * (n - 1)))
        t = stats.t.isf(level, way.batches - 1)
        assert judge.critical == pytest.approx(max(t, np.sqrt(2 * np.log(2 / level))))
    many = verdicts._Judge(Plan("mc", 10**6, 1, 1), 40, [jl.WhiteNoiseModel()], rounding)
    assert many.critical == pytest.approx(np.sqrt(2 * np.log(2 / level)))  # Student's t is below that

    class Own(jl.WhiteNoiseModel):
        ERROR = 1e-3

        def lattice_error(self, num):
            return self.ERROR

    assert verdicts._Judge(plan, 40, [Own()], rounding).allowance == 1e-3
    assert verdicts._Judge(Plan.of(1600, "mc"), 40, [Own()], rounding).allowance > 0.03
    Own.ERROR = 5.0
    assert verdicts._Judge(plan, 40, [Own()], rounding).allowance < 0.05
    Own.ERROR = float("nan")
    with pytest.raises(jl.InputError, match="lattice_error of the model white-noise must be at least 0, but is nan"):
        verdicts._Judge(plan, 40, [Own()], rounding)


class _Capped(jl.WernerModel):
    """The explicit model with C - 1 on a cap of measure 1e-6: wrong, where its inherited quadrature never looks."""

    def correlator(self, u, v, a, b):
        return super().correlator(u, v, a, b) - jnp.where(u[2] > 1 - 2e-6, 1.0, 0.0)


class _Restored(_Capped):
    """The same with shortcuts of its own."""

    def quadrature(self, a, b):
        return super().quadrature(a, b)

    def half_lattice(self, key, index, num):
        return super().half_lattice(key, index, num)

    def lattice_error(self, num):
        return super().lattice_error(num)


class _Resampled(jl.WernerModel):
    def lattice(self, key, index, num):
        return super().lattice(key, index, num)


class _Atoms(jl.SeparableModel):
    def correlator(self, u, v, a, b):
        return super().correlator(u, v, a, b)


def _with_attributes(**attributes):
    class Loose(jl.WernerModel):
        def __init__(self):
            object.__setattr__(self, "visibility", 0.5)
            vars(self).update(attributes)

    return Loose()


@pytest.mark.parametrize(
    ("model", "offered"),
    [
        (jl.WernerModel(0.5), "lattice half_lattice lattice_error quadrature interpolation"),
        (jl.WhiteNoiseModel(), "lattice quadrature"),
        (jl.SeparableModel(), "lattice lattice_error quadrature atoms"),
        (_Capped(0.5), "lattice"),
        (_Restored(0.5), "lattice half_lattice lattice_error quadrature"),
        (_Resampled(0.5), "lattice quadrature interpolation"),
        (_Atoms(), "lattice lattice_error quadrature atoms"),
        (_with_attributes(correlator=lambda u, v, a, b: 0.0), "lattice"),
        (_with_attributes(sample=lambda key, num: None), "interpolation"),
        (_with_attributes(quadrature=lambda a, b: None), "lattice half_lattice lattice_error quadrature interpolation"),
    ],
)
def test_a_shortcut_counts_only_where_it_belongs_to_the_rest(model, offered):
    assert [name for name in interface.BELONGS_TO if interface.offers(model, name)] == [
        name for name in interface.BELONGS_TO if name in offered.split()
    ]


def test_a_subclass_with_another_correlator_has_no_quadrature_left():
    with pytest.raises(
        jl.InputError, match="needs a quadrature that belongs to the sample and the correlator of werner"
    ):
        jl.verify(_Capped, "random:4", 0.5, method="exact")
    assert jl.verify(_Capped, "random:4", 0.5, samples=2000).averages.plan.half is False
    assert jl.verify(jl.WernerModel, "random:4", 0.5, samples=2000).averages.plan.half is True
    assert jl.verify(_Atoms(), "random:4", method="exact").reproduces


def test_half_a_lattice_is_for_even_correlators():
    class Odd(jl.WernerModel):
        def half_lattice(self, key, index, num):
            return super().half_lattice(key, index, num)

        def correlator(self, u, v, a, b):
            return 0.1 * jnp.dot(u, a)

    with pytest.raises(jl.InputError, match=r"must be even in \(u, v\), since it has a half_lattice"):
        jl.verify(Odd, "random:4", 0.5)


def _plain(model):
    """The same model, no pytree."""

    class Opaque:
        name = "opaque"
        sample, lattice, correlator, target = model.sample, model.lattice, model.correlator, model.target

    return Opaque()


@pytest.mark.parametrize("form", [lambda model: model, _plain], ids=["pytree", "opaque"])
@pytest.mark.parametrize("at", [0.2, 0.7])
def test_a_family_is_affine_at_every_visibility(form, at):
    V = np.linspace(0, 0.8, 9)
    with pytest.raises(jl.InputError, match=f"must be affine in the visibility, but is not at {at}"):
        jl.verify(lambda V: form(jl.WernerModel(V if abs(V - at) > 0.05 else 0.0)), "random:4", V, samples=100)
    with pytest.raises(jl.InputError, match=f"must be affine in the visibility, but is not at {at}"):
        jl.verify(lambda V: form(jl.WernerModel(V + 1e-9 * (abs(V - at) < 0.05))), "random:4", V, samples=100)
    found = jl.verify(lambda V: form(jl.WernerModel(V)), "random:4", V, samples=100)
    assert len(found.rows) == 9
    assert found.reproduces


def test_hidden_vectors_are_the_same_at_every_visibility():
    def family(V):
        return jl.SeparableModel(np.array([0.5, 0.5]), np.roll(np.eye(3), int(0.3 < V < 0.5), 0)[:2], np.eye(3)[:2])

    with pytest.raises(jl.InputError, match="must not depend on the visibility"):
        jl.verify(family, "random:4", [0.1, 0.4, 0.7, 0.9], target=jl.werner(0.0))


def test_a_hundred_thousand_visibilities_in_seconds():
    V = np.linspace(0, 0.8535, 10**5)
    told = []
    started = time.perf_counter()
    found = jl.verify(jl.WernerModel, "random:3", V, samples=500, progress=told.append)
    assert time.perf_counter() - started < 60  # 4 s; one by one it was 200 s
    assert found.reproduces
    np.testing.assert_array_equal([row.visibility for row in found.rows], V)
    some = jl.verify(jl.WernerModel, "random:3", V[[0, 77777, -1]], samples=500).rows
    assert found.rows[77777].max_abs_error == pytest.approx(some[1].max_abs_error, rel=1e-9)
    assert told == sorted(told)
    assert told[-1] == 1
    assert told[-2] < 1


@pytest.mark.parametrize("where", ["inspect_model", "average", "_rows"])
def test_ctrl_c_leaves_an_answer(monkeypatch, where):
    def interrupted(*arguments, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, where, interrupted)
    found = jl.verify(jl.WernerModel, "random:4", [0.1, 0.2], samples=100)
    answer = found.to_json()
    done = 4 if where == "_rows" else 0
    assert (found.status, found.rows, found.reproduces) == ("interrupted", (), False)
    assert (answer["num_pairs"], answer["evaluations"]) == (done, done * found.num_samples)
    assert set(answer) == set(jl.verify(jl.WernerModel, "random:4", 0.1, samples=100).to_json())


def test_ctrl_c_keeps_the_visibilities_that_were_judged(monkeypatch):
    monkeypatch.setattr(verdicts, "AVERAGES_AT_ONCE", 8)
    V = np.linspace(0, 0.8, 7)
    whole = jl.verify(jl.WernerModel, "random:4", V, samples=100)

    def progress(fraction):
        if fraction > (whole.num_samples + 3) / (whole.num_samples + 7):
            raise KeyboardInterrupt

    found = jl.verify(jl.WernerModel, "random:4", V, samples=100, progress=progress)
    assert (found.status, found.rows) == ("interrupted", whole.rows[:4])


class _Rarely:
    """The model of white noise, but `what` at one hidden vector in ten thousand: `sample(key, 64)` shows none."""

    target = jl.werner(0.0)

    def __init__(self, what):
        self.what = what
        self.sample = jl.WhiteNoiseModel().sample

    def correlator(self, u, v, a, b):
        return jnp.where(u[2] > 1 - 2e-4, self.what, jnp.dot(u, a) * jnp.dot(v, b))


@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
def test_a_figure_that_is_not_finite_is_null(what, tmp_path):
    found = jl.verify(_Rarely(what), "random:4", samples=10**5)
    assert not found.reproduces
    answer = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert answer["visibilities"][0]["max_abs_error"] is None
    if np.isnan(what):
        assert _verdicts(found) == ["wrong_average"]
        assert answer["visibilities"][0]["min_probability"] > 0
    save_verification(found, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["visibilities"] == answer["visibilities"]


def test_the_seed_fixes_the_bits_whatever_the_configuration():
    """In one process too, where what was compiled under one configuration must not serve under another."""

    def bits():
        found = jl.verify(jl.WhiteNoiseModel(), "random:4", samples=100, method="mc", seed=2**40 + 1)
        return found.averages.mean.tobytes(), found.settings.a.tobytes()

    before = bits()
    jax.clear_caches()
    with jax.default_prng_impl("rbg"), jax.threefry_partitionable(False):
        assert bits() == before
        assert not jax.config.jax_threefry_partitionable
    assert bits() == before
    for seed in (0, 7, 2**32 + 5, 2**63 - 1):
        with jax.enable_x64(True):
            here = jax.random.key(seed, impl="threefry2x32")
        np.testing.assert_array_equal(jax.random.key_data(random_key(seed)), jax.random.key_data(here))


@pytest.mark.parametrize("method", ["mc", "rqmc", "exact"])
def test_a_pair_without_figures_hides_no_negative_probability(method):
    """0/0 where a = b, as users write it; the other pairs show the singlet's negative probabilities."""

    class Divided(jl.WernerModel):
        def correlator(self, u, v, a, b):
            square = jnp.sum((a - b) ** 2)
            return super().correlator(u, v, a, b) * square / square

        def quadrature(self, a, b):
            return super().quadrature(a, b)

    register_dataclass(Divided, data_fields=["visibility"], meta_fields=[])
    some = jl.SettingPairs.random(6)
    pairs = jl.SettingPairs(some.a, np.concatenate([some.a[:1], some.b[1:]]))
    found = jl.verify(Divided, pairs, [0.5, 1.0], method=method, samples=2000)
    assert _verdicts(found) == ["wrong_average", "negative_probability"]
    answer = json.loads(json.dumps(found.to_json(), allow_nan=False))["visibilities"]
    assert [row["max_abs_error"] for row in answer] == [None, None]
    assert answer[1]["witness"]["probability"] == answer[1]["min_probability"] < -1e-3


def _constant(C):
    """A class of its own for each value, all with one field."""

    @register_dataclass
    @dataclass(frozen=True)
    class Constant:
        field: float = 0.5

        def sample(self, key, num):
            return jl.WhiteNoiseModel().sample(key, num)

        def correlator(self, u, v, a, b):
            return 0 * self.field + C

        def correlation(self, a, b):
            return 0 * a[:, 0], 0 * a[:, 0], 0 * a[:, 0] + C

        @property
        def target(self):
            return self

    return Constant()


def test_no_class_is_taken_for_another():
    """JAX holds registered dataclasses for equal, and runs what was compiled for one where hashes fall together."""
    u = oracles.unit(np.random.default_rng(0), 4)
    many = [_constant(C) for C in np.linspace(0, 0.5, 60)]
    inner = [jl.SeparableModel(model, 0.0, 0.0) for model in many]  # within another pytree
    seen = []
    for i, C in enumerate(np.linspace(0, 0.5, 60)):
        assert points.one_point(many[i], u, u, u, u)[:, 0] == pytest.approx((1 + 2 * (u * u).sum(1) + C) / 4)
        for model in (many[i], inner[i]):
            wrapped = arguments.as_pytree(model)
            assert not any(jax.tree.structure(wrapped) == s for s in seen)
            seen.append(jax.tree.structure(wrapped))
    few = many[:3]
    P = admission.of_each(verdicts._of_target, few, 4, u, u)
    np.testing.assert_allclose(4 * P[:, :, 0] - 1, np.repeat([[0.0], [0.5 / 59], [1 / 59]], 4, axis=1), atol=1e-15)
    with pytest.raises(jl.InputError, match=r"must be affine in the visibility, but is not at 0\.4"):
        jl.verify(lambda V: few[int(V == 0.4)], "random:4", [0.1, 0.4, 0.7], target=jl.werner(0.0))
