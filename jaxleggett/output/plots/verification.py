"""The picture of `jaxleggett verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..._checks import counted
from ...models.werner import CRITICAL_VISIBILITY
from ..style import BLACK, BLUE, CRITICAL, GREY, ORANGE, RED, picture

if TYPE_CHECKING:
    from ...verification.report import Verification

VERDICTS = {
    "reproduces": (BLUE, "o"),
    "negative_probability": (RED, "X"),
    "wrong_average": (ORANGE, "s"),
}
"""Colour and marker of each verdict."""

LEAST_ERROR = 1e-17
"""Where a deviation of exactly 0 is drawn, which has no place on a logarithmic axis."""


def plot_verification(result: Verification, path: Path) -> None:
    """Smallest probability and largest deviation against visibility, with V_c marked, as a PNG at `path`."""
    rows = result.rows
    scan = rows[0].visibility is not None
    V = np.array([row.visibility if row.visibility is not None else 0.0 for row in rows])
    least = np.array([row.min_probability for row in rows])
    error = np.array([row.max_abs_error for row in rows])
    with picture(path, 7, 6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for verdict, (colour, marker) in VERDICTS.items():
            chosen = np.array([row.verdict == verdict for row in rows])
            if not chosen.any():
                continue
            style = {"color": colour, "marker": marker, "linestyle": "none"}
            upper.plot(V[chosen], least[chosen], label=verdict.replace("_", " "), **style)
            lower.semilogy(V[chosen], np.maximum(error[chosen], LEAST_ERROR), **style)
        if result.num_samples is not None:
            spread = np.array([row.max_standard_error for row in rows], dtype=float)
            lower.semilogy(V, spread, "-", color=GREY, label="largest standard error")
            lower.legend()
        upper.axhline(0, lw=0.8, color=BLACK, zorder=1)
        upper.set_ylabel("smallest probability")
        lower.set_ylabel("largest |averaged P $-$ target|")
        if not scan:
            lower.set_xticks([])
        else:
            lower.set_xlabel("visibility V")
            if V.min() <= CRITICAL_VISIBILITY <= V.max() and result.model == "werner":
                for axes in (upper, lower):
                    axes.axvline(CRITICAL_VISIBILITY, **CRITICAL)
                upper.annotate(
                    r"$V_c=\frac{1+1/\sqrt{2}}{2}$",
                    (CRITICAL_VISIBILITY, 0.05),
                    xycoords=("data", "axes fraction"),
                    xytext=(-6, 0),
                    textcoords="offset points",
                    ha="right",
                    fontsize=11,
                )
        upper.legend(loc="lower left")
        samples = "exact integration" if result.num_samples is None else counted(result.num_samples, "hidden vector")
        upper.set_title(f"Leggett model '{result.model}': {samples} x {counted(len(result.settings), 'setting pair')}")
