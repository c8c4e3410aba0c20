"""The scan of the explicit model over V = 0 ... 1, written as a user imports the kernels.

    python scripts/verify_werner.py [--samples 4e6] [--pairs 1024] [--seed 0] [--draw]

Writes results/verify_werner: report.json, averages.npz, settings.csv, verification.png and .svg, meta.json;
`--draw` only draws what is saved.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import jaxleggett as jl
from jaxleggett.output import saved
from jaxleggett.output.plots import plot_verification

FOLDER = Path(__file__).parent.parent / "results" / "verify_werner"


def main() -> None:
    """Run the scan, check it against the exact smallest probabilities, save it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=float, default=4e6)
    parser.add_argument("--pairs", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", action="store_true", help="only draw again what results/ holds")
    arguments = parser.parse_args()
    if arguments.draw:
        return plot_verification(json.loads((FOLDER / "report.json").read_text()), FOLDER / "verification.png")

    V = np.append(np.linspace(0, 1, 41), [jl.CRITICAL_VISIBILITY, 0.8536])
    V.sort()
    settings = jl.SettingPairs.random(arguments.pairs, arguments.seed)
    sampled = jl.verify(jl.WernerModel, settings, V, samples=int(arguments.samples), seed=arguments.seed)
    exact = jl.verify(jl.WernerModel, settings, V, method="exact")
    print(sampled)

    for one, other in zip(sampled.rows, exact.rows, strict=True):
        if one.verdict != other.verdict:
            sys.exit(f"at V = {one.visibility} sampling says {one.verdict}, quadrature {other.verdict}")
    last = max(row.visibility for row in exact.rows if row.verdict == "reproduces" and row.visibility is not None)
    print(f"\nSampling and quadrature agree at all {len(V)} visibilities; the largest reproduced is {last:.9f}.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    saved.save_verification(sampled, FOLDER, ["python", "scripts/verify_werner.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
