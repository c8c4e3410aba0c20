"""Counts in the formats of others: Qiskit's dictionaries, xarray's datasets, and one door for files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._checks import InputError, counted, integer, quoted
from .._files import opened, read_json
from ..settings import SettingPairs
from . import kwiatlab
from .counts import BOTH, LABELS, Counts, whole_number

if TYPE_CHECKING:
    from xarray import Dataset

KEYS = {text: n for n in range(4) for text in (f"{n:02b}", hex(n), bin(n), f"0b{n:02b}")}
"""What number two bits are, by their key: "01", "0x1", "0b1" and "0b01" are all 1."""

JSON_FIELDS = ("a", "b", "counts")
"""The fields of a JSON file of Qiskit's dictionaries."""

COMPONENTS = ["x", "y", "z"]
"""What the dimension `component` of a dataset is labelled with."""


def from_qiskit(pairs: SettingPairs, counts: Sequence[Mapping[Any, Any]], alice: int = 1) -> Counts:
    """The counts of Qiskit's dictionaries, one for each of the setting pairs.

    pairs       the settings at which qubits were measured, N of them
    counts      N dictionaries, or objects of `qiskit.result.Counts`: how often each two bits were read. Keys are "01",
                "0 1" (a register each), "0x1", "0b01" or the integer 1; an outcome without a key was seen 0 times
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
        wanted = f"{counted(len(pairs), 'dictionary', 'dictionaries')}, one for each setting pair"
        raise InputError(f"counts must be {wanted}, but are {quoted(listed)}")
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
        events[column] = whole_number(f"{place} at the key {quoted(key)}", value)
    return [number or 0 for number in events]


def _items(given: Mapping[Any, Any]) -> list[tuple[object, object]]:
    """Keys and values. Qiskit's own objects may leave out leading zeros ("1" for 01), which are put back."""
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
        # Spaces separate registers of one bit each; no other key has any.
        return KEYS.get("".join(registers)) if len(registers) == 1 or registers in _REGISTERS else None
    if isinstance(key, int | np.integer) and not isinstance(key, bool) and 0 <= key < 4:
        return int(key)
    return None


_REGISTERS = [["0", "0"], ["0", "1"], ["1", "0"], ["1", "1"]]


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


def read_counts(path: str | Path, alice: int = 1) -> Counts:
    """The counts of a file in any of the formats that are read, told apart by what it holds.

    path        a CSV file as for `Counts.from_csv`, a JSON file as for `read_json_counts`, or one as for
                `kwiatlab.counts_of`, which has the field `data`
    alice       as for `from_qiskit`; other formats do not use it

    Raises InputError, which names the file and what is wrong, for anything else.
    """
    with opened("counts", path) as file:
        head = file.read(1000)
    if head.startswith((b"CDF", b"\x89HDF")):
        raise InputError(f"counts {path} must be CSV or JSON, but are NetCDF, which from_xarray takes once it is open")
    # Without byte order marks and the zero bytes of UTF-16.
    begins = head.translate(None, b"\xef\xbb\xbf\xff\xfe\0").lstrip()
    if not begins.startswith((b"{", b"[")) and Path(path).suffix.lower() != ".json":
        return Counts.from_csv(path)
    content = _object(path, read_json("counts", path))
    return kwiatlab.counts_of(path, content) if "data" in content else _from_json(path, content, alice)


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
    """Labels as an array of objects, because Zarr's format 3 does not specify texts of a fixed length yet."""
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
        raise InputError(
            "datasets need xarray, which the extra 'cluster' of jaxleggett installs: in a checkout, "
            "pip install -e '.[cluster]'"
        ) from None
    return xarray
