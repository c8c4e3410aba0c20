"""The tables of docs/PERFORMANCE.md and their picture, from what scripts/benchmark.py measured.

    python scripts/performance_page.py [--draw]

Reads results/benchmark/benchmark.json, results/benchmark_gpu/benchmark.json where there is one, and what
scripts/compile_for_gpu.py found. Writes results/benchmark/benchmark.png and .svg, and the tables of
docs/PERFORMANCE.md.
"""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Iterator
from typing import Any

import common

FOLDER = common.RESULTS / "benchmark"
GPU_FOLDER = common.RESULTS / "benchmark_gpu"
COMPILED = common.RESULTS / "compile_for_gpu"
PAGE = common.ROOT / "docs" / "PERFORMANCE.md"
BEGIN = "<!-- written by scripts/performance_page.py -->"


def kernel(content: dict[str, Any]) -> Iterator[str]:
    """Rates, ratios, share of the peak."""
    yield 'Evaluations a second at 16384 setting pairs; "as verify runs it": at 1024, with 10^6 samples of rqmc.'
    both = [content["kernel"][name] for name in ("double", "single")]
    rows = [
        [what, *(f"{part['evaluations_per_second'][what] / 1e9:.3f}" for part in both)]
        for what in both[0]["evaluations_per_second"]
    ]
    yield common.markdown_table(["", "double, 10^9/s", "single, 10^9/s"], rows)
    yield common.markdown_table(
        ["ratio", "double", "single"],
        [[what, *(f"{x['ratios'][what]:.2f}" for x in both)] for what in both[0]["ratios"]],
    )
    for name, part in content["kernel"].items():
        if "peak" not in part:
            continue
        shares = [
            f"{what} {rate * content['operations'][form] / part['peak']:.2f}"
            for what, rate in part["evaluations_per_second"].items()
            for form in ("interpolated", "general")
            if what.endswith(form)
        ]
        counts = " or ".join(
            f"{content['operations'][form]} ({form}, of which {content['fused'][form]} can be fused)"
            for form in ("interpolated", "general")
        )
        yield (
            f"Shares of the peak of fused multiply-adds in {name} precision, {part['peak']:.2e} operations a second "
            f"with each multiply-add as two, at {counts} operations an evaluation: {', '.join(shares)}."
        )


def gpu() -> Iterator[str]:
    """The same on a GPU, where one was at hand."""
    yield "### The kernel on a GPU"
    file = GPU_FOLDER / "benchmark.json"
    if not file.exists():
        yield common.markdown_table(
            ["", "evaluations per second"], [["package", "not measured"], ["by hand, in CUDA", "not measured"]]
        )
        return
    content = json.loads(file.read_text())
    yield f"On one {content['hardware']['device']}:"
    yield from kernel(content)
    yield from accuracy(content["accuracy"])


def compiled() -> Iterator[str]:
    """What a compiler for a GPU makes of the kernels."""
    yield "### The kernels as compiled for a GPU; nothing here is timed"
    files = {"XLA": COMPILED / "report.json", "XLA with fused multiply-adds": COMPILED / "fma" / "report.json"}
    reports = {name: json.loads(file.read_text()) for name, file in files.items()}
    rows = reports["XLA"]["rows"]
    left, most = sum(bool(row["left_in_memory"]) for row in rows), max(row["kernels_a_chunk"] for row in rows)
    shapes = [", ".join(str(x) for x in sorted({row[name] for row in rows})) for name in ("pairs", "chunk")]
    meta = json.loads((COMPILED / "meta.json").read_text())
    yield (
        f"For an {meta['target']} by jaxlib {meta['versions']['jaxlib']}: {len(rows)} programs, with {shapes[0]} "
        f"setting pairs and chunks of {shapes[1]} hidden vectors, every method, and in the general form one visibility "
        f"and two. {left} of them leave an array of more than 4 MiB of pairs x hidden vectors in memory. A chunk "
        f"starts at most {most} kernels, one of which does the work. Instructions of its loop for an evaluation, with "
        "two visibilities, at the largest number of pairs and the largest chunk; in brackets the least and the most "
        "over all shapes that have a loop:"
    )
    table_rows = []
    for form in ("interpolated", "general"):
        for precision in ("float64", "float32"):
            cells = [f"{form}, {precision}"]
            for report in reports.values():
                of = [
                    x for x in report["rows"] if (x["form"], x["precision"], x["visibilities"]) == (form, precision, 2)
                ]
                last = max(of, key=lambda x: (x["pairs"], x["chunk"]))
                counts = [x["instructions_an_evaluation"] for x in of if x["instructions_an_evaluation"]]
                over = f" ({min(counts)} to {max(counts)})" if min(counts) < max(counts) else ""
                cells.append(f"{last['instructions_an_evaluation']}{over}, {last['registers']} registers")
            hand = reports["XLA"]["by_hand"]
            (own,) = [x for x in hand if (x["form"], x["precision"]) == (form, precision)]
            table_rows.append([*cells, f"{own['instructions_an_evaluation']}, {own['registers']} registers"])
    yield common.markdown_table(["", *files, "scripts/kernel.cu"], table_rows)
    none = sum(not row["instructions_an_evaluation"] for row in rows)
    yield f"{none} programs, for the fewest pairs or the smallest chunks, have no loop that multiplies."
    for folder in sorted(COMPILED.glob("jax_*")):
        rows, meta = (json.loads((folder / name).read_text()) for name in ("report.json", "meta.json"))
        left = sum(bool(row["left_in_memory"]) for row in rows["rows"])
        most = max(row["working_MiB"] for row in rows["rows"])
        yield (
            f"By jaxlib {meta['versions']['jaxlib']}, which other users may have, {len(rows['rows'])} programs for "
            f"{rows['rows'][0]['pairs']} pairs: {left} leave such an array; working memory is at most {most} MiB."
        )


