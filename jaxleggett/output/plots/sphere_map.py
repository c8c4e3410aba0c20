"""Directions drawn on a map of the sphere (Mollweide's, which keeps areas)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..style import BLUE, RED, legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...inequalities.inequality import LinearInequality


def mark(sphere: Axes, vectors: np.ndarray, marker: str, colour: str, label: str, area: float | np.ndarray) -> None:
    """Unit vectors (N, 3) on the map, each with a marker of this area (square points)."""
    longitude, latitude = np.arctan2(vectors[:, 1], vectors[:, 0]), np.arcsin(np.clip(vectors[:, 2], -1, 1))
    sphere.scatter(longitude, latitude, s=area, marker=marker, color=colour, label=label, lw=1.0)  # type: ignore[arg-type]


def mark_settings(sphere: Axes, inequality: LinearInequality | None) -> None:
    """The settings of an inequality, Alice's and Bob's, on the map, and the map's labels and legend: called last."""
    if inequality is not None:
        used = np.abs(inequality.coefficients) > 1e-9
        mark(sphere, inequality.a[used], "x", BLUE, "settings a", 24.0)
        mark(sphere, inequality.b[used], "+", RED, "settings b", 40.0)
    # On the map itself numbers would cover directions.
    sphere.set_xticklabels([])
    sphere.set_yticklabels([])
    sphere.set_xlabel("azimuth, −180° to 180°, x in the middle")
    sphere.set_ylabel("latitude, −90° to 90°")
    sphere.set_anchor("N")  # its title beside that of its neighbour
    if sphere.collections:
        legend_below(sphere, 2, drop=0.4)
