"""Pictures of planned tests and of measured counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._checks import counted
from ..style import BLUE, GREY, ORANGE, RED, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...experiments import Analysis, Counts, Design

WITH_LINES = 40
"""Most settings that are drawn with lines from the centre."""

LABELLED = 12
"""Most settings that are numbered in a picture; more would cover each other."""


def plot_design(result: Design, path: Path) -> None:
    """The settings of both parties on their spheres, and z against the number of events, as a PNG at `path`."""
    with picture(path, 12, 4.2) as figure:
        pairs = result.pairs
        sides = zip((131, 132), ("Alice", "Bob"), (pairs.a, pairs.b), (BLUE, RED), result.settings, strict=True)
        for place, name, settings, colour, number in sides:
            sphere = figure.add_subplot(place, projection="3d")
            _settings_on_sphere(sphere, settings, colour)
            sphere.set_title(f"{name}: {counted(number, 'setting')}")
        _significance(figure.add_subplot(133), result)


def _settings_on_sphere(sphere: Any, settings: np.ndarray, colour: str) -> None:
    """Settings as lines from the centre of a sphere with its three axes; those behind are as strong as others."""
    t = np.linspace(0, 2 * np.pi, 97)
    zero = np.zeros_like(t)
    for circle in ((np.cos(t), np.sin(t), zero), (np.cos(t), zero, np.sin(t)), (zero, np.cos(t), np.sin(t))):
        sphere.plot(*circle, color="#C8C8C8", lw=0.8)
    for axis, name in zip(1.25 * np.eye(3), "xyz", strict=True):
        sphere.plot(*zip(-0.8 * axis, 0.8 * axis, strict=True), color="#C8C8C8", lw=0.8)
        sphere.text(*axis, name, color=GREY, ha="center", va="center")
    # Settings that are used more than once are drawn once.
    different = settings[np.sort(np.unique(np.round(settings, 6), axis=0, return_index=True)[1])]
    for number, s in enumerate(different, 1):
        if len(different) <= WITH_LINES:
            sphere.plot(*zip(np.zeros(3), s, strict=True), color=colour, lw=1.2, alpha=0.7)
        if len(different) <= LABELLED:
            sphere.text(*(1.15 * s), str(number), fontsize=8, ha="center", va="center")
    sphere.scatter(*different.T, color=colour, s=22, depthshade=len(different) > WITH_LINES)
    sphere.set_box_aspect((1, 1, 1), zoom=1.5)
    sphere.set_axis_off()
    sphere.view_init(elev=22, azim=-58)


def _significance(axes: Axes, result: Design) -> None:
    """Expected z against events per pair."""
    if not result.detectable:
        axes.text(0.5, 0.5, "no number of events is enough", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    needed = result.counts_per_pair_for_5_sigma or result.counts_per_pair
    events = np.geomspace(max(1.0, needed / 100), 10.0 * max(needed, result.counts_per_pair), 200)
    z = result.expected_z * np.sqrt(events / result.counts_per_pair)
    axes.loglog(events, z, "-", color=BLUE, label=f"visibility {result.visibility:g}")
    axes.plot(result.counts_per_pair, result.expected_z, "o", color=RED, label=f"planned: {result.expected_z:.1f}")
    axes.axhline(5, ls="--", lw=1.2, color=GREY, label=f"5: {needed:,} events a pair")
    axes.set_xlabel("events at each pair")
    axes.set_ylabel("expected standard errors above the bound")
    axes.set_title(f"Leggett's models are excluded above V = {result.threshold_visibility:.4f}")
    axes.legend()


def plot_analysis(result: Analysis, counts: Counts, path: Path) -> None:
    """Measured correlators pair by pair, and the value beside the bound, as a PNG at `path`."""
    with picture(path, 10, 4.2) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        number = np.arange(1, len(counts) + 1)
        C, events = counts.C, counts.events.sum(axis=1)
        error = np.sqrt(np.maximum(1 - C**2, 1 / (events + 1)) / events)
        left.errorbar(number, C, error, fmt="o", color=BLUE, capsize=2, label="measured, with standard error")
        expected = np.asarray(result.state.correlation(counts.pairs.a, counts.pairs.b)[2])
        left.plot(number, expected, "_", ms=12, color=GREY, label="the state at visibility 1")
        left.set_xlabel("setting pair")
        left.set_ylabel("correlator C")
        left.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[attr-defined]
        left.set_title("Measured correlators")
        left.legend()
        value, se = result.estimate.value, result.estimate.standard_error
        right.errorbar([value], [0], xerr=[se], fmt="o", color=BLUE, capsize=4, label="measured, with standard error")
        right.axvline(result.bound, color=RED, label="proved bound of Leggett models")
        if result.allowance:
            right.axvline(result.bound - result.allowance, ls=":", color=ORANGE, label="without misalignment")
        right.set_yticks([])
        right.set_ylim(-1, 1.6)
        right.grid(visible=False)
        right.set_xlabel("left side of the inequality")
        right.set_title(f"{'Violated' if result.violated else 'Not violated'}: p = {result.p_value:.2g}")
        right.legend(loc="upper center")
