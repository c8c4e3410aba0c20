"""The scan of the note's model over V = 0 ... 1, by sampling and by quadrature, as a user would write it.

    python scripts/verify_werner.py [--samples 4e6] [--pairs 1024] [--seed 0] [--draw]

Writes results/verify_werner: report.json, averages.npz, settings.csv, verification.png and .svg, meta.json. Exits with
1 where the two methods differ in a verdict.
"""

from __future__ import annotations

import json
import sys

import common
import numpy as np

import jaxleggett as jl
from jaxleggett.output import saved
from jaxleggett.output.plots import plot_verification

FOLDER = common.RESULTS / "verify_werner"


def main() -> None:
    """Run the scan, hold its verdicts against those of quadrature, save it."""
    parser = common.parser(__doc__, draws=True)
    parser.add_argument("--samples", type=common.count, default=4_000_000, help="hidden vectors [4e6]")
    parser.add_argument("--pairs", type=int, default=1024, help="random setting pairs [1024]")
    parser.add_argument("--seed", type=int, default=0, help="of the setting pairs and of the hidden vectors [0]")
    asked = parser.parse_args()
    if asked.draw:
        return plot_verification(json.loads((FOLDER / "report.json").read_text()), FOLDER / "verification.png")

    V = np.append(np.linspace(0, 1, 41), [jl.CRITICAL_VISIBILITY, 0.8536])
    V.sort()
    settings = jl.SettingPairs.random(asked.pairs, asked.seed)
    sampled = common.finished(jl.verify(jl.WernerModel, settings, V, samples=asked.samples, seed=asked.seed))
    exact = common.finished(jl.verify(jl.WernerModel, settings, V, method="exact"))
    print(sampled)

    for one, other in zip(sampled.rows, exact.rows, strict=True):
        if one.verdict != other.verdict:
            sys.exit(f"at V = {one.visibility} sampling says {one.verdict}, quadrature {other.verdict}")
    last = max(row.visibility for row in exact.rows if row.verdict == "reproduces" and row.visibility is not None)
    print(f"\nSampling and quadrature agree at all {len(V)} visibilities; the largest reproduced is {last:.9f}.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    saved.save_verification(sampled, FOLDER, common.command())


if __name__ == "__main__":
    common.leave(main)
