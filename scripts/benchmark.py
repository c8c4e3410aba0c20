"""How fast the package is, beside hand-written C, NumPy and the peak of the hardware.

    python scripts/benchmark.py [--repeats 5] [--only SECTION ...] [--out DIR]

kernel     what verify accumulates (sums of C at two visibilities, smallest probabilities), 16384 setting pairs, in the
           form for correlators that interpolate and in the general one: the package, scripts/kernel.c (cc -O3
           -march=native -ffast-math -fopenmp), NumPy in blocks that stay in cache and, if installed, numba; single and
           double precision, in alternation: evaluations (hidden vectors x pairs) per second, medians. The peak of
           multiply-adds and the bandwidths that a roofline needs, by C too. The package once more as `jaxleggett
           verify` runs it: 1024 pairs, 10^6 samples. On a GPU: the package and scripts/kernel.cu, through CuPy, beside
           the peak by CUDA
accuracy   seconds and evaluations until the largest error at 4096 pairs is below 1e-6, 2e-8 and 1e-8; for plain
           sampling extrapolated as 1/sqrt(samples) from all its runs
growth     time against samples, pairs and visibilities, with exponents; bits on one and on two devices; peak memory
game       the threshold at 30 setting pairs against scipy's HiGHS on hidden vectors from a grid, at equal gap
search     the gradient steps of 64 restarts in one batch against a loop over restarts; whole searches of 64 and of 1
start_up   `import jaxleggett` less `import jax`; `jaxleggett --help`

Before they are timed, the kernels are held against each other on the same hidden vectors. Run it on an idle machine:
beside other work the figures mean nothing. On a GPU the sections kernel and accuracy are run; they need jax, numpy and
scipy, and not that the package is installed (without CuPy there is no yardstick in CUDA).

Writes results/benchmark, or results/benchmark_gpu: benchmark.json, meta.json; and, as scripts/performance_page.py does,
the tables of docs/PERFORMANCE.md and their picture. With `--out` another folder is written, and not the page. Takes
about eight minutes on two cores.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

import common
import performance_page
import yardsticks
from yardsticks import FEW_PAIRS, FORMS, PAIRS, SAMPLES, alternating, package, seconds

import jaxleggett as jl
from jaxleggett._numerics import double_precision
from jaxleggett.kernels import interpolated, plan
from jaxleggett.output import provenance
from jaxleggett.settings import SettingPairs
from jaxleggett.sphere import fibonacci_directions

PRECISIONS = {"double": np.float64, "single": np.float32}
GOALS = (1e-6, 2e-8, 1e-8)

# Per evaluation, each counted as one, two scalar products x and y (10), and interpolated: |x|, |y| and the larger (3),
# |x + y| (2), two sums (2), two extrema (2); general: |x - y| and |x + y| (4), two bounds (2) and at each of two
# visibilities C (3), its sum (1), two distances (2) and two minima (2). The package's products with the weights of
# hidden vectors are not counted. FUSED of them are products and sums that one instruction can do together.
OPERATIONS = {"interpolated": 10 + 9, "general": 10 + 4 + 2 + 2 * 8}
FUSED = {"interpolated": 8, "general": 12}

# Numbers that an evaluation of the interpolated form loads and stores outside registers. Package: hidden vectors with
# their weights, and once in STEP of them settings, centres, sums and extrema. C: hidden vectors. NumPy: every array of
# its inner loop, written and read.
NUMBERS = {"package": 7 + (6 + 2 + 8) / interpolated.STEP, "C": 3, "NumPy": 2 * 7}


def kernel(repeats: int) -> dict[str, Any]:
    """Evaluations per second of each, by precision, ratios, and the machine's roofs."""
    pairs, few = SettingPairs.random(PAIRS), SettingPairs.random(FEW_PAIRS)
    gpu = jax.default_backend() == "gpu"
    samples = 2**22 if gpu else 2**16
    plain, rotated = plan.Plan("mc", samples // plan.CHUNK, 1, plan.CHUNK), plan.Plan.of(samples, "rqmc", half=True)
    cases = {
        "package, interpolated": (pairs, plain, "interpolated"),
        "package, general": (pairs, dataclasses.replace(plain, batches=max(1, plain.batches // 2)), "general"),
        "package, rqmc": (pairs, rotated, "interpolated"),
        "package, as verify runs it": (few, plan.Plan.of(10**6, "rqmc", half=True), "interpolated"),
    }
    u = np.asarray(jl.sample_sphere(jax.random.key(0), SAMPLES["CUDA" if gpu else "C"]), np.float64)
    found: dict[str, Any] = {}
    for name, real in PRECISIONS.items():
        yardsticks.agree(pairs, u[: SAMPLES["NumPy"]], real)
        runs = {what: package(at, real, plan, form) for what, (at, plan, form) in cases.items()}
        evaluations = {what: plan.num_samples * len(at.a) for what, (at, plan, _) in cases.items()}
        by_hand = yardsticks.yardsticks(pairs, u, real)
        evaluations |= {what: SAMPLES[what.split(",")[0]] * PAIRS for what in by_hand}
        rate = {what: evaluations[what] / time for what, time in alternating(runs | by_hand, repeats).items()}
        limits = (yardsticks.gpu_roofs if gpu else yardsticks.roofs)(real, repeats)
        found[name] = {"evaluations_per_second": rate, "ratios": ratios(rate), **limits}
        print(name, json.dumps(found[name]), flush=True)
    return found


def ratios(rate: dict[str, float]) -> dict[str, float]:
    """The package over each yardstick of the same form; the forms over each other; few pairs over many."""
    names = sorted({what.split(",")[0] for what in rate} - {"package"})
    found = {
        f"package over {name}, {form}": rate[f"package, {form}"] / rate[f"{name}, {form}"]
        for form in FORMS
        for name in names
    }
    forms = {
        f"interpolated over general, {name}": rate[f"{name}, interpolated"] / rate[f"{name}, general"]
        for name in ("package", *names)
    }
    return found | forms | {"as verify runs it over rqmc": rate["package, as verify runs it"] / rate["package, rqmc"]}


def accuracy(repeats: int) -> dict[str, Any]:
    """Errors and times of the three methods, at 4096 pairs and V = 0.8; the same run compiles first, then is timed."""
    pairs, V = SettingPairs.random(4096), 0.8

    def run(method: str, samples: int) -> dict[str, Any]:
        def once() -> Any:
            found = jl.verify(jl.WernerModel, pairs, V, samples=samples, method=method)  # type: ignore[arg-type]
            return common.finished(found)

        error, short = once().rows[0].max_abs_error, samples <= 2**18
        times = [once().seconds for _ in range(repeats if short else 1)]
        return {"samples": samples, "error": error, "seconds": median(times)}

    found: dict[str, Any] = {"exact": {**run("exact", 1), "samples": None}, "rqmc": [], "mc": []}
    for power in range(8, 25):
        found["rqmc"].append(run("rqmc", 2**power))
        if found["rqmc"][-1]["error"] < min(GOALS):
            break
    found["mc"] = [run("mc", 2**power) for power in range(8, 21, 2)]
    deviation = np.exp(np.mean([np.log(entry["error"] * np.sqrt(entry["samples"])) for entry in found["mc"]]))
    plain = found["mc"][-1]
    found["goals"] = {}
    for goal in GOALS:
        samples = float(deviation / goal) ** 2
        goals = {"mc": {"samples": samples, "seconds": plain["seconds"] * samples / plain["samples"]}}
        reached = next((entry for entry in found["rqmc"] if entry["error"] < goal), None)
        if reached:
            goals["rqmc"] = {name: reached[name] for name in ("samples", "seconds")}
            goals["mc_over_rqmc"] = {name: goals["mc"][name] / reached[name] for name in ("samples", "seconds")}
        found["goals"][f"{goal:g}"] = goals
    print("accuracy", json.dumps(found["goals"]), flush=True)
    return found


def growth(repeats: int) -> dict[str, Any]:
    """Seconds against samples, pairs and visibilities; slopes on logarithms."""
    found: dict[str, Any] = {}
    base = {"samples": 2**18, "pairs": 1024, "visibilities": 1}
    for what, factors in (("samples", (1, 4, 16)), ("pairs", (1, 4, 16)), ("visibilities", (1, 10, 100))):
        runs = {}
        for factor in factors:
            size = base | {what: base[what] * factor}
            V = np.linspace(0.8, 0.9, size["visibilities"]) if size["visibilities"] > 1 else 0.85
            # A scan is measured at the number of samples that `jaxleggett verify` takes.
            samples = 10**6 if what == "visibilities" else size["samples"]
            pairs = SettingPairs.random(size["pairs"])
            runs[str(factor)] = functools.partial(jl.verify, jl.WernerModel, pairs, V, samples=samples)
        times = list(alternating(runs, repeats).values())
        slope = np.polyfit(np.log(factors), np.log(times), 1)[0]
        found[what] = {"factors": list(factors), "seconds": times, "exponent": float(slope)}
    found["devices"] = _devices()
    found["memory"] = _memory()
    print("growth", json.dumps(found), flush=True)
    return found


def _devices() -> dict[str, Any]:
    """The same run on one and on two devices of the CPU, each in a process of its own: times and whether bits agree."""
    program = (
        "import hashlib, jax, jaxleggett as jl\n"
        "for _ in range(2):\n"
        "    found = jl.verify(jl.WernerModel, 'random:40000', [0.8, 0.9], samples=2**14)\n"
        "digest = hashlib.sha256(b''.join(x.tobytes() for x in found.averages.arrays())).hexdigest()\n"
        "print(len(jax.devices()), found.seconds, digest)"
    )
    found = {}
    for number in (1, 2):
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={number}"
        devices, took, digest = _python(program, environment={"XLA_FLAGS": flags})
        assert int(devices) == number
        found[number] = (float(took), digest)
    return {"seconds": [found[1][0], found[2][0]], "same_bits": found[1][1] == found[2][1]}


def _memory() -> dict[str, Any]:
    """Peak resident memory against samples, in MiB."""
    program = (
        "import sys, jaxleggett as jl\n"
        "jl.verify(jl.WernerModel, 'random:4096', [0.8, 0.9], samples=int(sys.argv[1]))\n"
        # ru_maxrss would begin with that of the process which started this one.
        "print(next(int(line.split()[1]) / 1024 for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    samples = [2**16, 2**18, 2**20]
    return {"samples": samples, "peak_mebibytes": [float(_python(program, str(num))[0]) for num in samples]}


def _python(program: str, *arguments: str, environment: dict[str, str] | None = None) -> list[str]:
    """What a program prints, in words, in a process of its own."""
    command = [sys.executable, "-c", program, *arguments]
    run = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=True)
    return run.stdout.split()


def game(_: int) -> dict[str, Any]:
    """30 setting pairs: scipy's HiGHS on n^2 hidden vectors from a grid; its shortfall; the package to that gap."""
    from scipy.optimize import linprog

    pairs = SettingPairs.random(30)
    state = jl.werner()
    best = common.finished(jl.threshold(state, pairs, tolerance=1e-8))
    C = np.asarray(state.correlation(pairs.a, pairs.b)[2])
    rows = []
    for num in (20, 40, 80, 160, 320):
        grid = np.asarray(fibonacci_directions(num))
        u, v = np.repeat(grid, num, 0), np.tile(grid, (num, 1))

        def dense(u: np.ndarray = u, v: np.ndarray = v) -> float:
            x, y = pairs.a @ u.T, pairs.b @ v.T
            kernel = np.abs(np.concatenate([x + y, x - y]))
            rows = np.concatenate([kernel, -np.concatenate([C, -C])[:, None]], axis=1)
            cost, total = np.r_[np.zeros(len(u)), -1.0], np.r_[np.ones(len(u)), 0.0][None]
            bounds = [*[(0, None)] * len(u), (0, 1)]
            return -linprog(cost, rows, np.ones(len(rows)), total, [1.0], bounds, method="highs").fun

        started = time.perf_counter()
        gap = best.lower - dense()
        took = time.perf_counter() - started
        jl.threshold(state, pairs, tolerance=gap)
        own = common.finished(jl.threshold(state, pairs, tolerance=gap))
        rows.append(
            {
                "hidden_vectors": num * num,
                "gap": gap,
                "dense_seconds": took,
                "package_seconds": own.seconds,
                "package_gap": own.upper - own.lower,
            }
        )
        print("game", json.dumps(rows[-1]), flush=True)
    return {"pairs": 30, "rows": rows, "package_to_1e-8_seconds": best.seconds}


def search(repeats: int) -> dict[str, Any]:
    """64 restarts at 6 pairs: gradient steps of all in one batch against one by one; whole searches of 64 and of 1."""
    from jaxleggett.searches import gradient_descent  # with optax, which the rest does without

    restarts, size = 64, 6
    with double_precision():
        keys = jax.random.split(jax.random.key(0), restarts)
        starts = jl.sample_sphere(jax.random.key(1), (2, restarts, size))
        begin = jax.jit(jax.vmap(gradient_descent.begin))

    def steps(batch: int) -> None:
        with double_precision():
            for first in range(0, restarts, batch):
                some = slice(first, first + batch)
                a, b = starts[0, some], starts[1, some]
                states = begin(keys[some], jax.numpy.zeros((batch, size)), a, b, jax.numpy.zeros((batch, size, 3)))
                jax.block_until_ready(gradient_descent.advance(keys[some], np.eye(3)[None], states, 0))

    times = alternating({"batch": lambda: steps(restarts), "loop": lambda: steps(1)}, repeats)
    found: dict[str, Any] = {
        "steps": gradient_descent.DEFAULT.segment,
        **times,
        "batch_over_loop": times["batch"] / times["loop"],
    }
    for number in (restarts, 1):
        jl.search(size, restarts=number, seed=9)
        every = (seconds(lambda n=number, seed=seed: jl.search(size, restarts=n, seed=seed)) for seed in range(repeats))
        found[f"search_of_{number}"] = median(every)
    print("search", json.dumps(found), flush=True)
    return found


def start_up(repeats: int) -> dict[str, float]:
    """Seconds, in processes of their own."""
    quiet: Any = {"stdout": subprocess.DEVNULL, "check": True}
    commands = {
        "both": ["-c", "import jax, jaxleggett"],
        "jax": ["-c", "import jax"],
        "help": ["-m", "jaxleggett", "--help"],
    }
    runs = {
        name: functools.partial(subprocess.run, [sys.executable, *rest], **quiet) for name, rest in commands.items()
    }
    times = alternating(runs, repeats)
    found = {"import_beyond_jax": times["both"] - times["jax"], "import_jax": times["jax"], "help": times["help"]}
    print("start_up", json.dumps(found), flush=True)
    return found


def hardware() -> dict[str, Any]:
    """What the figures were measured on."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next(
        (line.split(": ")[1] for line in text.splitlines() if line.startswith("model name")), platform.processor()
    )
    compiler = "cc --version" if jax.default_backend() == "cpu" else "nvidia-smi --version"
    try:
        version = subprocess.run(compiler.split(), capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError):
        version = "unknown"
    features = [name for name in ("avx2", "avx512f") if name in text]
    return {
        "device": jax.devices()[0].device_kind,
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "vectors": features,
        "compiler": version,
    }


SECTIONS: dict[str, Callable[[int], Any]] = {
    "kernel": kernel,
    "accuracy": accuracy,
    "growth": growth,
    "game": game,
    "search": search,
    "start_up": start_up,
}

GPU_SECTIONS = ("kernel", "accuracy")


def main() -> None:
    """Measure, print, save, write the page."""
    gpu = jax.default_backend() == "gpu"
    usual = performance_page.GPU_FOLDER if gpu else performance_page.FOLDER
    parser = common.parser(__doc__)
    times = {"type": int, "choices": range(1, 100), "metavar": "N"}
    parser.add_argument("--repeats", **times, default=5, help="runs of each, of which medians are taken [5]")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help="print these, save nothing")
    parser.add_argument("--out", type=Path, default=usual, help=f"folder instead of results/{usual.name}")
    asked = parser.parse_args()
    started = time.time()
    chosen = asked.only or (GPU_SECTIONS if gpu else SECTIONS)
    content = {"hardware": hardware(), "operations": OPERATIONS, "fused": FUSED, "numbers": NUMBERS}
    content |= {name: SECTIONS[name](asked.repeats) for name in chosen}
    if asked.only:
        return
    asked.out.mkdir(parents=True, exist_ok=True)
    provenance.write_json(asked.out / "benchmark.json", content)
    facts = {"device": jax.devices()[0].device_kind, "repeats": asked.repeats, "seconds": time.time() - started}
    common.write_meta(asked.out, **facts)
    if asked.out.resolve() == usual.resolve():
        performance_page.main()


if __name__ == "__main__":
    common.leave(main)
