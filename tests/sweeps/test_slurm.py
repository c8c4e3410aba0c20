"""A Slurm of one node, from Debian's packages slurm-wlm and munge: the two scripts, and jobs that die."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxleggett.sweeps import Store, read_config, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("slurmctld") is None or shutil.which("munged") is None or os.getuid() != 0,
        reason="needs slurm-wlm and munge, and to be root",
    ),
]

SCRIPTS = Path(__file__).parents[2] / "scripts" / "slurm"

CONFIG = """
[job]
command = "verify"
settings = "random:64"
method = "mc"
samples = 100_000

[axes]
seed = [{seeds}]
visibility = [0.8, 0.9]
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A running Slurm; the environment that its commands need."""
    folder = tmp_path_factory.mktemp("slurm")
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    (folder / "slurm.conf").write_text(
        f"ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n"
        f"AuthType=auth/munge\nAuthInfo=socket={folder}/munge.socket\n"
        f"SlurmctldPort={free_port()}\nSlurmdPort={free_port()}\n"
        f"StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\n"
        f"SlurmctldPidFile={folder}/ctld.pid\nSlurmdPidFile={folder}/d.pid\n"
        f"SlurmctldLogFile={folder}/ctld.log\nSlurmdLogFile={folder}/d.log\n"
        "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nMpiDefault=none\nMailProg=/bin/true\n"
        "SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nReturnToService=2\nKillWait=30\n"
        "SchedulerParameters=batch_sched_delay=1,sched_interval=1\nMinJobAge=2\n"
        f"NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} State=UNKNOWN\n"
        f"PartitionName=all Nodes={host} Default=YES State=UP MaxTime=INFINITE\n"
    )
    # 'spool' and the socket have to be in a folder that nobody else can write.
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "JAX_PLATFORMS": "cpu"}
    environment["JAXLEGGETT"] = str(Path(sys.executable).parent / "jaxleggett")
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    environment["JAX_COMPILATION_CACHE_DIR"] = str(folder / "compiled")
    munged = [
        "munged", "--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed",
    ]  # fmt: skip
    daemons = [subprocess.Popen(munged)]
    try:
        time.sleep(1)
        daemons.append(subprocess.Popen(["slurmctld", "-D"], env=environment, stderr=subprocess.DEVNULL))
        daemons.append(subprocess.Popen(["slurmd", "-D", "-N", host], env=environment, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 60
        while "idle" not in subprocess.run(["sinfo", "-h"], env=environment, capture_output=True, text=True).stdout:
            assert time.monotonic() < deadline, (folder / "ctld.log").read_text()[-2000:]
            time.sleep(0.5)
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(20)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "sweep.toml"
    path.write_text(CONFIG.format(seeds=", ".join(map(str, range(200)))))
    return path


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """The store of a run without Slurm."""
    store = Store.create(tmp_path_factory.mktemp("whole") / "x.zarr", read_config(config))
    run(store)
    return store.path


def submit(slurm, *arguments):
    """Submit a job array; its number."""
    found = subprocess.run(["sbatch", "--parsable", *arguments], env=slurm, capture_output=True, text=True, check=True)
    return found.stdout.strip()


def wait_for_jobs(slurm, seconds=240):
    """Until no job is left."""
    deadline = time.monotonic() + seconds
    while subprocess.run(["squeue", "-h"], env=slurm, capture_output=True, text=True).stdout.strip():
        assert time.monotonic() < deadline, "jobs do not end"
        time.sleep(0.5)


def wait_for_tiles(store, tiles, seconds=120):
    deadline = time.monotonic() + seconds
    while len(list(store.glob(".jaxleggett/records/*/*.json"))) < tiles:
        assert time.monotonic() < deadline, "no tiles"
        time.sleep(0.05)


def processes(text):
    """Numbers of the processes whose command line has `text`."""
    found = subprocess.run(["pgrep", "-f", "--", text], capture_output=True, text=True).stdout.split()
    return [int(number) for number in found if int(number) != os.getpid()]


def test_a_job_array_that_is_killed_and_cancelled(slurm, config, whole, contents, tmp_path):
    store = tmp_path / "x.zarr"
    line = [
        "--array=1-2",
        "--chdir",
        str(tmp_path),
        "--mem-per-cpu=0",
        str(SCRIPTS / "array.sbatch"),
        str(config),
        str(store),
    ]
    job = submit(slurm, *line)
    wait_for_tiles(store, 10)
    os.kill(processes(f"--store {store} --array-task 1/2")[0], 9)
    wait_for_tiles(store, 30)
    subprocess.run(["scancel", job], env=slurm, check=True)
    wait_for_jobs(slurm)
    done, damaged = Store.open_(store).finished()
    assert 30 <= done.sum() < 200
    assert damaged == []
    # Cancelled by SIGTERM, the other task has said where it stands.
    assert any("interrupted" in log.read_text() for log in tmp_path.glob("sweep-*.log"))
    submit(slurm, *line)
    wait_for_jobs(slurm)
    assert run(Store.open_(store)).resumed == 200  # and removes what the killed one has left
    assert contents(store) == contents(whole)


def test_dask_workers_that_are_jobs(slurm, config, whole, contents, tmp_path):
    store = tmp_path / "x.zarr"
    command = [sys.executable, str(SCRIPTS / "dask_cluster.py"), str(config), "--store", str(store), "--jobs", "2"]
    command += ["--memory", "1GB", "--directive=--mem=0", "--interface", "lo"]
    process = subprocess.Popen(command, env=slurm, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        wait_for_tiles(store, 10)
        os.kill(processes("distributed.cli.dask_worker")[-1], 9)
        out, _ = process.communicate(timeout=300)
    finally:
        process.terminate()
        process.wait(60)
    assert process.returncode == 0, out
    wait_for_jobs(slurm)
    assert contents(store) == contents(whole)
