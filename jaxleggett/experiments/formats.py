"""Counts in the formats of others: Qiskit's dictionaries, KwiatLab's data files, xarray's datasets."""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._checks import MAX_COUNTS, InputError, counted, integer, quoted
from .._files import opened, read_json
from ..settings import SettingPairs
from .counts import ALPHA, BETA, BOTH, Counts

if TYPE_CHECKING:
    from xarray import Dataset

    from .._shapes import Float

KEYS = {text: n for n in range(4) for text in (f"{n:02b}", hex(n), bin(n), f"0b{n:02b}")}
"""The keys of two bits: "01", "0x1", "0b1" and "0b01" are all 1."""

JSON_FIELDS = ("a", "b", "counts")
"""What a JSON file of Qiskit's dictionaries has."""

KWIATLAB_STATES = {"H": [1, 0], "V": [0, 1], "D": [1, 1], "A": [1, -1], "R": [1, "1j"], "L": [1, "-1j"]}
"""The states that KwiatLab's format names where a file names none."""

MAX_STATES = 1000
"""Most states that a file of KwiatLab's format may name: each is held against the others."""

SAME = 1e-4
"""How far apart, as points of the Bloch sphere, two states may be and still count as one. Their numbers often have
four digits, such as 0.9239 for cos(22.5 degrees)."""

LABELS = ["".join("-0+"[outcome + 1] for outcome in both) for both in zip(ALPHA, BETA, strict=True)]
"""++, +-, -+, --, and +0, -0, 0+, 0-, 00 where outcomes are missing: the columns of counts."""

COMPONENTS = ["x", "y", "z"]

_UNSIGNED = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_COMPLEX = re.compile(
    rf"[+-]?\s*(?:{_UNSIGNED}(?:\s*[+-]\s*(?:{_UNSIGNED})?j)?|(?:{_UNSIGNED})?j)", re.ASCII | re.IGNORECASE
)


def from_qiskit(pairs: SettingPairs, counts: Sequence[Mapping[Any, Any]], alice: int = 1) -> Counts:
    """The counts of Qiskit's dictionaries, one for each of the setting pairs.

    pairs       the settings at which qubits were measured, N of them
    counts      N dictionaries, or objects of `qiskit.result.Counts`: how often each two bits were read. Keys are "01",
                "0 1" (a register each), "0x1", "0b01" or the integer 1; what is missing was seen 0 times
    alice       the classical bit that holds Alice's outcome [1]; the other one holds Bob's

    In Qiskit's strings, classical bit 0 stands at the right. Alice's qubit is the first factor of a density matrix,
    which is qubit 1 for Qiskit (see `TwoQubitState.from_density_matrix`); so with qubit k read into bit k her outcome
    is the left one of "01", and `alice=0` exchanges the two. The bit 0 is the outcome +1, the bit 1 is -1.

    Raises InputError, which names the pair and the key, for keys of any other number of bits, for an outcome with two
    keys, and for what is no whole number of events.

    >>> import jaxleggett as jl
    >>> from jaxleggett.experiments import from_qiskit
    >>> z = [0.0, 0.0, 1.0]
    >>> from_qiskit(jl.SettingPairs([z], [z]), [{"01": 40, "10": 30, "0x3": 2}]).events.tolist()
    [[0, 40, 30, 2]]
    """
    bit = integer("alice", alice, 0, 1)
    listed: object = [counts] if isinstance(counts, Mapping) else counts  # a job with one circuit gives no list
    if not isinstance(listed, list | tuple) or len(listed) != len(pairs):
        raise InputError(f"counts must be {counted(len(pairs), 'dictionary', 'dictionaries')}, one a setting pair, "
                         f"but are {quoted(listed)}")  # fmt: skip
    return Counts(pairs, [_four(f"pair {i} of counts", one, bit) for i, one in enumerate(listed)])


def _four(place: str, given: object, alice: int) -> list[int]:
    """The events ++, +-, -+, -- of one dictionary."""
    if not isinstance(given, Mapping):
        raise InputError(f"{place} must be a dictionary such as {{'00': 12, '11': 9}}, but is {quoted(given)}")
    events: list[int | None] = [None] * BOTH
    for key, value in _items(given):
        n = _bits(key)
        if n is None:
            raise InputError(
                f"{place} must have keys of two bits such as '01', '0 1', '0x1' or 1, but has {quoted(key)}"
            )
        column = 2 * (n >> alice & 1) + (n >> (1 - alice) & 1)
        if events[column] is not None:
            raise InputError(f"{place} must have one key for each outcome, but has {quoted(key)} beside another")
        events[column] = _whole(f"{place} at the key {quoted(key)}", value)
    return [number or 0 for number in events]


def _items(given: Mapping[Any, Any]) -> list[tuple[object, object]]:
    """Keys and values; Qiskit's own objects leave leading zeros out where they know no number of bits: "1" is 01."""
    own = cast("Any", given)
    raw = getattr(own, "int_raw", None)
    if raw is None:
        return list(given.items())
    registers = own.creg_sizes or [("", 2)]
    bits = own.memory_slots or sum(size for _, size in registers)
    return [(f"{key:0{bits}b}", value) for key, value in raw.items()]


