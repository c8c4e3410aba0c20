"""What tiles cost beside their own time, and how long a large sweep takes to plan and to resume.

    python scripts/sweep_overhead.py [--tiles 1000] [--large 100000]

overhead  `--tiles` short tiles by two workers, beside half of what they take one after the other on one core, while
          another process does the same on another core (two cores may be halves of one)
large     a store of `--large` tiles, filled without computing them, is planned and resumed

Writes results/sweep_overhead: report.json, meta.json. Takes about five minutes on two cores, which should be idle.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
from sweep_torture import complete, configuration, quietly

from jaxleggett.output import provenance
from jaxleggett.sweeps import Store, read_config

FOLDER = common.RESULTS / "sweep_overhead"


def time_of_a_tile(config: Path) -> float:
    """Seconds of a tile on one core, compiled, while another core does the same; the mean of 200."""
    code = (
        "import sys, time\nfrom jaxleggett.sweeps import read_config\nfrom jaxleggett.sweeps.tiles import compute\n"
        "sweep, seconds = read_config(sys.argv[1]), []\n"
        "for tile in range(201):\n    t = time.perf_counter(); compute(sweep, tile)\n"
        "    seconds.append(time.perf_counter() - t)\n"
        "print(sum(seconds[1:]) / 200)"
    )
    at_once = [
        subprocess.Popen(
            ["taskset", "-c", str(core), sys.executable, "-c", code, str(config)], stdout=subprocess.PIPE, text=True
        )
        for core in sorted(os.sched_getaffinity(0))[:2]
    ]
    return sum(float(process.communicate()[0]) for process in at_once) / len(at_once)


def large(config: Path, place: Path) -> dict[str, float]:
    """Make a store with a record of every tile, without waiting for the disk; how long planning and resuming takes."""
    started = time.perf_counter()
    store = Store.create(place, read_config(config))
    planned = time.perf_counter() - started
    shape = [part.stop - part.start for part in store.sweep.region(0)]
    rng, fsync = np.random.default_rng(0), os.fsync
    os.fsync = lambda handle: None
    try:
        for tile in range(store.sweep.num_tiles - 1):
            values = {name: rng.normal(size=shape).astype(v.dtype) for name, v in store.variables.items()}
            store.commit(tile, values)
    finally:
        os.fsync = fsync
    resumed = complete(config, "--store", place)
    return {
        "tiles": store.sweep.num_tiles,
        "planned_seconds": planned,
        "resumed_tiles": resumed["tiles_resumed"],
        "resumed_seconds": resumed["seconds"],
        "most_resident_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
    }


def main() -> None:
    """Measure, and save."""
    parser = common.parser(__doc__)
    parser.add_argument("--tiles", type=int, default=1000, help="tiles that are computed [1000]")
    parser.add_argument("--large", type=int, default=100_000, help="tiles of the large sweep; 0 leaves it out [100000]")
    asked = parser.parse_args()
    started = time.time()
    report: dict[str, Any] = {"asked": vars(asked)}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        quietly(folder)
        config = configuration(folder, asked.tiles, 200_000)
        tile = time_of_a_tile(config)
        few = max(asked.tiles // 10, 1)
        begun = complete(configuration(folder, few, 200_000), "--store", folder / "few.zarr", "--workers", 2)
        found = complete(config, "--store", folder / "overhead.zarr", "--workers", 2)
        ideal = asked.tiles * tile / 2
        more = (found["seconds"] - begun["seconds"]) / (asked.tiles - few) / (tile / 2)
        report["overhead"] = {
            "seconds_of_a_tile": tile,
            "ideal_seconds": ideal,
            "seconds": found["seconds"],
            "ratio": found["seconds"] / ideal,
            "ratio_once_begun": more,
        }
        print("overhead", report["overhead"], flush=True)
        if asked.large:
            report["large"] = large(configuration(folder, asked.large, 1000), folder / "large.zarr")
            print("large", report["large"], flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    provenance.write_json(FOLDER / "report.json", report)
    common.write_meta(FOLDER, seconds=time.time() - started)


if __name__ == "__main__":
    common.leave(main)
