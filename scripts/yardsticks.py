"""What scripts/benchmark.py times: the package's kernels, their yardsticks by hand and in NumPy, the machine's roofs.

Each yardstick comes in two forms, as the package's kernel does: "general", which evaluates the correlator at two
visibilities, and "interpolated", which keeps what the averages at any visibility follow from.
"""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import jax
import numpy as np

import jaxleggett as jl
from jaxleggett._numerics import double_precision
from jaxleggett.kernels import chunks, plan
from jaxleggett.models import arguments
from jaxleggett.models.werner import werner_weights
from jaxleggett.settings import SettingPairs

# Else the threads of C keep the cores busy for a while after their work, when something else is timed.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

SOURCE = Path(__file__).parent / "kernel.c"
CUDA_SOURCE = Path(__file__).parent / "kernel.cu"
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC"]
ENDS = (0.8, 0.9)
PAIRS = 16384
FEW_PAIRS = 1024  # those of `jaxleggett verify`
BLOCK, GROUP = 512, 128  # those of kernel.c
FORMS = ("interpolated", "general")
SAMPLES = {"C": 65536, "numba": 65536, "NumPy": 1024, "CUDA": 2**22}


def seconds(function: Callable[[], Any]) -> float:
    """Of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def alternating(
    runs: dict[str, Callable[[], Any]], repeats: int, typical: Callable[[list[float]], float] = median
) -> dict[str, float]:
    """Seconds of each (the median), after a first call that is not counted; in turn, so that noise meets all alike."""
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            times[name].append(seconds(run))
    return {name: typical(values) for name, values in times.items()}


def best(run: Callable[[], Any], repeats: int) -> float:
    """Fewest seconds of all calls but a first: for a roof, which is what can be reached."""
    return alternating({"": run}, repeats, typical=min)[""]


class General(jl.WernerModel):
    """The same correlations, without weights that a kernel could use: what the general form is run with."""

    name = "general"

    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """That of the model."""
        return super().correlator(u, v, a, b)


KINDS = {"interpolated": jl.WernerModel, "general": General}


def package(pairs: SettingPairs, real: Any, plan: plan.Plan, form: str = "interpolated") -> Callable[[], Any]:
    """The package's own kernel, hidden vectors included, on the default device."""
    with double_precision():
        models = tuple(arguments.as_pytree(KINDS[form](V)) for V in ENDS)
        a, b = (jax.numpy.asarray(x.T, dtype=real) for x in (pairs.a, pairs.b))
        zeros = chunks.Sums.zeros(len(ENDS), len(pairs.a))

    def run() -> None:
        with double_precision():
            jax.block_until_ready(chunks.advance(jax.random.key(0), models, plan, a, b, 0, plan.num_chunks, zeros))

    return run


def agree(pairs: SettingPairs, u: np.ndarray, real: Any) -> None:
    """All do the same work: sums and smallest probabilities over the same hidden vectors."""
    few = len(u) * np.finfo(real).eps
    runs = yardsticks(pairs, u, real)
    for form in FORMS:
        with double_precision():
            a, b = (jax.numpy.asarray(x.T, dtype=real) for x in (pairs.a, pairs.b))
            models = arguments.unpacked([KINDS[form](V) for V in ENDS], a.dtype)
            sums = jax.jit(functools.partial(chunks.chunk_sums, models))
            expected = [np.asarray(x) for x in sums(u, -u, np.ones(len(u)), a, b)]
        for name, run in runs.items():
            if name.endswith(form):
                total, least = run()
                np.testing.assert_allclose(total, expected[0], rtol=0, atol=8 * few * np.sqrt(len(u)))
                np.testing.assert_allclose(least, expected[1], rtol=0, atol=8 * np.finfo(real).eps)


def yardsticks(pairs: SettingPairs, u: np.ndarray, real: Any) -> dict[str, Callable[[], Any]]:
    """Those for the default device; each returns sums and smallest probabilities over at most SAMPLES of u."""
    ways = {"CUDA": in_cuda} if jax.default_backend() == "gpu" else {"C": in_c, "NumPy": in_numpy, "numba": in_numba}
    made = {f"{name}, {form}": way(pairs, u, real, form) for name, way in ways.items() for form in FORMS}
    return {name: run for name, run in made.items() if run is not None}


