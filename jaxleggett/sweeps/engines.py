"""Where tiles are computed: in this process, by workers on this machine, by any Dask cluster, or as a job array.

An engine is given the numbers of the tiles to compute and a function that computes and saves one; it yields the
number of each tile that is saved. The function is one of a module, with texts and an integer as arguments, so that
Dask's messages hold no objects of the caller.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import MAX_WORKERS, InputError, integer, quoted

if TYPE_CHECKING:
    from distributed import Client


Compute = Callable[[int], str | None]
"""Computes and saves a tile; says what is wrong with its input, if anything is."""

Done = tuple[int, str | None]
"""A tile that is saved, and what is wrong with its input."""

ALLOWED_FAILURES, ALLOWED_BLAMES = 100, 10
"""How many workers may die while they have a task before Dask raises KilledWorker, and how often it may do so for the
first tile of a task before the run ends."""

PATIENCE = 30.0
"""Seconds to wait for a scheduler."""

ADDRESS = re.compile(r"((tcp|tls|ucx|ws|wss)://)?[^\s/]+:\d{1,5}")
"""The address of a scheduler, without a scheme for tcp."""

ENCRYPTED = ("tls", "wss")
"""The schemes of encrypted connections."""

AHEAD = 2
"""Tasks that are submitted for each thread of a worker: one that it computes, one that waits."""

TASK_SECONDS, PER_WORKER, MOST_TOGETHER = 0.5, 5e-3, 100
"""The seconds that a task should take at least, those for each worker if that makes more, and the most tiles that a
task has for that: a task costs a scheduler about a millisecond, whatever its tiles are."""


class Engine(ABC):
    """What computes tiles: by default all of them, and nobody else at the same time."""

    shared = False
    """Whether others of its kind may be at work on the same store."""

    def mine(self, tile: int) -> bool:
        """Whether a tile is this engine's."""
        return True

    @abstractmethod
    def run(self, tiles: Iterator[int], compute: Compute, stopping: Callable[[], bool]) -> Generator[Done]:
        """Compute tiles until there are no more, or until `stopping()` is true; those in hand are finished then."""


@dataclass(frozen=True)
class InProcess(Engine):
    """One tile after the other in this process, on all local devices."""

    def run(self, tiles: Iterator[int], compute: Compute, stopping: Callable[[], bool]) -> Generator[Done]:
        """See `Engine`."""
        for tile in tiles:
            if stopping():
                return
            yield tile, compute(tile)


@dataclass(frozen=True)
class ArrayTask(InProcess):
    """Task `index` (1 to `number`) of a job array: every `number`-th tile; the tasks need not know of each other."""

    index: int
    number: int

    shared = True

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.number:
            raise InputError(f"index must lie between 1 and number ({self.number}), but is {self.index}")

    def mine(self, tile: int) -> bool:
        """Whether a tile is one of its own: tile `index` - 1, and every `number`-th from there on."""
        return tile % self.number == self.index - 1

    @classmethod
    def parse(cls, text: str) -> ArrayTask:
        """The task that I/N names, I from 1 to N; InputError for any other text.

        >>> ArrayTask.parse("2/8").index
        2
        """
        first, slash, second = text.partition("/")
        if not (slash and _is_count(first) and _is_count(second) and 1 <= int(first) <= int(second)):
            raise InputError(f"--array-task must be I/N with 1 <= I <= N, such as 1/8, but is {quoted(text)}")
        return cls(index=int(first), number=int(second))


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) < 10


class _Distributed(Engine):
    """Tiles as tasks of a Dask cluster, several in one task where they are short."""

    @abstractmethod
    def client(self) -> contextlib.AbstractContextManager[Client]:
        """A client of the cluster."""

    def run(self, tiles: Iterator[int], compute: Compute, stopping: Callable[[], bool]) -> Generator[Done]:
        """See `Engine`. A task whose worker died is given to another one; a tile done twice is the same tile."""
        from dask import config
        from distributed import KilledWorker, as_completed

        with config.set({"distributed.scheduler.allowed-failures": ALLOWED_FAILURES}), self.client() as client:
            in_hand: dict[Any, list[int]] = {}
            blamed = Counter[int]()
            again: list[int] = []
            together = 1

            def submit() -> Any:
                if stopping():
                    return None
                some = [*again[:together], *itertools.islice(tiles, max(together - len(again), 0))]
                del again[:together]
                if not some:
                    return None
                future = client.submit(_timed, compute, some, limit(), pure=False)
                in_hand[future] = some
                return future

            def limit() -> float:
                return max(TASK_SECONDS, PER_WORKER * _room(client) / AHEAD)

            found = as_completed(
                [future for _ in range(_room(client)) if (future := submit()) is not None], loop=client.loop
            )
            for future in found:
                some = in_hand.pop(future)
                try:
                    faults, seconds = future.result()
                except KilledWorker:
                    blamed[some[0]] += 1
                    if blamed[some[0]] > ALLOWED_BLAMES:
                        raise RuntimeError(f"every worker dies that computes tile {some[0]} or one after it") from None
                    faults, seconds, together = [], TASK_SECONDS, 1
                future.release()
                again += some[len(faults) :]
                # Only half way to what this task suggests, which may have compiled, or may have been a quick one.
                fitting = limit() * len(faults) / max(seconds, 1e-6)
                together = round(min(max((together + fitting) / 2, 1), MOST_TOGETHER))
                # More than one where workers have come since the last task was submitted.
                while len(in_hand) < _room(client) and (more := submit()) is not None:
                    found.add(more)
                yield from zip(some, faults, strict=False)


