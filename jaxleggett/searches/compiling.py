"""Compiling beside the main thread, so that Ctrl-C need not wait for the compiler."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol


class Jitted(Protocol):
    """A function that went through `jax.jit`."""

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The function as the compiler takes it, for arguments of these shapes."""
        ...


def compile_interruptibly(function: Jitted, *args: Any, **kwargs: Any) -> None:
    """Compile a jitted function for these arguments, and keep what comes out where its next call finds it.

    XLA takes seconds for a loop, and Python handles no signal before it returns. Here another thread waits for XLA,
    so that KeyboardInterrupt is raised at once in this one. A function that is compiled already costs
    less than a millisecond.
    """
    # Tracing stays in this thread, whose JAX configuration (precision, default device) belongs to the program.
    lowered = function.lower(*args, **kwargs)
    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(lowered.compile).result()
    finally:
        pool.shutdown(wait=False)
