"""Counts in the data files of KwiatLab's tomography program."""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._checks import InputError, quoted
from ..settings import SettingPairs
from .counts import BOTH, LABELS, Counts, whole_number

if TYPE_CHECKING:
    from .._shapes import Float

STATES = {"H": [1, 0], "V": [0, 1], "D": [1, 1], "A": [1, -1], "R": [1, "1j"], "L": [1, "-1j"]}
"""The states that the format names where a file names none."""

MAX_STATES = 1000
"""Most states that a file may name: each is held against the others."""

SAME = 1e-4
"""Two states count as one up to this distance on the Bloch sphere. Files often give amplitudes with four digits, such
as 0.9239 for cos(22.5 degrees)."""

_UNSIGNED = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_COMPLEX = re.compile(
    rf"[+-]?\s*(?:{_UNSIGNED}(?:\s*[+-]\s*(?:{_UNSIGNED})?j)?|(?:{_UNSIGNED})?j)", re.ASCII | re.IGNORECASE
)


def counts_of(path: str | Path, content: dict[str, Any]) -> Counts:
    """The counts of a two-qubit data file (JSON) of KwiatLab's program Quantum-Tomography, from its `content`.

    path        names the file in messages
    content     `measurement_states` are vectors (2,) by name [H, V, D, A, R, L]; each row of `data` has a `basis` of
                two of these names (qubit 1 is Alice's, qubit 2 Bob's), `counts` of which the last is that of
                coincidences, and perhaps `integration_time` and `relative_intensity` [1]

    Rows belong to one setting pair where the states on each side are equal or orthogonal, as points of the Bloch sphere
    to within 1e-4; the outcome + is along the state that comes first in the file, on each side. A state (1, i)/sqrt2,
    which that program calls R, is the setting +y. Each pair needs its four outcomes, for the same time and intensity:
    rates are no counts. With one detector a qubit (`n_detectors_per_qubit` 1) the four are measured one after the
    other, and their sum is a number of trials only if the source was stable meanwhile; with 2 they are measured at
    once. Counts are used as measured: they are not corrected for accidentals, crosstalk or efficiency.

    Raises InputError, which names the row or the pair, for anything else.
    The format: https://github.com/KwiatLab/Quantum-Tomography, README, "Data File" (version 1.2).
    """
    try:
        for name, allowed in (("n_qubits", (2,)), ("n_detectors_per_qubit", (1, 2))):
            if content.get(name, allowed[0]) not in allowed or isinstance(content.get(name), bool):
                raise InputError(f"{name} must be {' or '.join(map(str, allowed))}, but is {quoted(content[name])}")
        states = _states(content.get("measurement_states", STATES))
        rows = content.get("data")
        if not isinstance(rows, list) or not rows:
            raise InputError(f"data must be a list of measurements, but is {quoted(rows)}")
        alice, bob = _Side(states), _Side(states)
        pairs: dict[tuple[int, int], _Measured] = {}
        for i, row in enumerate(cast("list[object]", rows)):
            names, number, conditions = _row(f"row {i} of data", row, states)
            (p, alpha), (q, beta) = alice.place(names[0]), bob.place(names[1])
            pair = pairs.setdefault((p, q), _Measured(names, conditions))
            pair.add((1 - alpha) + (1 - beta) // 2, number, conditions)
        events = [pair.complete() for pair in pairs.values()]
        a, b = ([side.first[pair[k]] for pair in pairs] for k, side in enumerate((alice, bob)))
        return Counts(SettingPairs(a, b), events)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _states(given: object) -> dict[str, Float[np.ndarray, "3"]]:
    """The points of the Bloch sphere of the named states."""
    if not isinstance(given, dict) or not 0 < len(given) <= MAX_STATES:
        raise InputError(f"measurement_states must be an object of 1 to {MAX_STATES} states, but is {quoted(given)}")
    found = {}
    for name, vector in cast("dict[str, object]", given).items():
        numbers = [_complex(x) for x in vector] if isinstance(vector, list) and len(vector) == 2 else [None]
        scale = max(math.inf if x is None else max(abs(x.real), abs(x.imag)) for x in numbers)
        if not 0 < scale < math.inf:
            raise InputError(
                f"state {quoted(name)} must be two finite numbers, complex ones as texts such as '0.5 - 0.5j', "
                f"not both 0, but is {quoted(vector)}"
            )
        h, v = np.array(numbers, np.complex128) / scale
        s = np.array([2 * (h.conjugate() * v).real, 2 * (h.conjugate() * v).imag, abs(h) ** 2 - abs(v) ** 2])
        found[name] = s / np.linalg.norm(s)
    return found


def _complex(given: object) -> complex | None:
    """A finite number, or a text with a complex one as Python writes it; None for anything else."""
    try:
        if isinstance(given, str):
            text = given.strip().removeprefix("(").removesuffix(")").strip()
            fine = len(text) <= 100 and _COMPLEX.fullmatch(text)
            number = complex("".join(text.split()) if fine else "nan")
        else:
            fine = isinstance(given, int | float) and not isinstance(given, bool)
            number = complex(cast("float", given) if fine else math.nan)
    except OverflowError:  # an integer beyond all doubles
        return None
    return number if cmath.isfinite(number) else None


def _row(place: str, row: object, states: Mapping[str, object]) -> tuple[tuple[str, str], int, tuple[float, float]]:
    """The names of both states, the number of coincidences, and the time and intensity that they were counted at."""
    if not isinstance(row, dict):
        raise InputError(f"{place} must be an object with basis and counts, but is {quoted(row)}")
    fields = cast("dict[str, Any]", row)
    names, numbers = fields.get("basis"), fields.get("counts")
    if not isinstance(names, list) or len(names) != 2 or not all(isinstance(x, str) and x in states for x in names):
        raise InputError(f"{place} must have a basis of two names of measurement_states, but has {quoted(names)}")
    # Singles of both detectors and coincidences; singles may be left out.
    if not isinstance(numbers, list) or len(numbers) not in (1, 3):
        raise InputError(
            f"{place} must have counts of two singles and the coincidences, or these alone, but has {quoted(numbers)}"
        )
    conditions = tuple(fields.get(name, 1) for name in _CONDITIONS)
    for name, value in zip(_CONDITIONS, conditions, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise InputError(f"{place} must have a number above 0 as {name}, but has {quoted(value)}")
    time, intensity = conditions
    return (names[0], names[1]), whole_number(f"the coincidences in {place}", numbers[-1]), (time, intensity)


_CONDITIONS = ("integration_time", "relative_intensity")


class _Side:
    """The measurements of one party: the states that came first, and where each named state belongs."""

    def __init__(self, states: Mapping[str, Float[np.ndarray, "3"]]) -> None:
        self.states = states
        self.first: list[np.ndarray] = []
        self.known: dict[str, tuple[int, int]] = {}

    def place(self, name: str) -> tuple[int, int]:
        """The number of the measurement to which the state belongs, and its outcome there, +1 or -1."""
        if name not in self.known:
            s = self.states[name]
            first = np.reshape(self.first, (-1, 3))
            same, opposite = (np.linalg.norm(first - sign * s, axis=1) <= SAME for sign in (1, -1))
            if not (same | opposite).any():
                self.first.append(s)
                self.known[name] = len(self.first) - 1, 1
            else:
                number = int(np.argmax(same | opposite))
                self.known[name] = number, 1 if same[number] else -1
        return self.known[name]


@dataclass
class _Measured:
    """Events and rows of each outcome at one setting pair; `names` of states and `conditions` are its first row's."""

    names: tuple[str, str]
    conditions: tuple[float, float]
    events: list[int] = field(default_factory=lambda: [0] * BOTH)
    rows: list[int] = field(default_factory=lambda: [0] * BOTH)

    def add(self, column: int, number: int, conditions: tuple[float, float]) -> None:
        """Add a row. InputError where it was counted for another time, or at another intensity, than the first one."""
        for name, before, now in zip(_CONDITIONS, self.conditions, conditions, strict=True):
            if before != now:
                raise InputError(
                    f"the pair {quoted(self.names)} must have the same {name} in all rows, but has {before} and {now}"
                )
        self.events[column] += number
        self.rows[column] += 1

    def complete(self) -> list[int]:
        """The events ++, +-, -+, --. InputError where an outcome has no row, or more rows than another."""
        if min(self.rows) == 0:
            missing = ", ".join(label for label, rows in zip(LABELS, self.rows, strict=False) if rows == 0)
            raise InputError(f"the pair {quoted(self.names)} must have all four outcomes, but lacks {missing}")
        if max(self.rows) > min(self.rows):
            given = ", ".join(map(str, self.rows))
            raise InputError(f"the pair {quoted(self.names)} must have as many rows for each outcome, but has {given}")
        return self.events
