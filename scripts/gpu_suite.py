"""Hold what runs on a GPU against oracles that share no code with it, in both precisions.

    python scripts/gpu_suite.py [--platform gpu|cpu] [--out DIR]

Needs only Python, jax and numpy (and the scipy that jax brings); the package need not be installed. Prints a line a
check with the worst deviation and what is allowed. With `--platform cpu` it tests itself. With `--out` it writes
suite.json and meta.json into that folder. Exits with 1 where a check fails, and with 2 where there is no such device.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("", "tests", "scripts")]

import common  # noqa: E402
import oracles  # noqa: E402
import tolerances  # noqa: E402
import yardsticks  # noqa: E402

import jaxleggett as jl  # noqa: E402
from jaxleggett.kernels import Plan, Sums, advance, hidden_vectors  # noqa: E402
from jaxleggett.kernels.plan import CHUNK  # noqa: E402
from jaxleggett.models.arguments import as_pytree  # noqa: E402
from jaxleggett.output import provenance  # noqa: E402
from jaxleggett.verification.montecarlo import BLOCK, average  # noqa: E402

KEY = jax.random.key(5)
PRECISIONS = {"double": np.float64, "single": np.float32}
ENDS = (0.3, 0.95)

Check = tuple[str, float, float]
"""Name, worst deviation, what is allowed."""


def sums(device: Any, precision: str) -> Iterator[Check]:
    """Averages, smallest probabilities and their hidden vectors, against NumPy on the same hidden vectors."""
    allowed = {"double": tolerances.SAME_ARITHMETIC, "single": tolerances.SINGLE}[precision]
    pairs, dtype = jl.SettingPairs.random(700, seed=2), PRECISIONS[precision]
    for plan, ends in (
        (Plan("mc", 4, 1, 96), ENDS),
        (Plan("rqmc", 3, 2, 101), ENDS[:1]),
        (Plan("rqmc", 3, 2, 100, half=True), ENDS),
    ):
        models = [jl.WernerModel(V) for V in ends]
        found = average(KEY, models, pairs.a, pairs.b, plan, dtype=dtype, devices=[device])
        made = hidden(device, plan)
        u, weights = made[0], made[2]
        P = np.stack([oracles.werner_model_on(V, u, pairs.a, pairs.b) for V in ends])
        both = (P + np.stack([oracles.werner_model_on(V, -u, pairs.a, pairs.b) for V in ends])) / 2 if plan.half else P
        shares = weights.reshape(plan.batches, -1)
        shares = (shares / shares.sum(1, keepdims=True)).ravel() / plan.batches
        mean = np.einsum("n,enpo->eop", shares, both)
        name = f"{plan.method}{', half the sphere' * plan.half}, {precision}"
        on_cpu = hidden(jax.devices("cpu")[0], plan)
        different = max(float(abs(x - y).max()) for x, y in zip(made, on_cpu, strict=True))
        yield f"hidden vectors against the CPU's, {name}", different, tolerances.SAME_ARITHMETIC
        yield f"averages, {name}", float(abs(found.mean - mean).max()), allowed
        yield f"smallest probabilities, {name}", float(abs(found.smallest - P.min((1, 3))).max()), allowed
        at = [
            oracles.werner_model(V, found.witness[end, i, 0], pairs.a[i], pairs.b[i]).min() - P[end, :, i].min()
            for end, V in enumerate(ends)
            for i in range(len(pairs))
        ]
        yield f"hidden vectors that give them, {name}", float(np.abs(at).max()), allowed


def hidden(device: Any, plan: Plan) -> list[np.ndarray]:
    """The hidden vectors u, v and the weights of all chunks of a plan, made on a device."""
    make = jax.jit(lambda chunk: hidden_vectors(KEY, jl.WernerModel(0.5), plan, chunk))
    with jax.enable_x64(True), jax.default_device(device):
        chunks = [make(np.uint32(chunk)) for chunk in range(plan.num_chunks)]
    return [np.concatenate([np.asarray(chunk[i]) for chunk in chunks]) for i in range(3)]


MODELS = (
    [jl.WernerModel(V) for V in ENDS],
    [yardsticks.General(V) for V in ENDS],
    [jl.WhiteNoiseModel()],
    [jl.SeparableModel()],
    [jl.GreatCircleModel([0, 0, 1])],
    [jl.PRBoxModel()],
)


def memory(device: Any, precision: str, cases: Sequence[Any] = MODELS) -> Iterator[Check]:
    """Working memory of the compiled kernels, in arrays of all pairs x the hidden vectors of a chunk: none is left."""
    pairs, dtype = BLOCK["other"], PRECISIONS[precision]
    for models, chunk in itertools.product(cases, (CHUNK, Plan.of(10**6, "rqmc").chunk)):
        plan = Plan("mc", 2, 1, chunk)
        with jax.enable_x64(True), jax.default_device(device):
            settings = jax.numpy.zeros((3, pairs), dtype)
            arguments = (
                KEY,
                [as_pytree(model) for model in models],
                plan,
                settings,
                settings,
                np.uint32(0),
                np.uint32(2),
            )
            compiled = advance.lower(*arguments, Sums.zeros(len(models), pairs)).compile()
        share = compiled.memory_analysis().temp_size_in_bytes / (  # type: ignore[union-attr]
            pairs * plan.chunk * np.dtype(dtype).itemsize
        )
        yield f"working memory, {models[0].name}, chunk of {chunk}, {precision}", share, 0.05


def cut(device: Any, precision: str, samples: int = 50000) -> Iterator[Check]:
    """The same bits however many chunks a call takes: the number of results that differ."""
    pairs, plan = jl.SettingPairs.random(700), Plan.of(samples, "rqmc")
    runs = [
        average(
            KEY,
            [jl.WernerModel(V) for V in ENDS],
            pairs.a,
            pairs.b,
            plan,
            dtype=PRECISIONS[precision],
            devices=[device],
            chunks_per_call=number,
        )
        for number in (1, 5)
    ]
    differ = sum((x != y).sum() for x, y in zip(*(run.arrays() for run in runs), strict=True) if x is not None)
    yield f"bits, however the work is cut, {precision}", float(differ), 0.0


def quadrature(device: Any, precision: str) -> Iterator[Check]:
    """Exact averages of the models against the Born rule with projectors."""
    allowed = {"double": tolerances.EXACT, "single": tolerances.EXACT_SINGLE}[precision]
    pairs = jl.SettingPairs.random(40, seed=3)
    settings = list(zip(pairs.a, pairs.b, strict=True))
    for V in (0.0, 0.5, 0.85, 1.0):
        dtype = PRECISIONS[precision]
        found = average(KEY, [jl.WernerModel(V)], pairs.a, pairs.b, None, dtype=dtype, devices=[device])
        want = np.array([oracles.born(oracles.werner_rho(V), a, b) for a, b in settings]).T
        yield f"quadrature at V = {V}, {precision}", float(abs(found.mean[0] - want).max()), allowed


def verdicts(device: Any, precision: str, settings: str = "random:4096", samples: int = 2**18) -> Iterator[Check]:
    """`verify` over a scan across V_c: the number of wrong verdicts, and the error of the averages."""
    V = np.array([0.0, 0.5, 0.85, 0.8535, 0.8536, 0.9, 1.0])
    # verify takes all devices of the default platform, which main() has made that of `device`.
    found = jl.verify(jl.WernerModel, settings, V, samples=samples, precision=precision)  # type: ignore[arg-type]
    common.finished(found)
    want = ["reproduces" if v <= oracles.V_C else "negative_probability" for v in V]
    wrong = sum(row.verdict != verdict for row, verdict in zip(found.rows, want, strict=True))
    yield f"wrong verdicts, {precision}", float(wrong), 0.0
    error = max(row.max_abs_error for row in found.rows)
    yield f"averages against the state, {precision}", error, {"double": 1e-6, "single": 2e-6}[precision]


def main() -> int:
    """Check, print, save; 1 where a check failed."""
    parser = common.parser(__doc__)
    parser.add_argument("--platform", choices=("gpu", "cpu"), default="gpu", help="what is checked [gpu]")
    parser.add_argument("--out", type=Path, help="folder for suite.json and meta.json")
    asked = parser.parse_args()
    if asked.platform == "cpu":
        jax.config.update("jax_platforms", "cpu")  # verify would take the GPU
    try:
        device = jax.devices(asked.platform)[0]
    except RuntimeError:
        raise jl.InputError(f"--platform must be a device that JAX finds, but there is no {asked.platform!r}") from None
    started, rows = time.time(), []
    print(f"on {device.device_kind}")
    for precision in PRECISIONS:
        for section in (sums, memory, cut, quadrature, verdicts):
            for name, worst, allowed in section(device, precision):
                passed = worst <= allowed
                rows.append({"check": name, "worst": worst, "allowed": allowed, "passed": passed})
                print(f"{'passed' if passed else 'FAILED'}  {worst:9.2e}  of {allowed:7.1e}  {name}", flush=True)
    failed = sum(not row["passed"] for row in rows)
    print(f"{len(rows)} checks, {failed} failed")
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        provenance.write_json(asked.out / "suite.json", {"device": device.device_kind, "checks": rows})
        common.write_meta(asked.out, device=device.device_kind, seconds=time.time() - started)
    return int(failed > 0)


if __name__ == "__main__":
    common.leave(main)
