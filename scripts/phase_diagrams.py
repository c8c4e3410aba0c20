"""Largest compatible visibilities at all settings, certified, of pure states and of Bell-diagonal ones.

    python scripts/phase_diagrams.py [--tolerance 1.5e-4] [--face-tolerance 2.5e-3] [--points 9] [--draw]

pure      cos(theta) |01> - sin(theta) |10>, theta from 0 to pi/4, with the closed form of docs/PURE.md as another
          upper end, down to the smallest theta that is certified
edge      T = diag(-1, -s, -s), s from 0 to 1: an edge of the tetrahedron of Bell-diagonal states, from its
          middle to the singlet (the other half has the same thresholds, by a reflection)
diagonal  T = diag(-s, -s, -s), s from 1/3 to 1: Werner states
face      mixtures of three Bell states with the probabilities p >= q >= r: a sixth of a face of the tetrahedron. All
          faces have the same thresholds, for local rotations and flipping outcomes permute the Bell states

Points are saved as they are found, and a second run goes on where the first one ended. Writes
results/phase_diagrams: points.json, phase_diagrams.png and .svg, meta.json. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import itertools
import json
from typing import Any, NamedTuple

import common
import numpy as np

import jaxleggett as jl
from jaxleggett.output import provenance
from jaxleggett.output.plots import plot_phase_diagrams
from jaxleggett.proofs.pure_states import certify_pure

FOLDER = common.RESULTS / "phase_diagrams"

BELL = -np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1]])
"""The diagonals of T of the three Bell states of a face, the singlet first."""

TIME_LIMIT = 600.0
"""Seconds for a point."""


class Wanted(NamedTuple):
    """A state, what tells its place on its line or face, and how narrow its bracket is to be."""

    state: jl.TwoQubitState
    place: float | list[float]
    tolerance: float


def wanted(points: int, tolerance: float, face_tolerance: float) -> dict[str, Wanted]:
    """All points by their names. 1 - V is about theta^2 where theta is small, and is to be resolved there, too."""
    found: dict[str, Wanted] = {}
    for theta in map(float, (0, 0.02, 0.04, 0.07, *np.linspace(0.1, np.pi / 4, points))):
        found[f"pure:{theta!r}"] = Wanted(jl.pure(theta), theta, min(tolerance, theta**2 / 4) or tolerance)
    for s in map(float, np.linspace(0, 1, points)):
        found[f"edge:{s!r}"] = Wanted(jl.bell_diagonal(-1, -s, -s), s, tolerance)
    for s in map(float, np.linspace(1 / 3, 1, 3 * points)):
        found[f"diagonal:{s!r}"] = Wanted(jl.werner(s), s, tolerance)
    number = 2 * (points - 1)
    for i, j in itertools.product(range(number + 1), repeat=2):
        if i >= j >= (k := number - i - j) >= 0:
            p = np.array([i, j, k]) / number
            found[f"face:{i},{j},{k}"] = Wanted(
                jl.bell_diagonal(*(p @ BELL)), p.tolist(), face_tolerance if k else tolerance
            )
    return found


def times_closed_form(points: dict[str, Any]) -> tuple[float, float]:
    """Least and largest quotient of 1 - V, by the brackets of pure entangled states, and 1 - V of the closed form."""
    pure = [point for name, point in points.items() if name.startswith("pure:") and point["place"] > 0]
    shown = np.array([1 - certify_pure(point["place"]) for point in pure])
    upper, lower = (1 - np.array([point[end] for point in pure]) for end in ("upper", "lower"))
    return float((upper / shown).min()), float((lower / shown).max())


def draw() -> None:
    """Draw what is saved."""
    plot_phase_diagrams(json.loads((FOLDER / "points.json").read_text()), FOLDER / "phase_diagrams.png")


def main() -> None:
    """Compute what is missing, draw, save."""
    parser = common.parser(__doc__, draws=True)
    parser.add_argument("--tolerance", type=float, default=1.5e-4, help="widest bracket on a line [1.5e-4]")
    parser.add_argument("--face-tolerance", type=float, default=2.5e-3, help="widest bracket inside the face [2.5e-3]")
    parser.add_argument("--points", type=int, default=9, help="points of the shortest line [9]")
    asked = vars(parser.parse_args())
    if asked.pop("draw"):
        return draw()
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "points.json"
    content = common.saved_points(file, asked)
    names = wanted(**asked)
    for number, (name, (state, place, tolerance)) in enumerate(names.items(), 1):
        if name in content["points"]:
            continue
        found = common.finished(jl.threshold(state, "all", tolerance=tolerance, time_limit=TIME_LIMIT, certify=True))
        found.check()
        content["points"][name] = {
            "place": place,
            "lower": found.lower,
            "upper": found.upper,
            "status": found.status,
            "certified": found.certified,
            "seconds": found.seconds,
        }
        provenance.write_json(file, content)
        print(
            f"{number}/{len(names)}  {name}  {found.lower:.6f} <= V <= {found.upper:.6f}  "
            f"{found.status}{'' if found.certified else ', NOT CERTIFIED'}, {found.seconds:.0f} s",
            flush=True,
        )
    content["points"] = {name: content["points"][name] for name in names}
    content["closed_form_pure"] = [
        {"theta": float(theta), "upper": certify_pure(float(theta))} for theta in np.geomspace(5e-8, np.pi / 4, 60)
    ]
    content["times_closed_form"] = times_closed_form(content["points"])
    print(
        "1 - V is proved to be at least {:.3f} and at most {:.3f} times what the closed form shows".format(
            *content["times_closed_form"]
        )
    )
    provenance.write_json(file, content)
    draw()
    seconds = sum(point["seconds"] for point in content["points"].values())
    common.write_meta(FOLDER, seconds=seconds)


if __name__ == "__main__":
    common.leave(main)
