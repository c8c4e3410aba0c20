"""Pictures of searches for inequalities: one search, and the records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ..._checks import counted
from ...models.werner import CRITICAL_VISIBILITY
from ...searches.result import count_settings, rounded_up
from ..style import BLUE, CRITICAL, GREY, ORANGE, PAIRS, RED, legend_below, name, picture, title
from .sphere_map import mark_settings

if TYPE_CHECKING:
    from ...searches.result import Search

EXCLUDED = "visibility V above which\nWerner states are excluded"
"""What an inequality's threshold is, at an axis."""

LIMIT = np.sqrt(0.75)
"""Where the thresholds of the published inequalities end, for infinitely many pairs."""


class PowerLaw(TypedDict):
    """factor N^-power."""

    factor: float
    power: float


class Record(TypedDict):
    """The best inequality of so many setting pairs, and its proved threshold."""

    pairs: int
    threshold: float


def plot_search(result: Search, path: Path) -> None:
    """The thresholds of all inequalities that were polished, and the best one's settings, as PNG and SVG at `path`."""
    with picture(path, 10, 4.6) as figure:
        left, right = figure.add_subplot(121), figure.add_subplot(122, projection="mollweide")
        found = np.minimum(result.history, 1)
        number = np.arange(1, len(found) + 1)
        left.plot(number, found, "o", color=BLUE, label="polished inequalities")
        left.step(number, np.minimum.accumulate(found), where="post", color=RED, label="best so far")
        left.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[attr-defined]
        left.set_xlabel("inequalities polished so far")
        left.set_ylabel(EXCLUDED)
        pairs = counted(result.num_pairs, "setting pair")
        proved = "proved" if result.certified else "numerical"
        excludes = "excludes" if result.num_pairs == 1 else "exclude"
        threshold = rounded_up(result.visibility_threshold, 7)
        title(left, f"{pairs} {excludes} V > {threshold}", f"{proved}, after {counted(result.restarts, 'restart')}")
        legend_below(left, 2)
        mark_settings(right, result.inequality)
        alice, bob = (0, 0) if result.inequality is None else count_settings(result.inequality)
        title(right, f"The best one has {counted(alice, 'setting')} of Alice and {bob} of Bob")


def plot_records(found: Sequence[Record], law: PowerLaw, published: Sequence[tuple[int, float]], path: Path) -> None:
    """Thresholds of records and of published inequalities against the number of pairs, as PNG and SVG at `path`.

    Left as they are, right their excess over V_c with the power law that was fitted to it. `published` has the
    numbers of pairs and the thresholds.
    """
    N = np.array([record["pairs"] for record in found])
    shown = _far_apart(N)
    with picture(path, 10, 4.4) as figure:
        left, right = figure.subplots(1, 2)
        right.set_yscale("log")
        curve = law["factor"] * N ** -law["power"]
        fitted = f"fit, {law['factor']:.2g} $N^{{-{law['power']:.2f}}}$"
        right.plot(N, curve, "-", lw=1, color=RED, label=fitted)
        for axes, base in ((left, 0.0), (right, CRITICAL_VISIBILITY)):
            thresholds = [record["threshold"] - base for record in found]
            axes.plot(N, thresholds, "o" if base else "o-", color=BLUE, label="records, proved")
            axes.plot(*(np.array(published) - [0, base]).T, "s", ms=6, color=ORANGE, label="published")
            axes.axhline(LIMIT - base, ls="--", lw=1.2, color=GREY)
            name(axes, "√3/2: published, N → ∞", (N[-1], LIMIT - base), (4, 4), ha="right")
            axes.set_xscale("log")
            axes.set_xticks(shown, map(str, shown))
            axes.minorticks_off()
            axes.set_xlabel(f"{PAIRS} N")
            axes.legend(loc="upper right")
        left.axhline(CRITICAL_VISIBILITY, **CRITICAL)
        name(left, "$V_c$: all settings", (N[0], CRITICAL_VISIBILITY), (-4, 4))
        left.set_ylabel(EXCLUDED)
        right.set_ylabel("its excess over $V_c$")
        below = [record["pairs"] for record in found if record["threshold"] < LIMIT]
        best = min(record["threshold"] for record in found)
        left.set_title(
            f"From {below[0]} pairs on, records go below √3/2" if below else f"The best record is at V = {best:.4f}"
        )
        right.set_title(f"The excess over $V_c$ falls like $N^{{-{law['power']:.2f}}}$")


def _far_apart(numbers: np.ndarray, ratio: float = 1.25) -> list[int]:
    """Those of the ascending numbers that can be written at a logarithmic axis without touching each other."""
    shown: list[int] = []
    for number in numbers.tolist():
        if not shown or number >= ratio * shown[-1]:
            shown.append(number)
    return shown
