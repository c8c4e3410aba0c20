"""Pictures of thresholds: one bracket closing, and the brackets of families of states."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np

from ..._checks import counted
from ...models.werner import CRITICAL_VISIBILITY
from ...notions.models import HiddenStates, LocalModel, TurnedHiddenStates
from ..style import (
    BLACK,
    BLUE,
    CRITICAL,
    GREY,
    LARGEST,
    ORANGE,
    RED,
    SKY,
    VISIBILITY,
    legend_below,
    name,
    picture,
    rounded,
    title,
)
from .sphere_map import mark, mark_settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...notions.result import NotionThreshold
    from ...thresholds.result import Threshold


ANGLE = "angle θ (rad)"


class Point(TypedDict):
    """One state of a family: its bracket, and `place`, its parameter; on a face, three probabilities."""

    place: Any
    lower: float
    upper: float
    certified: bool


class ClosedForm(TypedDict):
    """A pure state's angle and the visibility above which docs/PURE.md excludes it."""

    theta: float
    upper: float


class PhaseDiagrams(TypedDict):
    """Brackets by name, `pure:...`, `edge:...`, `diagonal:...`, `face:...`, and the closed form for pure states."""

    points: dict[str, Point]
    closed_form_pure: list[ClosedForm]
    times_closed_form: NotRequired[list[float]]


def plot_threshold(result: Threshold | NotionThreshold, history: Sequence[tuple[float, float]], path: Path) -> None:
    """The two bounds closing, round by round, and the settings with the model's hidden vectors, as PNG and SVG.

    `history` has the bounds (lower, upper) of all rounds.
    """
    with picture(path, 10, 4.6) as figure:
        left, right = figure.add_subplot(121), figure.add_subplot(122, projection="mollweide")
        bounds = np.array([*history, (result.lower, result.upper)])
        rounds = np.arange(1, len(bounds) + 1)
        left.plot(rounds, bounds[:, 1], "v-", color=RED, label="upper end: an inequality")
        left.plot(rounds, bounds[:, 0], "^--", color=BLUE, label="lower end: a model")
        left.set_xlabel("round (number)")
        left.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[attr-defined]
        left.set_ylabel(VISIBILITY)
        proof = "proved" if result.certified else "numerical"
        facts = f"{proof}, {result.status}, {counted(len(bounds), 'round')}"
        title(left, f"The largest compatible V is in [{result.lower:.7f}, {result.upper:.7f}]", facts)
        legend_below(left, 2)
        hidden = _hidden(result)
        for (label, vectors, weights), (marker, colour) in zip(hidden, (("o", SKY), ("D", ORANGE)), strict=False):
            mark(right, vectors, marker, colour, label, 4 + 300 * weights)
        mark_settings(right, result.inequality)
        title(right, _what_shows_it(result, len(hidden[0][1]) if hidden else 0))


def _what_shows_it(result: Threshold | NotionThreshold, hidden: int) -> str:
    """How many hidden vectors and setting pairs are drawn, in words."""
    cut = result.inequality
    used = 0 if cut is None else int((np.abs(cut.coefficients) > 1e-9).sum())
    shown = [
        *([counted(hidden, "hidden vector")] if hidden else []),
        *([counted(used, "setting pair")] if used else []),
    ]
    if not shown:
        return "No hidden vectors or setting pairs are written out"
    return f"{' and '.join(shown)} {'shows' if [hidden, used] in ([0, 1], [1, 0]) else 'show'} it"


def _hidden(result: Threshold | NotionThreshold) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """The hidden vectors of a model that are written out, with what they are called and their weights."""
    model = result.model
    if isinstance(model, LocalModel):
        sides = (("u (area: weight)", model.x, model.a), ("v", model.y, model.b))
        return [(label, vectors, model.weights) for label, vectors, own in sides if own is None]
    if isinstance(model, HiddenStates):
        return [("Bob's states (area: weight)", model.states, model.weights)]
    if model is None or isinstance(model, TurnedHiddenStates) or model.symmetry is not None:
        return []
    return [("u (area: weight)", model.u, model.weights), ("v", model.v, model.weights)]


def plot_phase_diagrams(content: PhaseDiagrams, path: Path) -> None:
    """Brackets of pure and Bell-diagonal states, and how far below 1 those of pure states are, as PNG and SVG."""
    families: dict[str, list[Point]] = {}
    for key, point in content["points"].items():
        families.setdefault(key.partition(":")[0], []).append(point)
    form = np.array([(point["theta"], point["upper"]) for point in content["closed_form_pure"]])
    with picture(path, 10, 9) as figure:
        (first, second), (third, fourth) = figure.subplots(2, 2)
        pure, edge = (sorted(families[key], key=lambda point: point["place"]) for key in ("pure", "edge"))
        _draw_line(first, pure, "both ends", BLUE, "o-")
        first.plot(*form[form[:, 0] > 0.01].T, "--", color=RED, label="upper end in closed form")
        first.set_xlabel(ANGLE)
        where = f"{pure[-1]['upper']:.4f} at θ = {pure[-1]['place']:.3f}"
        title(first, f"Pure states: V falls to {where}", f"cos θ |01⟩ − sin θ |10⟩, {_proof(pure)}")
        _draw_line(second, edge, "edge, diag(−1, −s, −s)", BLUE, "o-")
        _draw_line(second, families["diagonal"], "Werner, diag(−s, −s, −s)", ORANGE, "s--")
        second.set_xlabel("correlation s of the state")
        last = edge[-1]
        title(
            second,
            f"Bell-diagonal states: V falls to {last['upper']:.4f} at s = {last['place']:g}",
            f"the singlet is at s = 1, {_proof([*edge, *families['diagonal']])}",
        )
        for axes in (first, second):
            axes.axhline(CRITICAL_VISIBILITY, **CRITICAL)
            name(axes, "$V_c$", (0, CRITICAL_VISIBILITY), (-4, 4))
            axes.set_ylabel(LARGEST)
            axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.13))
        _draw_small(third, [point for point in pure if point["place"] > 0], form, content.get("times_closed_form"))
        _draw_face(figure, fourth, families["face"])


