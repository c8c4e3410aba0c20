import functools
import subprocess
import sys

import jax
import numpy as np
import oracles
import pytest
from tolerances import EXACT, SAME_ARITHMETIC, SINGLE

import jaxleggett as jl
from jaxleggett.kernels import chunks
from jaxleggett.kernels.plan import CHUNK, Plan
from jaxleggett.models import arguments
from jaxleggett.verification import montecarlo
from jaxleggett.verification.montecarlo import average

KEY = jax.random.key(5)


def _all_hidden(model, plan):
    """Every hidden vector of a run and its weight, batch by batch, made chunk by chunk."""
    with jax.enable_x64(True):
        make = jax.jit(lambda c: chunks.hidden_vectors(KEY, model, plan, c))
        made = [make(np.uint32(c)) for c in range(plan.num_chunks)]
    u, v, w = (np.concatenate([np.asarray(c[i]) for c in made]) for i in range(3))
    return u.reshape(plan.batches, -1, 3), v.reshape(plan.batches, -1, 3), w.reshape(plan.batches, -1)


@pytest.mark.parametrize(("method", "half"), [("mc", False), ("rqmc", False), ("rqmc", True)])
@pytest.mark.parametrize("samples", [3, 1000, 20000, (5, 3, 20)])
def test_sums_against_numpy_on_the_same_hidden_vectors(method, half, samples):
    pairs = jl.SettingPairs.random(13, seed=2)
    V = (0.3, 0.95)
    plan = Plan(method, *samples, half) if isinstance(samples, tuple) else Plan.of(samples, method, half)
    found = average(KEY, [jl.WernerModel(x) for x in V], pairs.a, pairs.b, plan)
    u, v, w = _all_hidden(jl.WernerModel(0.3), plan)
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
    u, _, _ = _all_hidden(model, plan)
    with jax.enable_x64(True):
        for rotation in range(2):
            whole, _ = model.lattice(jax.random.fold_in(KEY, rotation), np.arange(60), 60)
            np.testing.assert_allclose(u[rotation], whole, atol=1e-14)