def from_moduli(minus: np.ndarray, plus: np.ndarray, num: int, sums: Any, extrema: Any) -> tuple[Any, Any]:
    """Sums of C and smallest probabilities (2, P), from sums of m and |x + y|, smallest and largest m (2, P).

    With x = u.a, y = v.b and m = max(|x|, |y|), |x - y| = 2 m - |x + y|, and the least of the four probabilities is
    min(p^-, p^+) (1 - m)/2.
    """
    M, D = np.asarray(sums, float)
    low, high = np.asarray(extrema, float)
    q = np.minimum(minus, plus)
    return minus * (D - num) + plus * (num - (2 * M - D)), q * (1 - np.where(q < 0, low, high)) / 2


def _weights(pairs: SettingPairs, real: Any) -> tuple[np.ndarray, np.ndarray]:
    minus, plus = zip(*(werner_weights(V, pairs.a, pairs.b) for V in ENDS), strict=True)
    return np.ascontiguousarray(minus, real), np.ascontiguousarray(plus, real)


@functools.cache
def _library(real: Any) -> ctypes.CDLL:
    """scripts/kernel.c, compiled for one precision."""
    ctype = "double" if real is np.float64 else "float"
    with tempfile.TemporaryDirectory() as folder:
        compiled, library = Path(folder) / "kernel.o", Path(folder) / "kernel.so"
        subprocess.run(["cc", *FLAGS, f"-DREAL={ctype}", "-c", str(SOURCE), "-o", str(compiled)], check=True)
        # Linked without -ffast-math, or loading it would take subnormal numbers away from the whole process.
        subprocess.run(["cc", "-shared", "-fopenmp", str(compiled), "-o", str(library), "-lm"], check=True)
        return ctypes.CDLL(str(library))


def in_c(pairs: SettingPairs, u: np.ndarray, real: Any, form: str) -> Callable[[], Any]:
    """By hand, in C."""
    arrays, num = [np.ascontiguousarray(x.T, real) for x in (u, pairs.a, pairs.b)], len(pairs.a)
    assert len(u) % GROUP == num % BLOCK == 0
    weights = _weights(pairs, real)

    def call(name: str, *filled: np.ndarray) -> None:
        pointers = [ctypes.c_void_p(x.ctypes.data) for x in (*arrays, *filled)]
        getattr(_library(real), name)(ctypes.c_long(len(u)), ctypes.c_long(num), *pointers)

    def general() -> Any:
        total, least = np.zeros((2, num)), np.ones((2, num), real)
        call("accumulate", *weights, total, least)
        return total, least

    def interpolated() -> Any:
        sums, extrema = np.zeros((2, num)), np.repeat(np.array([[4], [0]], real), num, 1)
        call("accumulate_moduli", sums, extrema)
        return from_moduli(*weights, len(u), sums, extrema)

    return {"general": general, "interpolated": interpolated}[form]


