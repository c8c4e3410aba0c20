"""The picture of `jaxleggett verify`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..._checks import counted
from ...models.werner import CRITICAL_VISIBILITY
from ..style import BLACK, BLUE, CRITICAL, GREY, ORANGE, RED, VISIBILITY, apart, legend_below, name, picture, rounded
from ..style import title as entitle

VERDICTS = {
    "reproduces": (BLUE, "o", "model reproduces the target"),
    "negative_probability": (RED, "X", "negative probability"),
    "wrong_average": (ORANGE, "s", "wrong average"),
}
"""Colour, marker and words of each verdict."""

LEAST_ERROR = 1e-17
"""Where a deviation of exactly 0 is drawn, which has no place on a logarithmic axis."""


def plot_verification(report: Mapping[str, Any], path: Path) -> None:
    """Smallest probability and largest deviation against visibility, with V_c marked, as PNG and SVG at `path`.

    `report` is the JSON answer.
    """
    rows = report["visibilities"]
    verdicts = [row["verdict"] for row in rows]
    scan = rows[0]["visibility"] is not None
    V = np.array([row["visibility"] if scan else 0.0 for row in rows])
    least, error, spread, tolerance = (
        np.array([row[key] for row in rows], dtype=float)
        for key in ("min_probability", "max_abs_error", "max_standard_error", "tolerance")
    )
    with picture(path, 7, 6.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for verdict, (colour, marker, words) in VERDICTS.items():
            chosen = np.array([one == verdict for one in verdicts])
            if not chosen.any():
                continue
            style = {"color": colour, "marker": marker, "linestyle": "none"}
            upper.plot(V[chosen], least[chosen], **style)
            lower.semilogy(V[chosen], np.maximum(error[chosen], LEAST_ERROR), label=words, **style)
        # A single visibility has no line.
        for values, line, words in (
            (tolerance, "--" if len(V) > 1 else "v", "largest deviation that passes"),
            (spread, "-" if len(V) > 1 else "_", "largest standard error"),
        ):
            if np.isfinite(values).any() and (values[np.isfinite(values)] > 0).any():
                lower.semilogy(V, values, line, color=GREY, label=words)
        upper.axhline(0, lw=0.8, color=BLACK, zorder=1)
        upper.set_ylabel("smallest probability")
        lower.set_ylabel("largest |averaged P − target|")
        if not scan:
            lower.set_xticks([])
        else:
            lower.set_xlabel(VISIBILITY)
            if V.min() <= CRITICAL_VISIBILITY <= V.max() and report["model"] == "werner":
                for axes in (upper, lower):
                    axes.axvline(CRITICAL_VISIBILITY, **CRITICAL)
                at = (CRITICAL_VISIBILITY, 0.06)
                name(upper, "$V_c$ = (1 + 1/√2)/2", at, (-6, 0), xycoords=("data", "axes fraction"), ha="right")
        samples = report["num_samples"]
        how = "exact integration" if samples is None else counted(samples, "hidden vector")
        facts = f"model '{report['model']}', {how}, {counted(report['num_pairs'], 'setting pair')}"
        entitle(upper, _finding(V, verdicts, scan), facts)
        most = float(error.max())
        if np.isfinite(most):
            entitle(lower, f"Averages are off by at most {rounded(most, up=True)}")
        else:
            entitle(lower, "Some averages are NaN or infinite")
        legend_below(lower, 2, drop=0.52 if scan else 0.15)


def _finding(V: np.ndarray, verdicts: list[str], scan: bool) -> str:
    """What the verdicts say, in a sentence."""
    if not scan:
        endings = {"reproduces": "The model reproduces its target", "wrong_average": "The model misses its target"}
        return endings.get(verdicts[0], "The model has a negative probability")
    right = np.array([verdict == "reproduces" for verdict in verdicts])
    if right.all() or not right.any():
        range_ = f"V = {V.min():g}" if len(V) == 1 else f"all {len(V)} visibilities from {V.min():g} to {V.max():g}"
        return f"The model reproduces {range_}" if right.all() else f"The model fails at {range_}"
    last, first = V[right].max(), V[~right].min()
    if last < first:
        return "The model reproduces the target up to V = {}, and fails from {} on".format(*apart(last, first))
    return f"The model reproduces {right.sum()} of {len(V)} visibilities"
