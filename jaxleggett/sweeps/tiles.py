"""One tile: computed from the store's configuration and the tile's number alone, in whatever process, and saved."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
import numpy as np

from .._checks import InputError
from .._compiler import compiler_fault
from .files import Watch
from .grid import Sweep
from .jobs import bad_input
from .store import Store


def compute_and_save(path: str, digest: str, tile: int) -> str | None:
    """Compute a tile of the store at `path` and save it; return what is wrong with the input of a point, or None.

    It can be called in any process that sees the store. Raises RuntimeError where the store is no longer that of the
    sweep `digest`, or where a file that the sweep began with has been changed; InputError, as `compute` does; and what
    the job raises.
    """
    store, watch = _opened(path, digest)
    watch.check()
    values, fault = compute(store.sweep, tile)
    watch.check()
    store.commit(tile, values)
    return fault


def compute(sweep: Sweep, tile: int) -> tuple[dict[str, np.ndarray], str | None]:
    """The variables at the points of a tile, and what is wrong with the first point whose input is bad, or None.

    Where options name files, such a point raises InputError instead: the disk may only be away for a while, and a tile
    that is saved is not computed again.
    """
    region, names = sweep.region(tile), list(sweep.axes)
    variables = sweep.kind.variables
    found = {
        name: np.full([part.stop - part.start for part in region], variable.fill, dtype=variable.dtype)
        for name, variable in variables.items()
    }
    inner: list[Any] | None = None if sweep.inner is None else list(sweep.axes[sweep.inner])
    fault = None
    for point in sweep.outer_points(tile):
        options = sweep.options(point, int(sweep.point_seeds[point]))
        try:
            columns: dict[str, Any] = msgspec.convert(options, sweep.kind).compute(inner)
        except InputError as error:
            at = ", ".join(f"{name} = {sweep.axes[name][i]}" for name, i in zip(names, point, strict=True))
            if sweep.files:
                raise InputError(f"{at}: {error}") from None
            columns = {name: [value] for name, value in bad_input(variables).items()}
            fault = fault or f"{at}: {error}"
        place: list[Any] = [i - part.start for i, part in zip(point, region, strict=True)]
        if sweep.inner is None:
            columns = {name: column[0] for name, column in columns.items()}
        else:
            place[names.index(sweep.inner)] = slice(None)
        for name, column in columns.items():
            found[name][tuple(place)] = column
    return found, fault


@functools.lru_cache(maxsize=4)
def _opened(path: str, digest: str) -> tuple[Store, Watch]:
    """The store and its files, opened once in a process. RuntimeError where the compiler is known to be wrong."""
    if fault := compiler_fault():
        raise RuntimeError(fault)
    store = Store.open_(path)
    if store.digest != digest:
        raise RuntimeError(f"the store {path} has been replaced by another sweep's")
    return store, Watch(store.sweep)
