"""Compile the sampling kernels for an NVIDIA H100 on a machine without one, and say what became of them.

    python scripts/compile_for_gpu.py [--pairs 8 1024 16384 65536] [--chunks 4096 3125 512] [--fma] [--out DIR]

In an environment of its own (5 GB; neither a driver nor a GPU is needed):

    pip install 'jax[cuda13]' nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm -e .

It does so for correlators that interpolate and for others, for every method, precision, number of visibilities, number
of pairs and size of a chunk. It reports the working memory; the arrays of pairs x hidden vectors that the compiler
leaves in memory (they cost more time than the arithmetic); the kernels and copies of a chunk; and, of the kernel that
does the work, its registers and the instructions of its loop, also for an evaluation, which is one hidden vector at one
pair for all visibilities. The same is reported of scripts/kernel.cu, the yardstick by hand, from the same tools.

`--fma` lets XLA use fused multiply-adds, which it does not on its own; a GPU does the same with
XLA_FLAGS=--xla_backend_extra_options=-nvptx-fma-level=1. Nothing here is measured on a GPU.

Writes results/compile_for_gpu, or results/compile_for_gpu/fma with `--fma`: report.json, meta.json. Takes about a
quarter of an hour on two cores. Exits with 1 where an array of more than 4 MiB is left, or the working memory is larger
than sums and four such arrays.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before JAX is imported: the CUDA plugin is loaded, and looks for no GPU.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"
DUMP = Path(tempfile.mkdtemp(prefix="compile_for_gpu_"))
atexit.register(shutil.rmtree, DUMP, ignore_errors=True)
FMA = "--xla_backend_extra_options=-nvptx-fma-level=1" if "--fma" in sys.argv else ""
os.environ["XLA_FLAGS"] = f"--xla_dump_to={DUMP} {FMA}"

import common  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
import yardsticks  # noqa: E402
from jax.experimental import topologies  # noqa: E402

from jaxleggett.kernels import Plan, Sums, advance  # noqa: E402
from jaxleggett.models.arguments import as_pytree  # noqa: E402
from jaxleggett.output import provenance  # noqa: E402

FOLDER = common.RESULTS / "compile_for_gpu"

# What XLA knows of an H100 SXM: openxla/xla, xla/backends/gpu/target_config/specs/h100_sxm.txtpb. Versions of jaxlib
# before 0.10 know less about a device.
NEWER = """
  thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64
  device_vendor: "NVIDIA Corporation" platform_version: "Compute Capability 9.0a" device_address_bits: 64
  name: "NVIDIA H100 80GB HBM3"
  driver_version: "13.0.0" runtime_version: "13.0.0" compile_time_toolkit_version: "13.0.0" dnn_version: "9.10.0"
