"""A sweep: the grid of a job's options, cut into tiles that are numbered, and the seed of every point."""

from __future__ import annotations

import functools
import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import inspect

from .._checks import MAX_SEED, counted
from .jobs import JOBS, Job

Value = bool | int | float | str
"""A point of an axis."""

POINT_SEED = "point_seed"
"""The name of the variable with the seeds."""

BRACES = re.compile(r"\{(\w+)\}")
"""The name of an axis in a text; the value of the axis is put in its place."""


@dataclass(frozen=True)
class Sweep:
    """A job at every point of a grid.

    job     the command and its options, but for those that are axes
    axes    the values by the names of the axes, in the order of the file, the slowest axis first
    tile    how many points of an axis lie in one tile
    seeds   `independent`: the seed of a point is drawn from the job's and the point's place in the grid; `shared`: all
            points have the job's
    title   a name for reports and pictures
    files   SHA-256 of the files that the options name, by their paths
    """

    job: dict[str, Any]
    axes: dict[str, list[Value]]
    tile: dict[str, int]
    seeds: Literal["independent", "shared"]
    title: str
    files: dict[str, str]

    @property
    def kind(self) -> type[Job]:
        """The class of the job."""
        return JOBS[self.job["command"]]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Points along each axis."""
        return tuple(len(values) for values in self.axes.values())

    @cached_property
    def chunks(self) -> tuple[int, ...]:
        """Points of a tile along each axis."""
        return tuple(self.tile[name] for name in self.axes)

    @cached_property
    def tiles(self) -> tuple[int, ...]:
        """Tiles along each axis."""
        return tuple(-(-n // size) for n, size in zip(self.shape, self.chunks, strict=True))

    @property
    def num_tiles(self) -> int:
        """Number of tiles, which are counted from 0, along the last axis first."""
        return math.prod(self.tiles)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that says what is computed; `title` does not."""
        # The order of the axes counts, that of options does not.
        fields = {**self.to_json(), "title": None, "axes": list(self.axes.items())}
        return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()

    def place(self, tile: int) -> tuple[int, ...]:
        """The tile's place among the tiles, along each axis."""
        found = []
        for n in reversed(self.tiles):
            tile, i = divmod(tile, n)
            found.append(i)
        return tuple(reversed(found))

    def region(self, tile: int) -> tuple[slice, ...]:
        """The tile's points, along each axis."""
        return tuple(
            slice(i * size, min((i + 1) * size, n))
            for i, size, n in zip(self.place(tile), self.chunks, self.shape, strict=True)
        )

    def outer_points(self, tile: int) -> Iterator[tuple[int, ...]]:
        """The points of a tile; where the job computes an inner axis together, only those at its first value."""
        spans = [range(part.start, part.stop) for part in self.region(tile)]
        if self.inner is not None:
            spans[list(self.axes).index(self.inner)] = range(1)
        grid = np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1).reshape(-1, len(spans))
        return (tuple(int(i) for i in point) for point in grid)

    @property
    def inner(self) -> str | None:
        """The axis whose points the job computes together; None if this grid has no such axis."""
        return self.kind.inner if self.kind.inner in self.axes else None

    def options(self, point: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """The options of the job at a point of the grid, with names in braces filled in, and with `seed` if given."""
        values = {name: values[i] for (name, values), i in zip(self.axes.items(), point, strict=True)}
        filled = {
            name: BRACES.sub(lambda found: str(values[found[1]]), value) if isinstance(value, str) else value
            for name, value in {**self.job, **{k: v for k, v in values.items() if k in self.fields}}.items()
        }
        return filled if seed is None else {**filled, "seed": seed}

    @property
    def fields(self) -> dict[str, inspect.Field]:
        """The job's options by name."""
        return fields_of(self.kind)

    @cached_property
    def point_seeds(self) -> np.ndarray:
        """The seed of every point, int64 of the grid's shape.

        For independent ones, fold_in of the point's number into the key of the job's seed gives 64 bits, of which the
        lower 63 are used; points along an inner axis share theirs.
        """
        import jax

        base = np.broadcast_to(np.int64(self.job.get("seed", 0)), self.shape)
        names = list(self.axes)
        if "seed" in names:
            ends = [1] * len(names)
            ends[names.index("seed")] = -1
            base = np.broadcast_to(np.asarray(self.axes["seed"], dtype=np.int64).reshape(ends), self.shape)
        if self.seeds == "shared":
            return base
        number = np.arange(math.prod(self.shape)).reshape(self.shape)
        if self.inner is not None:
            number = np.broadcast_to(np.take(number, [0], axis=names.index(self.inner)), self.shape)
        # What `random_key` does with one seed, for all seeds at once.
        data = np.stack([base.ravel() >> 32, base.ravel() & 0xFFFFFFFF], axis=-1).astype(np.uint32)
        keys = jax.random.wrap_key_data(jax.numpy.asarray(data), impl="threefry2x32")
        folded = jax.vmap(jax.random.fold_in)(keys, number.ravel().astype(np.uint32))
        words = np.asarray(jax.random.key_data(folded), dtype=np.uint64)
        return ((words[:, 0] << np.uint64(32) | words[:, 1]) & np.uint64(MAX_SEED)).astype(np.int64).reshape(self.shape)

    def to_json(self) -> dict[str, Any]:
        """All fields, as `from_json` reads them."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Sweep:
        """A sweep as `to_json` gives it."""
        return cls(**{name: content[name] for name in cls.__dataclass_fields__})

    def __str__(self) -> str:
        axes = " x ".join(f"{name} ({len(values)})" for name, values in self.axes.items())
        return f"{self.title or self.job['command']}: {axes}, {counted(self.num_tiles, 'tile')}"


def names_in_braces(text: str) -> list[str]:
    """The names of axes that a text has in braces."""
    return BRACES.findall(text)


@functools.cache
def fields_of(kind: type[Any]) -> dict[str, inspect.Field]:
    """The fields of a class by name."""
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return {field.name: field for field in described.fields}
