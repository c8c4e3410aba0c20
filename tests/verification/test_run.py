"""`verify` against closed forms and oracles: averages, witnesses, seeds, scans, interruptions, bad input."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import Leaning, verdicts_of
from jax.tree_util import register_dataclass
from tolerances import EXACT, EXACT_SINGLE, RQMC_4E6, SMALLEST

import jaxleggett as jl
from jaxleggett._numerics import random_key
from jaxleggett.verification import VerifyOptions, run

REPRODUCED = [0.0, 0.2, 0.5, 0.8, 0.853553]
BROKEN = [-1 / 3, -0.01, 0.8536, 0.86, 0.9, 1.0]


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["rqmc", "mc", "exact"])
@pytest.mark.parametrize("precision", ["double", pytest.param("single", marks=pytest.mark.slow)])
def test_the_explicit_model_on_both_sides_of_its_range(method, precision):
    found = jl.verify(
        jl.WernerModel, "random:1024", REPRODUCED + BROKEN, samples=20000, method=method, precision=precision
    )
    assert verdicts_of(found) == ["reproduces"] * len(REPRODUCED) + ["negative_probability"] * len(BROKEN)
    assert not found.reproduces
    assert [row.witness is None for row in found.rows] == [True] * len(REPRODUCED) + [False] * len(BROKEN)


@pytest.mark.parametrize("method", ["rqmc", *(pytest.param(m, marks=pytest.mark.thorough) for m in ("mc", "exact"))])
def test_smallest_probability_against_its_exact_value(method):
    pairs = jl.SettingPairs.random(1024, seed=4)
    V = np.array(BROKEN + REPRODUCED)
    found = jl.verify(jl.WernerModel, pairs, V, samples=20000, method=method)
    for v, row in zip(V, found.rows, strict=True):
        exact = min(oracles.smallest_werner_probability(v, a, b) for a, b in zip(pairs.a, pairs.b, strict=True))
        assert row.min_probability >= exact - SMALLEST
        if method == "exact":
            assert row.min_probability == pytest.approx(exact, abs=SMALLEST)
        else:
            assert row.min_probability == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize("method", ["rqmc", "exact"])
def test_a_witness_can_be_recomputed_by_hand(method):
    found = jl.verify(jl.WernerModel, "random:1024", BROKEN, samples=20000, method=method)
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
    found = jl.verify(jl.WernerModel, "random:1024", [0.0, 0.5, 0.85], samples=20000, method="mc")
    for row in found.rows:
        assert 5e-4 < row.max_standard_error < 5e-3
        assert 1 < row.max_z < 6


FEW_ATOMS = (
    jl.SeparableModel(np.array([0.999, 0.001]), np.eye(3)[:2], np.eye(3)[1:]),
    jl.SettingPairs.product(np.eye(3), np.eye(3)),
)
RIGHT = [
    (jl.WhiteNoiseModel(), "random:50"),
    (jl.GreatCircleModel(), "equatorial:7"),
    (jl.PRBoxModel(), jl.PRBoxModel().pairs),
    (jl.SeparableModel(), "random:50"),
    FEW_ATOMS,
]


@pytest.mark.parametrize(
    ("model", "settings", "samples"),
    [
        (*RIGHT[0], 3000),
        *(pytest.param(*right, 3000, marks=pytest.mark.slow) for right in RIGHT[1:]),
        # Few samples are hardest for an atom that most of them miss.
        (*FEW_ATOMS, 10),
        *(pytest.param(*right, 10, marks=pytest.mark.slow) for right in RIGHT[:-1]),
    ],
)
@pytest.mark.parametrize("method", ["rqmc", pytest.param("mc", marks=pytest.mark.slow), "exact"])
def test_every_model_reproduces_its_target(model, settings, method, samples):
    found = jl.verify(model, settings, method=method, samples=samples)
    assert verdicts_of(found) == ["reproduces"]
    assert found.rows[0].visibility is None
    assert found.rows[0].min_probability > -1e-15


def test_off_its_circle_the_great_circle_model_breaks():
    assert verdicts_of(jl.verify(jl.GreatCircleModel(), "random:50", samples=3000)) == ["negative_probability"]


@pytest.mark.slow
def test_everything_may_be_rotated():
    """Rotating settings, normals and decompositions together changes no verdict and no exact average."""
    rng = np.random.default_rng(0)
    R = oracles.random_rotation(rng)
    a, b = oracles.unit(rng, 5), oracles.unit(rng, 7)
    straight, turned = (jl.SettingPairs.product(x, y) for x, y in ((a, b), (a @ R.T, b @ R.T)))
    for pairs in (straight, turned):
        found = jl.verify(jl.WernerModel, pairs, [0.1, 0.8, 1.0], samples=5000)
        assert verdicts_of(found) == ["reproduces", "reproduces", "negative_probability"]
    one, two = (jl.verify(jl.WernerModel, p, [0.1, 1.0], method="exact") for p in (straight, turned))
    for x, y in zip(one.rows, two.rows, strict=True):
        assert x.min_probability == pytest.approx(y.min_probability, abs=1e-13)
    np.testing.assert_allclose(one.averages.mean, two.averages.mean, atol=1e-13)


@pytest.mark.slow
def test_equal_and_opposite_settings_are_no_special_case():
    a = oracles.unit(np.random.default_rng(1), 4)
    pairs = jl.SettingPairs(np.concatenate([a, a]), np.concatenate([a, -a]))
    for method in ("rqmc", "mc", "exact"):
        found = jl.verify(jl.WernerModel, pairs, [0.0, 0.5, 0.85], method=method, samples=2000)
        assert found.reproduces
        assert np.isfinite([row.max_abs_error for row in found.rows]).all()


@pytest.mark.thorough
def test_a_scan_is_the_sum_of_its_rows():
    """Every row of a scan equals the run at that visibility alone, witnesses between the ends apart."""
    V = [0.1, 0.4, 0.8]
    scan = jl.verify(jl.WernerModel, "random:40", V, samples=5000)
    for v, row in zip(V, scan.rows, strict=True):
        alone = jl.verify(jl.WernerModel, "random:40", v, samples=5000).rows[0]
        assert row.max_abs_error == pytest.approx(alone.max_abs_error, rel=1e-6)
        assert row.max_standard_error == pytest.approx(alone.max_standard_error, rel=1e-6)
        assert row.min_probability >= alone.min_probability - 1e-15


def test_the_seed_decides():
    runs = [jl.verify(jl.WernerModel, "random:8", 0.5, samples=2000, seed=s).averages.mean for s in (3, 3, 4)]
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
        ({"visibility": 1.2}, r"visibility must lie in \[-1/3, 1\], but is 1.2"),
        ({"visibility": [0.5, -0.4]}, r"but is -0.4"),
        ({"visibility": float("nan")}, r"but is nan"),
        ({"visibility": []}, "visibility must be a number or a list"),
        ({"visibility": "much"}, "visibility must be a number"),
        ({}, "visibility must be given"),
        ({"model": jl.WhiteNoiseModel(), "visibility": 0.5}, "visibility must be left out"),
        ({"model": 3, "visibility": 0.5}, "model must have the methods sample and correlator"),
        ({"visibility": 0.5, "samples": 0}, "samples must lie between 1 and"),
        ({"visibility": 0.5, "samples": 1.5}, "samples must be an integer"),
        ({"visibility": 0.5, "seed": -1}, "seed must lie between 0 and"),
        ({"visibility": 0.5, "method": "exat"}, "method must be one of rqmc, mc, exact, but is 'exat'"),
        ({"visibility": 0.5, "method": ["mc"]}, r"method must be one of rqmc, mc, exact, but is \['mc'\]"),
        ({"visibility": 0.5, "precision": "half"}, "precision must be one of single, double"),
        ({"visibility": 0.5, "precision": ["double"]}, r"precision must be one of single, double, but is \['double'\]"),
        ({"visibility": 0.5, "target": 7}, "target must be given for the model werner"),
        ({"visibility": 0.5, "settings": "random:x"}, "must be an integer"),
        ({"model": Leaning, "visibility": 0.5, "method": "exact"}, "method exact needs a quadrature"),
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
    assert verdicts_of(found) == ["reproduces", "wrong_average", "reproduces"]
    with pytest.raises(jl.InputError, match="must be affine in the visibility"):
        jl.verify(lambda V: jl.WernerModel(V * V), "random:16", [0.0, 0.4, 0.8])


@pytest.mark.slow
def test_a_subclass_that_samples_otherwise_is_sampled():
    class Hemisphere(jl.WernerModel):
        def sample(self, key, num):
            u, _ = super().sample(key, num)
            u = u * jnp.sign(u[:, 2:])
            return u, -u

    register_dataclass(Hemisphere, data_fields=["visibility"], meta_fields=[])
    found = jl.verify(Hemisphere, "random:16", 0.5, samples=20000)
    assert (found.method, verdicts_of(found)) == ("mc", ["wrong_average"])
    with pytest.raises(jl.InputError, match="method exact needs a quadrature that belongs to the sample"):
        jl.verify(Hemisphere, "random:16", 0.5, method="exact")


def test_the_callers_configuration_does_not_matter():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        assert jl.verify(jl.WernerModel, "random:4", [0.1, 0.5], samples=2000).reproduces


@pytest.mark.slow
def test_a_hundred_thousand_visibilities_in_seconds():
    V = np.linspace(0, 0.8535, 10**5)
    told = []
    started = time.perf_counter()
    found = jl.verify(jl.WernerModel, "random:3", V, samples=2000, progress=lambda event: told.append(event.done))
    assert time.perf_counter() - started < 60  # 4 s; one by one it was 200 s
    assert found.reproduces
    np.testing.assert_array_equal([row.visibility for row in found.rows], V)
    some = jl.verify(jl.WernerModel, "random:3", V[[0, 77777, -1]], samples=2000).rows
    assert found.rows[77777].max_abs_error == pytest.approx(some[1].max_abs_error, rel=1e-9)
    assert told == sorted(told)
    assert told[-1] == 1
    assert told[-2] < 1


@pytest.mark.parametrize("where", ["inspect_model", "average", "judged"])
def test_ctrl_c_leaves_an_answer(monkeypatch, where):
    def interrupted(*arguments, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, where, interrupted)
    found = jl.verify(jl.WernerModel, "random:4", [0.1, 0.2], samples=2000)
    answer = found.to_json()
    done = 4 if where == "judged" else 0
    assert (found.status, found.rows, found.reproduces) == ("interrupted", (), False)
    assert (answer["num_pairs"], answer["evaluations"]) == (done, done * found.num_samples)
    assert set(answer) == set(jl.verify(jl.WernerModel, "random:4", 0.1, samples=2000).to_json())


def test_ctrl_c_keeps_the_visibilities_that_were_judged():
    two_at_once = VerifyOptions(averages_at_once=8)
    V = np.linspace(0, 0.8, 7)
    whole = jl.verify(jl.WernerModel, "random:4", V, samples=2000)

    def progress(event):
        if event.done > (whole.num_samples + 3) / (whole.num_samples + 7):
            raise KeyboardInterrupt

    found = jl.verify(jl.WernerModel, "random:4", V, samples=2000, progress=progress, options=two_at_once)
    assert (found.status, found.rows) == ("interrupted", whole.rows[:4])


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
