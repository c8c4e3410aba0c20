"""Compiling beside the main thread, so that Ctrl-C need not wait for the compiler."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Lowered(Protocol):
    """A function as the compiler takes it, for arguments of certain shapes."""

    @property
    def compile(self) -> Callable[[], object]:
        """Run the compiler."""
        ...


class Jitted(Protocol[P, R_co]):
    """A function that went through `jax.jit`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run it, and compile it before where that has not been done."""
        ...

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> Lowered:
        """Trace it for these arguments."""
        ...


def compile_interruptibly(function: Jitted[P, R_co], *args: P.args, **kwargs: P.kwargs) -> None:
    """Compile a jitted function for these arguments, and keep what comes out where its next call finds it.

    XLA takes seconds for a loop, and Python handles no signal before it returns. Here another thread waits for XLA,
    so that KeyboardInterrupt is raised at once in this one. A function that is compiled already costs less than a
    millisecond.
    """
    # Tracing stays in this thread, whose JAX configuration (precision, default device) belongs to the program.
    lowered = function.lower(*args, **kwargs)
    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(lowered.compile).result()
    finally:
        # After Ctrl-C the compiler still runs to its end, and nobody waits for it.
        pool.shutdown(wait=False)
