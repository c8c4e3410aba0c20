"""The run of a sweep: an engine computes what is missing in a store; and how signals stop a run."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import numpy as np

from .._checks import counted
from ..runs import Ending
from .engines import Engine, InProcess
from .store import Store
from .tiles import compute_and_save

GRACE = 25.0
"""Seconds to finish the tiles in hand: Slurm kills a job 30 s after it has sent SIGTERM (KillWait)."""


@dataclass(frozen=True)
class Summary:
    """Where a sweep stands.

    store     the path of the store
    tiles     number of tiles of the sweep
    done      those that are finished now, in the whole store
    resumed   those that were finished before this run
    repaired  those that had a record, were found damaged, and have been computed again in this run
    seconds   of this run
    status    `complete`, or `interrupted`; complete for a task of a job array if its own tiles are done
    faults    what is wrong with the input of points, one sentence for each of the first few such tiles
    faulty    number of tiles with such points in this run
    """

    store: str
    tiles: int
    done: int
    resumed: int
    repaired: int = 0
    seconds: float = 0.0
    status: Ending = Ending.INTERRUPTED
    faults: tuple[str, ...] = ()
    faulty: int = 0

    def to_json(self) -> dict[str, Any]:
        """The fields of the command line's JSON answer."""
        return {
            "store": self.store,
            "tiles": self.tiles,
            "tiles_done": self.done,
            "tiles_resumed": self.resumed,
            "tiles_repaired": self.repaired,
            "seconds": self.seconds,
            "status": self.status,
            "faulty_tiles": self.faulty,
            "faults": list(self.faults),
        }

    def __str__(self) -> str:
        lines = [
            f"{self.store}: {self.done:,} of {counted(self.tiles, 'tile')} finished ({self.status})",
            f"  {self.resumed:,} before, {self.done - self.resumed:,} in this run, {self.seconds:.1f} s",
        ]
        if self.repaired:
            lines.append(f"  {counted(self.repaired, 'damaged tile')} computed again")
        if self.faulty:
            lines.append(f"  {counted(self.faulty, 'tile')} with points whose input is bad, as {self.faults[0]}")
        return "\n".join(lines)


FAULTS = 5
"""Sentences on bad input that a summary keeps."""


def run(
    store: Store,
    engine: Engine = InProcess(),  # noqa: B008 - it is frozen
    report: Callable[[Summary], None] | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Summary:
    """Compute what is missing in `store`, by `engine` [in this process].

    report    is called at the beginning and after every tile, with where the sweep stands
    stopping  is called before every tile; once it is true, the tiles in hand are finished and no other is begun

    Raises InputError where another run is at work on the store, and what the job raises; what is finished is saved.
    """
    started = time.monotonic()
    with store.claimed(engine.shared):
        finished, damaged = store.finished()
        broken = {damage.tile for damage in damaged}
        todo = np.array([tile for tile in np.flatnonzero(~finished) if engine.mine(int(tile))], dtype=int)
        summary = Summary(str(store.path), store.sweep.num_tiles, int(finished.sum()), int(finished.sum()))
        if report:
            report(summary)
        left = len(todo)
        compute = functools.partial(compute_and_save, str(store.path.absolute()), store.digest)
        with contextlib.closing(engine.run(map(int, todo), compute, stopping)) as tiles:
            for tile, fault in tiles:
                left -= 1
                summary = replace(
                    summary,
                    done=summary.done + 1,
                    repaired=summary.repaired + (tile in broken),
                    seconds=time.monotonic() - started,
                    faulty=summary.faulty + (fault is not None),
                    faults=(*summary.faults, *([fault] if fault else []))[:FAULTS],
                )
                if report:
                    report(summary)
        return replace(
            summary,
            # Other tasks of the job array may have finished tiles meanwhile.
            done=store.num_recorded() if engine.shared else summary.done,
            seconds=time.monotonic() - started,
            status=Ending.INTERRUPTED if left else Ending.COMPLETE,
        )


class Stopping:
    """Whether Ctrl-C or SIGTERM has asked the run to stop; calling the object says so. It listens while `heeded` lasts.

    give_up  is called with the signal's number where `heeded` lasts longer than `grace` after the signal, or a second
             signal comes; it should end the process
    grace    seconds that the tiles in hand have to be finished
    """

    def __init__(self, give_up: Callable[[int], None], grace: float = GRACE) -> None:
        self.signal: int | None = None
        """The number of the signal that has come."""
        self.grace, self.give_up = grace, give_up
        self._timer: threading.Timer | None = None

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Handle the two signals while the block lasts. Only the main thread may do so; others get ValueError."""
        before = {number: signal.signal(number, self._asked) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            if self._timer is not None:
                self._timer.cancel()

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            self.give_up(self.signal)
            return
        self.signal = number
        # A tile may be deep in a compiler or a solver when the time is over: another thread ends the process.
        self._timer = threading.Timer(min(self.grace, threading.TIMEOUT_MAX), self.give_up, [number])
        self._timer.daemon = True
        self._timer.start()
