"""Pictures of thresholds: one bracket closing, and the brackets of families of states."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ...models.werner import CRITICAL_VISIBILITY
from ..style import BLUE, CRITICAL, ORANGE, RED, SKY, picture
from .sphere_map import mark, mark_settings

if TYPE_CHECKING:
    from ...thresholds.result import Threshold


class Point(TypedDict):
    """One state of a family: `place` is its parameter, `lower` and `upper` its bracket."""

    place: float
    lower: float
    upper: float


class CertifiedPoint(TypedDict):
    """A pure state's angle and the visibility at which it is proved to be excluded."""

    theta: float
    upper: float


class PhaseDiagrams(TypedDict):
    """Brackets by name, `pure:...`, `edge:...` and `diagonal:...`, and proved upper bounds of pure states."""

    points: dict[str, Point]
    certified_pure: list[CertifiedPoint]


def plot_threshold(result: Threshold, history: Sequence[tuple[float, float]], path: Path) -> None:
    """The two bounds closing, round by round, and the settings with the model's hidden vectors, as a PNG at `path`.

    `history` has the bounds (lower, upper) of all rounds.
    """
    with picture(path, 10, 4.2) as figure:
        left, right = figure.add_subplot(121), figure.add_subplot(122, projection="mollweide")
        bounds = np.array([*history, (result.lower, result.upper)])
        rounds = np.arange(1, len(bounds) + 1)
        left.plot(rounds, bounds[:, 1], "v-", color=RED, label="upper: an inequality")
        left.plot(rounds, bounds[:, 0], "^--", color=BLUE, label="lower: a model")
        left.set_xlabel("round")
        left.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[attr-defined]
        left.set_ylabel("visibility V")
        left.set_title(f"{result.lower:.7f} $\\leq$ V $\\leq$ {result.upper:.7f} ({result.status})")
        left.legend()
        if result.model is not None and result.model.symmetry is None:
            area = 4 + 300 * result.model.weights
            mark(right, result.model.u, "o", SKY, "u (area: weight)", area)
            mark(right, result.model.v, "D", ORANGE, "v", area)
        mark_settings(right, result.inequality)
        right.set_title("settings and hidden vectors")


def plot_phase_diagrams(content: PhaseDiagrams, path: Path) -> None:
    """Brackets of pure and Bell-diagonal states, and how far below 1 those of pure states are, as a PNG at `path`."""
    lines: dict[str, list[Point]] = {}
    for name, point in content["points"].items():
        lines.setdefault(name.partition(":")[0], []).append(point)
    certified = np.array([(point["theta"], point["upper"]) for point in content["certified_pure"]])
    pure, bell = r"$\theta$ of the pure state", "s of the Bell-diagonal state"
    with picture(path, 11, 3.9) as figure:
        first, second, third = figure.subplots(1, 3)
        for axes, line, name, colour, style in (
            (first, "pure", "bracket, numerical", BLUE, "o-"),
            (second, "edge", r"$T=\mathrm{diag}(-1,-s,-s)$", BLUE, "o-"),
            (second, "diagonal", r"$T=\mathrm{diag}(-s,-s,-s)$", ORANGE, "s--"),
        ):
            points = sorted(lines[line], key=lambda point: point["place"])
            x, lower, upper = (np.array([point[key] for point in points]) for key in ("place", "lower", "upper"))
            # The brackets are narrower than a line: their ends are drawn as one band with a mark.
            axes.fill_between(x, lower, upper, alpha=0.5, color=colour)
            axes.plot(x, (lower + upper) / 2, style, ms=3.5, color=colour, label=name)
        first.plot(*certified[certified[:, 0] > 0.01].T, "--", color=RED, label="certified upper bound")
        small = [point for point in lines["pure"] if point["place"] > 0]
        theta = np.array([point["place"] for point in small])
        for key, marker, colour in (("lower", "v", BLUE), ("upper", "^", SKY)):
            gap = [1 - point[key] for point in small]
            third.loglog(theta, gap, marker, color=colour, label=f"1 $-$ {key}, numerical")
        third.loglog(certified[:, 0], 1 - certified[:, 1], "--", color=RED, label="1 $-$ certified upper bound")
        for axes, label in ((first, pure), (second, bell), (third, pure)):
            axes.set_xlabel(label)
        first.set_ylabel("largest compatible visibility V")
        third.set_ylabel(r"1 $-$ V")
        for axes in (first, second):
            axes.axhline(CRITICAL_VISIBILITY, label="$V_c$", **CRITICAL)
        for axes in (first, second, third):
            axes.legend()
        figure.suptitle("All projective measurements", fontsize=11)
