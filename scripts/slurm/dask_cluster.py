"""A sweep by Dask workers that are Slurm jobs: they come when the queue lets them, and tiles go to whoever is there.

    python scripts/slurm/dask_cluster.py CONFIG.toml --store DIR.zarr --jobs 64 [--memory 4GB] [--time 04:00:00]
                                         [--interface ib0] [--directive=--partition=long ...]

Runs on a login node, or as a job of its own, as long as the sweep lasts; the store must be on a file system that all
nodes share. Needs dask-jobqueue. A worker has one core: a tile is computed by one process.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
from typing import Any

from dask_jobqueue.slurm import SLURMCluster


def seconds_of(time: str) -> int | None:
    """The seconds of a time HOURS:MINUTES:SECONDS; None where it is none."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d)", time)
    return 3600 * int(found[1]) + 60 * int(found[2]) + int(found[3]) if found else None


def main() -> None:
    """Start workers, run the sweep, and end with its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", metavar="CONFIG.toml", help="the sweep")
    parser.add_argument("--store", required=True, help="the store of the sweep")
    parser.add_argument("--jobs", type=int, required=True, help="most workers at once")
    parser.add_argument("--memory", default="4GB", help="of a worker [4GB]")
    parser.add_argument("--time", default="04:00:00", help="wall time of a worker, HOURS:MINUTES:SECONDS [04:00:00]")
    parser.add_argument("--interface", help="network interface of scheduler and workers, for example ib0")
    parser.add_argument("--directive", action="append", default=[], help="another line for #SBATCH; may be repeated")
    asked = parser.parse_args()
    wall_time = seconds_of(asked.time)
    if wall_time is None:
        parser.error(f"--time must be HOURS:MINUTES:SECONDS, but is {asked.time!r}")
    with SLURMCluster(
        cores=1,
        processes=1,
        memory=asked.memory,
        walltime=asked.time,
        interface=asked.interface,
        python=sys.executable,
        job_extra_directives=asked.directive,
        # A worker ends before its wall time does, and gives its tiles back.
        worker_extra_args=["--lifetime", f"{0.9 * wall_time:.0f}s", "--lifetime-stagger", f"{0.05 * wall_time:.0f}s"],
        scheduler_options={"dashboard_address": "127.0.0.1:0"},
    ) as made:
        cluster: Any = made
        cluster.scale(jobs=asked.jobs)
        command = [sys.executable, "-m", "jaxleggett", "sweep", asked.config, "--store", asked.store]
        sweep = subprocess.Popen([*command, "--scheduler", cluster.scheduler_address])
        # The sweep finishes the tiles in hand; this process waits for it.
        signal.signal(signal.SIGTERM, lambda number, frame: sweep.send_signal(number))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code = sweep.wait()
    sys.exit(code)


if __name__ == "__main__":
    main()
