"""The picture of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ..style import BLUE, GREEN, GREY, ORANGE, RED, legend_below, name, picture, rounded, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Kernel(TypedDict):
    """Rates at one precision: the machine's peak and bandwidths, and evaluations by implementation."""

    peak: float
    cache_bandwidth: float
    memory_bandwidth: float
    evaluations_per_second: Mapping[str, float]


class Benchmark(TypedDict):
    """The part of benchmark.json that is drawn."""

    kernel: Mapping[str, Kernel]
    operations: Mapping[str, float]
    numbers: Mapping[str, float]
    accuracy: Mapping[str, list[dict[str, float]] | dict[str, float]]


def plot_benchmark(content: Benchmark, path: Path) -> None:
    """Left: operations per second under the machine's roofs. Right: largest error against time, by method.

    Written as PNG and SVG to `path`. The left half is a roofline diagram (S. Williams, A. Waterman and D. Patterson,
    Commun. ACM 52(4), 65 (2009)).
    """
    with picture(path, 10, 4.8) as figure:
        left, right = figure.subplots(1, 2)
        _roofs(left, content)
        _accuracy(right, content["accuracy"])


def _roofs(axes: Axes, content: Benchmark) -> None:
    """Rates of all implementations below what caches, memory and arithmetic units give."""
    intensity, operations = np.geomspace(0.02, 20, 200), content["operations"]["interpolated"]
    # In grey the two precisions differ by filled and open markers, thick and thin lines.
    looks = ((BLUE, 8, "full", 1.8), (RED, 4, "none", 1.0))
    reached: dict[str, float] = {}
    for (precision, part), (colour, width, fill, line) in zip(content["kernel"].items(), looks, strict=True):
        for bandwidth, style in ((part["cache_bandwidth"], "-"), (part["memory_bandwidth"], "--")):
            axes.loglog(intensity, np.minimum(part["peak"], intensity * bandwidth), style, lw=line, color=colour)
        kind = "filled markers, thick lines" if fill == "full" else "open markers, thin lines"
        axes.plot([], [], "o-", ms=7, lw=line, fillstyle=fill, color=colour, label=f"{precision} precision: {kind}")
        name(axes, f"peak, {precision}", (intensity[-1], part["peak"]), (0, 4), ha="right")
        for what, marker in (("package", "o"), ("C", "s"), ("NumPy", "^")):
            at = operations / (width * content["numbers"][what])
            rate = part["evaluations_per_second"][f"{what}, interpolated"] * operations
            reached[f"{precision} {what}"] = rate / part["peak"]
            axes.plot(at, rate, marker, ms=7, fillstyle=fill, color=colour)
            above = what == "package" and fill == "none"
            name(axes, what, (at, rate), (-8, 4) if above else (7, -11), ha="right" if above else "left")
    first = next(iter(content["kernel"].values()))
    for words, bandwidth, offset, side in (
        ("caches", first["cache_bandwidth"], (-4, 3), "right"),
        ("memory", first["memory_bandwidth"], (5, -9), "left"),
    ):
        name(axes, words, (0.07, 0.07 * bandwidth), offset, ha=side, color=GREY)
    axes.set_xlabel("operations per byte outside registers (1/byte)")
    axes.set_ylabel("operations per second (1/s)")
    shares = " and ".join(f"{reached[f'{precision} package']:.0%} ({precision})" for precision in content["kernel"])
    title(
        axes,
        f"The package reaches {shares} of the peak",
        "the interpolated form, below what caches, memory and arithmetic units give",
    )
    legend_below(axes, 1)


def _accuracy(axes: Axes, found: Mapping[str, list[dict[str, float]] | dict[str, float]]) -> None:
    """Largest error against time, of the runs that no other beats: short runs all take the time that starting takes."""
    best: dict[str, tuple[float, float]] = {}
    looks = (("mc", "s--", ORANGE, (0, 5)), ("rqmc", "o-", BLUE, (6, 4)), ("exact", "*", GREEN, (9, 0)))
    for method, style, colour, offset in looks:
        rows = found[method]
        runs = unbeaten([(row["seconds"], row["error"]) for row in ([rows] if isinstance(rows, dict) else rows)])
        axes.loglog(*zip(*runs, strict=True), style, ms=11 if style == "*" else 5, color=colour)
        best[method] = runs[-1]
        across = "left" if method == "exact" else "right"
        end = runs[-1]
        name(axes, method, end, offset, ha=across, va="center" if method == "exact" else "bottom")
    axes.set_xlabel("time (s)")
    axes.set_ylabel("largest error at 4096 setting pairs")
    exact, sampled = (rounded(best[method][1], 0) for method in ("exact", "rqmc"))
    title(
        axes,
        f"Least errors: {exact} exact, {sampled} sampled",
        "runs that no other run of their method beats in error and time",
    )


def unbeaten(runs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those of the pairs (seconds, error) that no other beats in both, the fastest first."""
    kept: list[tuple[float, float]] = []
    for seconds, error in sorted(runs):
        if not kept or error < kept[-1][1]:
            kept.append((seconds, error))
    return kept
