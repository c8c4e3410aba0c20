"""The picture of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np

from ..style import BLUE, GREEN, ORANGE, RED, picture


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
    """Left: operations per second under the machine's roofs. Right: largest error against seconds, by method.

    Written as a PNG to `path`. The left half is a roofline diagram (S. Williams, A. Waterman and D. Patterson,
    Commun. ACM 52(4), 65 (2009)).
    """
    with picture(path, 10, 4.4) as figure:
        left, right = figure.subplots(1, 2)
        intensity, operations = np.geomspace(0.02, 20, 200), content["operations"]["interpolated"]
        # In grey the two precisions differ by filled and open markers, thick and thin lines.
        looks = ((BLUE, 8, "full", 1.8), (RED, 4, "none", 1.0))
        for (name, part), (colour, width, fill, line) in zip(content["kernel"].items(), looks, strict=True):
            for roof, bandwidth, style in (
                ("cache", part["cache_bandwidth"], "-"),
                ("memory", part["memory_bandwidth"], "--"),
            ):
                reach = np.minimum(part["peak"], intensity * bandwidth)
                left.loglog(intensity, reach, style, lw=line, color=colour, label=f"{name}, {roof}")
            for what, marker in (("package", "o"), ("C", "s"), ("NumPy", "^")):
                at = operations / (width * content["numbers"][what])
                rate = part["evaluations_per_second"][f"{what}, interpolated"] * operations
                left.plot(at, rate, marker, ms=7, fillstyle=fill, color=colour, label=f"{name}, {what}")
        left.set_xlabel("operations per byte outside registers")
        left.set_ylabel("operations per second")
        left.legend(ncol=2, loc="lower right")
        found = content["accuracy"]
        for method, style, colour in (("mc", "s--", ORANGE), ("rqmc", "o-", BLUE), ("exact", "*", GREEN)):
            rows = found[method]
            rows = [rows] if isinstance(rows, dict) else rows
            seconds, error = ([row[name] for row in rows] for name in ("seconds", "error"))
            right.loglog(seconds, error, style, ms=11 if style == "*" else 5, color=colour, label=method)
        right.set_xlabel("seconds")
        right.set_ylabel("largest error at 4096 setting pairs")
        right.legend(loc="center right")
