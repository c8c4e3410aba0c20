"""What the scripts measure and check with: yardsticks that do the same work, checks that can fail, pages up to date."""

import ctypes
import json
import shutil
import subprocess
import sys

import fuzz
import gpu_suite
import jax
import numpy as np
import oracles
import performance_page
import pytest
import statistical_verification
import yardsticks

import jaxleggett as jl
from jaxleggett.kernels import interpolated


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_the_kernels_of_the_benchmark_do_the_same_work(monkeypatch, real):
    pairs = jl.SettingPairs.random(yardsticks.PAIRS)
    u = oracles.unit(np.random.default_rng(0), 128)
    yardsticks.agree(pairs, u, real)
    for yardstick in ("in_c", "in_numpy"):
        right = getattr(yardsticks, yardstick)
        with monkeypatch.context() as patch:
            for wrong in yardsticks.FORMS:

                def off(pairs, u, real, form, right=right, wrong=wrong):
                    return right(pairs, u * [1, 1, -1] if form == wrong else u, real, form)

                patch.setattr(yardsticks, yardstick, off)
                with pytest.raises(AssertionError):
                    yardsticks.agree(pairs, u, real)


# What a GPU does side by side, one after the other.
ON_A_CPU = """
#include <math.h>
#define __global__
#define __device__
struct Index { int x, y; } blockIdx, blockDim, threadIdx;
#include SOURCE
template <class Kernel> void grid(int blocks, int slices, int threads, Kernel kernel) {
    blockDim.x = threads;
    for (blockIdx.y = 0; blockIdx.y < slices; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
            for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) kernel();
}
extern "C" void general(int blocks, int slices, int threads, long num, long pairs, const REAL *u, const REAL *a,
                        const REAL *b, const REAL *minus, const REAL *plus, REAL *sum, REAL *smallest) {
    grid(blocks, slices, threads, [&] { accumulate(num, pairs, slices, u, a, b, minus, plus, sum, smallest); });
}
extern "C" void interpolated(int blocks, int slices, int threads, long num, long pairs, const REAL *u, const REAL *a,
                             const REAL *b, REAL *sum, REAL *extrema) {
    grid(blocks, slices, threads, [&] { accumulate_moduli(num, pairs, slices, u, a, b, sum, extrema); });
}
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
@pytest.mark.parametrize(("real", "name"), [(np.float32, "float"), (np.float64, "double")])
def test_the_yardstick_for_gpus_does_the_same_work(tmp_path, monkeypatch, real, name):
    slices, threads = 3, 256
    (tmp_path / "host.cpp").write_text(ON_A_CPU)
    defines = [f"-DREAL={name}", f'-DSOURCE="{yardsticks.CUDA_SOURCE}"']
    library = tmp_path / "host.so"
    files = [str(tmp_path / "host.cpp"), "-o", str(library)]
    subprocess.run(["c++", "-O2", "-std=c++17", "-w", "-shared", "-fPIC", *defines, *files], check=True)

    def emulated(pairs, u, real, form):
        arrays = yardsticks.cuda_arguments(pairs, u, real, slices, form)

        def run():
            sizes = [ctypes.c_int(x) for x in (yardsticks.PAIRS // threads, slices, threads)]
            sizes += [ctypes.c_long(x) for x in (len(u), yardsticks.PAIRS)]
            pointers = (ctypes.c_void_p(x.ctypes.data) for x in arrays)
            getattr(ctypes.CDLL(str(library)), form)(*sizes, *pointers)
            return yardsticks.from_slices(pairs, u, real, form, *arrays[-2:])

        return run

    monkeypatch.setattr(yardsticks, "in_cuda", emulated)
    monkeypatch.setattr(yardsticks.jax, "default_backend", lambda: "gpu")
    pairs = jl.SettingPairs.random(yardsticks.PAIRS)
    u = oracles.unit(np.random.default_rng(0), 128)
    yardsticks.agree(pairs, u, real)
    for wrong in yardsticks.FORMS:

        def off(pairs, u, real, form, wrong=wrong):
            return emulated(pairs, u * [1, 1, -1] if form == wrong else u, real, form)

        monkeypatch.setattr(yardsticks, "in_cuda", off)
        with pytest.raises(AssertionError):
            yardsticks.agree(pairs, u, real)


def test_the_page_on_performance_is_that_of_its_figures():
    content = json.loads((performance_page.FOLDER / "benchmark.json").read_text())
    assert performance_page.tables(content) in performance_page.PAGE.read_text()


@pytest.mark.gpu
def test_the_suite_for_gpus_passes_on_a_gpu():
    found = subprocess.run([sys.executable, gpu_suite.__file__], capture_output=True, text=True, timeout=600)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["double", "single"])
def test_the_suite_for_gpus_passes_here_and_each_check_can_fail(monkeypatch, precision):
    device = jax.devices("cpu")[0]
    sections = (gpu_suite.sums, gpu_suite.quadrature)
    for section in sections:
        assert all(worst <= allowed for _, worst, allowed in section(device, precision))
    average, hidden, calls = gpu_suite.average, gpu_suite.hidden, iter(range(100))

    def off(*arguments, **options):
        found = average(*arguments, **options)
        found.mean[0, 0, 0] += 1e-3
        found.smallest[0, 0] += 1e-3
        found.witness[0, 0] *= -1
        return found

    monkeypatch.setattr(gpu_suite, "average", off)
    monkeypatch.setattr(gpu_suite, "hidden", lambda *x: [part + 1e-3 * (next(calls) % 6 < 3) for part in hidden(*x)])
    for section in sections:
        assert [name for name, worst, allowed in section(device, precision) if worst <= allowed] == []


@pytest.mark.slow
def test_the_suite_for_gpus_sees_what_is_written_to_memory(monkeypatch):
    def writes_all(u, v, weights, a, b, *centre):
        values = jax.numpy.stack([a.T @ u.T.astype(a.dtype), b.T @ v.T.astype(b.dtype)])
        return jax.numpy.sort(values, axis=-1).sum(-1), values.min(-1)

    for fits in (True, False):
        checks = list(gpu_suite.memory(jax.devices("cpu")[0], "double", gpu_suite.MODELS[:1]))
        assert [worst <= allowed for _, worst, allowed in checks] == [fits, fits]
        monkeypatch.setattr(interpolated, "stream_moduli", writes_all)
        jax.clear_caches()  # of what was compiled before the change, then with it


@pytest.mark.slow
def test_the_suite_for_gpus_sees_bits_and_verdicts_change(monkeypatch):
    device = jax.devices("cpu")[0]
    average = gpu_suite.average

    def cut_shows(*arguments, chunks_per_call, **options):
        found = average(*arguments, chunks_per_call=chunks_per_call, **options)
        found.mean[0, 0, 0] += chunks_per_call * 1e-16
        return found

    monkeypatch.setattr(gpu_suite, "average", cut_shows)
    assert [worst for _, worst, _ in gpu_suite.cut(device, "double", 2000)] == [1]
    monkeypatch.setattr(oracles, "V_C", 0.87)
    assert [
        worst for name, worst, _ in gpu_suite.verdicts(device, "double", "random:1024", 20000) if "verdicts" in name
    ] == [1]


@pytest.mark.thorough
def test_mutated_inputs_are_taken_or_refused_in_one_sentence(monkeypatch):
    """Without what is computed of the right ones, which the script does too."""
    taken = []

    def enough(*arguments, **options):
        taken.append(arguments)
        raise jl.InputError("enough")

    found = ("notions.threshold", "thresholds.prove", "searches.search", "verification.verify")
    for place in (*found, "experiments.analyze", "experiments.design", "experiments.source_of"):
        monkeypatch.setattr(f"jaxleggett.{place}", enough)
    for number in range(120):
        made = fuzz.case(1, number)
        code, _, broken = fuzz.tried(made, fuzz.in_process)
        assert (code, broken) == (2, []), made
    assert 12 < len(taken) < 60


def test_the_fuzz_sees_every_rule_broken():
    right = {"code": 2, "out": "", "err": "error: no\n", "as_json": True, "left": set(), "seconds": 1.0}
    answered = {**right, "code": 0, "out": "{}\n", "err": ""}
    assert fuzz.broken_rules(**right) == fuzz.broken_rules(**answered) == []
    assert fuzz.broken_rules(**{**answered, "left": {"out"}}) == []
    for ending in (
        {**right, "code": 1},
        {**right, "code": -9},
        {**right, "err": ""},
        {**right, "err": "error: no"},
        {**right, "err": "warning\nerror: no\n"},
        {**right, "err": "error: no\x0bno\n"},
        {**right, "out": "x"},
        {**right, "left": {"out"}},
        {**right, "seconds": 61.0},
        {**answered, "err": "warning\n"},
        {**answered, "out": "", "as_json": False},
        {**answered, "out": "{} {}"},
        {**answered, "out": "[]"},
        {**answered, "out": '{"x": NaN}'},
    ):
        assert len(fuzz.broken_rules(**ending)) == 1, ending
    assert [fuzz.case(3, 5), fuzz.case(3, 6)] == [fuzz.case(3, 5), fuzz.case(3, 6)]


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["rqmc", "mc"])
def test_a_survey_of_verdicts_counts_what_is_rejected(monkeypatch, method):
    """Right models are not rejected, wrong ones are, and a judge without allowance or t is found out."""
    models = {name: (model, pairs) for name, model, pairs in statistical_verification.right_models()}
    model, pairs = models["cap of 0.02"]
    goal = np.asarray(jl.probabilities(*model.target.correlation(pairs.a, pairs.b))).T
    rejected, ratio, allowed = statistical_verification.verdicts(model, pairs, goal, method, 128, 200, 1)
    assert (rejected.shape, ratio.shape, rejected.sum()) == ((200,), (200,), 0)
    wrong = goal + 5 * allowed * np.array([1, -1, -1, 1])[:, None]
    assert statistical_verification.verdicts(model, pairs, wrong, method, 128, 200, 1)[0].all()
    monkeypatch.setattr(statistical_verification.Judge, "tolerance", lambda self, spread: 2 * spread)
    assert statistical_verification.verdicts(model, pairs, goal, method, 128, 200, 1)[0].sum() > 20


@pytest.mark.slow
def test_the_models_of_the_survey_are_right():
    for name, model, pairs in statistical_verification.right_models():
        if "cap" in name or name in ("skewed", "leaning"):
            found = jl.verify(model, pairs, samples=2 * 10**5)
            assert (found.method, found.reproduces) == ("rqmc", True), name
            assert found.rows[0].tolerance < 5e-3