def in_numpy(pairs: SettingPairs, u: np.ndarray, real: Any, form: str, block: int = 128) -> Callable[[], Any]:
    """As a good NumPy user would write it: blocks of pairs x hidden vectors that stay in cache, on one core."""
    hidden, a, b = (np.ascontiguousarray(x, real) for x in (u[: SAMPLES["NumPy"]], pairs.a, pairs.b))
    minus, plus = _weights(pairs, real)

    def blocks() -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Pairs, u.a, and u.b, which is -v.b."""
        for start in range(0, len(a), block):
            some = slice(start, start + block)
            for first in range(0, len(hidden), block):
                yield some, a[some] @ hidden[first : first + block].T, b[some] @ hidden[first : first + block].T

    def general() -> Any:
        total, least = np.zeros((2, len(a))), np.ones((2, len(a)), real)
        for some, x, y in blocks():
            lower, upper = np.abs(x - y) - 1, 1 - np.abs(x + y)
            for end in range(2):
                C = minus[end, some, None] * lower + plus[end, some, None] * upper
                total[end, some] += C.sum(1)
                smallest = np.minimum(C - lower, upper - C).min(1) / 4
                np.minimum(least[end, some], smallest, out=least[end, some])
        return total, least

    def interpolated() -> Any:
        sums, low, high = np.zeros((2, len(a))), np.full(len(a), 4, real), np.zeros(len(a), real)
        for some, x, y in blocks():
            m = np.maximum(np.abs(x), np.abs(y))
            sums[:, some] += m.sum(1), np.abs(x - y).sum(1)
            np.minimum(low[some], m.min(1), out=low[some])
            np.maximum(high[some], m.max(1), out=high[some])
        return from_moduli(minus, plus, len(hidden), sums, (low, high))

    return {"general": general, "interpolated": interpolated}[form]


def in_numba(pairs: SettingPairs, u: np.ndarray, real: Any, form: str) -> Callable[[], Any] | None:
    """The loops of C for numba; None where it is not installed."""
    try:
        import numba  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    zero, one, four = real(0), real(1), real(4)

    @numba.njit(parallel=True, fastmath=True)
    def accumulate(u: Any, a: Any, b: Any, minus: Any, plus: Any, total: Any, least: Any) -> None:
        for part in numba.prange(a.shape[1] // BLOCK):
            for n in range(0, u.shape[1], GROUP):
                for i in range(part * BLOCK, (part + 1) * BLOCK):
                    first, second, q0, q1 = zero, zero, four * least[0, i], four * least[1, i]
                    for k in range(n, n + GROUP):
                        x = u[0, k] * a[0, i] + u[1, k] * a[1, i] + u[2, k] * a[2, i]
                        y = u[0, k] * b[0, i] + u[1, k] * b[1, i] + u[2, k] * b[2, i]
                        lower, upper = abs(x - y) - one, one - abs(x + y)
                        C, D = minus[0, i] * lower + plus[0, i] * upper, minus[1, i] * lower + plus[1, i] * upper
                        first, second = first + C, second + D
                        q0, q1 = min(q0, C - lower, upper - C), min(q1, D - lower, upper - D)
                    total[0, i] += first
                    total[1, i] += second
                    least[0, i], least[1, i] = q0 / four, q1 / four

    @numba.njit(parallel=True, fastmath=True)
    def accumulate_moduli(u: Any, a: Any, b: Any, sums: Any, extrema: Any) -> None:
        for part in numba.prange(a.shape[1] // BLOCK):
            for n in range(0, u.shape[1], GROUP):
                for i in range(part * BLOCK, (part + 1) * BLOCK):
                    M, D, low, high = zero, zero, extrema[0, i], extrema[1, i]
                    for k in range(n, n + GROUP):
                        x = u[0, k] * a[0, i] + u[1, k] * a[1, i] + u[2, k] * a[2, i]
                        y = u[0, k] * b[0, i] + u[1, k] * b[1, i] + u[2, k] * b[2, i]
                        m = max(abs(x), abs(y))
                        M, D, low, high = M + m, D + abs(x - y), min(low, m), max(high, m)
                    sums[0, i] += M
                    sums[1, i] += D
                    extrema[0, i], extrema[1, i] = low, high

    arrays = [np.ascontiguousarray(x.T, real) for x in (u, pairs.a, pairs.b)]
    weights, num = _weights(pairs, real), len(pairs.a)

    def general() -> Any:
        total, least = np.zeros((2, num)), np.ones((2, num), real)
        accumulate(*arrays, *weights, total, least)  # pyright: ignore[reportCallIssue]
        return total, least

    def interpolated() -> Any:
        sums, extrema = np.zeros((2, num)), np.repeat(np.array([[4], [0]], real), num, 1)
        accumulate_moduli(*arrays, sums, extrema)  # pyright: ignore[reportCallIssue]
        return from_moduli(*weights, u.shape[0], sums, extrema)

    return {"general": general, "interpolated": interpolated}[form]


CUDA_NAMES = {"general": "accumulate", "interpolated": "accumulate_moduli"}


def cuda_arguments(pairs: SettingPairs, u: np.ndarray, real: Any, slices: int, form: str) -> list[np.ndarray]:
    """The arrays that scripts/kernel.cu takes, in order; the last two are what it fills."""
    hidden = np.zeros((len(u), 4), real)
    hidden[:, :3] = u
    settings = [np.ascontiguousarray(x.T, real) for x in (pairs.a, pairs.b)]
    filled = (np.zeros((slices, 2, len(pairs.a)), real) for _ in range(2))
    return [hidden, *settings, *(_weights(pairs, real) if form == "general" else ()), *filled]


def from_slices(pairs: SettingPairs, u: np.ndarray, real: Any, form: str, total: Any, least: Any) -> tuple[Any, Any]:
    """Sums of C and smallest probabilities (2, P) from what the slices of a grid filled, (slices, 2, P)."""
    if form == "general":
        return total.sum(0, dtype=float), least.min(0)
    extrema = np.stack([least[:, 0].min(0), least[:, 1].max(0)])
    return from_moduli(*_weights(pairs, real), len(u), total.sum(0, dtype=float), extrema)


@functools.cache
def _cuda(real: Any) -> Any:
    """scripts/kernel.cu, compiled for one precision."""
    import cupy  # pyright: ignore[reportMissingImports]

    ctype = "double" if real is np.float64 else "float"
    return cupy.RawModule(code=CUDA_SOURCE.read_text(), options=("-std=c++17", "--use_fast_math", f"-DREAL={ctype}"))


def in_cuda(
    pairs: SettingPairs, u: np.ndarray, real: Any, form: str, slices: int = 256, threads: int = 256
) -> Callable[[], Any] | None:
    """By hand, in CUDA; None without CuPy, which compiles and starts it."""
    try:
        import cupy  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    arrays, num = [cupy.asarray(x) for x in cuda_arguments(pairs, u, real, slices, form)], len(pairs.a)
    sizes, blocks = [np.int64(x) for x in (len(u), num, slices)], -(-num // threads)

    def run() -> Any:
        _cuda(real).get_function(CUDA_NAMES[form])((blocks, slices), (threads,), (*sizes, *arrays))
        return from_slices(pairs, u, real, form, *(x.get() for x in arrays[-2:]))

    return run


def gpu_roofs(real: Any, repeats: int) -> dict[str, float]:
    """Operations per second of multiply-adds in registers; nothing without CuPy."""
    try:
        import cupy  # pyright: ignore[reportMissingImports]
    except ImportError:
        return {}
    rounds, threads, blocks, lanes = 10**6, 256, 2**12, 16
    out, run = cupy.zeros(threads * blocks, real), _cuda(real).get_function("peak")
    took = best(lambda: (run((blocks,), (threads,), (np.int64(rounds), out)), out.get()), repeats)
    return {"peak": 2 * lanes * rounds * threads * blocks / took}


def roofs(real: Any, repeats: int) -> dict[str, float]:
    """Operations per second of multiply-adds in registers; bytes per second from the caches and from memory."""
    library, threads = _library(real), len(os.sched_getaffinity(0))
    library.peak.restype = ctypes.c_double
    rounds, width = 10**7, np.dtype(real).itemsize

    def bandwidth(bytes_: int, times: int) -> float:
        length = bytes_ // (3 * width)
        x, y, z = (np.ones(threads * length, real) for _ in range(3))
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, y, z)]
        counts = [ctypes.c_long(value) for value in (threads, length, times)]
        return threads * times * bytes_ / best(lambda: library.triad(*counts, *pointers), repeats)

    took = best(lambda: library.peak(ctypes.c_long(threads), ctypes.c_long(rounds)), repeats)
    return {
        "peak": 2 * library.lanes() * rounds * threads / took,
        "cache_bandwidth": bandwidth(3 * 2**15, 2**15),
        "memory_bandwidth": bandwidth(3 * 2**27, 2),
    }