@dataclass(frozen=True)
class Cluster(_Distributed):
    """`workers` processes on this machine, which divide its cores and GPUs, and listen on the loopback interface only.

    `platforms` is the environment variable JAX_PLATFORMS of the workers [that of this process].
    """

    workers: int
    platforms: str | None = None

    def __post_init__(self) -> None:
        integer("workers", self.workers, 1, MAX_WORKERS)

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """A client of a cluster that lasts as long as the block."""
        from distributed import Client, LocalCluster

        own = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        if self.platforms is not None:
            own["JAX_PLATFORMS"] = self.platforms
        # Dask's profiler would look at the stack of every worker a hundred times a second.
        own["DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"] = "False"
        with (
            LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.CRITICAL,
                env=own,
            ) as cluster,
            Client(cluster) as client,
        ):
            client.register_plugin(_share_of_the_machine(self.workers))
            yield client


@dataclass(frozen=True)
class Scheduler(_Distributed):
    """The Dask scheduler at `address`, whose workers see the store under the same path and have this package.

    With all of `ca`, `cert` and `key`, files in PEM, the connection is encrypted and both ends authenticate.
    """

    address: str
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        # Dask waits for a minute, and prints a traceback, where it is given something that is no address.
        if not ADDRESS.fullmatch(self.address):
            raise InputError(f"--scheduler must be an address such as tcp://host:8786, but is {quoted(self.address)}")
        if self.ca is not None and not self._is_encrypted:
            allowed = "an address such as tls://host:8786 with --tls-ca"
            raise InputError(f"--scheduler must be {allowed}, but is {self.address}")

    @property
    def _is_encrypted(self) -> bool:
        return self.address.partition("://")[0] in ENCRYPTED

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """A client of it; workers may come later. InputError where the scheduler cannot be reached."""
        from distributed import Client
        from distributed.security import Security

        security = Security()  # as Dask is configured
        if self.ca is not None:
            security = Security(
                tls_ca_file=str(self.ca),
                tls_client_cert=str(self.cert),
                tls_client_key=str(self.key),
                require_encryption=True,
            )
        # Dask would log what is said below in one sentence.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            secret = security.get_connection_args("client").get("ssl_context")
            if self._is_encrypted and secret is None:
                raise InputError(f"--tls-ca, --tls-cert and --tls-key must be given for --scheduler {self.address}")
            client = Client(self.address, security=security, timeout=PATIENCE, set_as_default=False)
        except OSError as error:
            raise InputError(f"--scheduler {self.address} cannot be reached: {error}") from None
        with client:
            yield client


def _timed(compute: Compute, tiles: list[int], limit: float) -> tuple[list[str | None], float]:
    """Compute tiles until `limit` seconds are over, at least one.

    Returns what is wrong with the input of each tile that was computed, and the seconds that it took.
    """
    started, faults = time.monotonic(), list[str | None]()
    for tile in tiles:
        faults.append(compute(tile))
        if time.monotonic() - started > limit:
            break
    return faults, time.monotonic() - started


def _room(client: Any) -> int:
    """How many tasks may be submitted at a time."""
    return AHEAD * max(1, sum(client.nthreads().values()))


def _share_of_the_machine(workers: int) -> Any:
    """A plugin that gives each of `workers` workers its own cores, and its own GPU if there are GPUs.

    Threads of XLA and of BLAS are as many as the cores that a process may use, so that N workers do not have N times as
    many threads as there are cores.
    """
    from distributed import WorkerPlugin

    class Share(WorkerPlugin):
        name = "share-of-the-machine"

        def setup(self, worker: Any) -> None:
            number = int(worker.name) % workers
            # Ctrl-C goes to all processes of a terminal; the workers end when the process that started them says so.
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            if hasattr(os, "sched_setaffinity"):
                cores = sorted(os.sched_getaffinity(0))
                own = cores[number * len(cores) // workers : (number + 1) * len(cores) // workers]
                for thread in os.listdir("/proc/self/task"):
                    with contextlib.suppress(OSError):
                        os.sched_setaffinity(int(thread), own or [cores[number % len(cores)]])
            if devices := _gpus():
                os.environ["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]

    return Share()


def _gpus() -> list[str]:
    """The GPUs of NVIDIA that this process may use, by their names for CUDA."""
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return visible.split(",")
    with contextlib.suppress(OSError):
        return [str(i) for i in range(len(os.listdir("/proc/driver/nvidia/gpus")))]
    return []
