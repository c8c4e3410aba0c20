"""One look for all pictures: colours, sizes, and how a picture is made.

The colours are those of M. Okabe and K. Ito ("Color universal design", 2008), which people with any kind of colour
vision tell apart. Printed in grey some of them are alike, so whatever a picture must tell apart also has its
own marker or its own kind of line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#000000", "#6E6E6E"

DPI = 130

STYLE = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.framealpha": 0.9,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
}
"""What differs from matplotlib's own style."""

CRITICAL = {"color": BLACK, "linestyle": ":", "linewidth": 1.2}
"""The line at the critical visibility, in every picture the same."""


@contextlib.contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of this size (inches) to draw in; when the block ends, it is written to `path` as a PNG.

    It is drawn by matplotlib's own PNG backend, so that no display is needed, and neither a reader's own
    matplotlibrc nor the state of pyplot has a say in how it looks.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", STYLE]):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        figure.savefig(path, dpi=DPI)
