"""Sweeps under fire: killed a hundred times, workers killed; and what tiles cost beside their own time.

    python scripts/sweep_torture.py [--kills 100] [--worker-kills 20] [--tiles 1000] [--large 100000]

kills     the same sweep, killed by SIGKILL at random moments and started again until it is done, has to leave the store
          of an uninterrupted run, bit for bit; in turn in this process, by two workers, and as a job array
workers   a run by two workers, of which one is killed every few seconds
overhead  `tiles` tiles of about 50 ms by two workers, beside half of what they take one after the other on one core,
          with another process doing the same on another one (cores may be two halves of one)
large     a store of `large` tiles, made with records of tiles that were never computed, is planned and resumed

Writes results/sweep_torture: report.json, meta.json. Exits with 1 where a store is not what it should be.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from jaxleggett.output import provenance
from jaxleggett.sweeps import Store, read_config

FOLDER = Path(__file__).parent.parent / "results" / "sweep_torture"

CONFIG = """
[job]
command = "verify"
settings = "random:64"
method = "mc"
samples = {samples}

[axes]
seed = [{seeds}]
visibility = [0.8, 0.9]
"""

LONGEST = 4.5
"""Seconds after which a run is killed at the latest; it takes about two to start."""

COMMAND = [sys.executable, "-m", "jaxleggett", "sweep"]


def configuration(folder: Path, tiles: int, samples: int) -> Path:
    """A sweep of so many tiles."""
    path = folder / f"{tiles}-{samples}.toml"
    seeds = ", ".join(map(str, range(tiles)))
    path.write_text(CONFIG.format(samples=samples, seeds=seeds))
    return path


def digest(store: Path) -> str:
    """SHA-256 of all files of a store, their names included, but for the lock."""
    found = hashlib.sha256()
    for path in sorted(store.rglob("*")):
        if path.is_file() and path.name != "lock":
            found.update(path.relative_to(store).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def finished(store: Path) -> int:
    """Tiles that have a record."""
    return len(list(store.glob(".jaxleggett/records/*/*.json")))


def start(*arguments: object) -> subprocess.Popen[str]:
    """A sweep in a process of its own, with its JSON on stdout."""
    return subprocess.Popen([*COMMAND, *map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True)


def complete(*arguments: object) -> dict[str, Any]:
    """A sweep from its start to its end: its JSON."""
    process = start(*arguments)
    answer, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"sweep {arguments} ended with {process.returncode}: {answer}")
    return json.loads(answer)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to a process and to whatever it has started."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        one.kill()
    process.communicate()


def under_kills(config: Path, store: Path, kills: int, chance: random.Random, engine: list[str]) -> int:
    """Kill runs at random moments, `kills` times or until the sweep is done; how often that was."""
    for number in range(kills):
        process = start(config, "--store", store, *engine)
        try:
            process.wait(chance.uniform(0, LONGEST))
        except subprocess.TimeoutExpired:
            kill(process)
        else:
            return number
    return kills


def kill_workers(config: Path, store: Path, kills: int, chance: random.Random) -> int:
    """Kill one of two workers every few seconds while a run lasts."""
    process, killed = start(config, "--store", store, "--workers", 2), 0
    while killed < kills and process.poll() is None:
        time.sleep(chance.uniform(1.5, 3.0))
        if process.poll() is None and finished(store):
            workers = [
                child
                for child in psutil.Process(process.pid).children(recursive=True)
                if "spawn_main" in " ".join(child.cmdline())
            ]
            if workers:
                chance.choice(workers).kill()
                killed += 1
    process.communicate()
    if process.returncode:
        raise SystemExit(f"the run whose workers were killed ended with {process.returncode}")
    return killed


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
    memory = psutil.Process().memory_info().rss
    return {
        "tiles": store.sweep.num_tiles,
        "planned_seconds": planned,
        "resumed_tiles": resumed["tiles_resumed"],
        "resumed_seconds": resumed["seconds"],
        "resident_bytes": memory,
    }


def main() -> None:
    """Run the parts, save, and say what failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--worker-kills", type=int, default=20)
    parser.add_argument("--tiles", type=int, default=1000)
    parser.add_argument("--large", type=int, default=100_000)
    asked = parser.parse_args()
    started, chance = time.time(), random.Random(0)
    report: dict[str, Any] = {"asked": vars(asked)}
    # What is compiled serves the next run, and XLA's remarks on loading it are no news.
    os.environ |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder / "compiled")
        config = configuration(folder, asked.tiles, 100_000)
        complete(config, "--store", folder / "whole.zarr")
        expected = digest(folder / "whole.zarr")
        kinds = {"in process": [], "2 workers": ["--workers", "2"], "job array": ["--array-task", "1/1"]}
        for name, engine in kinds.items():
            store, killed = folder / "killed.zarr", 0
            target = asked.kills if name == "in process" else asked.kills // 10
            while killed < target:
                shutil.rmtree(store, ignore_errors=True)
                killed += under_kills(config, store, target - killed, chance, engine)
                complete(config, "--store", store)
            report[f"killed {name}"] = {"kills": killed, "same": digest(store) == expected}
            print(name, report[f"killed {name}"], flush=True)
        shutil.rmtree(folder / "killed.zarr")
        workers, killed = folder / "workers.zarr", 0
        while killed < asked.worker_kills:
            shutil.rmtree(workers, ignore_errors=True)
            killed += kill_workers(config, workers, asked.worker_kills - killed, chance)
        report["workers killed"] = {"kills": killed, "same": digest(workers) == expected}
        print("workers killed", report["workers killed"], flush=True)
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
    command = ["python", "scripts/sweep_torture.py", *sys.argv[1:]]
    provenance.write_json(FOLDER / provenance.META, provenance.provenance(command, seconds=time.time() - started))
    if not all(part.get("same", True) for part in report.values()):
        raise SystemExit("a store is not that of the uninterrupted run")


if __name__ == "__main__":
    main()
