"""Measured counts at pairs of settings: from arrays and from CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from .._checks import MAX_COUNTS, InputError, counted, integer, quoted
from ..settings import CSV_HEADER, SettingPairs, read_numbers

if TYPE_CHECKING:
    from .._shapes import ArrayLike, Bool, Float, Int

COUNTS_HEADER = f"{CSV_HEADER},npp,npm,nmp,nmm"
"""Header of a file of counts: events with the outcomes ++, +-, -+, -- (Alice's first)."""

MISSING_HEADER = f"{COUNTS_HEADER},np0,nm0,n0p,n0m,n00"
"""The same with the events of which outcomes are missing (0)."""

ALPHA = np.array([1, 1, -1, -1, 1, -1, 0, 0, 0])
"""Alice's outcome in each of the columns of counts; 0 where it is missing."""

BETA = np.array([1, -1, 1, -1, 0, 0, 1, -1, 0])
"""Bob's outcome, likewise."""

MOST_SPLIT = 10**9
"""From this number of events at a pair on, counts are not split."""

BOTH = 4
"""In how many columns, the first ones, both outcomes are there."""

LABELS = ["".join("-0+"[outcome + 1] for outcome in both) for both in zip(ALPHA, BETA, strict=True)]
"""++, +-, -+, --, and +0, -0, 0+, 0-, 00 where outcomes are missing: the columns of counts."""


def whole_number(name: str, value: object) -> int:
    """A number of events as an int; InputError for anything else, texts and truth values included."""
    if isinstance(value, str | bool | np.bool_):
        raise InputError(f"{name} must be a whole number of events, but is {quoted(value)}")
    return integer(name, value, 0, MAX_COUNTS)


class _CountColumns:
    """What the columns of counts in a file may hold."""

    def fine(self, rows: Float[np.ndarray, "n columns"]) -> Bool[np.ndarray, "n"]:
        """Whether each row has whole numbers from 0 up, and at least one event with both outcomes."""
        whole = (rows >= 0) & (rows == np.floor(rows)) & (rows <= MAX_COUNTS)
        return whole.all(axis=1) & (rows[:, :BOTH].sum(axis=1) > 0)

    def fault(self, numbers: Sequence[float]) -> str:
        """What is wrong with the counts of a row that is not fine."""
        given = ", ".join(f"{x:.15g}" for x in numbers)
        if all(x == 0 for x in numbers[:BOTH]):
            return "must have at least one event with both outcomes, but has none"
        return f"must hold whole numbers of events from 0 to {MAX_COUNTS:,}, but they are {given}"


@dataclass(frozen=True, eq=False)
class Counts:
    """Numbers of detection events at setting pairs.

    pairs     the setting pairs, N of them
    counts    whole numbers (N, 4) of events with the outcomes ++, +-, -+, -- (Alice's first), at least one a pair; or
              (N, 9) with those of which outcomes are missing behind them: +0, -0, 0+, 0-, 00

    Rows with the same pair of settings (to 9 decimals) are added up; `merged` is how many rows were added to another.
    Raises InputError for counts that are negative, fractional or above 10^11, and for a row without an event with both
    outcomes; it names the row.

    >>> import jaxleggett as jl
    >>> from jaxleggett.experiments import Counts
    >>> z = [0.0, 0.0, 1.0]
    >>> measured = Counts(jl.SettingPairs([z, z], [z, z]), [[1, 40, 39, 0], [2, 10, 8, 0]])
    >>> measured.merged, measured.events.tolist(), measured.C.tolist()
    (1, [[3, 50, 47, 0]], [-0.94])
    """

    pairs: SettingPairs
    counts: Int[np.ndarray, "n columns"]
    merged: int = field(default=0, init=False)

    if TYPE_CHECKING:  # lists are taken too, and made arrays of

        def __init__(self, pairs: SettingPairs, counts: ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        given = self._numbers()
        rows = np.round(np.concatenate([self.pairs.a, self.pairs.b], axis=1), 9) + 0.0
        _, first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        # In the order in which the pairs come first.
        order = np.argsort(first)
        number = np.argsort(order)[place.ravel()]
        total = np.zeros((len(first), given.shape[1]), np.int64)
        np.add.at(total, number, given)
        if total.max() > MAX_COUNTS:
            raise InputError(f"counts of a pair must be at most {MAX_COUNTS:,}, but add up to {total.max():,}")
        object.__setattr__(self, "merged", len(rows) - len(first))
        object.__setattr__(self, "counts", total)
        if self.merged:
            kept = first[order]
            object.__setattr__(self, "pairs", SettingPairs(self.pairs.a[kept], self.pairs.b[kept]))

    def _numbers(self) -> Int[np.ndarray, "n columns"]:
        """The counts as integers of shape (N, 4) or (N, 9); InputError for anything else."""
        try:
            given = np.asarray(self.counts)
            numbers = given.astype(np.float64) if given.dtype.kind in "iuf" else np.empty(0)
        except (TypeError, ValueError, OverflowError):
            numbers = np.empty(0)
        if numbers.shape not in ((len(self.pairs), BOTH), (len(self.pairs), len(ALPHA))):
            raise InputError(
                f"counts must be {BOTH} or {len(ALPHA)} numbers for each of {counted(len(self.pairs), 'pair')}, "
                f"but are {quoted(self.counts)}"
            )
        columns = _CountColumns()
        if len(bad := np.flatnonzero(~columns.fine(numbers))):
            raise InputError(f"row {bad[0]} of counts {columns.fault(numbers[bad[0]].tolist())}")
        return numbers.astype(np.int64)

    def __len__(self) -> int:
        return len(self.pairs)

    @classmethod
    def from_csv(cls, path: str | Path) -> Counts:
        """The counts of a CSV file with the header `ax,ay,az,bx,by,bz,npp,npm,nmp,nmm`.

        `np0,nm0,n0p,n0m,n00` may follow: events of which outcomes are missing. Settings may be angles, and other marks
        than commas separate the columns, as for `SettingPairs.from_csv`. A bad row is named by its line.
        """
        rows = read_numbers(path, COUNTS_HEADER, MISSING_HEADER, what="counts", rest=_CountColumns())
        return cls(SettingPairs(rows[:, :3], rows[:, 3:6]), rows[:, 6:])

    def to_csv(self, path: str | Path) -> None:
        """Write the counts in the format that `from_csv` reads, settings to the last bit."""
        with open(path, "w", encoding="ascii") as file:
            file.write(self.as_csv())

    def as_csv(self) -> str:
        """What `to_csv` writes."""
        header = COUNTS_HEADER if self.counts.shape[1] == BOTH else MISSING_HEADER
        settings = np.concatenate([self.pairs.a, self.pairs.b], axis=1)
        rows = (
            ",".join([*(f"{x:.17g}" for x in setting), *map(str, numbers)])
            for setting, numbers in zip(settings.tolist(), self.counts.tolist(), strict=True)
        )
        return "\n".join([header, *rows]) + "\n"

    @property
    def events(self) -> Int[np.ndarray, "n 4"]:
        """The events with both outcomes: ++, +-, -+, --."""
        return self.counts[:, :BOTH]

    @property
    def missing(self) -> int:
        """The number of events of which an outcome is missing."""
        return int(self.counts[:, BOTH:].sum())

    @property
    def C(self) -> Float[np.ndarray, "n"]:
        """Measured correlators: the mean of alpha beta over the events with both outcomes."""
        return self._mean(ALPHA * BETA)

    @property
    def M_A(self) -> Float[np.ndarray, "n"]:
        """Alice's measured marginals, likewise."""
        return self._mean(ALPHA)

    @property
    def M_B(self) -> Float[np.ndarray, "n"]:
        """Bob's measured marginals, likewise."""
        return self._mean(BETA)

    def _mean(self, values: Int[np.ndarray, "9"]) -> Float[np.ndarray, "n"]:
        return cast("np.ndarray", self.events @ values[:BOTH] / self.events.sum(axis=1))

    def split(self, share: float, seed: int) -> tuple[Counts, Counts]:
        """Two parts, the first with `share` of the events of every pair, drawn without replacement from `seed`.

        Both parts keep all pairs. Raises InputError where one part would have no event with both outcomes at a pair,
        and where a pair has 10^9 events or more, which NumPy does not draw without replacement.
        """
        if (most := int(self.counts.sum(axis=1).max())) >= MOST_SPLIT:
            raise InputError(f"counts must be below {MOST_SPLIT:,} events at each pair to be split, but are {most:,}")
        first = np.round(share * self.counts.sum(axis=1)).astype(np.int64)
        random = np.random.default_rng(seed)
        drawn = np.array(
            [
                random.multivariate_hypergeometric(row, number, method="marginals")
                for row, number in zip(self.counts, first, strict=True)
            ]
        )
        parts = drawn, self.counts - drawn
        if min(part[:, :BOTH].sum(axis=1).min() for part in parts) == 0:
            raise InputError("counts must have enough events at every pair to be split, but one part would have none")
        return Counts(self.pairs, parts[0]), Counts(self.pairs, parts[1])
