"""What all pictures share: colours, sizes, words, titles, and how a picture is made.

The colours are those of M. Okabe and K. Ito ("Color universal design", 2008), which people with any kind of colour
vision tell apart. Printed in grey some of them are alike, so whatever a picture must tell apart also has its
own marker or its own kind of line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#000000", "#5A5A5A"

DPI = 130

VISIBILITY, LARGEST, PAIRS = "visibility V", "largest compatible visibility V", "setting pairs"
"""Axis labels that several pictures have."""

STYLE = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    # Text stays text, which can be searched and read aloud; ids do not depend on the day.
    "svg.fonttype": "none",
    "svg.hashsalt": "jaxleggett",
}
"""What differs from matplotlib's own style."""

SMALL = 8.5
"""Font size of text beside data: facts below a title, names of lines."""

CRITICAL = {"color": BLACK, "linestyle": ":", "linewidth": 1.2}
"""How every picture draws the line at the critical visibility."""

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@contextlib.contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of this size (inches) to draw in; when the block ends, it is written to `path`, a PNG, and as an SVG.

    The SVG is beside the PNG, with the same stem. Both are drawn by matplotlib's own backends, so that no display is
    needed; they do not depend on a matplotlibrc or on the state of pyplot.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", STYLE]):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        figure.savefig(path, dpi=DPI)
        # With a date, the same data would give another file each time.
        figure.savefig(path.with_suffix(".svg"), dpi=DPI, metadata={"Date": None})


def pictures(stem: str) -> tuple[str, str]:
    """The names of the files that `picture` writes."""
    return f"{stem}.png", f"{stem}.svg"


def title(axes: Axes, finding: str, facts: str = "") -> None:
    """A title at the left, the `finding` in one sentence; below it, small and grey, the `facts` of the data."""
    lines = facts.count("\n") + 1 if facts else 0
    axes.set_title(finding, pad=8 + 12.0 * lines)
    if facts:
        offset = {"xytext": (0, 6), "textcoords": "offset points"}
        axes.annotate(facts, (0, 1), xycoords="axes fraction", fontsize=SMALL, color=GREY, va="bottom", **offset)


def name(axes: Axes, words: str, at: tuple[float, float], offset: tuple[float, float], **options: object) -> None:
    """Words beside the data that they name: at a point `at` of the data, moved by `offset` (points of 1/72 inch)."""
    own = {"fontsize": SMALL, "textcoords": "offset points", **options}
    axes.annotate(words, at, offset, **own)  # type: ignore[arg-type]


def legend_below(axes: Axes, columns: int, drop: float = 0.52) -> None:
    """A legend below the axes, where it covers no data; `drop` is its distance from them in inches."""
    from matplotlib.transforms import ScaledTranslation

    assert axes.figure is not None
    moved = axes.transAxes + ScaledTranslation(0, -drop, axes.figure.dpi_scale_trans)
    place = {"loc": "upper left", "bbox_to_anchor": (0, 0), "bbox_transform": moved, "borderaxespad": 0.0}
    axes.legend(ncols=columns, **place)


def rounded(x: float, digits: int = 1, *, up: bool = False) -> str:
    """A number as text with so many digits after the first, and a power of ten where it is far from 1.

    `up`: the text is never below the number, for "at most ...".

    >>> from jaxleggett.output.style import rounded
    >>> rounded(1.21e-8), rounded(1.21e-8, up=True), rounded(0.1419)
    ('1.2 × 10⁻⁸', '1.3 × 10⁻⁸', '0.14')
    """
    if up and x:
        # By its decimals as Python prints them: 0.1 is not rounded up because its binary fraction is a little larger.
        number = Decimal(repr(float(x)))
        x = float(number.quantize(Decimal(1).scaleb(number.adjusted() - digits), ROUND_CEILING))
    if x == 0 or 1e-3 <= abs(x) < 1e4:
        return f"{x:.{digits + 1}g}"
    factor, exponent = f"{x:.{digits}e}".split("e")
    return f"{factor} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def apart(low: float, high: float) -> tuple[str, str]:
    """Two numbers as text, with as many decimals, at least four, as make the texts differ.

    >>> from jaxleggett.output.style import apart
    >>> apart(0.853553, 0.8536)
    ('0.85355', '0.85360')
    """
    for digits in range(4, 17):
        texts = f"{low:.{digits}f}", f"{high:.{digits}f}"
        if texts[0] != texts[1]:
            return texts
    return repr(low), repr(high)
