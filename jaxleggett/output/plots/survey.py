"""The map on one axis: up to which visibility Werner states are compatible with each notion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..style import BLUE, GREY, ORANGE, RED, VISIBILITY, picture, title

ORDER = {
    "separable": "separable",
    "steering": "Alice cannot steer Bob",
    "bell": "local (Bell)",
    "leggett": "crypto-nonlocal (Leggett)",
}
"""Notions from the narrowest to the widest, and the name at their line."""


def plot_survey(
    brackets: Mapping[str, tuple[float, float]], cited: Sequence[tuple[float, str, str]], path: Path
) -> None:
    """A line for each notion: compatible, not decided, incompatible; and marks for what is only cited. PNG and SVG."""
    with picture(path, 10, 4.8) as figure:
        axes = figure.add_subplot()
        for height, (notion, words) in enumerate(ORDER.items()):
            low, high = brackets[notion]
            axes.plot([0, low], [height, height], "-", color=BLUE, linewidth=6, solid_capstyle="butt")
            axes.plot([low, high], [height, height], ":", color=GREY, linewidth=3)
            axes.plot([high, 1], [height, height], "--", color=RED, linewidth=1.6)
            axes.plot([low], [height], ">", color=BLUE, markersize=9)
            axes.plot([high], [height], "<", color=RED, markersize=9)
            known = f"{low:.4f}" if high - low < 1e-4 else f"{low:.4f} to {high:.4f}"
            axes.annotate(f"{words}: {known}", (0.01, height), (0, 9), textcoords="offset points", fontsize=9)
        for number, (V, words, source) in enumerate(cited):
            letter = chr(ord("a") + number)
            axes.plot([V], [-1], "o", markerfacecolor="none", color=ORANGE)
            # Above and below in turn, for some are close to each other.
            axes.annotate(letter, (V, -1), (0, 7 if number % 2 else -13), textcoords="offset points", ha="center")
            axes.annotate(
                f"{letter}  {V:.4f}  {words}: {source}", (0.01, -1.9 - 0.55 * number), fontsize=8, va="center"
            )
        axes.plot([], [], "-", color=BLUE, linewidth=6, label="a model, computed")
        axes.plot([], [], "--", color=RED, label="an inequality is broken, computed")
        axes.plot([], [], ":", color=GREY, linewidth=3, label="not decided here")
        axes.plot([], [], "o", markerfacecolor="none", color=ORANGE, label="cited, not computed")
        axes.set_xlim(0, 1.005)
        axes.set_ylim(-1.7 - 0.55 * len(cited), len(ORDER) - 0.3)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{VISIBILITY} of the Werner state")
        widest, next_widest = (brackets[notion] for notion in list(ORDER)[:-3:-1])
        title(
            axes,
            f"Leggett models reach V = {widest[0]:.4f}, local ones at most {next_widest[1]:.4f}",
            "all projective measurements",
        )
        axes.legend(loc="lower right")
