"""Pictures of thresholds: one bracket closing, and the brackets of families of states."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ...models.werner import CRITICAL_VISIBILITY
from ...notions.models import HiddenStates, LocalModel, TurnedHiddenStates
from ..style import BLACK, BLUE, CRITICAL, GREY, ORANGE, RED, SKY, picture
from .sphere_map import mark, mark_settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...notions.result import NotionThreshold
    from ...thresholds.result import Threshold


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


def plot_threshold(result: Threshold | NotionThreshold, history: Sequence[tuple[float, float]], path: Path) -> None:
    """The two bounds closing, round by round, and the settings with the model's hidden vectors, as a PNG at `path`.

    `history` has the bounds (lower, upper) of all rounds.
    """
    with picture(path, 10, 4.2) as figure:
        left, right = figure.add_subplot(121), figure.add_subplot(122, projection="mollweide")
        bounds = np.array([*history, (result.lower, result.upper)])
        rounds = np.arange(1, len(bounds) + 1)
        left.plot(rounds, bounds[:, 1], "v-", color=RED, label="upper: an inequality")
        left.plot(rounds, bounds[:, 0], "^--", color=BLUE, label="lower: a model")
        left.set_xlabel("round")
        left.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[attr-defined]
        left.set_ylabel("visibility V")
        left.set_title(f"{result.lower:.7f} $\\leq$ V $\\leq$ {result.upper:.7f} ({result.status})")
        left.legend()
        for (label, vectors, weights), (marker, colour) in zip(
            _hidden(result), (("o", SKY), ("D", ORANGE)), strict=False
        ):
            mark(right, vectors, marker, colour, label, 4 + 300 * weights)
        mark_settings(right, result.inequality)
        right.set_title("settings and hidden vectors")


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
    """Brackets of pure and Bell-diagonal states, and how far below 1 those of pure states are, as a PNG at `path`."""
    families: dict[str, list[Point]] = {}
    for name, point in content["points"].items():
        families.setdefault(name.partition(":")[0], []).append(point)
    certified = all(point["certified"] for point in content["points"].values())
    with picture(path, 10, 8.2) as figure:
        (first, second), (third, fourth) = figure.subplots(2, 2)
        _draw_line(first, families["pure"], r"both ends, $\cos\theta\,|01\rangle-\sin\theta\,|10\rangle$", BLUE, "o-")
        _draw_line(second, families["edge"], r"both ends, $T=\mathrm{diag}(-1,-s,-s)$", BLUE, "o-")
        _draw_line(second, families["diagonal"], r"both ends, $T=\mathrm{diag}(-s,-s,-s)$", ORANGE, "s--")
        form = np.array([(point["theta"], point["upper"]) for point in content["closed_form_pure"]])
        first.plot(*form[form[:, 0] > 0.01].T, "--", color=RED, label="upper end in closed form")
        small = [point for point in families["pure"] if point["place"] > 0]
        theta = np.array([point["place"] for point in small])
        for end, marker, colour in (("lower", "v", BLUE), ("upper", "^", SKY)):
            gap = [1 - point[end] for point in small]
            third.loglog(theta, gap, marker, color=colour, label=f"1 $-$ {end} end")
        third.loglog(form[:, 0], 1 - form[:, 1], "--", color=RED, label="1 $-$ upper end in closed form")
        third.loglog(form[:, 0], form[:, 0] ** 2 / 2, ":", color=GREY, label=r"$\theta^2/2$, to compare")
        for axes, label in ((first, r"$\theta$"), (second, "s"), (third, r"$\theta$")):
            axes.set_xlabel(label)
        for axes, label in ((first, "V"), (second, "V"), (third, "1 $-$ V")):
            axes.set_ylabel(f"largest compatible visibility, {label}" if label == "V" else label)
        for axes in (first, second):
            axes.axhline(CRITICAL_VISIBILITY, label="$V_c$", **CRITICAL)
        for axes in (first, second, third):
            axes.legend()
        first.set_title("pure states")
        second.set_title("Bell-diagonal states: an edge, and through the middle")
        third.set_title("pure states, close to a product")
        _draw_face(figure, fourth, families["face"])
        proof = "certified" if certified else "numerical where not certified"
        figure.suptitle(f"All projective measurements, both ends {proof}", fontsize=11)


def _draw_line(axes: Axes, points: list[Point], name: str, colour: str, style: str) -> None:
    """Brackets along a line. They are narrower than a line: their ends are drawn as one band with a mark."""
    points = sorted(points, key=lambda point: point["place"])
    x, lower, upper = (np.array([point[key] for point in points]) for key in ("place", "lower", "upper"))
    axes.fill_between(x, lower, upper, alpha=0.5, color=colour)
    axes.plot(x, (lower + upper) / 2, style, ms=3.5, color=colour, label=name)


def _draw_face(figure: Figure, axes: Axes, points: list[Point]) -> None:
    """The middles of brackets on a face of the tetrahedron, from the sixth that is computed."""
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
    widest = max(point["upper"] - point["lower"] for point in points)
    axes.set_title(f"a face of the tetrahedron (brackets at most {widest:.1e} wide)", pad=18)
    axes.set_aspect("equal")
    axes.set_axis_off()
    for corner, place, name in zip(
        corners, ("right", "left", "center"), (r"$\Psi^-$", r"$\Phi^-$", r"$\Phi^+$"), strict=True
    ):
        axes.annotate(
            name, corner, (0, 8 if place == "center" else -8), textcoords="offset points", ha=place, va="center"
        )
    axes.legend(loc="upper left", bbox_to_anchor=(-0.2, 1.0))
    figure.colorbar(filled, ax=axes, shrink=0.8, label="largest compatible visibility V")


def plot_marginals(content: dict[str, Any], path: Path) -> None:
    """Brackets of pure states and of their mixtures with |00>, with and without marginals, as a PNG at `path`."""
    with picture(path, 10, 4.2) as figure:
        for axes, family, label, title in zip(
            figure.subplots(1, 2),
            ("pure", "mixed"),
            (r"$\theta$", "p"),
            ("pure states: marginals do not bind", r"mixed with $|00\rangle$: marginals bind"),
            strict=True,
        ):
            points = [point for name, point in content["points"].items() if name.startswith(family)]
            for kind, style, colour, name in (
                ("without", "s--", ORANGE, "correlators alone"),
                ("with", "o-", BLUE, "the state, with its marginals"),
            ):
                brackets = [Point(place=point["place"], **point[kind]) for point in points]
                _draw_line(axes, brackets, name, colour, style)
            axes.set_xlabel(label)
            axes.set_ylabel("largest compatible visibility V")
            axes.set_title(title)
            axes.legend()