"""
TARGET = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98 device_memory_size: 84942979072
  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 feature_extension: ACCELERATED_FEATURES }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  NEWER
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""

ALLOWED = 2**22
"""Bytes up to which an array of pairs x hidden vectors may be left in memory."""

TOOLS = Path(sysconfig.get_paths()["purelib"]) / "nvidia" / "cu13" / "bin"

PRODUCTS = {"interpolated": 8, "general": 9}
"""Multiplications of an evaluation: two scalar products (6) and, interpolated, the weights of m and of d; general, at
each visibility again, a weight for each bound and that of C. By these the evaluations in a loop are counted."""

PRODUCTS_BY_HAND = {"interpolated": 6, "general": 6 + 2 * 2}
"""Those of kernel.cu, for both visibilities: its hidden vectors have no weights."""


def compiled(models: list[Any], plan: Plan, pairs: int, dtype: type) -> Any:
    """The program that adds chunks, for the GPU."""
    target = TARGET.replace("NEWER", NEWER if jax.__version_info__ >= (0, 10) else "")
    topology = topologies.get_topology_desc(
        platform="cuda", topology_name="h100", target_config=target, topology="1x1x1"
    )
    there = jax.sharding.SingleDeviceSharding(topology.devices[0])

    def shape_of(x: Any) -> jax.ShapeDtypeStruct:
        x = x if hasattr(x, "dtype") else np.asarray(x)
        return jax.ShapeDtypeStruct(np.shape(x), x.dtype, sharding=there)

    with jax.enable_x64(True):
        number = jax.ShapeDtypeStruct((), np.uint32, sharding=there)
        trees = jax.tree.map(lambda x: shape_of(np.asarray(x)), tuple(as_pytree(model) for model in models))
        settings = jax.ShapeDtypeStruct((3, pairs), dtype, sharding=there)
        sums = jax.tree.map(shape_of, jax.eval_shape(lambda: Sums.zeros(len(models), pairs)))
        arguments = shape_of(jax.random.key(0)), trees, plan, settings, settings, number, number, sums
        return advance.trace(*arguments).lower(lowering_platforms=("cuda",)).compile()


def left_in_memory(program: Any, pairs: int, chunk: int) -> list[tuple[str, int]]:
    """Arrays about as large as pairs x hidden vectors that a kernel writes, and their bytes."""
    sizes = {"pred": 1, "f32": 4, "f64": 8}
    written = " ".join(re.findall(r" = (.*?) fusion\(", program.as_text()))
    arrays = [(kind, rows, row) for kind, rows, row in re.findall(r"(\w+)\[(\d+),(\d+)\]", written)]
    large = [(kind, int(rows), int(row)) for kind, rows, row in arrays if int(rows) * int(row) >= pairs * chunk // 8]
    return [(f"{kind}[{rows},{row}]", sizes.get(kind, 8) * rows * row) for kind, rows, row in large]


def steps_of_a_chunk() -> list[str]:
    """What is started for a chunk: the body of the loop over chunks, line by line."""
    # Versions before 0.10 write but one of these two.
    (thunks, *_) = sorted(DUMP.glob("*jit_advance.thunk_sequence*.txt"), key=lambda file: -len(file.name))
    body = thunks.read_text().split("body:")[1].splitlines()[1:]
    return list(itertools.takewhile(lambda line: line.startswith(" "), body))


def largest_kernel(steps: list[str]) -> dict[str, Any]:
    """Registers, and instructions of the loop, of the longest reduction: the one over hidden vectors."""
    # "kCustomKernel ...] NAME grid", and before 0.10 "kKernel ... kernel = NAME,".
    names = [m[1] for line in steps if (m := re.search(r"Kernel .*\](?: , kernel =)? (\w*reduce\w*)", line))]
    best: dict[str, Any] = {}
    for name in dict.fromkeys(names):
        (source, *_) = [f for f in DUMP.glob("*.ptx") if re.search(rf"\.entry {name}\(", f.read_text())]
        cubin = DUMP / "kernel.cubin"
        subprocess.run([str(TOOLS / "ptxas"), "-arch=sm_90a", str(source), "-o", str(cubin)], check=True)
        found = machine_code(cubin, name)
        if not best or (found.get("loop", 0), found["instructions"]) > (best.get("loop", 0), best["instructions"]):
            best = {"kernel": name, **found}
    return best


def machine_code(cubin: Path, kernel: str) -> dict[str, Any]:
    """Registers and instructions of a kernel, and of its longest loop by kind."""
    environment = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"}  # cuobjdump calls nvdisasm
    call = {"capture_output": True, "text": True, "check": True, "env": environment}
    usage = subprocess.run([str(TOOLS / "cuobjdump"), "-res-usage", str(cubin)], **call).stdout
    registers = re.search(rf"Function {kernel}:\s+REG:(\d+)", usage)
    listing = subprocess.run([str(TOOLS / "cuobjdump"), "-sass", str(cubin)], **call).stdout
    (text,) = [part for part in listing.split("Function : ")[1:] if part.split()[0] == kernel]
    rows = [(int(m[1], 16), m[2]) for m in re.finditer(r"^\s+/\*([0-9a-f]{4,5})\*/\s+(.*?);", text, re.M)]
    jumps = [(int(m[1], 16), at) for at, row in rows if (m := re.search(r"\bBRA\b.*?(0x[0-9a-f]+)", row))]
    loops = [(first, last) for first, last in jumps if first < last]
    found: dict[str, Any] = {"registers": int(registers[1]) if registers else None, "instructions": len(rows)}
    if loops:
        first, last = max(loops, key=lambda loop: loop[1] - loop[0])
        kinds = [re.sub(r"^@!?U?P\w+\s+", "", row).split()[0].split(".")[0] for at, row in rows if first <= at <= last]
        found |= {"loop": len(kinds), "kinds": dict(Counter(kinds).most_common())}
    return found


def an_evaluation(found: dict[str, Any], products: int) -> float | None:
    """Instructions of the loop for each evaluation in it, None where there is no loop or it does not multiply."""
    times = sum(found.get("kinds", {}).get(kind, 0) for kind in ("DMUL", "DFMA", "FMUL", "FFMA"))
    return round(found["loop"] * products / times, 1) if times else None


def by_hand() -> Iterator[dict[str, Any]]:
    """scripts/kernel.cu from the same tools."""
    for precision, name in (("float64", "double"), ("float32", "float")):
        cubin = DUMP / "by_hand.cubin"
        options = ["-arch=sm_90a", "-std=c++17", "--use_fast_math", f"-DREAL={name}", "-cubin", "-o", str(cubin)]
        subprocess.run([str(TOOLS / "nvcc"), *options, str(yardsticks.CUDA_SOURCE)], check=True)
        for form in yardsticks.FORMS:
            found = machine_code(cubin, yardsticks.CUDA_NAMES[form])
            count = an_evaluation(found, PRODUCTS_BY_HAND[form])
            yield {"form": form, "precision": precision, "instructions_an_evaluation": count, **found}


def cases(pairs: list[int], chunks: list[int]) -> Iterator[tuple[str, str, bool, int, type, int, int]]:
    """Form, method, whether half a lattice, visibilities, precision, pairs and size of a chunk."""
    for form in yardsticks.FORMS:
        for method, half in (("mc", False), ("rqmc", False), ("rqmc", True)):
            if half and form == "general":
                continue  # a model with another correlator offers none
            # The interpolated form does the same work for any number.
            for ends in (2,) if form == "interpolated" else (1, 2):
                for dtype in (np.float64, np.float32):
                    for number in pairs:
                        for chunk in chunks:
                            yield form, method, half, ends, dtype, number, chunk


def main() -> int:
    """Compile, look, write; 1 where a program leaves a large array in memory."""
    parser = common.parser(__doc__)
    several = {"type": int, "nargs": "+"}
    parser.add_argument("--pairs", **several, default=[8, 1024, 16384, 65536], help="numbers of setting pairs")
    parser.add_argument("--chunks", **several, default=[4096, 3125, 512], help="hidden vectors of a chunk")
    parser.add_argument("--fma", action="store_true", help="let XLA use fused multiply-adds")
    parser.add_argument("--out", type=Path, help="folder instead of results/compile_for_gpu")
    asked = parser.parse_args()
    started, rows, at_fault = time.monotonic(), [], 0
    for form, method, half, ends, dtype, pairs, chunk in cases(asked.pairs, asked.chunks):
        for old in DUMP.iterdir():
            if old.is_file():
                old.unlink()
        plan = Plan(method, 16, 1 if method == "mc" else 8, chunk, half)  # type: ignore[arg-type]
        models = [yardsticks.KINDS[form](V) for V in yardsticks.ENDS[:ends]]
        program = compiled(models, plan, pairs, dtype)
        left, steps = left_in_memory(program, pairs, chunk), steps_of_a_chunk()
        found = largest_kernel(steps)
        row = {
            "form": form,
            "method": method + " half" * half,
            "visibilities": ends,
            "precision": np.dtype(dtype).name,
            "pairs": pairs,
            "chunk": chunk,
            "working_MiB": round(program.memory_analysis().temp_size_in_bytes / 2**20, 1),
            "left_in_memory": [name for name, size in left if size > ALLOWED],
            "kernels_a_chunk": sum("Kernel " in line for line in steps),
            "copies_a_chunk": sum("kCopy" in line for line in steps),
            # Two visibilities of the general form are two evaluations, whether XLA makes one kernel of them or two.
            "instructions_an_evaluation": an_evaluation(found, PRODUCTS[form] * (ends if form == "general" else 1)),
            **found,
        }
        # What is no output of a fusion, or has another shape, shows in the memory; sums take some 200 bytes a pair.
        at_fault += bool(row["left_in_memory"]) or row["working_MiB"] > 16 + pairs / 2**11
        rows.append(row)
        print(json.dumps({name: x for name, x in row.items() if name != "kinds"}), flush=True)
    hand = list(by_hand())
    for row in hand:
        print("kernel.cu", json.dumps({name: x for name, x in row.items() if name != "kinds"}), flush=True)
    folder = asked.out or (FOLDER / "fma" if asked.fma else FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    provenance.write_json(folder / "report.json", {"rows": rows, "by_hand": hand})
    common.write_meta(folder, target="NVIDIA H100 80GB HBM3", seconds=time.monotonic() - started)
    print(f"{len(rows)} programs, {at_fault} of them with an array of pairs x hidden vectors in memory")
    return int(at_fault > 0)


if __name__ == "__main__":
    common.leave(main)
