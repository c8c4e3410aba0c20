"""Sums of a chunk, in both forms, against NumPy on the same hidden vectors."""

import functools
import itertools

import jax
import numpy as np
import oracles
import pytest
from cases import all_hidden
from tolerances import SAME_ARITHMETIC, SINGLE

import jaxleggett as jl
from jaxleggett.kernels import chunks, interpolated
from jaxleggett.kernels.plan import Plan
from jaxleggett.models import arguments
from jaxleggett.verification.montecarlo import average

KEY = jax.random.key(5)


@pytest.mark.parametrize(
    ("method", "half"), [pytest.param("mc", False, marks=pytest.mark.thorough), ("rqmc", False), ("rqmc", True)]
)
# The last are the batches, the chunks of each and the hidden vectors of a chunk.
@pytest.mark.parametrize(
    "samples",
    [
        3,
        *(pytest.param(n, marks=pytest.mark.slow) for n in (1000, 20000)),
        pytest.param((5, 3, 20), marks=pytest.mark.thorough),
    ],
)
def test_sums_against_numpy_on_the_same_hidden_vectors(method, half, samples):
    pairs = jl.SettingPairs.random(13, seed=2)
    V = (0.3, 0.95)
    plan = Plan(method, *samples, half) if isinstance(samples, tuple) else Plan.of(samples, method, half)
    found = average(KEY, [jl.WernerModel(x) for x in V], pairs.a, pairs.b, plan)
    u, v, w = all_hidden(KEY, jl.WernerModel(0.3), plan)
    np.testing.assert_array_equal(u, -v)
    P = np.stack([oracles.werner_model_on(x, u.reshape(-1, 3), pairs.a, pairs.b) for x in V])
    np.testing.assert_allclose(found.smallest, P.min((1, 3)), atol=SAME_ARITHMETIC)
    # the witness is the hidden vector at which the smallest probability is found
    for e in range(2):
        for k in range(13):
            at = oracles.werner_model_on(
                V[e], found.witness[e, k, 0][None], pairs.a[k : k + 1], pairs.b[k : k + 1]
            ).min()
            assert at == pytest.approx(P[e, :, k].min(), abs=SAME_ARITHMETIC)
    if half:  # every point stands for its opposite too
        P = (P + np.stack([oracles.werner_model_on(x, -u.reshape(-1, 3), pairs.a, pairs.b) for x in V])) / 2
    share = (w / w.sum(1, keepdims=True))[None, :, :, None, None]
    batches = (share * P.reshape(2, plan.batches, -1, 13, 4)).sum(2)
    np.testing.assert_allclose(found.mean, batches.mean(1).transpose(0, 2, 1), atol=SAME_ARITHMETIC)
    for e in range(2):
        for f in range(2):
            for k in range(13):
                for o in range(4):
                    want = np.cov(batches[e, :, k, o], batches[f, :, k, o])[0, 1] / plan.batches
                    assert found.covariance[e, f, o, k] == pytest.approx(want, rel=1e-7, abs=1e-30)


def test_the_chunks_of_a_rotation_are_one_lattice():
    plan, model = Plan("rqmc", 2, 3, 20), jl.WernerModel(0.5)
    u, _, _ = all_hidden(KEY, model, plan)
    with jax.enable_x64(True):
        for rotation in range(2):
            whole, _ = model.lattice(jax.random.fold_in(KEY, rotation), np.arange(60), 60)
            np.testing.assert_allclose(u[rotation], whole, atol=1e-14)


@pytest.mark.thorough
def test_sums_lose_no_bits():
    """A constant correlator comes back to rounding after 10^6 samples, in both precisions."""
    pairs = jl.PRBoxModel().pairs
    for dtype in (np.float32, np.float64):
        found = average(KEY, [jl.PRBoxModel()], pairs.a, pairs.b, Plan.of(10**6, "mc"), dtype=dtype)
        want = [[0.5, 0.5, 0.5, 0], [0, 0, 0, 0.5], [0, 0, 0, 0.5], [0.5, 0.5, 0.5, 0]]
        np.testing.assert_allclose(found.mean[0], want, atol=1e-14)


