"""How fast the sampling kernel is, beside hand-written C and NumPy, and how far its methods get with that.

    python scripts/benchmark.py [--repeats 5] [--out results/benchmark]

kernel     what verify accumulates (sums of C at two visibilities, smallest probabilities), 16384 setting pairs: the
           package, scripts/kernel.c (cc -O3 -march=native -ffast-math -fopenmp) and NumPy in blocks that stay in cache,
           single and double precision, in alternation: evaluations (hidden vectors x pairs) per second, medians
accuracy   seconds and evaluations until the largest error at 4096 pairs is below 1e-6 and 2e-8; for plain sampling
           extrapolated from its error at the samples that were run, as 1/sqrt(samples)
growth     time against samples, pairs and visibilities, with exponents
search     64 restarts of `search` in one batch against as many runs of one, in a warm process
start_up   `import jaxleggett` less `import jax`; `jaxleggett --help`

Before they are timed, the three kernels are held against each other on the same hidden vectors. For a CPU: no kernel
written by hand for a GPU is here yet, and its row says "not measured". Writes benchmark.json, meta.json.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import jax
import numpy as np

import jaxleggett as jl
from jaxleggett import kernels, results
from jaxleggett._numerics import double_precision
from jaxleggett.models import werner_weights
from jaxleggett.settings import SettingPairs

SOURCE = Path(__file__).parent / "kernel.c"
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC"]
ENDS = (0.8, 0.9)
PAIRS = 16384
SAMPLES = {"c": 16384, "jax": 16384, "numpy": 1024}


def seconds(function: Callable[[], Any]) -> float:
    """Of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def kernel(repeats: int) -> dict[str, Any]:
    """Evaluations per second of the three, by precision."""
    pairs = SettingPairs.random(PAIRS)
    u = np.asarray(jl.sample_sphere(jax.random.key(0), SAMPLES["c"]), np.float64)
    found: dict[str, Any] = {}
    for name, real in (("double", np.float64), ("single", np.float32)):
        _agree(pairs, u[: SAMPLES["numpy"]], real)
        runs = {"jax": _jax(pairs, real), "c": _c(pairs, u, real), "numpy": _numpy(pairs, u, real)}
        for run in runs.values():
            run()
        times = {what: [] for what in runs}
        for _ in range(repeats):
            for what, run in runs.items():
                times[what].append(seconds(run))
        rate = {what: SAMPLES[what] * PAIRS / median(times[what]) for what in runs}
        found[name] = {
            "evaluations_per_second": rate,
            "jax_over_c": rate["jax"] / rate["c"],
            "jax_over_numpy": rate["jax"] / rate["numpy"],
        }
        print(f"{name}: {found[name]}", flush=True)
    return found


def _jax(pairs: SettingPairs, real: Any) -> Callable[[], Any]:
    """The package's own kernel, hidden vectors included, on the default device."""
    with double_precision():
        plan = kernels.Plan("mc", SAMPLES["jax"] // 4096, 1, 4096)
        models = tuple(kernels.as_pytree(jl.WernerModel(V)) for V in ENDS)
        a, b = (jax.numpy.asarray(x.T, dtype=real) for x in (pairs.a, pairs.b))
        zeros = kernels.Sums.zeros(len(ENDS), PAIRS)

    def run() -> None:
        with double_precision():
            jax.block_until_ready(kernels.advance(jax.random.key(0), models, plan, a, b, 0, plan.num_chunks, zeros))

    return run


def _agree(pairs: SettingPairs, u: np.ndarray, real: Any) -> None:
    """All three do the same work: sums and smallest probabilities over the same hidden vectors."""
    with double_precision():
        a, b = (jax.numpy.asarray(x.T, dtype=real) for x in (pairs.a, pairs.b))
        models = kernels.opened([jl.WernerModel(V) for V in ENDS], a.dtype)
        expected = [np.asarray(x) for x in jax.jit(kernels.chunk_sums)(models, u, -u, np.ones(len(u)), a, b)]
    few = len(u) * np.finfo(real).eps
    for found in (_c(pairs, u, real)(), _numpy(pairs, u, real)()):
        np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=8 * few * np.sqrt(len(u)))
        np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=8 * np.finfo(real).eps)


def _weights(pairs: SettingPairs, real: Any) -> tuple[np.ndarray, np.ndarray]:
    minus, plus = zip(*(werner_weights(V, pairs.a, pairs.b) for V in ENDS), strict=True)
    return np.ascontiguousarray(minus, real), np.ascontiguousarray(plus, real)


def _c(pairs: SettingPairs, u: np.ndarray, real: Any) -> Callable[[], Any]:
    """scripts/kernel.c."""
    ctype = "double" if real is np.float64 else "float"
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernel.so"
        subprocess.run(["cc", *FLAGS, f"-DREAL={ctype}", str(SOURCE), "-o", str(library), "-lm"], check=True)
        accumulate = ctypes.CDLL(str(library)).accumulate
    arrays = [np.ascontiguousarray(x.T, real) for x in (u, pairs.a, pairs.b)]
    minus, plus = _weights(pairs, real)
    total, least = np.zeros((2, PAIRS)), np.ones((2, PAIRS), real)
    held = (*arrays, minus, plus, total, least)

    def run() -> Any:
        pointers = [ctypes.c_void_p(x.ctypes.data) for x in held]
        accumulate(ctypes.c_long(len(u)), ctypes.c_long(PAIRS), *pointers)
        return total, least

    return run


