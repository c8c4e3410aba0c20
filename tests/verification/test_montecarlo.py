"""Runs among devices and blocks: the same bits however the work is cut, precision, interruptions, memory."""

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass

import jax
import numpy as np
import oracles
import pytest
from cases import all_hidden
from jax.tree_util import register_dataclass
from tolerances import SAME_ARITHMETIC, SINGLE

import jaxleggett as jl
from jaxleggett.kernels.plan import Plan
from jaxleggett.verification import VerifyOptions
from jaxleggett.verification.montecarlo import average

KEY = jax.random.key(5)


@register_dataclass
@dataclass(frozen=True, eq=False)
class _Elsewhere(jl.SeparableModel):
    """Some hidden vectors of a run are not unit vectors; the 64 that are inspected before it are."""

    # A leaf, so that one compiled programme serves all values of it.
    factor: float = 0.0

    def sample(self, key, num):
        u, v = super().sample(key, num)
        return (u, v) if num == 64 else (u, v.at[num // 2].multiply(self.factor))

    def lattice(self, key, index, num):
        u, v = super().lattice(key, index, num)
        return u.at[len(index) // 2].multiply(self.factor), v

    def half_lattice(self, key, index, num):
        return *self.lattice(key, index, num), jax.numpy.ones(len(index))

    def quadrature(self, a, b):
        u, v, weights = super().quadrature(a, b)
        return u, v.at[0].multiply(self.factor), weights

    def correlator(self, u, v, a, b):
        return super().correlator(u, v, a, b)


@pytest.mark.slow
@pytest.mark.parametrize("plan", [Plan.of(1000, "mc"), Plan.of(1000, "rqmc"), Plan.of(1000, "rqmc", half=True), None])
def test_every_hidden_vector_is_a_unit_vector(plan):
    pairs = jl.SettingPairs.random(4)
    for factor in (0.0, 1.00001, np.nan):
        with pytest.raises(jl.InputError, match=r"must be unit vectors \(to 1e-06\), but the norm of one misses 1"):
            average(KEY, [_Elsewhere(factor=factor)], pairs.a, pairs.b, plan)
    average(KEY, [_Elsewhere(factor=1 + 1e-8)], pairs.a, pairs.b, plan)


def test_a_long_run_ends_at_the_first_call_that_meets_no_unit_vector():
    told, plan = [], Plan.of(1000, "mc")
    pairs = jl.SettingPairs.random(4)
    with pytest.raises(jl.InputError, match="misses 1 by 1"):
        average(KEY, [_Elsewhere()], pairs.a, pairs.b, plan, chunks_per_call=1, progress=told.append)
    assert told == []


@pytest.mark.parametrize("chunks", [0, -1, 1.5, "two"])
def test_a_call_has_at_least_one_chunk(chunks):
    pairs = jl.SettingPairs.random(4)
    with pytest.raises(jl.InputError, match="chunks_per_call must"):
        average(KEY, [jl.WernerModel(0.5)], pairs.a, pairs.b, Plan.of(100, "mc"), chunks_per_call=chunks)


def _bits(found):
    return [x.tobytes() for x in found.arrays() if x is not None]


@pytest.mark.parametrize("method", [pytest.param("mc", marks=pytest.mark.thorough), "rqmc"])
def test_the_same_bits_however_the_work_is_cut(method):
    pairs = jl.SettingPairs.random(13)
    ends = [jl.WernerModel(0.2), jl.WernerModel(1.0)]
    plan = Plan(method, 5, 3, 20)
    runs = [average(KEY, ends, pairs.a, pairs.b, plan, chunks_per_call=n) for n in (1, 3, None)]
    assert _bits(runs[0]) == _bits(runs[1]) == _bits(runs[2])


@pytest.mark.parametrize(
    ("method", "dtype"),
    [
        ("rqmc", np.float64),
        pytest.param("mc", np.float32, marks=pytest.mark.slow),
        pytest.param("mc", np.float64, marks=pytest.mark.slow),
        pytest.param("rqmc", np.float32, marks=pytest.mark.slow),
    ],
)
def test_the_same_bits_on_one_device_and_on_two(method, dtype):
    devices = jax.devices()
    assert len(devices) == 2
    pairs = jl.SettingPairs.random(53)  # four blocks, the last one part empty
    ends = [jl.WernerModel(0.2), jl.WernerModel(1.0)]
    plan = Plan(method, 5, 3, 20)
    cut = {"dtype": dtype, "options": VerifyOptions(block=16)}
    one, two = (average(KEY, ends, pairs.a, pairs.b, plan, devices=d, **cut) for d in (devices[:1], devices))
    assert _bits(one) == _bits(two)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "rounding"),
    [
        # The same code in the other precision; the default case sees a block that counts.
        pytest.param(np.float32, 1e-8, marks=pytest.mark.slow),
        (np.float64, 1e-15),
    ],
)
def test_pairs_do_not_depend_on_their_block(dtype, rounding):
    pairs = jl.SettingPairs.random(1500)
    ends = [jl.WernerModel(0.2), jl.WernerModel(1.0)]
    plan = Plan.of(2000, "rqmc", half=True)
    whole = average(KEY, ends, pairs.a, pairs.b, plan, dtype=dtype)
    parts = average(KEY, ends, pairs.a, pairs.b, plan, dtype=dtype, options=VerifyOptions(block=104))
    for x, y in zip(parts.arrays(), whole.arrays(), strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=rounding)


@pytest.mark.slow
def test_single_precision_is_double_to_its_rounding():
    pairs = jl.SettingPairs.random(100)
    ends = [jl.WernerModel(0.0), jl.WernerModel(1.0)]
    plan = Plan.of(2000, "rqmc", half=True)
    double, single = (average(KEY, ends, pairs.a, pairs.b, plan, dtype=d) for d in (np.float64, np.float32))
    np.testing.assert_allclose(single.mean, double.mean, atol=SINGLE)
    np.testing.assert_allclose(single.smallest, double.smallest, atol=SINGLE)
    assert not np.array_equal(single.mean, double.mean)


@pytest.mark.slow
def test_single_precision_with_few_values_of_the_correlator():
    pairs = jl.SettingPairs.random(300)
    plan = Plan.of(2**16, "rqmc")
    double, single = (average(KEY, [jl.SeparableModel()], pairs.a, pairs.b, plan, dtype=d) for d in (float, np.float32))
    np.testing.assert_allclose(single.mean, double.mean, rtol=0, atol=SINGLE)


def test_an_interruption_keeps_the_finished_pairs():
    pairs = jl.SettingPairs.random(50)
    plan = Plan.of(1000, "mc")
    ends = [jl.WernerModel(0.5)]

    def run(stop_at, chunks_per_call=None):
        told = []

        def progress(evaluations):
            told.append(evaluations)
            if len(told) == stop_at:
                raise KeyboardInterrupt

        cut = {"devices": jax.devices()[:1], "chunks_per_call": chunks_per_call, "options": VerifyOptions(block=16)}
        return average(KEY, ends, pairs.a, pairs.b, plan, progress=progress, **cut)

    kept, whole = run(3), run(0)
    assert kept.mean.shape[-1] == 32
    assert _bits(kept) == _bits(whole.pairs(slice(32)))
    with pytest.raises(KeyboardInterrupt):
        run(1, chunks_per_call=1)
    # in the first block the finished batches are kept
    batches = run(5, chunks_per_call=1)
    assert batches.plan.batches == 5
    assert batches.mean.shape[-1] == 16
    u = all_hidden(KEY, ends[0], batches.plan)[0].reshape(-1, 3)
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


@pytest.mark.thorough
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


def _on_cores(number, code):
    """What `code` prints in a process of its own that has so many cores."""
    cores = sorted(os.sched_getaffinity(0))[:number]
    code = f"import os; os.sched_setaffinity(0, {cores})\n" + textwrap.dedent(code)
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment).stdout


MANY_CORES = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs a second core"
)


@pytest.mark.slow
@MANY_CORES
def test_the_same_hidden_vectors_on_one_core_and_on_two():
    code = """
        import numpy as np, jax
        from jaxleggett import sphere
        from jaxleggett._numerics import double_precision
        index, key = np.arange(4096), jax.random.key(0)
        def show():
            made = [*sphere.rotated_half_fibonacci(key, index, 6250), sphere.rotated_fibonacci(key, index, 6250)]
            print([np.asarray(x).tobytes() for x in (*made, sphere.sample_sphere(key, 4096))])
        show()
        with double_precision():
            show()
    """
    assert _on_cores(1, code) == _on_cores(2, code)


@MANY_CORES
@pytest.mark.slow
def test_the_same_bits_on_one_core_and_on_two():
    code = """
        import jaxleggett as jl
        for method in "rqmc", "mc", "exact":
            for precision in "single", "double":
                options = dict(samples=100_000, method=method, precision=precision)
                found = jl.verify(jl.WernerModel, "random:16", [0.8, 0.9], **options)
                print([row.to_json() for row in found.rows])
    """
    assert _on_cores(1, code) == _on_cores(2, code)