@pytest.mark.thorough
def test_single_precision_wears_no_sum_away():
    """C = 0.1 at every hidden vector: a plain sum of 4096 such numbers in float32 would be wrong by 1e-6."""

    class Constant(jl.WernerModel):
        def correlator(self, u, v, a, b):
            return jax.numpy.full_like(u[0], 0.1)

    pairs = jl.SettingPairs.random(5)
    found = average(KEY, [Constant(0.0)], pairs.a, pairs.b, Plan("mc", 3, 1, 4096), dtype=np.float32)
    C = np.einsum("o,eop->ep", [1, -1, -1, 1], found.mean)
    np.testing.assert_allclose(C, np.float32(0.1), rtol=0, atol=2e-8)


@pytest.mark.thorough
@pytest.mark.parametrize("form", ["stream", "at_once"])
def test_a_correlator_that_is_nan_hides_no_other_probability(monkeypatch, form):
    monkeypatch.setattr(chunks, "stream", getattr(chunks, form))

    class Partly(jl.WernerModel):
        def correlator(self, u, v, a, b):
            return jax.numpy.where(u[2] > 0, jax.numpy.nan, super().correlator(u, v, a, b))

    pairs, plan = jl.SettingPairs.random(13, seed=2), Plan("mc", 2, 1, 64)
    found = average(KEY, [Partly(0.95)], pairs.a, pairs.b, plan)
    u = all_hidden(KEY, jl.WernerModel(0.95), plan)[0].reshape(-1, 3)
    P = oracles.werner_model_on(0.95, u[u[:, 2] <= 0], pairs.a, pairs.b)
    np.testing.assert_allclose(found.smallest[0], P.min((0, 2)), atol=SAME_ARITHMETIC)
    P = oracles.werner_model_on(0.95, found.witness[0, :, 0], pairs.a, pairs.b)
    np.testing.assert_allclose(np.einsum("ppo->po", P).min(1), found.smallest[0], atol=SAME_ARITHMETIC)
    assert found.witness[0, :, 0, 2].max() <= 0


def test_each_platform_has_its_form():
    """A loop on CPUs; none on GPUs, as far as can be seen without one: in what XLA is given to compile."""
    platforms = (("cpu", True), ("cuda", False), ("rocm", False))
    for (platform, loops), kind in itertools.product(platforms, (jl.WernerModel, _Unshared)):
        u = jax.numpy.zeros((61, 3))
        lowered = (
            jax.jit(functools.partial(chunks.chunk_sums, [kind(0.5)]))
            .trace(u, u, u[:, 0], u[:13].T, u[:13].T)
            .lower(lowering_platforms=(platform,))
        )
        assert ("while" in lowered.as_text()) == loops


@pytest.mark.parametrize(
    ("num", "num_pairs", "ends"),
    [
        (61, 13, (0.3, 0.95)),
        *(
            pytest.param(*shape, marks=pytest.mark.slow)
            for shape in ((1, 1, (0.3, 0.95)), (60, 13, (0.3,)), (9, 2, (0.1, 0.5, 0.95)))
        ),
    ],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, SINGLE), (np.float64, SAME_ARITHMETIC)])
def test_the_form_for_every_platform_against_numpy(monkeypatch, num, num_pairs, ends, dtype, tolerance):
    """CPUs go through the hidden vectors step by step, other platforms take them at once; 61 and 9 do not divide."""
    pairs, rng = jl.SettingPairs.random(num_pairs, seed=2), np.random.default_rng(1)
    u, weights = oracles.unit(rng, num), rng.uniform(0.5, 1.5, num)
    P = np.stack([oracles.werner_model_on(V, u, pairs.a, pairs.b) for V in ends])
    sums = np.einsum("enpo,o,n->ep", P, [1, -1, -1, 1], weights)
    with jax.enable_x64(True):
        a, b = (jax.numpy.asarray(x.T, dtype) for x in (pairs.a, pairs.b))
        models = arguments.unpacked([_Unshared(V) for V in ends], dtype)
        for form in (chunks.stream, chunks.at_once):
            monkeypatch.setattr(chunks, "stream", form)
            found = jax.jit(functools.partial(chunks.chunk_sums, models))(u, -u, weights, a, b)
            np.testing.assert_allclose(found[0] / num, sums / num, rtol=0, atol=tolerance)
            np.testing.assert_allclose(found[1], P.min((1, 3)), rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("num", "num_pairs", "ends"),
    # The least visibility makes a weight negative: there the margin is least at the smallest t.
    [
        (61, 13, (-0.2, 0.95)),
        *(
            pytest.param(*shape, marks=pytest.mark.slow)
            for shape in ((1, 1, (0.3, 0.95)), (60, 13, (-0.3,)), (9, 2, (0.1, 0.5, 0.95)), (700, 13, (0.9,)))
        ),
    ],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, SINGLE), (np.float64, SAME_ARITHMETIC)])
