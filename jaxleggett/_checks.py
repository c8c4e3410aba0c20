"""Checks of what a user hands in. Each message is one sentence: which argument, what it is, and what is allowed."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from typing import SupportsIndex

    from ._shapes import ArrayLike, Float

UNIT_TOLERANCE = 1e-6
"""How far from 1 the norm of a setting or of a Bloch vector may be before it is refused."""

ROUNDING = 1e-15
"""How far from 1 the norm of a vector may be after division by its norm (at most 3.4e-16 in 2 x 10^7 trials)."""

MAX_PAIRS = 10**7
"""Most setting pairs of one run."""

MAX_SEARCHED_PAIRS = 1000
"""Most setting pairs of an inequality that is searched for: its polish has five unknowns for each pair."""

MAX_RESTARTS = 10**6
"""Most random starts of a search."""

MAX_SAMPLES = 2**42
"""Most samples of one run: chunks are counted in 32 bits and hold at least 2048 samples of a large run."""

MAX_COUNTS = 10**11
"""Most events with one outcome at a setting pair: more than any experiment has, and exact in floating point."""

MAX_TRIALS = 10**7
"""Most trials of one file."""

MAX_WORKERS = 1024
"""Most processes that a sweep starts on one machine."""

MAX_SEED = 2**63 - 1


class InputError(ValueError):
    """Bad input. The message is one sentence for the user; the command line exits with code 2."""


def quoted(value: object) -> str:
    """`value` for a message: on one line, and short enough to read."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # an integer of more digits than Python prints
        text = f"{type(value).__name__} that is too long to print"
    return text if len(text) <= 60 else text[:57] + "..."


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, for a reader: "1 pair", "12 pairs", "1,024 pairs".

    plural      the noun for all numbers but 1, where it is not the singular with an s
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def unit_vectors(name: str, value: ArrayLike) -> Float[np.ndarray, "n 3"]:
    """`value` as float64 unit vectors of shape (N, 3); a single vector of shape (3,) becomes one row.

    A vector whose norm is 1 to within `ROUNDING` keeps its bits, any other is renormalised; so a second call changes
    nothing. Raises InputError for another shape, and for a vector whose norm misses 1 by more than `UNIT_TOLERANCE`.
    """
    try:
        vectors = real_array(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be an array of 3-vectors, but is {quoted(value)}") from None
    if vectors.ndim == 1:
        vectors = vectors[None]
    if vectors.ndim != 2 or vectors.shape[1] != 3 or len(vectors) == 0:
        raise InputError(f"{name} must have shape (N, 3) with N >= 1, but has {np.shape(value)}")
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.abs(norms - 1) <= UNIT_TOLERANCE))
    if len(bad):
        row = int(bad[0])
        raise InputError(
            f"{name} must hold unit vectors (to {UNIT_TOLERANCE:g}), but row {row} is "
            f"{vectors[row].tolist()} with norm {norms[row]:.9g}"
        )
    return vectors / np.where(np.abs(norms - 1) <= ROUNDING, 1, norms)[:, None]


def real_array(value: ArrayLike) -> Float[np.ndarray, "..."]:
    """`value` as a float64 array; TypeError, ValueError or OverflowError where it holds anything but real numbers."""
    if np.iscomplexobj(value):  # NumPy would drop the imaginary parts
        raise TypeError("complex numbers")
    return np.asarray(value, dtype=np.float64)


_FLOATING: tuple[type, ...] = (float, np.floating)
_SECONDS: tuple[type, ...] = (int, float, np.integer)


def integer(name: str, value: object, low: int, high: int) -> int:
    """`value` as an int in [low, high]; integral floats such as 1e6 count as integers, exactly."""
    try:
        if isinstance(value, str):
            text = value.strip()
            whole = int(text) if text.lstrip("+-").isdecimal() else _whole(float(text))
        else:
            number = cast("SupportsIndex", value)
            whole = _whole(float(number)) if isinstance(number, _FLOATING) else operator.index(number)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be an integer, but is {quoted(value)}") from None
    if not low <= whole <= high:
        raise InputError(f"{name} must lie between {low} and {high}, but is {quoted(whole)}")
    return whole


def _whole(number: float) -> int:
    if not number.is_integer():
        raise ValueError
    return int(number)


def time_limit(value: object) -> None:
    """InputError unless `value` is None or a number of seconds above 0, as an integer or a double."""
    try:
        # NumPy's shorter numbers would round the deadline that is made of them.
        seconds = float(cast("float", value)) if isinstance(value, _SECONDS) else 0.0
    except OverflowError:  # an integer beyond all doubles
        seconds = 0.0
    if value is not None and not seconds > 0:
        raise InputError(f"time_limit must be a number of seconds above 0, but is {quoted(value)}")


def visibilities(value: ArrayLike) -> Float[np.ndarray, "n"]:
    """`value` as a float64 array of visibilities in [-1/3, 1], at least one."""
    try:
        V = np.atleast_1d(real_array(value))
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"visibility must be a number, but is {quoted(value)}") from None
    if V.ndim != 1 or len(V) == 0:
        raise InputError(f"visibility must be a number or a list of numbers, but has shape {V.shape}")
    # -1/3 itself, however it was rounded, is allowed.
    bad = np.flatnonzero(~((V >= -1 / 3 - 1e-15) & (V <= 1)))
    if len(bad):
        raise InputError(f"visibility must lie in [-1/3, 1], but is {V[bad[0]]:.17g}")
    return V
