"""Deadlines: values of `time.monotonic`, in seconds, or None where there is no time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")

LOOK = 0.1
"""Seconds between two looks at a thread that is waited for."""


class OutOfTime(Exception):
    """Raised where a time limit passes before there is an answer."""


def late(deadline: float | None) -> bool:
    """Whether `deadline` has passed."""
    return deadline is not None and time.monotonic() > deadline


_alone: list[threading.Thread] = []
"""Threads that nobody waits for, until the process ends."""


def within(deadline: float | None, work: Callable[[], R]) -> R:
    """What `work` returns, or raises; it runs in a thread of its own, so that it can be given up.

    Python obeys Ctrl-C only after a call of compiled code has returned, which may take seconds; a thread that waits
    obeys it at once. Raises OutOfTime when the deadline passes, and KeyboardInterrupt on Ctrl-C. The work that is given
    up then goes on to its end, and what it returns is lost. So it must not change what others read.
    """
    if late(deadline):
        raise OutOfTime
    returned: list[R] = []
    raised: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            returned.append(work())
        except BaseException as error:
            raised.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=run)
    try:
        thread.start()
        while not done.wait(LOOK if deadline is None else max(min(LOOK, deadline - time.monotonic()), 0.0)):
            if late(deadline):
                raise OutOfTime
    finally:
        if not done.is_set():
            _leave_alone(thread)
    if raised:
        raise raised[0]
    return returned[0]


def beside(work: Callable[[], object]) -> None:
    """Run `work` in a thread of its own, and do not wait for it."""
    thread = threading.Thread(target=work)
    thread.start()
    _leave_alone(thread)


def _leave_alone(thread: threading.Thread) -> None:
    _alone[:] = [*(other for other in _alone if other.is_alive()), thread]


def goes_on() -> bool:
    """Whether work goes on that nobody waits for; Python waits for it when the process ends."""
    return any(thread.is_alive() for thread in _alone)