@pytest.mark.parametrize("form", ["stream_moduli", "moduli_at_once"])
def test_four_numbers_a_pair_against_numpy(monkeypatch, num, num_pairs, ends, dtype, tolerance, form):
    """Groups of hidden vectors side by side, steps that do not fill up, and all at once; with weights."""
    monkeypatch.setattr(interpolated, "stream_moduli", getattr(interpolated, form))
    pairs, rng = jl.SettingPairs.random(num_pairs, seed=2), np.random.default_rng(1)
    u, weights = oracles.unit(rng, num), rng.uniform(0.5, 1.5, num)
    P = np.stack([oracles.werner_model_on(V, u, pairs.a, pairs.b) for V in ends])
    sums = np.einsum("enpo,o,n->ep", P, [1, -1, -1, 1], weights)
    with jax.enable_x64(True):
        a, b = (jax.numpy.asarray(x.T, dtype) for x in (pairs.a, pairs.b))
        models = arguments.unpacked([jl.WernerModel(V) for V in ends], dtype)
        found = jax.jit(functools.partial(chunks.chunk_sums, models))(u, -u, weights, a, b)
        np.testing.assert_allclose(found[0] / num, sums / num, rtol=0, atol=tolerance)
        np.testing.assert_allclose(found[1], P.min((1, 3)), rtol=0, atol=tolerance)


class _Counted(jl.WernerModel):
    """Counts how often its weights and its correlator are traced, and at arrays of which shapes."""

    def __init__(self, visibility):
        super().__init__(visibility)
        object.__setattr__(self, "calls", [])

    def interpolation(self, a, b):
        self.calls.append("interpolation")
        return super().interpolation(a, b)

    def correlator(self, u, v, a, b):
        self.calls.append("correlator")
        return super().correlator(u, v, a, b)


class _Unshared(jl.WernerModel):
    """The same correlations, but without weights that kernels could evaluate once a pair."""

    def correlator(self, u, v, a, b):
        return super().correlator(u, v, a, b)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("plan", "dtype", "tolerance"),
    [
        (None, np.float64, SAME_ARITHMETIC),
        pytest.param(Plan("rqmc", 5, 3, 20, half=True), np.float32, SINGLE, marks=pytest.mark.slow),
        pytest.param(Plan("mc", 5, 3, 20), np.float64, SAME_ARITHMETIC, marks=pytest.mark.slow),
        pytest.param(Plan("mc", 5, 3, 20), np.float32, SINGLE, marks=pytest.mark.slow),
        pytest.param(Plan("rqmc", 5, 3, 20, half=True), np.float64, SAME_ARITHMETIC, marks=pytest.mark.slow),
        pytest.param(None, np.float32, SINGLE, marks=pytest.mark.slow),
    ],
)
def test_interpolated_correlators_are_what_the_correlator_says(plan, dtype, tolerance):
    pairs = jl.SettingPairs.random(13, seed=2)
    # One run may have models of either kind, if they share their hidden vectors.
    shared, mixed, called = (
        average(KEY, [kind(V) for kind, V in zip(kinds, (0.3, 0.95), strict=True)], pairs.a, pairs.b, plan, dtype=dtype)
        for kinds in ([jl.WernerModel] * 2, [_Unshared, jl.WernerModel], [_Unshared] * 2)
    )
    for found in (shared, mixed):
        np.testing.assert_allclose(found.mean, called.mean, rtol=0, atol=tolerance)
        np.testing.assert_allclose(found.smallest, called.smallest, rtol=0, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["stream_moduli", "moduli_at_once"])
@pytest.mark.parametrize("plan", [Plan.of(3000, "mc"), None])
def test_weights_are_evaluated_once_a_pair(monkeypatch, form, plan):
    monkeypatch.setattr(interpolated, "stream_moduli", getattr(interpolated, form))
    pairs, model = jl.SettingPairs.random(13, seed=2), _Counted(0.9)
    average(KEY, [model], pairs.a, pairs.b, plan)
    # Once for the averages, once for the search for witnesses; and the correlator itself is never asked.
    assert model.calls == ["interpolation"] * (2 if plan else 1)
