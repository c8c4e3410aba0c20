"""Verdicts: wrong models are found out, right ones pass at the promised rate, and tolerances are what they say."""

import json
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import Leaning, verdicts_of
from jax.tree_util import register_dataclass
from scipy import stats

import jaxleggett as jl
from jaxleggett.kernels.plan import Plan
from jaxleggett.models import werner
from jaxleggett.verification import VerifyOptions
from jaxleggett.verification.verdicts import Judge


@register_dataclass
@dataclass(frozen=True)
class _Wrong:
    """The explicit model with one thing wrong, by the factors of p- lower, p+ upper, p+ lower, p- upper."""

    visibility: float
    factors: np.ndarray

    def sample(self, key, num):
        return jl.WernerModel(self.visibility).sample(key, num)

    def lattice(self, key, index, num):
        return jl.WernerModel(self.visibility).lattice(key, index, num)

    def correlator(self, u, v, a, b):
        minus, plus = werner.werner_weights(self.visibility, a, b)
        lower = -1 + jnp.abs(jnp.dot(u, a - b))
        upper = 1 - jnp.abs(jnp.dot(u, a + b))
        return jnp.dot(self.factors, jnp.stack([minus * lower, plus * upper, plus * lower, minus * upper]))


def _wrong(*factors):
    return lambda V: _Wrong(V, np.array(factors))


FAULTS = {
    "exchanged": _wrong(0.0, 0.0, 1.0, 1.0),  # p+ and p-: the wrong sign in p+-
    "factor": _wrong(0.99, 1.0, 0.0, 0.0),
    "sign": _wrong(1.0, -1.0, 0.0, 0.0),
    "leaning": Leaning,
}


@pytest.mark.parametrize("method", ["rqmc", pytest.param("mc", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=pytest.mark.slow if number else ()) for number, fault in enumerate(FAULTS)]
)
def test_a_wrong_model_is_found_out(fault, method):
    found = jl.verify(FAULTS[fault], "random:64", [0.5, 0.7], samples=10**5, method=method, target=jl.werner)
    assert not found.reproduces
    assert set(verdicts_of(found)) <= {"wrong_average", "negative_probability"}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["rqmc", "mc"])
def test_without_a_fault_the_same_class_passes(method):
    found = jl.verify(
        _wrong(1.0, 1.0, 0.0, 0.0), "random:64", [0.5, 0.7], samples=10**5, method=method, target=jl.werner
    )
    assert found.reproduces


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["rqmc", "exact"])
def test_a_visibility_off_by_one_in_ten_thousand_is_found_out(method):
    found = jl.verify(lambda V: jl.WernerModel(V + 1e-4), "random:64", 0.5, method=method, target=jl.werner)
    assert verdicts_of(found) == ["wrong_average"], found.rows
    right = jl.verify(lambda V: jl.WernerModel(V), "random:64", 0.5, method=method, target=jl.werner)
    assert verdicts_of(right) == ["reproduces"]


@pytest.mark.slow  # scripts/statistical_verification.py asks the same of a million verdicts
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


def test_rounding_has_a_floor():
    z = np.array([[0.0, 0.0, 1.0]])
    rounding = 8 * np.finfo(float).eps
    row = jl.verify(jl.SeparableModel(np.ones(1), z, z), jl.SettingPairs(z, z), method="mc", samples=100).rows[0]
    assert (row.max_standard_error, row.max_z) == (rounding, 0)
    judge = Judge.of(None, 1, [], rounding)
    assert judge.negative(-16.1 * rounding)
    assert not judge.negative(-15.9 * rounding)


@pytest.mark.thorough
def test_blocks_of_pairs_are_judged_as_one():
    whole = jl.verify(jl.WernerModel, "random:40", [0.5, 0.9], samples=5000)
    parts = jl.verify(jl.WernerModel, "random:40", [0.5, 0.9], samples=5000, options=VerifyOptions(pairs_at_once=7))
    for x, y in zip(whole.rows, parts.rows, strict=True):
        assert x.to_json() == pytest.approx(y.to_json()) if x.witness is None else x.witness == y.witness
        assert (x.verdict, x.max_z) == (y.verdict, y.max_z)


@pytest.mark.thorough
@pytest.mark.parametrize(("model", "seed"), [(jl.WhiteNoiseModel(), 269), (jl.SeparableModel(), 3)])
def test_few_samples_reject_no_right_model_and_say_that_they_could_not(model, seed):
    """White noise at 16 samples was rejected with z = 19.7: batches of one point are far from normal."""
    row = jl.verify(model, "grid:32", samples=16, seed=seed).rows[0]
    assert (row.verdict, row.tolerance) == ("reproduces", None)


@pytest.mark.thorough
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


@pytest.mark.slow
def test_many_atoms_hide_no_fault():
    """4000 atoms, T off by 0.2, 10^6 samples: an allowance of one draw for each atom let it pass, at z = 290."""
    rng = np.random.default_rng(1)
    model = jl.SeparableModel(rng.dirichlet(np.ones(4000)), oracles.unit(rng, 4000), oracles.unit(rng, 4000))
    right = model.target
    assert jl.verify(model, "random:8", samples=10**6).reproduces
    wrong = jl.TwoQubitState(right.r_A, right.r_B, right.T + np.diag([0.2, 0.0, 0.0]))
    assert verdicts_of(jl.verify(model, "random:8", samples=10**6, target=wrong)) == ["wrong_average"]


def test_the_allowance_of_a_run():
    """7 ln(2/level) / (3 (n - 1)) with n all samples, lowered by a `lattice_error` that counts, by none below."""
    level = VerifyOptions().false_rejections / 80
    plan, rounding = Plan.of(1600, "rqmc"), 1e-15
    for n, way in ((1600, plan), (1600, Plan.of(1600, "mc"))):
        judge = Judge.of(way, 40, [jl.WhiteNoiseModel()], rounding)
        assert judge.allowance == pytest.approx(7 * np.log(2 / level) / (3 * (n - 1)))
        t = stats.t.isf(level, way.batches - 1)
        assert judge.critical == pytest.approx(max(t, np.sqrt(2 * np.log(2 / level))))
    many = Judge.of(Plan("mc", 10**6, 1, 1), 40, [jl.WhiteNoiseModel()], rounding)
    assert many.critical == pytest.approx(np.sqrt(2 * np.log(2 / level)))  # Student's t is below that

    class Own(jl.WhiteNoiseModel):
        ERROR = 1e-3

        def lattice_error(self, num):
            return self.ERROR

    assert Judge.of(plan, 40, [Own()], rounding).allowance == 1e-3
    assert Judge.of(Plan.of(1600, "mc"), 40, [Own()], rounding).allowance > 0.03
    Own.ERROR = 5.0
    assert Judge.of(plan, 40, [Own()], rounding).allowance < 0.05
    for wrong, shown in ((float("nan"), "nan"), (-1.0, "-1.0"), (None, "None")):
        Own.ERROR = wrong
        with pytest.raises(
            jl.InputError, match=f"lattice_error of the model white-noise must be at least 0, but is {shown}"
        ):
            Judge.of(plan, 40, [Own()], rounding)


@pytest.mark.thorough
@pytest.mark.parametrize("method", [pytest.param("mc", marks=pytest.mark.slow), "rqmc", "exact"])
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
    assert verdicts_of(found) == ["wrong_average", "negative_probability"]
    answer = json.loads(json.dumps(found.to_json(), allow_nan=False))["visibilities"]
    assert [row["max_abs_error"] for row in answer] == [None, None]
    assert answer[1]["witness"]["probability"] == answer[1]["min_probability"] < -1e-3
