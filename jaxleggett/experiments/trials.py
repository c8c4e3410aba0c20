"""Trials one by one, with settings drawn at random: from arrays and from CSV files."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._checks import MAX_TRIALS, InputError, counted, quoted, real_array
from .._files import opened
from ..settings import CSV_HEADER, SettingPairs, read_numbers
from .counts import ALPHA, BETA, BOTH, Counts

if TYPE_CHECKING:
    from .._shapes import ArrayLike, Float, Int

TRIALS_HEADER = "index,pair,alpha,beta"
"""Header of a file of trials."""

DRAWN_HEADER = f"{CSV_HEADER},probability"
"""Header of a file of settings and the probabilities with which they are drawn."""

LEAST = 1e-9
"""The least probability of a pair."""

SUM = 1e-9
"""How far from 1 the sum of the probabilities may be."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Trials in the order in which they were made, each at a pair that was drawn at random.

    pairs           the setting pairs, N of them
    probabilities   (N,): the probability of each pair in every trial, at least 1e-9 each, sum 1; fixed beforehand
    pair            (T,): the pair of each trial, a row of `pairs` counted from 0
    alpha, beta     (T,): Alice's and Bob's outcomes, +1 or -1; 0 where one is missing

    Raises InputError, which names the field and the trial, for anything else.
    """

    pairs: SettingPairs
    probabilities: Float[np.ndarray, "n"]
    pair: Int[np.ndarray, "t"]
    alpha: Int[np.ndarray, "t"]
    beta: Int[np.ndarray, "t"]

    if TYPE_CHECKING:  # lists are taken too, and made arrays of

        def __init__(
            self, pairs: SettingPairs, probabilities: ArrayLike, pair: ArrayLike, alpha: ArrayLike, beta: ArrayLike
        ) -> None: ...

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", checked_probabilities(self.probabilities, len(self.pairs)))
        if np.size(self.pair) == 0:
            raise InputError("there must be at least one trial")
        for name, low, high in (("pair", 0, len(self.pairs) - 1), ("alpha", -1, 1), ("beta", -1, 1)):
            given = np.asarray(getattr(self, name))
            if given.dtype.kind not in "iu" or given.ndim != 1 or len(given) != np.size(self.pair):
                raise InputError(f"{name} must be as many integers as there are trials, but is {quoted(given)}")
            if len(bad := np.flatnonzero((given < low) | (given > high))):
                raise InputError(f"{name} must lie between {low} and {high}, but is {given[bad[0]]} in trial {bad[0]}")
            object.__setattr__(self, name, given.astype(np.int64 if name == "pair" else np.int8))

    def __len__(self) -> int:
        return len(self.pair)

    def first(self, number: int) -> tuple[Trials, Trials]:
        """The first `number` trials, and the others; InputError where one of the two parts would be empty."""
        parts = slice(None, number), slice(number, None)
        before, after = (
            Trials(self.pairs, self.probabilities, self.pair[x], self.alpha[x], self.beta[x]) for x in parts
        )
        return before, after

    @property
    def column(self) -> Int[np.ndarray, "t"]:
        """The column of `Counts` to which each trial belongs."""
        place = np.empty((3, 3), np.int64)
        place[ALPHA, BETA] = np.arange(len(ALPHA))
        return place[self.alpha, self.beta]

    def numbers(self) -> Int[np.ndarray, "n columns"]:
        """How often each outcome was seen at each pair: 4 columns, or 9 where outcomes are missing."""
        column = self.column
        columns = BOTH if column.max() < BOTH else len(ALPHA)
        flat = np.bincount(self.pair * columns + column, minlength=len(self.pairs) * columns)
        return flat.reshape(len(self.pairs), columns)

    def counts(self) -> Counts | None:
        """The trials as counts; None where a pair has no trial with both outcomes."""
        numbers = self.numbers()
        return Counts(self.pairs, numbers) if (numbers[:, :BOTH].sum(axis=1) > 0).all() else None

    @classmethod
    def from_csv(cls, path: str | Path, settings: str | Path) -> Trials:
        """The trials of a CSV file with the header `index,pair,alpha,beta`, and the settings they were drawn from.

        `index` numbers the trials upwards, `pair` is a row of the file `settings` counted from 0, whose header is
        `ax,ay,az,bx,by,bz,probability`. A bad row is named by its line.
        """
        pairs, probabilities = read_drawn(settings)
        rows = _read(path)
        names = ("index", "pair", "alpha", "beta")
        index, pair, alpha, beta = rows.T
        faults = (
            (np.diff(index, prepend=index[0] - 1) <= 0, "index must grow from trial to trial"),
            ((pair < 0) | (pair >= len(pairs)), f"pair must be a row of {settings}, from 0 to {len(pairs) - 1}"),
            (np.abs(alpha) > 1, "alpha must be +1, -1, or 0 where it is missing"),
            (np.abs(beta) > 1, "beta must be +1, -1, or 0 where it is missing"),
        )
        for name, (bad, allowed) in zip(names, faults, strict=True):
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                raise InputError(f"{path}:{_line(path, row)}: {allowed}, but is {rows[row, names.index(name)]}")
        return cls(pairs, probabilities, pair, alpha, beta)

    def to_csv(self, path: str | Path, settings: str | Path) -> None:
        """Write trials and settings in the formats that `from_csv` reads."""
        rows = np.stack([np.arange(len(self)), self.pair, self.alpha, self.beta], axis=1)
        np.savetxt(path, rows, fmt="%d", delimiter=",", header=TRIALS_HEADER, comments="")
        write_drawn(settings, self.pairs, self.probabilities)


def checked_probabilities(given: ArrayLike, number: int) -> Float[np.ndarray, "n"]:
    """The probabilities of `number` pairs, divided by their sum; InputError for anything else."""
    try:
        q = real_array(given)
    except (TypeError, ValueError, OverflowError):
        q = np.empty(0)
    if q.shape != (number,) or not (np.isfinite(q) & (q >= LEAST)).all():
        wanted = f"{counted(number, 'number')} of at least {LEAST:g}, one for each setting pair"
        raise InputError(f"probabilities must be {wanted}, but are {quoted(given)}")
    if not abs(q.sum() - 1) <= SUM:
        raise InputError(f"probabilities must sum to 1 (to {SUM:g}), but sum to {q.sum():.12g}")
    return q / q.sum()


def read_drawn(path: str | Path) -> tuple[SettingPairs, Float[np.ndarray, "n"]]:
    """Setting pairs and their probabilities, from a CSV file with the header `ax,ay,az,bx,by,bz,probability`."""
    rows = read_numbers(path, DRAWN_HEADER)
    try:
        return SettingPairs(rows[:, :3], rows[:, 3:6]), checked_probabilities(rows[:, 6], len(rows))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def write_drawn(path: str | Path, pairs: SettingPairs, probabilities: Float[np.ndarray, "n"]) -> None:
    """Write setting pairs with their probabilities, as `read_drawn` reads them."""
    rows = np.concatenate([pairs.a, pairs.b, probabilities[:, None]], axis=1)
    np.savetxt(path, rows, fmt="%.17g", delimiter=",", header=DRAWN_HEADER, comments="")


def is_trial_file(path: str | Path) -> bool:
    """Whether a file begins with the header of trials."""
    with opened("counts", path) as file:
        return _names(file.readline(1000))[0] == TRIALS_HEADER


def _names(line: bytes) -> tuple[str, str]:
    """The column names of a header without the spaces around them, and the mark that separates them."""
    text = line.decode("utf-8-sig", "replace")
    mark = next((mark for mark in ",;\t" if mark in text), ",")
    return ",".join(name.strip() for name in text.split(mark)), mark


def _read(path: str | Path) -> Int[np.ndarray, "t 4"]:
    """The rows of a file of trials; InputError names the line at fault."""
    with opened("trials", path) as file:
        header = file.readline(1000)
        names, mark = _names(header)
        if names != TRIALS_HEADER:
            raise InputError(
                f"{path}:1 must be the header {TRIALS_HEADER}, but is {quoted(header.decode('utf-8', 'replace'))}"
            )
        content = file.read(40 * MAX_TRIALS + 1)
    if len(content) > 40 * MAX_TRIALS:
        raise InputError(f"{path} must hold at most {MAX_TRIALS:,} trials, but is larger")
    if not content.strip():
        raise InputError(f"{path} must hold at least one trial below its header, but holds none")
    try:
        rows = np.loadtxt(io.BytesIO(content), dtype=np.int64, delimiter=mark, comments=None, ndmin=2)
    except (ValueError, OverflowError):
        rows = np.empty((0, 0), np.int64)
    if len(rows) > MAX_TRIALS:
        raise InputError(f"{path} must hold at most {MAX_TRIALS:,} trials, but holds {len(rows):,}")
    if rows.shape[1] == 4:
        return rows
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), 2):
        fields = line.strip().split(mark)
        if line.strip() and not (len(fields) == 4 and all(_whole(x) for x in fields)):
            raise InputError(f"{path}:{number} must hold four whole numbers, but is {quoted(line.strip())}")
    raise InputError(f"{path} must hold four whole numbers a line")


def _line(path: str | Path, row: int) -> int:
    """The line of a file of trials, counted from 1, that holds the trial `row`, counted from 0: lines may be blank."""
    with opened("trials", path) as file:
        filled = (number for number, line in enumerate(file, 1) if number > 1 and line.strip())
        return next(itertools.islice(filled, row, None))


def _whole(text: str) -> bool:
    """Whether a field is a whole number that fits into 64 bits."""
    digits = text.strip()
    digits = digits[1:] if digits[:1] in ("+", "-") else digits
    return digits.isascii() and digits.isdecimal() and len(digits) < 19