def accuracy(content: dict[str, Any]) -> Iterator[str]:
    """Samples and seconds to a largest error."""
    rows = []
    for goal, entry in content["goals"].items():
        own, plain = entry.get("rqmc"), entry["mc"]
        reached = [f"{own['samples']:,}", f"{own['seconds']:.2f}"] if own else ["not reached", ""]
        ratio = f"{entry['mc_over_rqmc']['samples']:.1e}" if own else ""
        rows.append([goal, *reached, f"{plain['samples']:.1e}", f"{plain['seconds']:.1e}", ratio])
    yield "### Time to accuracy, 4096 setting pairs"
    yield common.markdown_table(["largest error below", "rqmc, samples", "s", "mc, samples", "s", "mc over rqmc"], rows)
    exact = content["exact"]
    most = content["mc"][-1]["samples"]
    yield f"The figures of mc are extrapolated as 1/sqrt(samples) from its runs with up to {most:,}."
    yield f"`exact`: largest error {exact['error']:.1e} in {exact['seconds']:.2f} s."


def growth(content: dict[str, Any]) -> Iterator[str]:
    """Time against sizes; bits; memory."""
    rows = []
    for what in ("samples", "pairs", "visibilities"):
        entry = content[what]
        times = [f"{value:.2f}" for value in entry["seconds"]]
        rows.append([what, ", ".join(map(str, entry["factors"])), ", ".join(times), f"{entry['exponent']:.2f}"])
    yield "### How cost grows"
    yield common.markdown_table(["", "factors", "seconds", "exponent"], rows)
    bits = "the same bits" if content["devices"]["same_bits"] else "other bits"
    samples = ", ".join(f"{number:,}" for number in content["memory"]["samples"])
    peaks = ", ".join(f"{value:.0f}" for value in content["memory"]["peak_mebibytes"])
    yield (
        "Samples and pairs begin at 2^18 and 1024; the visibilities are scanned with 10^6 samples at 1024 pairs, "
        f"a hundred in {content['visibilities']['seconds'][2] / content['visibilities']['seconds'][0]:.2f} times the "
        "time of one."
    )
    yield f"One and two devices of the CPU give {bits}. Peak memory with {samples} samples: {peaks} MiB."


def game(content: dict[str, Any]) -> Iterator[str]:
    """The package against a dense programme."""
    rows = []
    for row in content["rows"]:
        times = row["dense_seconds"], row["package_seconds"]
        ratio = f"{times[0] / times[1]:.2g}"
        rows.append([f"{row['hidden_vectors']:,}", f"{row['gap']:.1e}", f"{times[0]:.2f}", f"{times[1]:.2f}", ratio])
    yield f"### Threshold of the singlet at {content['pairs']} setting pairs"
    yield common.markdown_table(
        ["hidden vectors of the grid", "gap", "scipy's HiGHS, s", "package to that gap, s", "ratio"], rows
    )
    yield (
        "The gap of the grid is what it falls short of the package's best model; the package is asked for a bracket, "
        "model and inequality, no wider than that."
    )
    yield f"To a gap of 1e-8 the package takes {content['package_to_1e-8_seconds']:.1f} s, compiling included."


def rest(content: dict[str, Any]) -> Iterator[str]:
    """The search and the start."""
    found, start = content["search"], content["start_up"]
    yield "### Search and start"
    yield (
        f"{found['steps']} gradient steps of 64 restarts at 6 setting pairs take {found['batch']:.2f} s in one batch, "
        f"{found['batch_over_loop']:.3f} of a loop over restarts. A whole search of 64 restarts takes "
        f"{found['search_of_64']:.1f} s, one of a single restart {found['search_of_1']:.1f} s. "
        f"`import jaxleggett` takes {start['import_beyond_jax']:.2f} s beyond `import jax`, which takes "
        f"{start['import_jax']:.2f} s, and `jaxleggett --help` {start['help']:.2f} s."
    )


def tables(content: dict[str, Any]) -> str:
    """All of it."""
    machine = content["hardware"]
    releases = json.loads((FOLDER / "meta.json").read_text())["versions"]
    where = (
        f"Measured with jax {releases['jax']} and jaxlib {releases['jaxlib']} on {machine['cores']} cores of a CPU "
        f"that calls itself {machine['cpu']} ({', '.join(machine['vectors'])}); C by {machine['compiler']}."
    )
    parts = (accuracy(content["accuracy"]), growth(content["growth"]), game(content["game"]), rest(content))
    blocks = [where, "### The kernel", *kernel(content), *gpu(), *compiled(), *itertools.chain(*parts)]
    return "\n\n".join(block if block.startswith(("|", "#")) else _in_lines(block) for block in blocks)


def _in_lines(text: str) -> str:
    """A paragraph in lines of at most 120 characters."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def main(*, only_draw: bool = False) -> None:
    """Draw and write."""
    from jaxleggett.output.plots import plot_benchmark

    content = json.loads((FOLDER / "benchmark.json").read_text())
    plot_benchmark(content, FOLDER / "benchmark.png")
    if only_draw:
        return
    common.write_into_page(PAGE, BEGIN, tables(content))


if __name__ == "__main__":
    asked = common.parser(__doc__, draws=True).parse_args()
    common.leave(lambda: main(only_draw=asked.draw))