def _bits(key: object) -> int | None:
    """What two bits a key means, as a number from 0 to 3; None for any other key."""
    if isinstance(key, str):
        registers = key.split()
        # Spaces part registers of one bit each; there are none inside of other keys.
        return KEYS.get("".join(registers)) if len(registers) == 1 or registers in _REGISTERS else None
    if isinstance(key, int | np.integer) and not isinstance(key, bool) and 0 <= key < 4:
        return int(key)
    return None


_REGISTERS = [["0", "0"], ["0", "1"], ["1", "0"], ["1", "1"]]


def _whole(name: str, value: object) -> int:
    """A number of events; InputError for texts and truth values as well, which nobody counted."""
    if isinstance(value, str | bool | np.bool_):
        raise InputError(f"{name} must be a whole number of events, but is {quoted(value)}")
    return integer(name, value, 0, MAX_COUNTS)


def read_json_counts(path: str | Path, alice: int = 1) -> Counts:
    """The counts of a JSON file {"a": [[x, y, z], ...], "b": [[x, y, z], ...], "counts": [{"00": 12, ...}, ...]}.

    path        the file; `a` and `b` are the settings, unit vectors, `counts` a dictionary for each pair
    alice       as for `from_qiskit`, which says what keys may be, and which bit is whose

    Raises InputError, which names the file, for anything else.
    """
    return _from_json(path, _object(path, read_json("counts", path)), alice)


def _object(path: str | Path, content: object) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise InputError(f"counts {path} must hold a JSON object, but hold {quoted(content)}")
    return cast("dict[str, Any]", content)


def _from_json(path: str | Path, content: dict[str, Any], alice: int) -> Counts:
    if missing := [name for name in JSON_FIELDS if name not in content]:
        raise InputError(f"counts {path} must have the fields {', '.join(JSON_FIELDS)}, but lack {', '.join(missing)}")
    try:
        return from_qiskit(SettingPairs(content["a"], content["b"]), content["counts"], alice)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_kwiatlab(path: str | Path) -> Counts:
    """The counts of a two-qubit data file (JSON) of KwiatLab's program Quantum-Tomography.

    path        the file: `measurement_states` are vectors (2,) by name, and each row of `data` has a `basis` of two
                names (qubit 1 is Alice's, qubit 2 Bob's), `counts` of which the last is that of coincidences, and
                perhaps `integration_time` and `relative_intensity`

    Rows belong to one setting pair where the states on each side are equal or orthogonal, as points of the Bloch sphere
    to within 1e-4; the outcome + is along the state that comes first in the file, on each side. A state (1, i)/sqrt2,
    which that program calls R, is the setting +y. Each pair needs its four outcomes, for the same time and intensity:
    rates are no counts. With one detector a qubit (`n_detectors_per_qubit` 1) the four are measured one after the
    other, and their sum is a number of trials only if the source was stable meanwhile; with 2 they are measured at
    once. Counts are taken as measured: nothing is subtracted for accidentals, or corrected for crosstalk or efficiency.

    Raises InputError, which names the row or the pair, for anything else.
    The format: https://github.com/KwiatLab/Quantum-Tomography, README, "Data File" (version 1.2).
    """
    return _from_kwiatlab(path, _object(path, read_json("counts", path)))


def _from_kwiatlab(path: str | Path, content: dict[str, Any]) -> Counts:
    try:
        for name, allowed in (("n_qubits", (2,)), ("n_detectors_per_qubit", (1, 2))):
            if content.get(name, allowed[0]) not in allowed or isinstance(content.get(name), bool):
                raise InputError(f"{name} must be {' or '.join(map(str, allowed))}, but is {quoted(content[name])}")
        states = _states(content.get("measurement_states", KWIATLAB_STATES))
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
    """The points of the Bloch sphere that the named states are."""
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
    """A finite number, or a complex one that is written as Python writes it; None for anything else."""
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
    return (names[0], names[1]), _whole(f"the coincidences in {place}", numbers[-1]), (time, intensity)


_CONDITIONS = ("integration_time", "relative_intensity")


class _Side:
    """The measurements of one party: the states that came first, and where each named state belongs."""

    def __init__(self, states: Mapping[str, Float[np.ndarray, "3"]]) -> None:
        self.states = states
        self.first: list[np.ndarray] = []
        self.known: dict[str, tuple[int, int]] = {}

    def place(self, name: str) -> tuple[int, int]:
        """The measurement that the state belongs to, and its outcome there, +1 or -1."""
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
    """What was measured at one setting pair, which `names` of states began."""

    names: tuple[str, str]
    conditions: tuple[float, float]
    events: list[int] = field(default_factory=lambda: [0] * BOTH)
    rows: list[int] = field(default_factory=lambda: [0] * BOTH)

    def add(self, column: int, number: int, conditions: tuple[float, float]) -> None:
        """A row more. InputError where it was counted at another time or intensity than those before."""
        for name, before, now in zip(_CONDITIONS, self.conditions, conditions, strict=True):
            if before != now:
                raise InputError(
                    f"the pair {quoted(self.names)} must have the same {name} in all rows, but has {before} and {now}"
                )
        self.events[column] += number
        self.rows[column] += 1

    def complete(self) -> list[int]:
        """The events ++, +-, -+, --. InputError where an outcome is missing, or was measured for longer than others."""
        if min(self.rows) == 0:
            missing = ", ".join(label for label, rows in zip(LABELS, self.rows, strict=False) if rows == 0)
            raise InputError(f"the pair {quoted(self.names)} must have all four outcomes, but lacks {missing}")
        if max(self.rows) > min(self.rows):
            given = ", ".join(map(str, self.rows))
            raise InputError(f"the pair {quoted(self.names)} must have as many rows for each outcome, but has {given}")
        return self.events


