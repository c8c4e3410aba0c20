"""Pictures of sweeps: lines over one axis, or a heat map over two."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...models.werner import CRITICAL_VISIBILITY
from ..style import BLUE, CRITICAL, GREEN, ORANGE, PURPLE, RED, SKY, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import DataArray, Dataset

HEADLINES = {"verify": ["min_probability"], "threshold": ["lower", "upper"], "search": ["visibility_threshold"]}
"""What is drawn of each job; of two variables the mean, between them a band."""

LABELS = {
    "verify": "smallest probability found",
    "threshold": "largest compatible visibility",
    "search": "threshold of the best inequality",
}
"""What that is, in words."""

MOST_LINES = 6
"""Values of the second axis that are drawn as lines; numbers of more values make a heat map."""

LOOKS = list(zip((BLUE, ORANGE, GREEN, RED, SKY, PURPLE), ("o-", "s--", "^-.", "v:", "D-", "P--"), strict=True))


def plot_sweep(store: Path, path: Path) -> None:
    """What the store at `store` holds, over its longest axis of numbers, as a PNG at `path`.

    A second axis makes lines, or a heat map if it has many numbers; over all others the median is taken, with the whole
    range as a band. What has not been computed is left out.
    """
    import xarray

    with xarray.open_zarr(store) as found, picture(path, 7, 4.6) as figure:
        options = found.attrs["jaxleggett"]["sweep"]["job"]
        job = options["command"]
        values = [found[name].load() for name in HEADLINES[job]]
        mean = sum(values[1:], values[0]) / len(values)
        x, second = _axes_of(found, job)
        axes = figure.add_subplot()
        if second is not None and _is_numeric(found[second]) and found.sizes[second] > MOST_LINES:
            _draw_map(axes, mean, x, second, LABELS[job])
        else:
            # V_c is Leggett's; other notions have their own.
            _draw_lines(axes, values, mean, x, second, options.get("notion", "leggett") == "leggett")
            axes.set_ylabel(LABELS[job])
        axes.set_xlabel(f"{x} (rad)" if found[x].attrs.get("units") == "rad" else x)
        title = found.attrs["title"].replace("$", r"\$")
        axes.set_title(f"{title} ({int(mean.notnull().sum()):,} of {mean.size:,} points)")


def _is_numeric(values: DataArray) -> bool:
    return values.dtype.kind in "iuf"


def _axes_of(found: Dataset, job: str) -> tuple[str, str | None]:
    """The axis to draw over, and the one to tell lines apart by."""
    names = [str(name) for name in found["point_seed"].dims]
    # Draws differ by chance alone: they make a band, not an axis.
    meant = [name for name in names if name != "seed"] or names
    numeric = [name for name in meant if _is_numeric(found[name])] or meant
    x = "visibility" if job == "verify" and "visibility" in names else max(numeric, key=lambda name: found.sizes[name])
    others = [name for name in meant if name != x and found.sizes[name] > 1]
    return x, max(others, key=lambda name: found.sizes[name], default=None)


def _draw_lines(
    axes: Axes, values: list[DataArray], mean: DataArray, x: str, second: str | None, critical: bool
) -> None:
    """A line with a band for each value of the second axis; evenly chosen ones where they are many."""
    count = 1 if second is None else mean.sizes[second]
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_LINES)).astype(int))
    numeric = _is_numeric(mean[x])
    places = mean[x].values if numeric else np.arange(mean.sizes[x])
    for i, (colour, style) in zip(chosen, itertools.cycle(LOOKS), strict=False):
        at = {} if second is None else {second: int(i)}
        line = mean.isel(at)
        others = [name for name in line.dims if name != x]
        low, high = (
            getattr(value.isel(at), end)(others).values
            for value, end in zip((values[0], values[-1]), ("min", "max"), strict=True)
        )
        name = None if second is None else f"{second} = {mean[second].values[i]}"
        axes.fill_between(places, low, high, color=colour, alpha=0.2)
        axes.plot(places, line.median(others).values, style, color=colour, label=name)
    if not numeric:
        axes.set_xticks(places, [str(value) for value in mean[x].values], rotation=30, ha="right")
    if critical:
        _mark_critical(axes, mean, x)
    if axes.get_legend_handles_labels()[1]:
        axes.legend()


def _mark_critical(axes: Axes, mean: DataArray, x: str) -> None:
    """The critical visibility, where it is within what is drawn."""
    if x == "visibility":
        axes.axvline(CRITICAL_VISIBILITY, label="$V_c$", **CRITICAL)
    elif float(mean.min()) - 0.05 < CRITICAL_VISIBILITY < float(mean.max()) + 0.05:
        axes.axhline(CRITICAL_VISIBILITY, label="$V_c$", **CRITICAL)


def _draw_map(axes: Axes, mean: DataArray, x: str, second: str, label: str) -> None:
    """Colours over two axes of numbers, a contour at the critical visibility where there is one."""
    others = [name for name in mean.dims if name not in (x, second)]
    flat = mean.median(others).transpose(second, x).sortby([second, x])
    if not flat.notnull().any():
        return
    filled: Any = axes.pcolormesh(flat[x].values, flat[second].values, flat.values, cmap="viridis", shading="nearest")
    if float(flat.min()) < CRITICAL_VISIBILITY < float(flat.max()) and bool(flat.notnull().all()):
        axes.contour(flat[x].values, flat[second].values, flat.values, levels=[CRITICAL_VISIBILITY], colors="white")
    if x == "visibility":
        axes.axvline(CRITICAL_VISIBILITY, **CRITICAL)
    axes.set_ylabel(second)
    axes.grid(False)
    assert axes.figure is not None
    axes.figure.colorbar(filled, ax=axes, label=label)
