"""Pictures of results, by matplotlib's own PNG backend (no display needed)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .models import CRITICAL_VISIBILITY

if TYPE_CHECKING:
    from .verification import Verification

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
    samples = "exact integration" if result.num_samples is None else f"{result.num_samples:,} hidden vectors"
    upper.set_title(f"Leggett model '{result.model}': {samples} x {len(result.settings):,} setting pairs")
    figure.savefig(path, dpi=120)
