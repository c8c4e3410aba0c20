"""How many random setting pairs does it take to violate crypto-nonlocality with a Werner state?

    python scripts/random_pairs.py [--workers 2] [--store random_pairs.zarr]

Runs the sweep random_pairs.toml, going on where the store ends. Writes results/sweeps/random_pairs: thresholds.csv (a
row a draw, with the seed that `jaxleggett threshold --seed` finds it by), random_pairs.png, sweep.toml, meta.json.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from pathlib import Path

import numpy as np
import xarray

from jaxleggett.output import provenance
from jaxleggett.output.plots import plot_sweep
from jaxleggett.sweeps import Cluster, Store, read_config, run

CONFIG = Path(__file__).parent / "random_pairs.toml"

FOLDER = Path(__file__).parent.parent / "results" / "sweeps" / "random_pairs"


def main() -> None:
    """Compute what is missing, and write what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", type=Path, default=Path("random_pairs.zarr"))
    asked = parser.parse_args()
    summary = run(Store.create(asked.store, read_config(CONFIG)), Cluster(asked.workers))
    print(summary)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with xarray.open_zarr(asked.store) as found, open(FOLDER / "thresholds.csv", "w", newline="") as file:
        found.load()
        write = csv.writer(file, lineterminator="\n")
        write.writerow(["pairs", "seed", "lower", "upper", "status"])
        endings = found["status"].attrs["flag_meanings"].split()
        for (i, pairs), j in (
            (place, j) for place in enumerate(found["pairs"].values) for j in range(found.sizes["seed"])
        ):
            row = found.isel(pairs=i, seed=j)
            ends = [float(row[name]) for name in ("lower", "upper")]
            write.writerow([pairs, int(row["point_seed"]), *ends, endings[int(row["status"])]])
        for i, pairs in enumerate(found["pairs"].values):
            upper = found["upper"].isel(pairs=i).values
            print(f"{pairs:4d} pairs: {np.mean(upper < 1):.0%} exclude something, median {np.median(upper):.4f}")
    plot_sweep(asked.store, FOLDER / "random_pairs.png")
    shutil.copy(CONFIG, FOLDER / "sweep.toml")
    command = ["python", "scripts/random_pairs.py", *sys.argv[1:]]
    facts = {"seconds": summary.seconds, "tiles": summary.tiles, "tiles_of_earlier_runs": summary.resumed}
    provenance.write_json(FOLDER / provenance.META, provenance.provenance(command, **facts))


if __name__ == "__main__":
    main()
