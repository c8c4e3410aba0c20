"""Largest compatible visibilities, all settings: pure states, and Bell-diagonal ones along an edge and a diagonal.

    python scripts/phase_diagrams.py [--tolerance 1e-4] [--points 9]

pure      cos(theta) |01> - sin(theta) |10>, theta from 0 to pi/4: the numerical bracket, and the certified upper
          bound of docs/PURE.md, further down to the smallest theta that is certified
edge      T = diag(-1, -s, -s), s from 0 to 1: an edge of the tetrahedron of Bell-diagonal states, from its
          middle to the singlet (the other half has the same thresholds, by a reflection)
diagonal  T = diag(-s, -s, -s), s from 1/3 to 1: Werner states

Points are saved as they are found, and a second run goes on where the first one ended. Writes
results/phase_diagrams: points.json, phase_diagrams.png, meta.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import jaxleggett as jl
from jaxleggett.output import provenance
from jaxleggett.output.plots import plot_phase_diagrams
from jaxleggett.proofs.pure_states import certify_pure

FOLDER = Path(__file__).parent.parent / "results" / "phase_diagrams"


def states(points: int) -> dict[str, tuple[jl.TwoQubitState, float]]:
    """The state, and the place on its line, by the name of the point."""
    thetas = [0.0, 0.01, 0.03, 0.06, *np.linspace(0.1, np.pi / 4, points)]
    pure = {f"pure:{theta!r}": (jl.pure(theta), theta) for theta in map(float, thetas)}
    edge = {f"edge:{s!r}": (jl.bell_diagonal(-1, -s, -s), s) for s in map(float, np.linspace(0, 1, points))}
    diagonal = {f"diagonal:{s!r}": (jl.werner(s), s) for s in map(float, np.linspace(1 / 3, 1, 3 * points))}
    return pure | edge | diagonal


def main() -> None:
    """Compute what is missing, draw, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--points", type=int, default=9)
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "points.json"
    content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    if content.get("tolerance") != arguments.tolerance:
        content = {"tolerance": arguments.tolerance, "points": {}}
    wanted = states(arguments.points)
    for number, (name, (state, place)) in enumerate(wanted.items(), 1):
        if name in content["points"]:
            continue
        found = jl.threshold(state, "all", tolerance=arguments.tolerance, time_limit=300)
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
            f"{number}/{len(wanted)}  {name}  {found.lower:.6f} <= V <= {found.upper:.6f}  {found.status}", flush=True
        )
    content["points"] = {name: content["points"][name] for name in wanted}
    content["certified_pure"] = [
        {"theta": float(theta), "upper": certify_pure(float(theta))} for theta in np.geomspace(5e-8, np.pi / 4, 60)
    ]
    provenance.write_json(file, content)
    plot_phase_diagrams(json.loads(file.read_text()), FOLDER / "phase_diagrams.png")
    seconds = sum(point["seconds"] for point in content["points"].values())
    command = ["python", "scripts/phase_diagrams.py", *sys.argv[1:]]
    provenance.write_json(FOLDER / provenance.META, provenance.provenance(command, seconds=seconds))


if __name__ == "__main__":
    main()
