"""Setting pairs (a_i, b_i): from arrays, from a name, from a file."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._checks import MAX_PAIRS, MAX_SEED, UNIT_TOLERANCE, InputError, integer, quoted, unit_vectors
from ._numerics import double_precision, random_key
from .sphere import equatorial_directions, fibonacci_directions, icosahedron_axes, sample_sphere

CSV_HEADER = "ax,ay,az,bx,by,bz"

NAMED_SETTINGS = "random:N, grid:N, equatorial:N, icosahedron or the name of a CSV file"


@dataclass(frozen=True, eq=False)
class SettingPairs:
    """Pairs of settings: `a` for Alice and `b` for Bob, unit vectors of shape (N, 3), float64.

    Vectors of norm 1 to within 1e-6 are renormalised; anything else raises InputError.
    """

    a: np.ndarray
    b: np.ndarray

    def __post_init__(self) -> None:
        a, b = unit_vectors("a", self.a), unit_vectors("b", self.b)
        if len(a) != len(b):
            raise InputError(f"a and b must have equally many rows, but have {len(a)} and {len(b)}")
        if len(a) > MAX_PAIRS:
            raise InputError(f"settings must be at most {MAX_PAIRS} pairs, but are {len(a)}")
        object.__setattr__(self, "a", a)
        object.__setattr__(self, "b", b)

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, rows: slice) -> SettingPairs:
        return SettingPairs(self.a[rows], self.b[rows])

    @classmethod
    def product(cls, alice: Any, bob: Any) -> SettingPairs:
        """Every direction of `alice` with every one of `bob`, Alice-major: pair i * len(bob) + j is (i, j)."""
        alice, bob = unit_vectors("a", alice), unit_vectors("b", bob)
        return cls(np.repeat(alice, len(bob), axis=0), np.tile(bob, (len(alice), 1)))

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> SettingPairs:
        """Settings by name: `random:N`, `grid:N`, `equatorial:N`, `icosahedron`, or a CSV file.

        `random:N` draws N pairs from `seed`; `grid:N` pairs N Fibonacci directions with themselves;
        `equatorial:N` the N angles k 180/N degrees of the circle z = 0; `icosahedron` its 6 axes.
        """
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
        if not text or not os.path.exists(text):
            raise InputError(f"settings must be {NAMED_SETTINGS}, but {quoted(text)} is none of them")
        return cls.from_csv(text)

    @classmethod
    def random(cls, num: int, seed: int = 0) -> SettingPairs:
        """`num` independent pairs, each setting uniform on S^2, the same for the same `seed`."""
        num, seed = integer("num", num, 1, MAX_PAIRS), integer("seed", seed, 0, MAX_SEED)
        with double_precision():
            a, b = np.asarray(sample_sphere(random_key(seed), (2, num)))
        return cls(a, b)

    @classmethod
    def from_csv(cls, path: str | Path) -> SettingPairs:
        """The pairs of a CSV file with the header `ax,ay,az,bx,by,bz`; a bad row is named by its line."""
        return cls(*np.split(read_numbers(path, CSV_HEADER), 2, axis=1))

    def to_csv(self, path: str | Path) -> None:
        """Write the pairs in the format that `from_csv` reads, to the last bit."""
        rows = np.concatenate([self.a, self.b], axis=1)
        np.savetxt(path, rows, fmt="%.17g", delimiter=",", header=CSV_HEADER, comments="")


def read_numbers(path: str | Path, header: str) -> np.ndarray:
    """The rows of a CSV file of numbers with `header`, whose columns 0-2 and 3-5 are unit vectors.

    The whole file goes through NumPy's parser; only where that fails, or a row is no setting, is it
    read again line by line for the first line at fault.
    """
    columns = header.count(",") + 1
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path} must be a regular file")
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            first = file.readline(10_000).rstrip("\r\n")
            if first.replace(" ", "") != header:
                raise InputError(f"{path}:1 must be the header {header}, but is {quoted(first)}")
            if _too_long(path):
                raise InputError(f"{path} must hold at most {MAX_PAIRS} rows, but holds more")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of a file without rows: said below
                try:
                    rows = np.loadtxt(file, delimiter=",", comments=None, ndmin=2, dtype=np.float64)
                except ValueError:
                    rows = None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if rows is None or (len(rows) and (rows.shape[1] != columns or not _settings_fine(rows))):
        rows = _read_line_by_line(path, columns)
    if len(rows) == 0:
        raise InputError(f"{path} must hold at least one row below its header, but holds none")
    return rows


def _too_long(path: str | Path) -> bool:
    """Whether the file has more lines than a run has pairs, found without holding more than a block."""
    newlines = size = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            newlines += block.count(b"\n")
            size += len(block)
            # Six numbers need fewer than 200 characters, so a larger file is too long whatever it holds.
            if newlines > MAX_PAIRS + 1 or size > 200 * MAX_PAIRS:
                return True
    return False


def _settings_fine(rows: np.ndarray) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(rows[:, :6].reshape(-1, 2, 3), axis=2)
    return bool((np.abs(norms - 1) <= UNIT_TOLERANCE).all())


def _read_line_by_line(path: str | Path, columns: int) -> np.ndarray:
    """The rows, or an InputError that names the first line at fault."""
    rows = []
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        next(file)
        for line_number, line in enumerate(file, start=2):
            if not line.strip():
                continue
            place = f"{path}:{line_number}"
            fields = line.rstrip("\r\n").split(",")
            if len(fields) != columns:
                raise InputError(f"{place} must have {columns} columns, but has {len(fields)}")
            try:
                numbers = np.array([_number(field) for field in fields])
            except ValueError:
                raise InputError(f"{place} must hold numbers, but is {quoted(line.strip())}") from None
            for party, vector in zip("ab", numbers[:6].reshape(2, 3), strict=True):
                norm = math.hypot(*vector)
                if not abs(norm - 1) <= UNIT_TOLERANCE:
                    raise InputError(
                        f"{place} must hold unit vectors (to {UNIT_TOLERANCE:g}), but the norm of {party} is {norm:.9g}"
                    )
            rows.append(numbers)
    return np.array(rows)


def _number(field: str) -> float:
    """float(), but for 1_0 and the digits of other scripts, which nobody means."""
    if not field.isascii() or "_" in field:
        raise ValueError
    return float(field)
