"""What a sweep is: a job, the axes of its grid, and how the grid is cut into tiles. Read from a TOML file.

    [job]                              # one of the commands verify, threshold, search, with its options
    command = "threshold"
    state = "pure:{theta}"             # names in braces are axes

    [axes]                             # the grid, its slowest axis first
    theta = {start = 0.1, stop = 0.7, num = 7}       # both ends included
    settings = ["icosahedron", "random:30"]          # or a list; an option of the job is an axis by its name

    [tile]                             # points of an axis that are computed and saved together [1]
    theta = 7

An error names the file, the line and the key, the value and what is allowed.
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
import typing
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, inspect

from .._checks import InputError, quoted
from .._files import read_bytes
from .files import with_files
from .grid import POINT_SEED, Sweep, Value, fields_of, names_in_braces
from .jobs import JOBS, Job

MAX_TILES = 10**6
"""Most tiles of one sweep, as each is several files."""

MAX_POINTS = 10**7
"""Most points of one sweep."""

MOST_CHECKED = 1000
"""Most values of an axis that are tried before the sweep begins."""


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`num` numbers from `start` to `stop`, both included."""

    start: float
    stop: float
    num: Annotated[int, Meta(ge=1, le=MAX_TILES)]

    def values(self) -> list[float]:
        """The numbers, evenly spaced; not finite where the ends are too far apart."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.linspace(self.start, self.stop, self.num).tolist()


class Parts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables and keys of a file; what is in the tables is checked key by key, so that an error can name the key."""

    job: dict[str, Any]
    axes: dict[str, Any]
    tile: dict[str, Any] = {}
    seeds: Literal["independent", "shared"] = "independent"
    title: str = ""


def read_config(path: str | Path) -> Sweep:
    """The sweep that a TOML file describes; InputError names the file, the line and the key."""
    content = read_bytes("CONFIG", path)
    try:
        text = content.decode("utf-8")
        table = tomllib.loads(text)
        return _Reader(Path(path), text).sweep(table)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # also what Python says of integers of thousands of digits
        raise InputError(f"CONFIG {path} must be a TOML file, but is not: {error}") from None


