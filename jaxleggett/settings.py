"""Setting pairs (a_i, b_i): from arrays, from a name, from a file."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TextIO

import numpy as np

from ._checks import MAX_PAIRS, MAX_SEED, UNIT_TOLERANCE, InputError, integer, quoted, unit_vectors
from ._files import names_a_file, opened

if TYPE_CHECKING:
    from ._shapes import ArrayLike, Bool, Float

CSV_HEADER = "ax,ay,az,bx,by,bz"

ANGLES_HEADER = "theta_a,phi_a,theta_b,phi_b"
"""Polar angle from the z axis and azimuth from the x axis, in degrees."""

INDEX_NAMES = ("", "#", "i", "index", "pair")
"""Headers of a first column that numbers the rows; this column is ignored."""

MAX_LINE = 400
"""Most bytes of a line of a CSV file, on average over its lines; ten numbers need at most 250."""

NAMED_SETTINGS = "random:N, grid:N, equatorial:N, icosahedron or the name of a CSV file"


@dataclass(frozen=True, eq=False)
class SettingPairs:
    """Pairs of settings: `a` for Alice and `b` for Bob, unit vectors of shape (N, 3), float64.

    Vectors whose norm is 1 to within 1e-6 are renormalised. Raises InputError for other vectors or shapes, for unequal
    numbers of settings, and for more than 10^7 pairs.

    >>> import jaxleggett as jl
    >>> pairs = jl.SettingPairs([[0, 0, 1], [1, 0, 0]], [[0, 0, 1], [0, 0, 1]])
    >>> len(pairs)
    2
    >>> len(jl.SettingPairs.parse("grid:4"))
    16
    """

    a: Float[np.ndarray, "n 3"]
    b: Float[np.ndarray, "n 3"]

    if TYPE_CHECKING:  # lists are taken too, and made arrays of

        def __init__(self, a: ArrayLike, b: ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        a, b = unit_vectors("a", self.a), unit_vectors("b", self.b)
        if len(a) != len(b):
            raise InputError(f"a and b must have equally many rows, but have {len(a)} and {len(b)}")
        _at_most(len(a))
        object.__setattr__(self, "a", a)
        object.__setattr__(self, "b", b)

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, rows: slice) -> SettingPairs:
        return SettingPairs(self.a[rows], self.b[rows])

    @classmethod
    def product(cls, alice: ArrayLike, bob: ArrayLike) -> SettingPairs:
        """Each setting of `alice` with each of `bob`: pair i * len(bob) + j is (alice[i], bob[j]).

        Raises InputError for anything but unit vectors, and for more than 10^7 pairs.
        """
        a, b = unit_vectors("alice", alice), unit_vectors("bob", bob)
        _at_most(len(a) * len(b))
        return cls(np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1)))

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> SettingPairs:
        """The settings that `text` names: `random:N`, `grid:N`, `equatorial:N`, `icosahedron`, or a CSV file.

        `random:N` draws N pairs from `seed`. The others are all pairs of two directions from one set: `grid:N` has N
        points of a Fibonacci lattice, `equatorial:N` the angles k 180/N degrees on the circle z = 0, and `icosahedron`
        the 6 axes through its vertices. Raises InputError for another name, and as `from_csv` does.
        """
        # Imported here, as in `random`, because proofs read settings and are to load no JAX.
        from .sphere import equatorial_directions, fibonacci_directions, icosahedron_axes

        name, colon, number = text.partition(":")
        if text == "icosahedron":
            return cls.product(icosahedron_axes(), icosahedron_axes())
        if colon and name in ("random", "grid", "equatorial"):
            most = MAX_PAIRS if name == "random" else math.isqrt(MAX_PAIRS)
            num = integer(f"settings {name}:N", number, 1, most)
            if name == "random":
                return cls.random(num, seed)
            directions = fibonacci_directions(num) if name == "grid" else equatorial_directions(num)
            return cls.product(directions, directions)
        if not names_a_file(text):
            raise InputError(f"settings must be {NAMED_SETTINGS}, but {quoted(text)} is none of them")
        return cls.from_csv(text)

    @classmethod
    def random(cls, num: int, seed: int = 0) -> SettingPairs:
        """`num` independent pairs of settings, uniform on S^2, which depend on `num` and `seed` alone."""
        from ._numerics import double_precision, random_key
        from .sphere import sample_sphere

        num, seed = integer("num", num, 1, MAX_PAIRS), integer("seed", seed, 0, MAX_SEED)
        with double_precision():
            a, b = np.asarray(sample_sphere(random_key(seed), (2, num)))
        return cls(a, b)

    @classmethod
    def from_csv(cls, path: str | Path) -> SettingPairs:
        """The pairs of a CSV file with the header `ax,ay,az,bx,by,bz`, or `theta_a,phi_a,theta_b,phi_b` in degrees.

        theta is the polar angle from z, phi the azimuth from x. Semicolons, tabs or spaces may take the place of the
        commas, and a first column may number the rows. Raises InputError, which names the line, for a row that does
        not hold two unit vectors, or angles in range.
        """
        return cls(*np.split(read_numbers(path, CSV_HEADER), 2, axis=1))

    def to_csv(self, path: str | Path) -> None:
        """Write a CSV file from which `from_csv` reads the same pairs, to the last bit."""
        rows = np.concatenate([self.a, self.b], axis=1)
        np.savetxt(path, rows, fmt="%.17g", delimiter=",", header=CSV_HEADER, comments="")


def _at_most(pairs: int) -> None:
    """InputError for more than `MAX_PAIRS` pairs."""
    if pairs > MAX_PAIRS:
        raise InputError(f"settings must be at most {MAX_PAIRS} pairs, but are {pairs}")


class Columns(Protocol):
    """What the columns after those of the settings may hold."""

    def fine(self, rows: Float[np.ndarray, "n columns"]) -> Bool[np.ndarray, "n"]:
        """Whether each row is allowed; `rows` holds the columns after those of the settings."""
        ...

    def fault(self, numbers: Sequence[float]) -> str:
        """What is wrong with these columns of a row, as the end of a sentence that begins with the file and line."""
        ...


@dataclass(frozen=True)
class _Format:
    """How the columns of a CSV file are to be read."""

    delimiter: str | None
    """None for any white space."""
    columns: int
    """Number of columns of the file, with one that numbers the rows."""
    indexed: bool
    """Whether the first column numbers the rows."""
    angles: bool
    """Whether the settings are given by angles."""
    rest: Columns | None
    """What the columns after the settings may hold, None for any numbers."""

    def fine(self, rows: Float[np.ndarray, "n columns"]) -> Bool[np.ndarray, "n"]:
        """Whether each of the rows, given without its number, has settings followed by what `rest` allows."""
        fine = self._settings_fine(rows)
        return fine if self.rest is None else fine & self.rest.fine(rows[:, self._width :])

    @property
    def _width(self) -> int:
        """Number of columns of the settings."""
        return 4 if self.angles else 6

    def _settings_fine(self, rows: Float[np.ndarray, "n columns"]) -> Bool[np.ndarray, "n"]:
        """Whether the settings are unit vectors, or angles in range."""
        if self.angles:
            return np.all(np.abs(rows[:, :4] - np.array([90, 0, 90, 0])) <= np.array([90, 360, 90, 360]), axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            norms = np.linalg.norm(rows[:, :6].reshape(-1, 2, 3), axis=2)
        return (np.abs(norms - 1) <= UNIT_TOLERANCE).all(axis=1)

    def fault(self, numbers: Sequence[float]) -> str:
        """What is wrong with a row for which `fine` is false, as the end of a sentence."""
        if self.rest is not None and self._settings_fine(np.array([numbers]))[0]:
            return self.rest.fault(numbers[self._width :])
        if self.angles:
            given = ", ".join(f"{x:.9g}" for x in numbers[:4])
            return (
                f"must hold polar angles from 0 to 180 and azimuths from -360 to 360 degrees, "
                f"but {ANGLES_HEADER} are {given}"
            )
        norms = {party: math.hypot(*vector) for party, vector in (("a", numbers[:3]), ("b", numbers[3:6]))}
        party = max(norms, key=lambda party: math.inf if math.isnan(norms[party]) else abs(norms[party] - 1))
        return f"must hold unit vectors (to {UNIT_TOLERANCE:g}), but the norm of {party} is {norms[party]:.9g}"

    def cartesian(self, rows: Float[np.ndarray, "n _"]) -> Float[np.ndarray, "n _"]:
        """The rows with their settings as unit vectors."""
        if not self.angles:
            return rows
        theta, phi = np.radians(rows[:, 0:4:2]), np.radians(rows[:, 1:4:2])
        vectors = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
        return np.concatenate([vectors.reshape(-1, 6), rows[:, 4:]], axis=1)


def read_numbers(
    path: str | Path, *headers: str, what: str = "settings", rest: Columns | None = None
) -> Float[np.ndarray, "n _"]:
    """The rows of a CSV file of numbers whose header is one of `headers`, each of which begins with `CSV_HEADER`.

    In the file `ANGLES_HEADER` may take the place of `CSV_HEADER`; the rows that are returned hold vectors in either
    case. `what` names the file in messages. `rest` says what the columns after the settings may hold, None for any
    numbers. Raises InputError, which names the file and the line at fault.
    """
    with opened(what, path) as file:
        if _too_long(file):
            raise InputError(f"{path} must hold at most {MAX_PAIRS} rows of {MAX_LINE} characters, but holds more")
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
        kind = _format(path, text.readline(10_000), headers, rest)
        rows = _read_at_once(text, kind)
        if rows is None:
            text.seek(0)
            rows = _read_line_by_line(path, text, kind)
    if len(rows) == 0:
        raise InputError(f"{path} must hold at least one row below its header, but holds none")
    return kind.cartesian(rows)


def _format(path: str | Path, first: str, headers: Sequence[str], rest: Columns | None) -> _Format:
    """How a file that begins with the line `first` is to be read; InputError where that is not clear."""
    in_angles = [header.replace(CSV_HEADER, ANGLES_HEADER) for header in headers]
    known = dict.fromkeys(headers, False) | dict.fromkeys(in_angles, True)
    line = first.strip("\r\n").lstrip("# ")
    delimiter = next((mark for mark in ",;\t" if mark in line), None)
    names = [name.strip().strip("\"'").strip() for name in line.split(delimiter)]
    indexed = ",".join(names[1:]) in known and names[0] in INDEX_NAMES
    found = ",".join(names[indexed:])
    if found not in known:
        raise InputError(
            f"{path}:1 must be the header {headers[0]}, or {in_angles[0]} for angles in degrees, but is {quoted(first)}"
        )
    return _Format(delimiter, len(names), indexed, known[found], rest)


def _too_long(file: BinaryIO) -> bool:
    """Whether the file has more than `MAX_PAIRS` rows, or too long lines; it is read block by block."""
    newlines = returns = size = 0
    while block := file.read(1 << 20):
        newlines += block.count(b"\n")
        returns += block.count(b"\r")
        size += len(block)
        lines = max(newlines, returns)  # ended by \n, by \r\n, or by \r, as some programs still write them
        if lines > MAX_PAIRS + 1 or size > MAX_LINE * (lines + 2):
            return True
    file.seek(0)
    return False


def _read_at_once(text: TextIO, kind: _Format) -> np.ndarray | None:
    """The rows without their numbers; None where one is not as it should be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there are no rows, which the caller reports
        try:
            rows = np.loadtxt(text, delimiter=kind.delimiter, comments=None, quotechar='"', ndmin=2)
        except ValueError:
            return None
    if rows.shape[1] != kind.columns:
        return None
    rows = rows[:, kind.indexed :]
    return rows if kind.fine(rows).all() else None


def _read_line_by_line(path: str | Path, text: TextIO, kind: _Format) -> np.ndarray:
    """The rows without their numbers; InputError names the first line that is not as it should be."""
    rows: list[list[float]] = []
    for line_number, line in enumerate(text, start=1):
        if line_number == 1 or not line.strip():
            continue
        place = f"{path}:{line_number}"
        fields = line.rstrip("\r\n").split(kind.delimiter)
        if len(fields) != kind.columns:
            mark = "white space" if kind.delimiter is None else repr(kind.delimiter)
            raise InputError(
                f"{place} must have {kind.columns} columns, but has {len(fields)} (the header separates them by {mark})"
            )
        try:
            numbers = [_number(field) for field in fields[kind.indexed :]]
        except ValueError:
            raise InputError(f"{place} must hold numbers such as -0.5, but is {quoted(line.strip())}") from None
        if not kind.fine(np.array([numbers]))[0]:
            raise InputError(f"{place} {kind.fault(numbers)}")
        rows.append(numbers)
    return np.array(rows)


def _number(field: str) -> float:
    """The number in `field`; ValueError also for 1_0 and for digits of other scripts, which float() takes."""
    if not field.isascii() or "_" in field:
        raise ValueError
    return float(field.strip().strip('"'))
