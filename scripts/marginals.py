"""When do the marginals of a state bind? Thresholds at all settings with and without them (docs/MARGINALS.md).

    python scripts/marginals.py [--tolerance 1.5e-4] [--random 12] [--draw]

pure      cos(theta) |01> - sin(theta) |10>
mixed     p of the pure state with theta = 0.4, and 1 - p of |00>
random    states of rank 2 and 3 (numerical, to 3e-3, at most 60 s each)

"without" is the state with the same correlators and no marginals, which is half the state and half its spin flip.
Points of the first two families are certified. Points are saved as they are found, and a second run goes on where the
first one ended. Writes results/marginals: points.json, marginals.png and .svg, meta.json. Takes about twenty minutes on
two cores.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import common
import numpy as np

import jaxleggett as jl
from jaxleggett.output import provenance
from jaxleggett.output.plots import plot_marginals

FOLDER = common.RESULTS / "marginals"

THETA = 0.4
"""The pure state of the family `mixed`."""

COARSE, TIME_LIMIT = 3e-3, 60.0
"""Tolerance and seconds for a random state; certified ones may take ten times as long."""


class Wanted(NamedTuple):
    """A state, and how its threshold is asked for."""

    state: jl.TwoQubitState
    place: float
    tolerance: float
    certify: bool


def mixed(p: float) -> jl.TwoQubitState:
    """The pure state of angle THETA with the weight p, and |00> with the rest."""
    psi = np.array([0, np.cos(THETA), -np.sin(THETA), 0])
    return jl.TwoQubitState.from_density_matrix(p * np.outer(psi, psi) + (1 - p) * np.diag([1, 0, 0, 0]))


def random(rank: int, number: int) -> jl.TwoQubitState:
    """A random state, the same for the same number."""
    rng = np.random.default_rng([rank, number])
    return jl.TwoQubitState.from_density_matrix(common.random_density_matrix(rng, rank))


def without_marginals(state: jl.TwoQubitState) -> jl.TwoQubitState:
    """The state's correlators alone."""
    return jl.TwoQubitState(np.zeros(3), np.zeros(3), state.T)


def wanted(tolerance: float, number: int) -> dict[str, Wanted]:
    """All points by their names."""
    found: dict[str, Wanted] = {}
    for theta in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        found[f"pure:{theta}"] = Wanted(jl.pure(theta), theta, tolerance, True)
    for p in (0.85, 0.88, 0.9, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 1.0):
        found[f"mixed:{p}"] = Wanted(mixed(p), p, tolerance, True)
    for i in range(number):
        rank = 2 + i % 2
        found[f"random:{rank},{i}"] = Wanted(random(rank, i), rank, COARSE, False)
    return found


def draw() -> None:
    """Draw what is saved."""
    plot_marginals(json.loads((FOLDER / "points.json").read_text()), FOLDER / "marginals.png")


def main() -> None:
    """Compute what is missing, draw, save."""
    parser = common.parser(__doc__, draws=True)
    parser.add_argument("--tolerance", type=float, default=1.5e-4, help="widest certified bracket [1.5e-4]")
    parser.add_argument("--random", type=int, default=12, help="number of random states [12]")
    asked = vars(parser.parse_args())
    if asked.pop("draw"):
        return draw()
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "points.json"
    content = common.saved_points(file, asked)
    names = wanted(asked["tolerance"], asked["random"])
    for name, (state, place, tolerance, certify) in names.items():
        if name in content["points"]:
            continue
        point: dict[str, Any] = {"place": place}
        for kind, one in (("with", state), ("without", without_marginals(state))):
            limit = 10 * TIME_LIMIT if certify else TIME_LIMIT
            found = common.finished(jl.threshold(one, "all", tolerance=tolerance, time_limit=limit, certify=certify))
            point[kind] = {key: getattr(found, key) for key in ("lower", "upper", "status", "certified", "seconds")}
        point["bind"] = point["with"]["upper"] < point["without"]["lower"]
        content["points"][name] = point
        provenance.write_json(file, content)
        brackets = ", ".join("{lower:.6f} <= V <= {upper:.6f}".format(**point[kind]) for kind in ("with", "without"))
        print(f"{name}  with and without: {brackets}{'  BIND' if point['bind'] else ''}", flush=True)
    content["points"] = {name: content["points"][name] for name in names}
    provenance.write_json(file, content)
    draw()
    seconds = sum(point[kind]["seconds"] for point in content["points"].values() for kind in ("with", "without"))
    common.write_meta(FOLDER, seconds=seconds)


if __name__ == "__main__":
    common.leave(main)
