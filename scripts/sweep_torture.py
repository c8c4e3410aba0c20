"""Sweeps that are killed, and whose workers are killed, must leave the same store as one that is not.

    python scripts/sweep_torture.py [--kills 100] [--worker-kills 20] [--tiles 1000]

kills     the same sweep, killed by SIGKILL at random moments and started again until it is done, has to leave the store
          of an uninterrupted run, bit for bit; in one process, and a tenth as often by two workers and as a job array
workers   a run by two workers, of which one is killed every few seconds

Writes results/sweep_torture: report.json, meta.json. Takes about a quarter of an hour on two cores. Exits with 1 where
a store is not what it should be.
"""

from __future__ import annotations

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

import common
import psutil

from jaxleggett.output import provenance

FOLDER = common.RESULTS / "sweep_torture"

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


def quietly(folder: Path) -> None:
    """What a run compiles serves the next one, and XLA's remarks on loading it are no news."""
    os.environ |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder / "compiled")


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


def main() -> None:
    """Run the parts, save, and say what failed."""
    parser = common.parser(__doc__)
    parser.add_argument("--kills", type=int, default=100, help="kills of runs in one process [100]")
    parser.add_argument("--worker-kills", type=int, default=20, help="kills of workers [20]")
    parser.add_argument("--tiles", type=int, default=1000, help="tiles of the sweep [1000]")
    asked = parser.parse_args()
    started, chance = time.time(), random.Random(0)
    report: dict[str, Any] = {"asked": vars(asked)}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        quietly(folder)
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
    FOLDER.mkdir(parents=True, exist_ok=True)
    provenance.write_json(FOLDER / "report.json", report)
    common.write_meta(FOLDER, seconds=time.time() - started)
    if not all(part.get("same", True) for part in report.values()):
        raise SystemExit("a store is not that of the uninterrupted run")


if __name__ == "__main__":
    common.leave(main)
