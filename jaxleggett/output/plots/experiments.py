"""Pictures of planned tests and of measured counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._checks import counted
from ..style import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    SMALL,
    SUPERSCRIPTS,
    VISIBILITY,
    legend_below,
    name,
    picture,
    rounded,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...experiments import Counts
    from ...states import TwoQubitState

WITH_LINES = 40
"""Most settings that are drawn with lines from the centre."""

LABELLED = 12
"""Most settings that are numbered in a picture; more would cover each other."""

ELEVATION, AZIMUTH = np.radians(22), np.radians(-58)
"""The direction from which spheres are seen (rad)."""

RIGHT = np.array([-np.sin(AZIMUTH), np.cos(AZIMUTH), 0])
TOWARDS = np.array([np.cos(ELEVATION) * np.cos(AZIMUTH), np.cos(ELEVATION) * np.sin(AZIMUTH), np.sin(ELEVATION)])
SCREEN = np.stack([RIGHT, np.cross(TOWARDS, RIGHT)])
"""The directions to the right, to the viewer and, as rows, those of the picture: right and up."""


def plot_design(report: Mapping[str, Any], path: Path) -> None:
    """The settings of both parties on their spheres, and z against the number of events, as PNG and SVG at `path`.

    Where no number of events is enough, the expected left side and the bound are drawn against the visibility instead.
    `report` is the JSON answer.
    """
    with picture(path, 12, 4.3) as figure:
        alice, bob, right = figure.subplots(1, 3)
        settings = report["settings"]
        looks = ((alice, "Alice", "a", BLUE, "o"), (bob, "Bob", "b", RED, "s"))
        for (axes, party, side, colour, marker), number in zip(looks, report["num_settings"], strict=True):
            _settings_on_sphere(axes, np.array(settings[side]), colour, marker)
            title(axes, f"{party} measures {counted(number, 'setting')}", f"in {_pairs(report)}; hollow: far side")
        (_significance if report["detectable"] else _below_the_bound)(right, report)


def _pairs(report: Mapping[str, Any]) -> str:
    return counted(report["num_pairs"], "setting pair")


def _settings_on_sphere(axes: Axes, settings: np.ndarray, colour: str, marker: str) -> None:
    """Settings as lines from the centre of a sphere with its three axes, ending in marks, hollow on the far side."""
    t = np.linspace(0, 2 * np.pi, 97)
    zero = np.zeros_like(t)
    axes.plot(np.cos(t), np.sin(t), color="#A0A0A0", lw=0.8)
    for circle in ((np.cos(t), np.sin(t), zero), (np.cos(t), zero, np.sin(t)), (zero, np.cos(t), np.sin(t))):
        near = TOWARDS @ circle >= 0
        x, y = SCREEN @ circle
        axes.plot(np.where(near, x, np.nan), np.where(near, y, np.nan), color="#C8C8C8", lw=0.8)
        axes.plot(np.where(near, np.nan, x), np.where(near, np.nan, y), ":", color="#C8C8C8", lw=0.8)
    taken: list[np.ndarray] = []
    for end, letter in zip(SCREEN.T, "xyz", strict=True):
        axes.plot([-end[0], end[0]], [-end[1], end[1]], color="#C8C8C8", lw=0.8)
        at = _free_place(end, taken, outwards=0.13)
        axes.text(at[0], at[1], letter, color=GREY, ha="center", va="center")
    # A setting that is in several pairs is drawn once.
    different = settings[np.sort(np.unique(np.round(settings, 6), axis=0, return_index=True)[1])]
    points, near = different @ SCREEN.T, different @ TOWARDS >= 0
    taken += list(points)
    for point, front in zip(points, near, strict=True):
        if len(points) <= WITH_LINES:
            axes.plot([0, point[0]], [0, point[1]], "-" if front else "--", color=colour, lw=1.2, alpha=0.7)
        fill = colour if front else "white"
        axes.plot(point[0], point[1], marker, color=colour, markerfacecolor=fill, ms=5.5)
    if len(points) <= LABELLED:
        for number, point in enumerate(points, 1):
            at = _free_place(point, taken)
            axes.text(at[0], at[1], str(number), fontsize=SMALL, ha="center", va="center")
    axes.set_xlim(-1.2, 1.2)
    axes.set_ylim(-1.2, 1.2)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _free_place(point: np.ndarray, taken: list[np.ndarray], outwards: float = 0.11) -> np.ndarray:
    """A place for a text near a point, away from the points and texts in `taken`, to which it is added.

    Of places with enough room the most outward one is chosen, else the one with the most room.
    """
    away = np.arctan2(point[1], point[0])
    angles = away + np.radians([0, 25, -25, 50, -50, 80, -80, 120, -120, 180])
    places = point + outwards * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    others = [x for x in taken if np.linalg.norm(x - point) > 1e-9]
    room = [min((float(np.linalg.norm(x - place)) for x in others), default=1.0) for place in places]
    # Any place with this much room is good enough; argmax takes the first, which is the most outward one.
    enough = 0.17
    chosen = places[int(np.argmax(np.minimum(room, enough)))]
    taken.append(chosen)
    return chosen


def _significance(axes: Axes, report: Mapping[str, Any]) -> None:
    """Expected z against events per pair."""
    planned, z = report["counts_per_pair"], report["expected_z"]
    needed = report["counts_per_pair_for_5_sigma"] or planned
    events = np.geomspace(max(1.0, needed / 100), 10.0 * max(needed, planned), 200)
    axes.loglog(events, z * np.sqrt(events / planned), "-", color=BLUE)
    axes.plot(planned, z, "o", color=RED)
    name(axes, f"planned: {planned:,}", (planned, z), (7, -9), va="center")
    axes.axhline(5, ls="--", lw=1.2, color=GREY)
    name(axes, "5 standard errors", (events[0], 5), (0, 4))
    axes.set_xlabel("events at each pair")
    axes.set_ylabel("expected excess over the bound\n(standard errors)")
    enough = report["counts_per_pair_for_5_sigma"]
    finding = "Five standard errors take too many events"
    if enough is not None:
        finding = f"{enough:,} events a pair give 5 standard errors"
    ends = f"Leggett's models end at V = {report['threshold_visibility']:.4f}"
    title(axes, finding, f"at V = {report['visibility']:g}; {ends}")


def _below_the_bound(axes: Axes, report: Mapping[str, Any]) -> None:
    """The expected left side, which is proportional to the visibility, and the bound, which it does not reach."""
    V, value, bound = (report[key] for key in ("visibility", "expected_value", "bound"))
    axes.plot([0, 1], [0, value / V], "-", color=BLUE, label="expected")
    axes.axhline(bound, ls="--", lw=1.2, color=RED, label="bound of Leggett models")
    axes.plot(V, value, "o", color=BLUE)
    axes.set_xlabel(VISIBILITY)
    axes.set_ylabel("left side of the inequality")
    threshold = report["threshold_visibility"]
    reached = threshold is not None and threshold <= 1
    needs = f"the bound is reached at V = {threshold:.4f}" if reached else "no visibility reaches the bound"
    title(axes, "No number of events is enough", f"V = {V:g} is expected; {needs}")
    legend_below(axes, 2)


def plot_analysis(report: Mapping[str, Any], counts: Counts, state: TwoQubitState, path: Path) -> None:
    """Measured correlators pair by pair, and the value beside the bound, as PNG and SVG at `path`.

    `report` is the JSON answer, `state` what the source should make.
    """
    with picture(path, 10, 4.4) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        number = np.arange(1, len(counts) + 1)
        C, events = counts.C, counts.events.sum(axis=1)
        error = np.sqrt(np.maximum(1 - C**2, 1 / (events + 1)) / events)
        left.errorbar(number, C, error, fmt="o", color=BLUE, capsize=2, label="measured, with standard error")
        expected = np.asarray(state.correlation(counts.pairs.a, counts.pairs.b)[2])
        left.plot(number, expected, "_", ms=12, color=GREY, label="the state at V = 1")
        left.set_xlabel("setting pair (number)")
        left.set_ylabel("correlator C")
        left.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[attr-defined]
        V = report["visibility_estimate"]
        finding = "Correlators are measured" if V is None else f"The correlators show a visibility of {V:.4f}"
        # All that were measured; of a part of them only where the inequality was chosen on the rest.
        tested = "" if report["split"] is None else f", {report['total_counts']:,} of them tested"
        title(left, finding, f"{counted(int(events.sum()), 'event')}{tested}")
        legend_below(left, 2)
        value, se, bound = (report[key] for key in ("value", "standard_error", "bound"))
        allowance = report["misalignment_allowance"]
        right.errorbar([value], [0], xerr=[se], fmt="o", color=BLUE, capsize=4, label="measured, with standard error")
        right.axvline(bound, color=RED, label="proved bound of Leggett models")
        if allowance:
            right.axvline(bound - allowance, ls=":", color=ORANGE, label="the same without misalignment")
        right.set_yticks([])
        right.set_ylim(-1, 1)
        right.grid(visible=False)
        right.set_xlabel("left side of the inequality")
        right.xaxis.get_major_locator().set_params(nbins=5)  # type: ignore[attr-defined]
        verdict = "Leggett's models are excluded" if report["violated"] else "No violation is shown"
        exponent = report["log10_p_value"]
        tiny = f"10{str(math.ceil(exponent)).translate(SUPERSCRIPTS)}"  # no double holds it
        p = rounded(report["p_value"]) if exponent > -300 else tiny
        title(right, verdict, f"p = {p}, z = {report['z']:.2f}")
        legend_below(right, 1)
