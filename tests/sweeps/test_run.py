"""Runs of sweeps: stopped, killed, shared, and every time the same bits."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett import InputError
from jaxleggett.runs import Ending
from jaxleggett.sweeps import ArrayTask, Cluster, Scheduler, Stopping, Store, read_config, run

VERIFY = """
[job]
command = "verify"
settings = "random:4"
samples = 1000

[axes]
precision = ["single", "double"]
visibility = [0.5, 0.9]
method = ["mc", "rqmc"]
"""


@pytest.fixture
def whole(sweep, tmp_path, contents):
    """The bytes of a store that was computed without interruption."""
    store = Store.create(tmp_path / "whole.zarr", sweep)
    assert run(store).status == "complete"
    return contents(store.path)


@pytest.mark.slow
def test_a_point_is_what_the_command_finds_with_its_seed(write, tmp_path):
    store = Store.create(tmp_path / "x.zarr", read_config(write(VERIFY)))
    run(store)
    tile = store.read(1)
    seed = int(store.sweep.point_seeds[0, 0, 1])
    found = jl.verify(
        jl.WernerModel,
        jl.SettingPairs.random(4, seed),
        [0.5, 0.9],
        samples=1000,
        method="rqmc",
        seed=seed,
        precision="single",
    )
    assert tile["max_abs_error"][0, :, 0].tolist() == [row.max_abs_error for row in found.rows]
    assert tile["verdict"][0, :, 0].tolist() == [0, 1]


def test_a_run_that_is_stopped_goes_on(sweep, whole, tmp_path, contents):
    store = Store.create(tmp_path / "x.zarr", sweep)
    reports = []
    first = run(store, report=reports.append, stopping=iter([False, False, True]).__next__)
    assert (first.status, first.done, first.resumed) == ("interrupted", 2, 0)
    assert [summary.done for summary in reports] == [0, 1, 2]
    second = run(store)
    assert (second.status, second.done, second.resumed) == ("complete", 6, 2)
    assert contents(store.path) == whole


def test_job_arrays_divide_the_tiles(sweep, whole, tmp_path, contents):
    store = Store.create(tmp_path / "x.zarr", sweep)
    found = [run(store, ArrayTask(index=i, number=4)) for i in (1, 2, 3, 4)]
    assert [summary.done - summary.resumed for summary in found] == [2, 2, 1, 1]
    assert all(summary.status == "complete" for summary in found)
    assert contents(store.path) == whole


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "a/b", "-1/3", "1/3/5"])
def test_bad_array_tasks_are_refused(text):
    with pytest.raises(InputError, match="--array-task must be I/N"):
        ArrayTask.parse(text)


@pytest.mark.thorough
def test_workers_find_the_same(sweep, whole, tmp_path, contents):
    store = Store.create(tmp_path / "x.zarr", sweep)
    assert run(store, Cluster(2)).status == "complete"
    assert contents(store.path) == whole


def test_workers_listen_on_the_loopback_interface_only():
    import psutil

    with Cluster(1).client():
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = [c.laddr.ip for one in family for c in one.net_connections() if c.status == psutil.CONN_LISTEN]
    assert len(listening) >= 2
    assert set(listening) == {"127.0.0.1"}


@pytest.mark.thorough
def test_a_scheduler_elsewhere_finds_the_same(sweep, whole, tmp_path, contents):
    from distributed import LocalCluster

    store = Store.create(tmp_path / "x.zarr", sweep)
    with LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        assert run(store, Scheduler(cluster.scheduler_address)).status == "complete"
    assert contents(store.path) == whole


def test_a_scheduler_that_is_not_there(sweep, tmp_path, monkeypatch):
    monkeypatch.setattr("jaxleggett.sweeps.engines.PATIENCE", 0.5)
    store = Store.create(tmp_path / "x.zarr", sweep)
    with pytest.raises(InputError, match=r"--scheduler tcp://127\.0\.0\.1:9 cannot be reached"):
        run(store, Scheduler("tcp://127.0.0.1:9"))
    with pytest.raises(InputError, match="--tls-ca, --tls-cert and --tls-key must be given for --scheduler tls://"):
        run(store, Scheduler("tls://127.0.0.1:9"))
    with pytest.raises(InputError, match=r"--scheduler tls\.localhost:9 cannot be reached"):  # tls is a name here
        run(store, Scheduler("tls.localhost:9"))
    with pytest.raises(InputError, match="must be an address such as tls://host:8786 with --tls-ca, but is tcp://"):
        Scheduler("tcp://127.0.0.1:9", ca=tmp_path, cert=tmp_path, key=tmp_path)


def start(write, store, *options):
    command = [sys.executable, "-m", "jaxleggett", "sweep", str(write()), "--store", str(store), *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "JAX_PLATFORMS": "cpu"}
    )


def wait_for(store, tiles, process, seconds=60):
    """Until so many tiles have records."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if len(list(store.glob(".jaxleggett/records/*/*.json"))) >= tiles:
            return
        time.sleep(0.002)


@pytest.mark.thorough
def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(write, whole, tmp_path, contents):
    store = tmp_path / "x.zarr"
    chance = random.Random(0)
    for tiles in (0, 1, 3):
        process = start(write, store)
        wait_for(store, tiles, process)
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.communicate()
    process = start(write, store)
    process.communicate()
    assert process.returncode == 0
    assert contents(store) == whole


@pytest.mark.thorough
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_a_signal_ends_it_after_the_tile_in_hand(write, tmp_path, number, contents):
    store, many = tmp_path / "x.zarr", write().read_text().replace("num = 10", "num = 240")
    whole = Store.create(tmp_path / "whole.zarr", read_config(write(many)))
    run(whole)
    process = start(lambda: write(many), store, "--json")
    wait_for(store, 1, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert err == ""
    assert process.returncode == 128 + number
    answer = json.loads(out)
    assert 0 < answer["tiles_done"] < answer["tiles"] == 120
    assert Store.open_(store).num_recorded() == answer["tiles_done"]
    process = start(lambda: write(many), store)
    process.communicate()
    assert contents(store) == contents(whole.path)


def test_a_tile_that_takes_too_long_is_given_up(monkeypatch):
    gone = threading.Event()
    numbers = []

    def give_up(number):
        numbers.append(number)
        gone.set()

    stopping = Stopping(give_up, grace=0.05)
    with stopping.heeded():
        assert not stopping()
        signal.raise_signal(signal.SIGTERM)
        assert stopping()
        assert gone.wait(5)
        assert numbers == [signal.SIGTERM]
        signal.raise_signal(signal.SIGINT)  # the second one does not wait
        assert numbers == [signal.SIGTERM] * 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_ends_in_time_is_not_given_up():
    numbers = []
    stopping = Stopping(numbers.append, grace=0.1)
    with stopping.heeded():
        signal.raise_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert numbers == []


def test_engines_that_could_compute_nothing_are_refused():
    for index, number in ((0, 4), (5, 4), (1, 0)):
        with pytest.raises(InputError, match=r"index must lie between 1 and number \("):
            ArrayTask(index=index, number=number)
    with pytest.raises(InputError, match="workers must lie between 1 and 1024, but is 0"):
        Cluster(0)


def test_a_bad_point_beside_files_is_named(write, tmp_path):
    (tmp_path / "pairs.csv").write_text("ax,ay,az,bx,by,bz\n0,0,1,0,0,1\n")
    text = f"""
        [job]
        command = "threshold"
        state = "bell-diagonal:{{t}},0,0"
        settings = "{tmp_path}/pairs.csv"
        [axes]
        t = [0.5, 2.0]
    """
    store = Store.create(tmp_path / "x.zarr", read_config(write(text)))
    with pytest.raises(InputError, match=r"^t = 2\.0: a density matrix must be positive"):
        run(store)
    assert store.num_recorded() == 1


def test_two_hundred_thousand_tiles_take_seconds(write, tmp_path):
    text = write().read_text().replace("num = 10", "num = 100_000").replace("theta = 4", "theta = 1")
    sweep = read_config(write(text))
    assert sweep.num_tiles == 200_000
    started = time.perf_counter()
    store = Store.create(tmp_path / "x.zarr", sweep)
    done, _ = store.finished()
    assert time.perf_counter() - started < 20
    assert not done.any()
    stopped = run(store, stopping=lambda: True)
    assert (stopped.status, stopped.done) == ("interrupted", 0)
    np.testing.assert_array_equal(sweep.place(199_999), (99_999, 1))


def test_a_file_that_changes_meanwhile_ends_the_run(write, tmp_path):
    np.save(tmp_path / "rho.npy", np.eye(4) / 4)
    job = write().read_text().split("[axes]")[0].replace("pure:{theta}", f"{tmp_path}/rho.npy")
    text = job + "[axes]\nseed = [0, 1, 2]\n"
    store = Store.create(tmp_path / "x.zarr", read_config(write(text)))

    def change(summary):
        if summary.done == 1:
            np.save(tmp_path / "rho.npy", np.diag([1.0, 0, 0, 0]))

    with pytest.raises(RuntimeError, match=r"rho\.npy is not the file with which the sweep began"):
        run(store, report=change)
    assert store.num_recorded() == 1
    (tmp_path / "rho.npy").unlink()
    with pytest.raises(RuntimeError, match="cannot be read: No such file"):
        run(store)
    np.save(tmp_path / "rho.npy", np.eye(4) / 4)
    assert run(store).status == "complete"


def test_half_a_point_is_not_saved(sweep, tmp_path, monkeypatch):
    store = Store.create(tmp_path / "x.zarr", sweep)
    found = jl.threshold(jl.pure(0.1), notion="separable")
    monkeypatch.setattr("jaxleggett.notions.threshold", lambda *a, **k: replace(found, status=Ending.INTERRUPTED))
    with pytest.raises(KeyboardInterrupt):
        run(store)
    assert store.num_recorded() == 0


@pytest.mark.thorough
def test_workers_of_many_threads(sweep, whole, tmp_path, contents):
    from distributed import LocalCluster

    store = Store.create(tmp_path / "x.zarr", sweep)
    with LocalCluster(n_workers=1, threads_per_worker=8, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        run(store, Scheduler(cluster.scheduler_address))
    assert contents(store.path) == whole
