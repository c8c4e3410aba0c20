"""Computations of seconds that Ctrl-C and a time limit can end at any moment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

import jax

from .._clock import beside, within
from .._numerics import double_precision

R = TypeVar("R")


def interruptible(work: Callable[[], R], deadline: float | None = None) -> R:
    """What `work` returns; it is computed in another thread, in double precision and on the caller's default device.

    Raises OutOfTime when `deadline` (seconds of `time.monotonic`) passes, and KeyboardInterrupt on Ctrl-C, at once:
    compiling, solving a linear programme and a loop on a device take seconds in which Python obeys no signal. What was
    given up is computed to its end, and is lost; so `work` must not change what others read.
    """
    return within(deadline, _in_another_thread(work))


def ahead(work: Callable[[], object]) -> None:
    """Let another thread do `work` that will be needed later, such as compiling. What it raises is ignored."""

    def tried() -> None:
        # What fails here fails again where it is needed.
        with contextlib.suppress(Exception):
            work()

    beside(_in_another_thread(tried))


def _in_another_thread(work: Callable[[], R]) -> Callable[[], R]:
    """`work` with this thread's default device, and in double precision: JAX keeps both for each thread."""
    device = jax.config.jax_default_device  # type: ignore[attr-defined]

    def there() -> R:
        with double_precision(), jax.default_device(device):
            return work()

    return there
