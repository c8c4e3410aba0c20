"""Pictures of searches for inequalities: one search, and the records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ..._checks import counted
from ...models.werner import CRITICAL_VISIBILITY
from ..style import BLUE, CRITICAL, GREY, ORANGE, RED, picture
from .sphere_map import mark_settings

if TYPE_CHECKING:
    from ...searches.result import Search


class PowerLaw(TypedDict):
    """factor N^-power."""

    factor: float
    power: float


class Record(TypedDict):
    """The best inequality of so many setting pairs, and its proved threshold."""

    pairs: int
    threshold: float


def plot_search(result: Search, path: Path) -> None:
    """The thresholds of all that was polished, the best so far, and its settings on the sphere, as a PNG at `path`."""
    with picture(path, 10, 4.2) as figure:
        left, right = figure.add_subplot(121), figure.add_subplot(122, projection="mollweide")
        found = np.minimum(result.history, 1)
        number = np.arange(1, len(found) + 1)
        left.plot(number, found, "o", color=BLUE, label="polished inequalities")
        left.step(number, np.minimum.accumulate(found), where="post", color=RED, label="best so far")
        left.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[attr-defined]
        left.set_xlabel("polished so far")
        left.set_ylabel("threshold visibility")
        left.set_title(f"{counted(result.num_pairs, 'setting pair')}: {result.visibility_threshold:.7f}")
        left.legend()
        mark_settings(right, result.inequality)
        right.set_title("settings")


def plot_records(found: Sequence[Record], law: PowerLaw, published: Sequence[tuple[int, float]], path: Path) -> None:
    """Thresholds of records and of published inequalities against the number of pairs, as a PNG at `path`.

    Left as they are, right their excess over V_c with the power law that was fitted to it. `published` has the
    numbers of pairs and the thresholds.
    """
    N = np.array([record["pairs"] for record in found])
    shown = _far_apart(N)
    with picture(path, 10, 4.2) as figure:
        left, right = figure.subplots(1, 2)
        right.set_yscale("log")
        curve = law["factor"] * N ** -law["power"]
        fitted = f"{law['factor']:.2g} $N^{{-{law['power']:.2f}}}$"
        right.plot(N, curve, "-", lw=1, color=RED, label=fitted)
        for axes, base in ((left, 0.0), (right, CRITICAL_VISIBILITY)):
            thresholds = [record["threshold"] - base for record in found]
            axes.plot(N, thresholds, "o" if base else "o-", color=BLUE, label="records, proved")
            axes.plot(*(np.array(published) - [0, base]).T, "s", ms=6, color=ORANGE, label="published")
            infinitely_many = r"$\sqrt{3}/2$: published, infinitely many pairs"
            axes.axhline(np.sqrt(0.75) - base, ls="--", lw=1.2, color=GREY, label=infinitely_many)
            axes.set_xscale("log")
            axes.set_xticks(shown, map(str, shown))
            axes.minorticks_off()
            axes.set_xlabel("setting pairs N")
        left.axhline(CRITICAL_VISIBILITY, label="$V_c$: all settings", **CRITICAL)
        left.set_ylabel("visibility from which\nWerner states are excluded")
        right.set_ylabel("the same, above $V_c$")
        for axes in (left, right):
            axes.legend()


def _far_apart(numbers: np.ndarray, ratio: float = 1.1) -> list[int]:
    """Those of the ascending numbers that can be written below a logarithmic axis without touching."""
    shown: list[int] = []
    for number in numbers.tolist():
        if not shown or number > ratio * shown[-1]:
            shown.append(number)
    return shown