def read_counts(path: str | Path, alice: int = 1) -> Counts:
    """The counts of a file in any of the formats that are read, told apart by what it holds.

    path        a CSV file as for `Counts.from_csv`, a JSON file as for `read_json_counts`, or one as for
                `read_kwiatlab`, which has the field `data`
    alice       as for `from_qiskit`, of no account in other formats

    Raises InputError, which names the file and what is wrong, for anything else.
    """
    with opened("counts", path) as file:
        head = file.read(1000)
    if head.startswith((b"CDF", b"\x89HDF")):
        raise InputError(f"counts {path} must be CSV or JSON, but are NetCDF, which from_xarray takes once it is open")
    # Without marks of byte order, and the zeros of UTF-16.
    begins = head.translate(None, b"\xef\xbb\xbf\xff\xfe\0").lstrip()
    if not begins.startswith((b"{", b"[")) and Path(path).suffix.lower() != ".json":
        return Counts.from_csv(path)
    content = _object(path, read_json("counts", path))
    return _from_kwiatlab(path, content) if "data" in content else _from_json(path, content, alice)


def to_xarray(counts: Counts) -> Dataset:
    """`counts` as a dataset: `a` and `b` (pair, component), and `counts` (pair, outcome) with outcomes "++", "+-", ...

    Raises InputError where xarray is not installed.

    >>> import jaxleggett as jl
    >>> from jaxleggett.experiments import Counts, to_xarray
    >>> z = [0.0, 0.0, 1.0]
    >>> found = to_xarray(Counts(jl.SettingPairs([z], [z]), [[1, 40, 39, 0]]))
    >>> int(found.counts.sel(outcome="+-").sum())
    40
    """
    setting = {party: {"long_name": f"{party}'s setting on the Bloch sphere", "units": "1"} for party in _PARTIES}
    events = {"long_name": "number of events", "units": "1"}
    return _xarray().Dataset(
        {
            "a": (("pair", "component"), counts.pairs.a, setting["Alice"]),
            "b": (("pair", "component"), counts.pairs.b, setting["Bob"]),
            "counts": (("pair", "outcome"), counts.counts, events),
        },
        coords={
            "outcome": (
                "outcome",
                _texts(LABELS[: counts.counts.shape[1]]),
                {"long_name": "outcomes of Alice and Bob"},
            ),
            "component": ("component", _texts(COMPONENTS), {"long_name": "component"}),
        },
    )


_PARTIES = ("Alice", "Bob")


def _texts(labels: list[str]) -> np.ndarray:
    """Labels as objects: for texts of a fixed length, Zarr's third format has no specification yet."""
    return np.array(labels, object)


def from_xarray(dataset: Dataset) -> Counts:
    """The counts of a `dataset` such as `to_xarray` makes, whatever the order of its dimensions and outcomes.

    Raises InputError for anything else, and where xarray is not installed.

    >>> import jaxleggett as jl
    >>> from jaxleggett.experiments import Counts, from_xarray, to_xarray
    >>> z = [0.0, 0.0, 1.0]
    >>> counts = Counts(jl.SettingPairs([z], [z]), [[1, 40, 39, 0]])
    >>> from_xarray(to_xarray(counts)).events.tolist()
    [[1, 40, 39, 0]]
    """
    if not isinstance(dataset, _xarray().Dataset):
        raise InputError(f"dataset must be an xarray.Dataset, but is {quoted(dataset)}")
    try:
        outcomes = [str(x) for x in dataset["outcome"].values]
        labels = next(labels for labels in (LABELS[:BOTH], LABELS) if sorted(labels) == sorted(outcomes))
        chosen = dataset.sel(outcome=labels, component=COMPONENTS)
        a, b = (chosen[name].transpose("pair", "component").values for name in ("a", "b"))
        numbers = chosen["counts"].transpose("pair", "outcome").values
    except (KeyError, ValueError, TypeError, StopIteration):
        raise InputError(
            "dataset must have a and b (pair, component), counts (pair, outcome), components x, y, z and outcomes "
            f"{', '.join(LABELS[:BOTH])}, but has {quoted(dict(dataset.sizes))}"
        ) from None
    return Counts(SettingPairs(a, b), numbers)


def _xarray() -> Any:
    try:
        import xarray
    except ImportError:
        raise InputError("datasets need xarray: pip install 'jaxleggett[cluster]'") from None
    return xarray