class _Reader:
    """Reads one file; knows the lines of its keys."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.lines = path, _lines(text)

    def fail(self, keys: tuple[str, ...], message: str) -> typing.NoReturn:
        """Raise InputError with the line of a key, or of the closest key or table around it."""
        line = next((self.lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.lines), 1)
        raise InputError(f"{self.path}:{line}: {message}")

    def sweep(self, table: dict[str, Any]) -> Sweep:
        """The sweep, checked."""
        self.check_finite(table, ())
        parts = self.struct(Parts, table, (), "a sweep")
        command = parts.job.get("command")
        if not isinstance(command, str) or command not in JOBS:
            given = quoted(command) if "command" in parts.job else "missing"
            self.fail(("job", "command"), f"job.command must be {_one_of(list(JOBS))}, but is {given}")
        kind = JOBS[command]
        axes = {name: self.axis(name, value, kind) for name, value in parts.axes.items()}
        if not axes:
            self.fail(("axes",), "axes must have at least one axis")
        options = {name: _whole(fields_of(kind), name, value) for name, value in parts.job.items()}
        self.struct(kind, options, ("job",), f"a {command} job")
        inner = kind.inner if kind.inner in axes else None
        tile = {name: self.tile(name, parts.tile.get(name), len(axes[name]), name == inner) for name in axes}
        for name in parts.tile:
            if name not in axes:
                self.fail(("tile", name), f"tile.{name} must be the name of an axis, {_one_of(list(axes))}")
        self.check_names(options, axes, kind)
        # Defaults are written out, so that a file that states one describes the same sweep as a file that does not.
        defaults = {name: field.default for name, field in fields_of(kind).items() if name not in axes}
        sweep = Sweep({**defaults, **options}, axes, tile, parts.seeds, parts.title, {})
        self.check_size(sweep)
        self.check_values(sweep)
        try:
            return with_files(sweep)
        except InputError as error:
            self.fail(("job",), str(error))

    def check_finite(self, value: object, keys: tuple[str, ...]) -> None:
        """Refuse NaN, infinities and dates, wherever they stand in a value."""
        if isinstance(value, dict):
            for name, each in typing.cast("dict[str, object]", value).items():
                self.check_finite(each, (*keys, name))
        elif isinstance(value, list):
            for each in typing.cast("list[object]", value):
                self.check_finite(each, keys)
        elif isinstance(value, float) and not math.isfinite(value):
            self.fail(keys, f"{'.'.join(keys)} must be finite, but is {value}")
        elif not isinstance(value, bool | int | float | str):
            self.fail(keys, f"{'.'.join(keys)} must be text, a number, or true or false, but is {quoted(value)}")

    def struct(self, kind: type[Any], table: dict[str, Any], keys: tuple[str, ...], what: str) -> Any:
        """`table` as an object of this class; an error names the key, its value and what is allowed."""
        fields = fields_of(kind)
        for name, value in table.items():
            if keys == ("job",) and name == "command":
                continue
            where = ".".join((*keys, name))
            if name not in fields:
                self.fail((*keys, name), f"{where} is no key of {what}: it may have {', '.join(fields)}")
            if isinstance(value, str) and names_in_braces(value) and _may_be(fields[name].type, inspect.StrType):
                continue
            try:
                msgspec.convert(value, _hints(kind)[name])
            except (msgspec.ValidationError, OverflowError):
                allowed = _allowed(fields[name].type)
                self.fail((*keys, name), f"{where} must be {allowed}, but is {quoted(value)}")
        for name, field in fields.items():
            if field.required and name not in table:
                self.fail(keys, f"{'.'.join((*keys, name))} must be given: {what} needs it")
        return msgspec.convert({**table}, kind)

    def axis(self, name: str, value: Any, kind: type[Job]) -> list[Value]:
        """The values of an axis: at least one, none twice, and all of one kind."""
        keys = ("axes", name)
        if not name.isidentifier():
            self.fail(keys, f"axes.{name} must be a name of letters, digits and _, not beginning with a digit")
        if name in kind.variables or name == POINT_SEED:
            self.fail(keys, f"axes.{name} must have another name: {name} is what the job finds")
        if isinstance(value, dict):
            value = self.struct(Range, typing.cast("dict[str, Any]", value), keys, "a range").values()
            self.check_finite(value, keys)
        if not isinstance(value, list):
            self.fail(keys, f"axes.{name} must be a list, or a table of start, stop and num, but is {quoted(value)}")
        values = [_whole(fields_of(kind), name, each) for each in typing.cast("list[Any]", value)]
        if not values:
            self.fail(keys, f"axes.{name} must have at least one value, but is empty")
        kinds = {"text" if isinstance(v, str) else "boolean" if isinstance(v, bool) else "number" for v in values}
        if len(kinds) > 1 or any(isinstance(v, dict | list) for v in values):
            self.fail(keys, f"axes.{name} must hold only numbers, only texts or only booleans, but is {quoted(values)}")
        if len(set(values)) < len(values):
            twice = next(value for value, number in Counter(values).items() if number > 1)
            self.fail(keys, f"axes.{name} must hold each value once, but has {quoted(twice)} twice")
        if any(isinstance(v, int) and not -(2**63) <= v < 2**63 for v in values):
            self.fail(keys, f"axes.{name} must hold integers of at most 64 bits, but is {quoted(values)}")
        return values

    def tile(self, name: str, size: Any, points: int, inner: bool) -> int:
        """How many points of an axis are in a tile: one by default, but always all of an inner axis."""
        keys = ("tile", name)
        if size is None:
            return points if inner else 1
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= points:
            self.fail(keys, f"tile.{name} must be an integer from 1 to {points}, but is {quoted(size)}")
        if inner and size != points:
            self.fail(keys, f"tile.{name} must be {points}, as its points are computed together, but is {size}")
        return size

    def check_names(self, job: dict[str, Any], axes: dict[str, list[Value]], kind: type[Job]) -> None:
        """Check that every axis is an option or stands in braces in one, and that every name in braces is an axis."""
        fields, used = fields_of(kind), set[str]()
        for option, value in job.items():
            for name in names_in_braces(value) if isinstance(value, str) else ():
                used.add(name)
                if name not in axes or name == kind.inner:
                    other = (
                        "another one, as all its values are computed at once" if name in axes else "the name of an axis"
                    )
                    self.fail(("job", option), f"job.{option} has {{{name}}}, which must be {other}")
        for option, values in axes.items():
            for name in {name for value in values if isinstance(value, str) for name in names_in_braces(value)}:
                used.add(name)
                if name not in axes or name in (option, kind.inner) or option not in fields:
                    self.fail(
                        ("axes", option),
                        f"axes.{option} has {{{name}}}, which must be another axis, and {option} an option of the job",
                    )
        for name in axes:
            if name in fields and name in job:
                self.fail(("axes", name), f"axes.{name} must not be in [job], too")
            if name not in fields and name not in used:
                self.fail(
                    ("axes", name),
                    f"axes.{name} must be an option of the job, {_one_of(list(fields))}, or stand in braces in one",
                )

    def check_size(self, sweep: Sweep) -> None:
        """Refuse sweeps of too many tiles or points."""
        points = math.prod(sweep.shape)
        if sweep.num_tiles > MAX_TILES or points > MAX_POINTS:
            self.fail(
                ("axes",),
                f"axes must make at most {MAX_TILES:,} tiles and {MAX_POINTS:,} points, but make "
                f"{sweep.num_tiles:,} and {points:,}",
            )

    def check_values(self, sweep: Sweep) -> None:
        """Check the values of each axis, with all other axes at their first: by their types, then by the job itself."""
        hints, first = _hints(sweep.kind), tuple(0 for _ in sweep.axes)
        for axis, (name, values) in enumerate(sweep.axes.items()):
            if name not in sweep.fields:
                continue
            for i, value in enumerate(values):
                options = sweep.options((*first[:axis], i, *first[axis + 1 :]))
                try:
                    msgspec.convert(options[name], hints[name])
                except (msgspec.ValidationError, OverflowError):
                    allowed = _allowed(sweep.fields[name].type)
                    self.fail(("axes", name), f"axes.{name} must be {allowed}, but has {quoted(value)}")
        for axis, (name, values) in enumerate(sweep.axes.items()):
            if name == sweep.inner:
                continue
            # The type of a number is all that there is to check; a text may have a meaning, such as that of settings.
            meant = isinstance(values[0], str) or name not in sweep.fields
            for i in range(min(len(values), MOST_CHECKED) if meant else 1):
                options = sweep.options((*first[:axis], i, *first[axis + 1 :]))
                try:
                    msgspec.convert(options, sweep.kind).check()
                except InputError as error:
                    keys = ("axes", name) if isinstance(values[0], str) or i else ("job",)
                    self.fail(keys, f"[job] cannot be computed at {name} = {quoted(values[i])}: {error}")


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """The line numbers, from 1, of the keys and tables of a TOML text; keys of inline tables have none of their own."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    within: str | None = None
    for number, line in enumerate(text.split("\n"), 1):
        inside = within is not None
        for quotes in re.findall(r'"""|\'\'\'', line):
            within = quotes if within is None else None if within == quotes else within
        if inside:
            continue
        head, equals, _ = line.partition("=")
        if header := re.match(r"\s*\[+([^\[\]]+)\]", line):
            table = _dotted(header[1])
            found.setdefault(table, number)
        elif equals and re.fullmatch(r"[\w\-.\"' \t]+", head):
            found.setdefault((*table, *_dotted(head)), number)
    return found