class _Elsewhere(jl.SeparableModel):
    """Hidden vectors that are no unit vectors where only the run sees them: not in `sample(key, 64)`."""

    WHAT = 0.0

    def sample(self, key, num):
        u, v = super().sample(key, num)
        return (u, v) if num == 64 else (u, v.at[num // 2].multiply(self.WHAT))

    def lattice(self, key, index, num):
        u, v = super().lattice(key, index, num)
        return u.at[len(index) // 2].multiply(self.WHAT), v

    def half_lattice(self, key, index, num):
        return *self.lattice(key, index, num), jax.numpy.ones(len(index))

    def quadrature(self, a, b):
        u, v, weights = super().quadrature(a, b)
        return u, v.at[0].multiply(self.WHAT), weights

    def correlator(self, u, v, a, b):
        return super().correlator(u, v, a, b)


@pytest.mark.parametrize("what", [0.0, 1.00001, np.nan])
@pytest.mark.parametrize("plan", [Plan.of(1000, "mc"), Plan.of(1000, "rqmc"), Plan.of(1000, "rqmc", half=True), None])
def test_every_hidden_vector_is_a_unit_vector(monkeypatch, what, plan):
    monkeypatch.setattr(_Elsewhere, "WHAT", what)
    pairs = jl.SettingPairs.random(4)
    with pytest.raises(jl.InputError, match=r"must be unit vectors \(to 1e-06\), but the norm of one misses 1"):
        average(KEY, [_Elsewhere()], pairs.a, pairs.b, plan)
    monkeypatch.setattr(_Elsewhere, "WHAT", 1 + 1e-8)
    average(KEY, [_Elsewhere()], pairs.a, pairs.b, plan)


def test_a_long_run_ends_at_the_first_call_that_meets_no_unit_vector(monkeypatch):
    told = []
    pairs = jl.SettingPairs.random(4)
    with pytest.raises(jl.InputError, match="misses 1 by 1"):
        average(KEY, [_Elsewhere()], pairs.a, pairs.b, Plan.of(10**5, "mc"), chunks_per_call=1, progress=told.append)
    assert told == []


@pytest.mark.parametrize("chunks", [0, -1, 1.5, "two"])
def test_a_call_has_at_least_one_chunk(chunks):
    pairs = jl.SettingPairs.random(4)
    with pytest.raises(jl.InputError, match="chunks_per_call must"):
        average(KEY, [jl.WernerModel(0.5)], pairs.a, pairs.b, Plan.of(100, "mc"), chunks_per_call=chunks)


@pytest.mark.parametrize("method", ["mc", "rqmc"])
@pytest.mark.parametrize("samples", [1, 2, 15, 16, 17, 1000, 10007, 10**5, 10**6, 4 * 10**6, 999983])
def test_plans_keep_their_word(method, samples):
    plan = Plan.of(samples, method)
    assert plan.num_samples == plan.batches * plan.chunks_per_batch * plan.chunk
    assert samples <= plan.num_samples <= max(16, 1.04 * samples + 16)
    assert plan.chunk <= CHUNK
    assert plan.batches == 16 if method == "rqmc" else plan.batches >= 2
    if method == "mc" and samples >= 1000:
        assert plan.batches >= 100


def test_round_numbers_are_not_rounded():
    for samples in (10**4, 10**5, 10**6, 4 * 10**6, 10**8):
        assert Plan.of(samples, "mc").num_samples == samples
        assert Plan.of(samples, "rqmc").num_samples == samples


def _bits(found):
    return [x.tobytes() for x in found.arrays() if x is not None]


@pytest.mark.parametrize("method", ["mc", "rqmc"])
def test_the_same_bits_however_the_work_is_cut(method):
    pairs = jl.SettingPairs.random(40)
    ends = [jl.WernerModel(0.2), jl.WernerModel(1.0)]
    plan = Plan.of(50000, method)
    runs = [average(KEY, ends, pairs.a, pairs.b, plan, chunks_per_call=n) for n in (1, 3, None)]
    assert _bits(runs[0]) == _bits(runs[1]) == _bits(runs[2])


@pytest.mark.parametrize(
    ("method", "dtype"),
    [
        ("mc", np.float32),
        ("rqmc", np.float64),
        pytest.param("mc", np.float64, marks=pytest.mark.slow),
        pytest.param("rqmc", np.float32, marks=pytest.mark.slow),
    ],
)
def test_the_same_bits_on_one_device_and_on_two(method, dtype, monkeypatch):
    devices = jax.devices()
    assert len(devices) == 2
    monkeypatch.setitem(montecarlo.BLOCK, "cpu", 16)
    pairs = jl.SettingPairs.random(53)  # four blocks, the last one part empty
    ends = [jl.WernerModel(0.2), jl.WernerModel(1.0)]
    plan = Plan.of(3000, method)
    one, two = (average(KEY, ends, pairs.a, pairs.b, plan, devices=d, dtype=dtype) for d in (devices[:1], devices))
    assert _bits(one) == _bits(two)


@pytest.mark.parametrize(("dtype", "rounding"), [(np.float32, 1e-8), (np.float64, 1e-15)])
def test_pairs_do_not_depend_on_their_block(monkeypatch, dtype, rounding):
    pairs = jl.SettingPairs.random(1500)
    ends = [jl.WernerModel(0.2), jl.WernerModel(1.0)]
    plan = Plan.of(2000, "rqmc", half=True)
    whole = average(KEY, ends, pairs.a, pairs.b, plan, dtype=dtype)
    monkeypatch.setitem(montecarlo.BLOCK, "cpu", 104)
    parts = average(KEY, ends, pairs.a, pairs.b, plan, dtype=dtype)
    for x, y in zip(parts.arrays(), whole.arrays(), strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=rounding)


def test_single_precision_is_double_to_its_rounding():
    pairs = jl.SettingPairs.random(100)
    ends = [jl.WernerModel(0.0), jl.WernerModel(1.0)]
    plan = Plan.of(10**5, "rqmc")
    double, single = (average(KEY, ends, pairs.a, pairs.b, plan, dtype=d) for d in (np.float64, np.float32))
    np.testing.assert_allclose(single.mean, double.mean, atol=SINGLE)
    np.testing.assert_allclose(single.smallest, double.smallest, atol=SINGLE)
    assert not np.array_equal(single.mean, double.mean)


def test_sums_lose_no_bits():
    """A constant correlator comes back to rounding after 10^6 samples, in both precisions."""
    pairs = jl.PRBoxModel().pairs
    for dtype in (np.float32, np.float64):
        found = average(KEY, [jl.PRBoxModel()], pairs.a, pairs.b, Plan.of(10**6, "mc"), dtype=dtype)
        want = [[0.5, 0.5, 0.5, 0], [0, 0, 0, 0.5], [0, 0, 0, 0.5], [0.5, 0.5, 0.5, 0]]
        np.testing.assert_allclose(found.mean[0], want, atol=1e-14)


def test_single_precision_wears_no_sum_away():
    """C = 0.1 at every hidden vector: summed as it is, 4096 times, in float32, it would come back off by 1e-6."""

    class Constant(jl.WernerModel):
        def correlator(self, u, v, a, b):
            return jax.numpy.full_like(u[0], 0.1)

    pairs = jl.SettingPairs.random(5)
    found = average(KEY, [Constant(0.0)], pairs.a, pairs.b, Plan("mc", 3, 1, 4096), dtype=np.float32)
    C = np.einsum("o,eop->ep", [1, -1, -1, 1], found.mean)
    np.testing.assert_allclose(C, np.float32(0.1), rtol=0, atol=2e-8)


def test_single_precision_with_few_values_of_the_correlator():
    pairs = jl.SettingPairs.random(300)
    plan = Plan.of(2**16, "rqmc")
    double, single = (average(KEY, [jl.SeparableModel()], pairs.a, pairs.b, plan, dtype=d) for d in (float, np.float32))
    np.testing.assert_allclose(single.mean, double.mean, rtol=0, atol=SINGLE)


@pytest.mark.parametrize("form", ["stream", "at_once"])
def test_a_correlator_that_is_no_number_hides_no_other(monkeypatch, form):
    monkeypatch.setattr(chunks, "stream", getattr(chunks, form))

    class Partly(jl.WernerModel):
        def correlator(self, u, v, a, b):
            return jax.numpy.where(u[2] > 0, jax.numpy.nan, super().correlator(u, v, a, b))

    pairs, plan = jl.SettingPairs.random(13, seed=2), Plan("mc", 2, 1, 64)
    found = average(KEY, [Partly(0.95)], pairs.a, pairs.b, plan)
    u = _all_hidden(jl.WernerModel(0.95), plan)[0].reshape(-1, 3)
    P = oracles.werner_model_on(0.95, u[u[:, 2] <= 0], pairs.a, pairs.b)
    np.testing.assert_allclose(found.smallest[0], P.min((0, 2)), atol=SAME_ARITHMETIC)
    P = oracles.werner_model_on(0.95, found.witness[0, :, 0], pairs.a, pairs.b)
    np.testing.assert_allclose(np.einsum("ppo->po", P).min(1), found.smallest[0], atol=SAME_ARITHMETIC)
    assert found.witness[0, :, 0, 2].max() <= 0


def test_each_platform_has_its_form():
    """A loop on CPUs; none on GPUs, as far as can be seen without one: in what XLA is given to compile."""
    for platform, loops in (("cpu", True), ("cuda", False), ("rocm", False)):
        u = jax.numpy.zeros((61, 3))
        lowered = (
            jax.jit(functools.partial(chunks.chunk_sums, [jl.WernerModel(0.5)]))
            .trace(u, u, u[:, 0], u[:13].T, u[:13].T)
            .lower(lowering_platforms=(platform,))
        )
        assert ("while" in lowered.as_text()) == loops


@pytest.mark.parametrize(
    ("num", "num_pairs", "ends"),
    [(1, 1, (0.3, 0.95)), (60, 13, (0.3,)), (61, 13, (0.3, 0.95)), (9, 2, (0.1, 0.5, 0.95))],
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
        models = arguments.opened([jl.WernerModel(V) for V in ends], dtype)
        for form in (chunks.stream, chunks.at_once):
            monkeypatch.setattr(chunks, "stream", form)
            found = jax.jit(functools.partial(chunks.chunk_sums, models))(u, -u, weights, a, b)
            np.testing.assert_allclose(found[0] / num, sums / num, rtol=0, atol=tolerance)
            np.testing.assert_allclose(found[1], P.min((1, 3)), rtol=0, atol=tolerance)


def test_quadrature_is_exact_for_every_model():
    rng = np.random.default_rng(3)
    R = oracles.random_rotation(rng)
    pairs = jl.SettingPairs.product(oracles.unit(rng, 5), oracles.unit(rng, 7))
    circle = jl.SettingPairs.parse("equatorial:5")
    turned = jl.SettingPairs(circle.a @ R.T, circle.b @ R.T)
    for model, at in (
        (jl.WernerModel(0.7), pairs),
        (jl.WhiteNoiseModel(), pairs),
        (jl.SeparableModel(), pairs),
        (jl.GreatCircleModel(R[:, 2]), turned),
        (jl.PRBoxModel(), jl.PRBoxModel().pairs),
    ):
        found = average(KEY, [model], at.a, at.b, None)
        want = jl.probabilities(*model.target.correlation(at.a, at.b))
        np.testing.assert_allclose(found.mean[0], np.asarray(want).T, atol=EXACT)
        assert found.covariance is None


def test_an_interruption_keeps_the_finished_pairs(monkeypatch):
    monkeypatch.setitem(montecarlo.BLOCK, "cpu", 16)
    pairs = jl.SettingPairs.random(50)
    plan = Plan.of(1000, "mc")
    ends = [jl.WernerModel(0.5)]

    def run(stop_at, chunks_per_call=None):
        told = []

        def progress(evaluations):
            told.append(evaluations)
            if len(told) == stop_at:
                raise KeyboardInterrupt

        devices = jax.devices()[:1]
        return average(
            KEY, ends, pairs.a, pairs.b, plan, devices=devices, progress=progress, chunks_per_call=chunks_per_call
        )

    kept, whole = run(3), run(0)
    assert kept.mean.shape[-1] == 32
    assert _bits(kept) == _bits(whole.pairs(slice(32)))
    with pytest.raises(KeyboardInterrupt):
        run(1, chunks_per_call=1)
    # in the first block the finished batches are kept
    batches = run(5, chunks_per_call=1)
    assert batches.plan.batches == 5
    assert batches.mean.shape[-1] == 16
    u = _all_hidden(ends[0], batches.plan)[0].reshape(-1, 3)
    want = oracles.werner_model_on(0.5, u, pairs.a[:16], pairs.b[:16]).mean(0).T
    np.testing.assert_allclose(batches.mean[0], want, atol=SAME_ARITHMETIC)


class _Mine:
    """A user's model: two functions, no pytree, no lattice."""

    def __init__(self, sign):
        self.sign = sign

    def sample(self, key, num):
        u = jl.sample_sphere(key, num)
        return u, u

    def correlator(self, u, v, a, b):
        return self.sign * jax.numpy.dot(u, a) * jax.numpy.dot(v, b)


def test_a_model_of_the_users_own():
    pairs = jl.SettingPairs.random(8)
    plan = Plan.of(20000, "mc")
    mine = _Mine(1.0)
    found = average(KEY, [mine], pairs.a, pairs.b, plan)
    C = np.einsum("o,eop->ep", [1, -1, -1, 1], found.mean)[0]
    np.testing.assert_allclose(C, (pairs.a * pairs.b).sum(1) / 3, atol=0.02)
    # changed in place between two runs: nothing stale is reused
    mine.sign = -1.0
    again = average(KEY, [mine], pairs.a, pairs.b, plan)
    np.testing.assert_allclose(np.einsum("o,eop->ep", [1, -1, -1, 1], again.mean)[0], -C, atol=1e-12)


@pytest.mark.slow
def test_a_million_pairs_in_one_and_a_half_gibibytes():
    """Peak resident memory, and that it does not grow with the number of samples."""
    program = (
        "import sys, jaxleggett as jl\n"
        "jl.verify(jl.WernerModel, 'random:1000000', [0.5, 1.0], samples=int(sys.argv[1]))\n"
        # ru_maxrss would begin with that of the process which started this one.
        "print(next(int(line.split()[1]) / 2**20 for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    peaks = []
    for samples in ("256", "4096"):
        run = subprocess.run([sys.executable, "-c", program, samples], capture_output=True, text=True, check=True)
        peaks.append(float(run.stdout))
    assert max(peaks) < 1.5
    assert peaks[1] < 1.1 * peaks[0]
