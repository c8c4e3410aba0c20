"""The best inequalities known to this project, as the package brings them along: docs/RECORDS.md."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np

from .._checks import MAX_SEARCHED_PAIRS, InputError, integer
from ..inequalities.inequality import LeggettInequality
from ..searches.sharing import shared

MANY = 24
"""Most pairs of a test where the caller names no number."""


@dataclass(frozen=True, eq=False)
class Record:
    """One of the best inequalities known to this project, for Werner states: docs/RECORDS.md.

    pairs        number of setting pairs with a coefficient
    settings     numbers of different settings of Alice and of Bob
    threshold    the visibility above which Werner states violate it
    inequality   with a proved bound
    """

    pairs: int
    settings: tuple[int, int]
    threshold: float
    inequality: LeggettInequality


_Z = np.array([[0.0, 0.0, 1.0]])

TRIVIAL = Record(1, (1, 1), 1.0, LeggettInequality(-np.ones(1), _Z, _Z, np.zeros(1), np.zeros(1), 1.0))
"""-C(z, z) <= 1, which no state violates: for fewer pairs or settings than any record has."""


@functools.cache
def records() -> tuple[Record, ...]:
    """The records that the package brings along, written by scripts/reproduce_records.py when it proves them again."""
    content = json.loads(resources.files("jaxleggett.experiments").joinpath("records.json").read_text("utf-8"))
    return tuple(
        Record(
            entry["pairs"],
            (entry["settings"][0], entry["settings"][1]),
            entry["threshold"],
            LeggettInequality.from_json(entry["inequality"]),
        )
        for entry in content["records"]
    )


def known_records(pairs: int | None, sides: tuple[int, int] | str | None) -> Sequence[Record]:
    """The records of at most this size, or `TRIVIAL` where there is none.

    pairs    most setting pairs [24]
    sides    most settings of Alice and of Bob instead: (m, n), or the text "mxn"; records that fit with the parties
             exchanged are exchanged

    Raises InputError where both are given, and for anything else.
    """
    if pairs is not None and sides is not None:
        raise InputError(f"pairs must be left out with sides {sides}")
    most = MANY if pairs is None else integer("pairs", pairs, 1, MAX_SEARCHED_PAIRS)
    if sides is not None:
        allowed = shared(sides)
        m, n = allowed.alice, allowed.bob
        # The singlet is the same with the parties exchanged.
        known = [x if _fits(x, m, n) else _exchanged(x) for x in records() if _fits(x, m, n) or _fits(x, n, m)]
    else:
        known = [x for x in records() if x.pairs <= most]
    return known or [TRIVIAL]


def _fits(record: Record, m: int, n: int) -> bool:
    return record.settings[0] <= m and record.settings[1] <= n


def _exchanged(record: Record) -> Record:
    """The same inequality with the parties exchanged."""
    i = record.inequality
    swapped = LeggettInequality(i.coefficients, i.b, i.a, i.bob, i.alice, i.bound)
    return replace(record, settings=record.settings[::-1], inequality=swapped)


def lowest(known: Sequence[Record]) -> Record:
    """The record with the lowest threshold."""
    return min(known, key=lambda record: record.threshold)
