"""Pictures of results, by matplotlib's own PNG backend (no display needed)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import counted
from ..models.werner import CRITICAL_VISIBILITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..inequalities.inequality import LeggettInequality
    from ..searches.result import Search
    from ..thresholds.result import Threshold
    from ..verification.report import Verification


COLOURS = {"reproduces": "tab:blue", "negative_probability": "tab:red", "wrong_average": "tab:orange"}


def plot_verification(result: Verification, path: Path) -> None:
    """Smallest probability and largest deviation against visibility, V_c marked."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = result.rows
    scan = rows[0].visibility is not None
    V = np.array([row.visibility if row.visibility is not None else 0.0 for row in rows])
    figure = Figure(figsize=(7, 6), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    for verdict, colour in COLOURS.items():
        chosen = np.array([row.verdict == verdict for row in rows])
        if not chosen.any():
            continue
        least = np.array([row.min_probability for row in rows])
        error = np.array([row.max_abs_error for row in rows])
        upper.plot(V[chosen], least[chosen], "o", ms=4, color=colour, label=verdict.replace("_", " "))
        # A deviation of exactly 0 has no place on a logarithmic axis.
        lower.semilogy(V[chosen], np.maximum(error[chosen], 1e-17), "o", ms=4, color=colour)
    if result.num_samples is not None:
        spread = np.array([row.max_standard_error for row in rows], dtype=float)
        lower.semilogy(V, spread, "-", lw=1, color="grey", label="largest standard error")
        lower.legend()
    upper.axhline(0, lw=0.8, color="black")
    upper.set_ylabel("smallest probability")
    lower.set_ylabel("largest |averaged P - target|")
    if scan:
        lower.set_xlabel("visibility V")
        if V.min() <= CRITICAL_VISIBILITY <= V.max() and result.model == "werner":
            for axes in (upper, lower):
                axes.axvline(CRITICAL_VISIBILITY, ls="--", lw=1, color="black")
            upper.annotate(
                r"$V_c=\frac{1+1/\sqrt{2}}{2}$",
                (CRITICAL_VISIBILITY, 0.05),
                xycoords=("data", "axes fraction"),
                xytext=(-6, 0),
                textcoords="offset points",
                ha="right",
                fontsize=11,
            )
    else:
        lower.set_xticks([])
    upper.legend()
    samples = "exact integration" if result.num_samples is None else counted(result.num_samples, "hidden vector")
    upper.set_title(f"Leggett model '{result.model}': {samples} x {counted(len(result.settings), 'setting pair')}")
    figure.savefig(path, dpi=120)


def plot_threshold(result: Threshold, history: Sequence[tuple[float, float]], path: Path) -> None:
    """The two bounds closing, round by round, and the settings with the model's hidden vectors on the sphere."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.add_subplot(121), figure.add_subplot(122, projection="mollweide")
    bounds = np.array([*history, (result.lower, result.upper)])
    rounds = np.arange(1, len(bounds) + 1)
    left.plot(rounds, bounds[:, 1], ".-", color="tab:red", label="upper: an inequality")
    left.plot(rounds, bounds[:, 0], ".-", color="tab:blue", label="lower: a model")
    left.set_xlabel("round")
    left.set_ylabel("visibility V")
    left.set_title(f"{result.lower:.7f} <= V <= {result.upper:.7f} ({result.status})")
    left.legend()

    if result.model is not None and result.model.symmetry is None:
        area = 4 + 300 * result.model.weights
        _mark(right, result.model.u, "o", "lightskyblue", "u (area: weight)", area)
        _mark(right, result.model.v, "o", "lightsalmon", "v", area)
    _settings(right, result.inequality)
    right.set_title("settings and hidden vectors")
    figure.savefig(path, dpi=120)


def _mark(sphere: Any, vectors: np.ndarray, style: str, colour: str, label: str, size: float | np.ndarray) -> None:
    """Unit vectors on a map of the sphere."""
    longitude, latitude = np.arctan2(vectors[:, 1], vectors[:, 0]), np.arcsin(np.clip(vectors[:, 2], -1, 1))
    sphere.scatter(longitude, latitude, s=size, marker=style, color=colour, label=label, lw=0.8)


def _settings(sphere: Any, inequality: LeggettInequality | None) -> None:
    """The settings of an inequality on a map of the sphere, which is finished with that."""
    if inequality is not None:
        used = np.abs(inequality.coefficients) > 1e-9
        _mark(sphere, inequality.a[used], "x", "tab:blue", "a", 20.0)
        _mark(sphere, inequality.b[used], "+", "tab:red", "b", 28.0)
    sphere.grid(alpha=0.3)
    sphere.set_xticklabels([])
    sphere.set_yticklabels([])
    if sphere.collections:
        sphere.legend(loc="lower center", bbox_to_anchor=(0.5, -0.22), ncols=4)


def plot_search(result: Search, path: Path) -> None:
    """The thresholds of all that was polished, the best so far, and its settings on the sphere."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.add_subplot(121), figure.add_subplot(122, projection="mollweide")
    found = np.minimum(result.history, 1)
    number = np.arange(1, len(found) + 1)
    left.plot(number, found, "o", ms=4, color="tab:blue", label="polished inequalities")
    left.step(number, np.minimum.accumulate(found), where="post", color="tab:red", label="best so far")
    left.set_xlabel("polished so far")
    left.set_ylabel("threshold visibility")
    left.set_title(f"{counted(result.num_pairs, 'setting pair')}: {result.visibility_threshold:.7f}")
    left.legend()
    _settings(right, result.inequality)
    right.set_title("settings")
    figure.savefig(path, dpi=120)


def plot_phase_diagrams(content: dict[str, Any], path: Path) -> None:
    """Brackets of pure and Bell-diagonal states, and how far below 1 those of pure states are, down to small theta."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines: dict[str, list[dict[str, float]]] = {}
    for name, point in content["points"].items():
        lines.setdefault(name.partition(":")[0], []).append(point)
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    certified = np.array([(point["theta"], point["upper"]) for point in content["certified_pure"]])
    for place, line, label in (
        (0, "pure", "theta of the pure state"),
        (1, "edge", "s of the Bell-diagonal state"),
        (1, "diagonal", "s of the Bell-diagonal state"),
    ):
        points = sorted(lines[line], key=lambda point: point["place"])
        x, lower, upper = (np.array([point[key] for point in points]) for key in ("place", "lower", "upper"))
        name = {"edge": "T = diag(-1, -s, -s)", "diagonal": "T = -s", "pure": "bracket, numerical"}[line]
        # The brackets are narrower than a line: their ends are drawn as one band with a mark.
        axes[place].fill_between(x, lower, upper, alpha=0.5)
        axes[place].plot(x, (lower + upper) / 2, ".-", label=name)
        axes[place].set_xlabel(label)
    axes[0].plot(*certified[certified[:, 0] > 0.01].T, "--", color="tab:red", label="certified upper bound")
    small = [point for point in lines["pure"] if point["place"] > 0]
    theta = np.array([point["place"] for point in small])
    for key, style in (("lower", "v"), ("upper", "^")):
        axes[2].loglog(theta, [1 - point[key] for point in small], style, ms=5, color="tab:blue", label=f"1 - {key}")
    axes[2].loglog(certified[:, 0], 1 - certified[:, 1], "--", color="tab:red", label="1 - certified upper bound")
    axes[2].set_xlabel("theta of the pure state")
    axes[2].set_ylabel("1 - V")
    axes[0].set_ylabel("largest compatible visibility V")
    for plot in axes[:2]:
        plot.axhline(CRITICAL_VISIBILITY, ls=":", lw=1, color="black", label="V_c")
    for plot in axes:
        plot.legend(fontsize=8)
    figure.suptitle("All projective measurements", fontsize=11)
    figure.savefig(path, dpi=120)


def plot_records(
    found: Sequence[dict[str, Any]], law: dict[str, float], published: Sequence[tuple[int, float]], path: Path
) -> None:
    """Thresholds of the records and of published inequalities against the number of pairs, and the excess over V_c."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    N = np.array([row["pairs"] for row in found])
    for axes, base in ((left, 0.0), (right, CRITICAL_VISIBILITY)):
        axes.plot(N, [row["threshold"] - base for row in found], "o-", ms=4, color="tab:blue", label="records, proved")
        axes.plot(*(np.array(published) - [0, base]).T, "s", ms=5, color="tab:orange", label="published")
        axes.axhline(
            np.sqrt(0.75) - base, ls="--", lw=1, color="grey", label="sqrt(3)/2: published, infinitely many pairs"
        )
        axes.set_xscale("log")
        axes.set_xticks(N, map(str, N))
        axes.minorticks_off()
        axes.tick_params(axis="x", labelsize=7)
        axes.set_xlabel("setting pairs N")
    left.axhline(CRITICAL_VISIBILITY, ls=":", lw=1, color="black", label="V_c: all settings")
    right.plot(
        N,
        law["factor"] * N ** -law["power"],
        "-",
        lw=1,
        color="tab:red",
        label=f"{law['factor']:.2g} N^-{law['power']:.2f}",
    )
    right.set_yscale("log")
    left.set_ylabel("visibility from which Werner states are excluded")
    right.set_ylabel("the same, above V_c")
    for axes in (left, right):
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def plot_benchmark(content: dict[str, Any], path: Path) -> None:
    """Left: operations per second under the machine's roofs. Right: largest error against seconds, by method."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    intensity = np.geomspace(0.02, 20)
    for (name, part), colour, width in zip(content["kernel"].items(), ("tab:blue", "tab:red"), (8, 4), strict=True):
        for roof, style in (("cache_bandwidth", "-"), ("memory_bandwidth", "--")):
            reach = np.minimum(part["peak"], intensity * part[roof])
            left.loglog(intensity, reach, style, lw=1, color=colour, label=f"{name}, {roof.split('_')[0]}")
        for what, marker in (("package", "o"), ("C", "s"), ("NumPy", "^")):
            at = content["operations"] / (width * content["numbers"][what])
            rate = part["evaluations_per_second"][what] * content["operations"]
            left.plot(at, rate, marker, ms=6, color=colour, label=f"{name}, {what}")
    left.set_xlabel("operations per byte outside registers")
    left.set_ylabel("operations per second")
    left.legend(fontsize=7, ncol=2)
    found = content["accuracy"]
    for method, style in (("mc", "s-"), ("rqmc", "o-")):
        time, error = ([row[name] for row in found[method]] for name in ("seconds", "error"))
        right.loglog(time, error, style, ms=4, label=method)
    right.plot(found["exact"]["seconds"], found["exact"]["error"], "*", ms=10, label="exact")
    right.set_xlabel("seconds")
    right.set_ylabel("largest error at 4096 setting pairs")
    right.legend()
    figure.savefig(path, dpi=120)