def _proof(points: Sequence[Point]) -> str:
    """Whether brackets are certified, and how wide they are at most."""
    widest = max(point["upper"] - point["lower"] for point in points)
    certified = "certified" if all(point["certified"] for point in points) else "numerical where not certified"
    return f"brackets {certified}, at most {rounded(widest, up=True)} wide"


def _draw_line(axes: Axes, points: Sequence[Point], label: str, colour: str, style: str, **look: Any) -> None:
    """Brackets along a line: a band between their ends, which may be too narrow to see, and marks at their middles."""
    points = sorted(points, key=lambda point: point["place"])
    x, lower, upper = (np.array([point[key] for point in points]) for key in ("place", "lower", "upper"))
    axes.fill_between(x, lower, upper, alpha=0.5, color=colour)
    axes.plot(x, (lower + upper) / 2, style, color=colour, label=label, **{"ms": 3.5, **look})


def _draw_small(axes: Axes, points: Sequence[Point], form: np.ndarray, times: Sequence[float] | None) -> None:
    """How far below 1 the ends of pure states' brackets are, down to the smallest angle."""
    theta = np.array([point["place"] for point in points])
    for end, marker, colour in (("lower", "v", BLUE), ("upper", "^", SKY)):
        gap = [1 - point[end] for point in points]
        axes.loglog(theta, gap, marker, color=colour, label=f"{end} end")
    axes.loglog(form[:, 0], 1 - form[:, 1], "--", color=RED, label="upper end in closed form")
    axes.loglog(form[:, 0], form[:, 0] ** 2 / 2, ":", color=GREY, label="θ²/2, to compare")
    axes.set_xlabel(ANGLE)
    axes.set_ylabel("1 − largest compatible visibility V")
    proved = "V < 1 is proved for pure states" if (form[:, 1] < 1).all() else "Pure states close to a product,"
    shown = "all angles above 0"
    if times is not None:
        least = np.floor(10 * times[0]) / 10
        shown = f"1 − V is {least:.1f} to {rounded(times[1], up=True)} times what the closed form shows"
    title(axes, f"{proved} down to θ = {rounded(float(form[:, 0].min()), 0)}", shown)
    axes.legend(loc="upper left")


def _draw_face(figure: Figure, axes: Axes, points: list[Point]) -> None:
    """The middles of brackets on a face of the tetrahedron; a sixth of it is computed, the rest follows by symmetry."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    middle = {tuple(point["place"]): (point["lower"] + point["upper"]) / 2 for point in points}
    whole = {p: V for place, V in middle.items() for p in itertools.permutations(place)}
    x, y = (np.array(list(whole)) @ corners).T
    levels = np.linspace(0.85, 1.0, 16)
    # V = 1 is the upper end of the last level, which matplotlib would leave out.
    V = np.minimum(list(whole.values()), 1 - 1e-9)
    filled = axes.tricontourf(x, y, V, levels=levels, cmap="viridis")
    axes.tricontour(x, y, V, levels=levels[1:-1], colors="white", linewidths=0.5)
    axes.plot(*(np.array(list(middle)) @ corners).T, ".", ms=3, color=BLACK, label="computed; the rest by symmetry")
    separable = (corners[[0, 1, 0, 2, 1, 2]].reshape(3, 2, 2)).mean(axis=1)[[0, 1, 2, 0]]
    axes.plot(*separable.T, "--", color=RED, label="separable within")
    least, most = min(middle.values()), max(middle.values())
    title(axes, f"A face of the Bell-diagonal states: V from {least:.3f} to {most:.3f}", _proof(points))
    axes.set_ylim(-0.02, 0.95)  # room for the name of the upper corner
    axes.set_aspect("equal")
    axes.set_axis_off()
    for corner, side, words in zip(corners, ("right", "left", "center"), ("Ψ⁻", "Φ⁻", "Φ⁺"), strict=True):
        name(axes, words, corner, (0, 8 if side == "center" else -8), ha=side, va="center", fontsize=10)
    legend_below(axes, 1, drop=0.3)
    figure.colorbar(filled, ax=axes, shrink=0.8, label=LARGEST, ticks=[0.85, 0.9, 0.95, 1.0])


def plot_marginals(content: dict[str, Any], path: Path) -> None:
    """Brackets of pure states and of their mixtures with |00>, with and without marginals, as PNG and SVG."""
    with picture(path, 10, 4.4) as figure:
        for axes, family, label, words in zip(
            figure.subplots(1, 2),
            ("pure", "mixed"),
            (ANGLE, "share p of the pure state"),
            ("Pure states", "Mixed with |00⟩"),
            strict=True,
        ):
            points = [point for key, point in content["points"].items() if key.startswith(family)]
            for kind, style, colour, line, look in (
                ("without", "s--", ORANGE, "correlators alone", {"ms": 8, "fillstyle": "none"}),
                ("with", "o-", BLUE, "the state, with its marginals", {}),
            ):
                brackets = [Point(place=point["place"], **point[kind]) for point in points]
                _draw_line(axes, brackets, line, colour, style, **look)
            axes.set_xlabel(label)
            axes.set_ylabel(LARGEST)
            bind = sum(point["bind"] for point in points)
            title(axes, f"{words}: marginals bind at {bind or 'none'} of {counted(len(points), 'state')}")
            axes.legend(loc="lower left")
