"""Pictures of sweeps: lines over one axis, or a heat map over two."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...models.werner import CRITICAL_VISIBILITY
from ..style import BLUE, CRITICAL, GREEN, LARGEST, ORANGE, PAIRS, PURPLE, RED, SKY, VISIBILITY, legend_below, picture
from ..style import title as entitle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import DataArray, Dataset

HEADLINES = {"verify": ["min_probability"], "threshold": ["lower", "upper"], "search": ["visibility_threshold"]}
"""The variables that are drawn of each job; of two, the mean is a line, and what is between them is a band."""

LABELS = {
    "verify": "smallest probability found",
    "threshold": LARGEST,
    "search": "visibility V above which\nWerner states are excluded",
}
"""What these are, in words."""

AXES = {"visibility": VISIBILITY, "pairs": PAIRS, "samples": "hidden vectors", "theta": "angle θ"}
"""What an axis of a sweep is called in a picture, where its own name is not enough."""

MOST_LINES = 6
"""Most values of the second axis that are drawn as lines; if it has more, and they are numbers, there is a heat map."""

NAME = "$V_c$: all settings"

LOOKS = list(zip((BLUE, ORANGE, GREEN, RED, SKY, PURPLE), ("o-", "s--", "^-.", "v:", "D-", "P--"), strict=True))


def plot_sweep(store: Path, path: Path) -> None:
    """What the store at `store` holds, as PNG and SVG at `path`, by `draw_sweep`."""
    import xarray

    with xarray.open_zarr(store) as found:
        draw_sweep(found.load(), path)


def draw_sweep(found: Dataset, path: Path) -> None:
    """What was found, over its longest axis of numbers, as PNG and SVG at `path`.

    A second axis makes lines, or a heat map if it has many numbers. Over all other axes the median is taken, and the
    whole range is a band. Points that have not been computed are left out.
    """
    with picture(path, 7, 5) as figure:
        options = found.attrs["jaxleggett"]["sweep"]["job"]
        job = options["command"]
        values = [found[name] for name in HEADLINES[job]]
        mean = sum(values[1:], values[0]) / len(values)
        x, second = _axes_of(found, job)
        axes = figure.add_subplot()
        axes.set_xlabel(_words(mean, x))
        critical = False
        heat = second is not None and _is_numeric(found[second]) and found.sizes[second] > MOST_LINES
        if second is not None and heat:
            critical = _draw_map(axes, mean, x, second, LABELS[job])
        else:
            # V_c is Leggett's; other notions have their own.
            _draw_lines(axes, values, mean, x, second, options.get("notion", "leggett") == "leggett")
            axes.set_ylabel(LABELS[job])
        kept = (x,) if second is None else (x, second)
        others = [name for name in mean.dims if name not in kept]
        over = [str(name) for name in others if mean.sizes[name] > 1]
        facts = f"{int(mean.notnull().sum()):,} of {mean.size:,} points"
        if over:
            facts += f", medians over {', '.join(over)}" + ("" if heat else ", all within the band")
        facts += ", white: $V_c$" if critical else ""
        title = found.attrs["title"].replace("$", r"\$")
        entitle(axes, f"{title}: {_range(mean.median(others), x, second)}", facts)


def _words(values: DataArray, axis: str) -> str:
    """The label of an axis of a sweep, with its unit."""
    words = AXES.get(axis, axis)
    return f"{words} ({values[axis].attrs['units']})" if values[axis].attrs.get("units", "1") != "1" else words


def _range(line: DataArray, x: str, second: str | None) -> str:
    """The values at both ends of the axis, or, with a second axis or with gaps, the least and the largest value."""
    known = line.values[np.isfinite(line.values)]
    if not known.size:
        return "nothing yet"
    low, high = known.min(), known.max()
    if second is None and _is_numeric(line[x]) and np.isfinite(line.values).all():
        ordered = line.sortby(x).values.ravel()
        if ordered[0] != ordered[-1]:
            return f"from {ordered[0]:.4g} to {ordered[-1]:.4g}"
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _is_numeric(values: DataArray) -> bool:
    return values.dtype.kind in "iuf"


def _axes_of(found: Dataset, job: str) -> tuple[str, str | None]:
    """The axis to draw over, and the one to tell lines apart by."""
    names = [str(name) for name in found["point_seed"].dims]
    # Points of different seeds differ by chance alone: they make a band, not an axis.
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
        name = None if second is None else f"{_words(mean, second)} = {mean[second].values[i]}"
        axes.fill_between(places, low, high, color=colour, alpha=0.2)
        axes.plot(places, line.median(others).values, style, color=colour, label=name)
    if not numeric:
        axes.set_xticks(places, [str(value) for value in mean[x].values], rotation=30, ha="right")
    if critical:
        _mark_critical(axes, mean, x)
    if axes.get_legend_handles_labels()[1]:
        # Tick labels that are no numbers are turned, and need more room.
        legend_below(axes, 3, drop=0.52 if numeric else 1.1)


def _mark_critical(axes: Axes, mean: DataArray, x: str) -> None:
    """The critical visibility, where it is within what is drawn."""
    if x == "visibility":
        axes.axvline(CRITICAL_VISIBILITY, label=NAME, **CRITICAL)
    elif float(mean.min()) - 0.05 < CRITICAL_VISIBILITY < float(mean.max()) + 0.05:
        axes.axhline(CRITICAL_VISIBILITY, label=NAME, **CRITICAL)


def _draw_map(axes: Axes, mean: DataArray, x: str, second: str, label: str) -> bool:
    """Colours over two axes of numbers, with a contour at the critical visibility if values lie on both sides of it.

    Returns whether there is that contour.
    """
    others = [name for name in mean.dims if name not in (x, second)]
    flat = mean.median(others).transpose(second, x).sortby([second, x])
    if not flat.notnull().any():
        return False
    # Thousands of cells would make a large SVG.
    look: Any = {"cmap": "viridis", "shading": "nearest", "rasterized": True}
    filled: Any = axes.pcolormesh(flat[x].values, flat[second].values, flat.values, **look)
    critical = float(flat.min()) < CRITICAL_VISIBILITY < float(flat.max()) and bool(flat.notnull().all())
    if critical:
        axes.contour(flat[x].values, flat[second].values, flat.values, levels=[CRITICAL_VISIBILITY], colors="white")
    if x == "visibility":
        axes.axvline(CRITICAL_VISIBILITY, **CRITICAL)
    axes.set_ylabel(_words(mean, second))
    axes.grid(False)
    assert axes.figure is not None
    axes.figure.colorbar(filled, ax=axes, label=label)
    return critical