def _whole(fields: dict[str, inspect.Field], name: str, value: Any) -> Any:
    """`value`, as an integer if it is a whole number such as 1e5 and the option is an integer."""
    if not isinstance(value, float) or not value.is_integer() or name not in fields:
        return value
    return int(value) if _may_be(fields[name].type, inspect.IntType) else value


def _dotted(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


@functools.cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _may_be(kind: inspect.Type, other: type[inspect.Type]) -> bool:
    """Whether a field's type, or one of those that it is a union of, is of the class `other`."""
    parts = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return any(isinstance(part, other) for part in parts)


def _one_of(names: list[str]) -> str:
    return "one of " + ", ".join(names) if len(names) > 1 else names[0]


def _allowed(kind: inspect.Type) -> str:
    """The values that a field may have, in words."""
    match kind:
        case inspect.UnionType():
            return _allowed(next(part for part in kind.types if not isinstance(part, inspect.NoneType)))
        case inspect.LiteralType():
            return _one_of([str(value) for value in kind.values])
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "text"
        case inspect.IntType() | inspect.FloatType():
            noun = "an integer" if isinstance(kind, inspect.IntType) else "a number"
            if kind.gt is not None:
                return f"{noun} above {kind.gt}"
            if kind.ge is None:
                return noun
            return f"{noun} from {kind.ge}" + ("" if kind.le is None else f" to {kind.le}")
        case _:
            return "a table" if isinstance(kind, inspect.DictType) else str(kind)
