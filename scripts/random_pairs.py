"""How many random setting pairs does it take to violate crypto-nonlocality with a Werner state?

    python scripts/random_pairs.py [--workers 2] [--store random_pairs.zarr] [--draw]

Runs the sweep random_pairs.toml, going on where the store ends. Writes results/sweeps/random_pairs: thresholds.csv (a
row a draw, with the seed that `jaxleggett threshold --seed` finds it by), random_pairs.png and .svg, sweep.toml,
meta.json.
"""

from __future__ import annotations

import csv
import shutil
import tomllib
from pathlib import Path

import common
import numpy as np
import xarray

from jaxleggett.output.plots import draw_sweep
from jaxleggett.sweeps import Cluster, Store, read_config, run

CONFIG = Path(__file__).parent / "random_pairs.toml"

FOLDER = common.RESULTS / "sweeps" / "random_pairs"


def draw() -> None:
    """Draw what is saved: a row of thresholds.csv for each point, draw by draw."""
    config = tomllib.loads((FOLDER / "sweep.toml").read_text())
    axes: dict[str, list[int]] = config["axes"]
    with open(FOLDER / "thresholds.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    values = {
        name: (list(axes), np.array([kind(row[column]) for row in rows]).reshape([len(axis) for axis in axes.values()]))
        for name, column, kind in (("point_seed", "seed", int), ("lower", "lower", float), ("upper", "upper", float))
    }
    about = {"title": config["title"], "jaxleggett": {"sweep": {"job": config["job"]}}}
    draw_sweep(xarray.Dataset(values, axes, about), FOLDER / "random_pairs.png")


def main() -> None:
    """Compute what is missing, and write what there is."""
    parser = common.parser(__doc__, draws=True)
    parser.add_argument("--workers", type=int, default=2, help="processes that compute tiles [2]")
    store = Path("random_pairs.zarr")
    parser.add_argument("--store", type=Path, default=store, help="the store of the sweep [random_pairs.zarr]")
    asked = parser.parse_args()
    if asked.draw:
        return draw()
    summary = common.finished(run(Store.create(asked.store, read_config(CONFIG)), Cluster(asked.workers)))
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
    shutil.copy(CONFIG, FOLDER / "sweep.toml")
    draw()
    facts = {"seconds": summary.seconds, "tiles": summary.tiles, "tiles_of_earlier_runs": summary.resumed}
    common.write_meta(FOLDER, **facts)


if __name__ == "__main__":
    common.leave(main)