def _numpy(pairs: SettingPairs, u: np.ndarray, real: Any, block: int = 128) -> Callable[[], Any]:
    """As a good NumPy user would write it: blocks of pairs x hidden vectors that stay in cache, no needless copies."""
    hidden, a, b = (np.ascontiguousarray(x, real) for x in (u[: SAMPLES["numpy"]], pairs.a, pairs.b))
    minus, plus = _weights(pairs, real)

    def run() -> Any:
        total, least = np.zeros((2, PAIRS)), np.ones((2, PAIRS), real)
        for start in range(0, PAIRS, block):
            some = slice(start, start + block)
            for first in range(0, len(hidden), block):
                x, y = a[some] @ hidden[first : first + block].T, b[some] @ hidden[first : first + block].T
                lower, upper = np.abs(x - y) - 1, 1 - np.abs(x + y)
                for end in range(2):
                    C = minus[end, some, None] * lower + plus[end, some, None] * upper
                    total[end, some] += C.sum(1)
                    smallest = np.minimum(C - lower, upper - C).min(1) / 4
                    np.minimum(least[end, some], smallest, out=least[end, some])
        return total, least

    return run


def accuracy() -> dict[str, Any]:
    """Time and evaluations to a largest error, at 4096 pairs and V = 0.8."""
    pairs, V = SettingPairs.random(4096), 0.8
    found: dict[str, Any] = {}
    jl.verify(jl.WernerModel, pairs, V, method="exact")
    exact = jl.verify(jl.WernerModel, pairs, V, method="exact")
    found["exact"] = {"error": exact.rows[0].max_abs_error, "seconds": exact.seconds}
    reached: dict[float, Any] = {}
    for power in range(10, 23):
        run = jl.verify(jl.WernerModel, pairs, V, samples=2**power, method="rqmc")
        for goal in (1e-6, 2e-8):
            if goal not in reached and run.rows[0].max_abs_error < goal:
                again = jl.verify(jl.WernerModel, pairs, V, samples=2**power, method="rqmc")
                reached[goal] = {"samples": again.num_samples, "seconds": again.seconds}
        if len(reached) == 2:
            break
    found["rqmc"] = {f"{goal:g}": entry for goal, entry in reached.items()}
    plain = jl.verify(jl.WernerModel, pairs, V, samples=2**18, method="mc")
    plain = jl.verify(jl.WernerModel, pairs, V, samples=2**18, method="mc")
    error = plain.rows[0].max_abs_error
    found["mc"] = {"samples": 2**18, "error": error, "seconds": plain.seconds}
    for goal in (1e-6, 2e-8):
        factor = (error / goal) ** 2
        found["mc"][f"{goal:g}"] = {"samples": 2**18 * factor, "seconds": plain.seconds * factor}
    found["plain_over_rqmc_at_2e-8"] = found["mc"]["2e-08"]["samples"] / reached[2e-8]["samples"]
    print(found, flush=True)
    return found


def growth(repeats: int) -> dict[str, Any]:
    """Seconds against samples, pairs and visibilities; slopes on logarithms."""
    found: dict[str, Any] = {}
    base = {"samples": 2**18, "pairs": 1024, "visibilities": 1}
    for what, factors in (("samples", (1, 4, 16)), ("pairs", (1, 4, 16)), ("visibilities", (1, 10, 100))):
        times = []
        for factor in factors:
            size = base | {what: base[what] * factor}
            V = np.linspace(0.8, 0.9, size["visibilities"]) if size["visibilities"] > 1 else 0.85
            pairs = SettingPairs.random(size["pairs"])

            def run(size: Any = size, V: Any = V, pairs: Any = pairs) -> Any:
                return jl.verify(jl.WernerModel, pairs, V, samples=size["samples"])

            run()
            times.append(median(seconds(run) for _ in range(repeats)))
        slope = np.polyfit(np.log(factors), np.log(times), 1)[0]
        found[what] = {"factors": list(factors), "seconds": times, "exponent": float(slope)}
    print(found, flush=True)
    return found


def search() -> dict[str, Any]:
    """64 restarts in one batch against 64 times one, warm."""
    for restarts in (64, 1):
        jl.search(6, restarts=restarts, seed=9)
    together = seconds(lambda: jl.search(6, restarts=64, seed=1))
    alone = [seconds(lambda seed=seed: jl.search(6, restarts=1, seed=seed)) for seed in range(10, 15)]
    found = {"batch_of_64": together, "one": alone, "ratio": together / (64 * float(np.mean(alone)))}
    print(found, flush=True)
    return found


def start_up(repeats: int) -> dict[str, float]:
    """Seconds."""

    def run(*command: str) -> float:
        quiet = {"stdout": subprocess.DEVNULL, "check": True}
        return median(seconds(lambda: subprocess.run([sys.executable, *command], **quiet)) for _ in range(repeats))

    both, alone = run("-c", "import jax, jaxleggett"), run("-c", "import jax")
    found = {"import_beyond_jax": both - alone, "help": run("-m", "jaxleggett", "--help")}
    print(found, flush=True)
    return found


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "results" / "benchmark")
    arguments = parser.parse_args()
    content = {
        "cpus": os.cpu_count(),
        "kernel": kernel(arguments.repeats),
        "gpu": "not measured",
        "accuracy": accuracy(),
        "growth": growth(arguments.repeats),
        "search": search(),
        "start_up": start_up(arguments.repeats),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    results.write_json(arguments.out / "benchmark.json", content)
    command = ["python", "scripts/benchmark.py", *sys.argv[1:]]
    results.write_json(arguments.out / results.META, results.provenance(command, device=jax.default_backend()))


if __name__ == "__main__":
    main()
