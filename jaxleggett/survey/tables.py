"""Correlations that need be no quantum state's: M^A, M^B and C at pairs of settings, from arrays and files."""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._checks import InputError, counted, quoted
from .._files import read_json
from ..settings import CSV_HEADER, SettingPairs, read_numbers

if TYPE_CHECKING:
    from .._shapes import ArrayLike, Float

HEADER = f"{CSV_HEADER},MA,MB,C"

ROUNDING = 1e-9
"""How far below 0 a probability may be, and how far two numbers that have to be equal may differ."""


@dataclass(frozen=True, eq=False)
class CorrelationTable:
    """P(alpha, beta) = (1 + alpha M^A + beta M^B + alpha beta C)/4 at `pairs` of settings [B13 (4)].

    `M_A`, `M_B` and `C` are N finite numbers each. Marginals may not depend on the other party's setting (no
    signalling): pairs that share a setting must have the same marginal there, and a pair that stands twice the same
    C, all to 1e-9. Raises InputError otherwise, and for a probability below -1e-9; it names the row, counted from 0.

    >>> import jaxleggett as jl
    >>> z, x = [0, 0, 1], [1, 0, 0]
    >>> pairs = jl.SettingPairs.product([z, x], [z, x])
    >>> box = CorrelationTable(pairs, [0] * 4, [0] * 4, [1, 1, 1, -1])
    >>> float(box.chsh())
    4.0
    """

    pairs: SettingPairs
    M_A: Float[np.ndarray, "n"]
    M_B: Float[np.ndarray, "n"]
    C: Float[np.ndarray, "n"]

    if TYPE_CHECKING:  # lists are taken too, and made arrays of

        def __init__(self, pairs: SettingPairs, M_A: ArrayLike, M_B: ArrayLike, C: ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        for name in ("M_A", "M_B", "C"):
            try:
                given = np.asarray(getattr(self, name))
                column = given.astype(np.float64) if given.dtype.kind in "iuf" else np.empty(0)
            except (TypeError, ValueError, OverflowError):
                column = np.empty(0)
            if column.shape != (len(self.pairs),) or not np.isfinite(column).all():
                wanted = f"{counted(len(self.pairs), 'finite number')}, one for each setting pair"
                raise InputError(f"{name} must be {wanted}, but is {quoted(getattr(self, name))}")
            object.__setattr__(self, name, column)
        signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        with np.errstate(over="ignore"):
            P = np.stack([(1 + s * self.M_A + t * self.M_B + s * t * self.C) / 4 for s, t in signs])
        if P.min() < -ROUNDING:
            k, row = np.unravel_index(int(P.argmin()), P.shape)
            raise InputError(
                f"probabilities must not be negative, but P({signs[k][0]:+d}, {signs[k][1]:+d}) of row {row} is "
                f"{P[k, row]:.6g}"
            )
        both = np.concatenate([self.pairs.a, self.pairs.b], axis=1)
        for name, shared, settings in (
            ("M_A", "setting of Alice", self.pairs.a),
            ("M_B", "setting of Bob", self.pairs.b),
            ("C", "pair of settings", both),
        ):
            numbers = getattr(self, name)
            _, first, place = np.unique(settings, axis=0, return_index=True, return_inverse=True)
            first = first[place.ravel()]
            off = np.abs(numbers - numbers[first])
            if off.max() > ROUNDING:
                row = int(off.argmax())
                raise InputError(
                    f"{name} must be the same in rows with the same {shared}, but differs by {off[row]:.6g} in the "
                    f"rows {first[row]} and {row}"
                )

    def correlation(self, a: ArrayLike, b: ArrayLike, /) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(M^A, M^B, C), of shape (N,) each, at the table's own settings a, b (N, 3); InputError for others."""
        if not (np.array_equal(a, self.pairs.a) and np.array_equal(b, self.pairs.b)):
            raise InputError("a and b must be the settings of the table")
        return self.M_A, self.M_B, self.C

    def chsh(self) -> float:
        """The largest CHSH value |E00 + E01 + E10 - E11| over two settings a side, the minus sign at any of the four.

        0 where the table has no two settings a side with all four pairs.
        """
        (A, i), (B, j) = (np.unique(x, axis=0, return_inverse=True) for x in (self.pairs.a, self.pairs.b))
        E = np.full((len(A), len(B)), np.nan)
        E[i.ravel(), j.ravel()] = self.C
        best = 0.0
        for p in range(len(A)):
            for q in range(p):
                plus, minus = np.abs(E[p] + E[q]), np.abs(E[p] - E[q])
                known = ~np.isnan(plus)
                if known.sum() > 1:
                    total = plus[known][:, None] + minus[known][None]
                    np.fill_diagonal(total, 0)
                    best = max(best, float(total.max()))
        return best

    @classmethod
    def of(cls, state: Any, pairs: SettingPairs) -> CorrelationTable:
        """The table of a state, or of anything with a method `correlation(a, b)`, at these pairs."""
        return cls(pairs, *(np.asarray(x, np.float64) for x in state.correlation(pairs.a, pairs.b)))

    @classmethod
    def read(cls, path: str) -> CorrelationTable:
        """From a CSV file with the header ax,ay,az,bx,by,bz,MA,MB,C, or a JSON file with the fields a, b, M_A, M_B, C.

        Raises InputError for a file that cannot be read or that holds no such table.
        """
        if str(path).endswith(".json"):
            content = read_json("correlation", path)
            if not isinstance(content, dict):
                raise InputError(f"correlation {path} must be a JSON object, but is {quoted(content)}")
            fields = cast("dict[str, Any]", content)
            if missing := [name for name in ("a", "b", "M_A", "M_B", "C") if name not in fields]:
                raise InputError(f"correlation {path} must have the field {missing[0]}")
            return cls(SettingPairs(fields["a"], fields["b"]), fields["M_A"], fields["M_B"], fields["C"])
        x = read_numbers(path, HEADER, what="correlation")
        return cls(SettingPairs(x[:, :3], x[:, 3:6]), x[:, 6], x[:, 7], x[:, 8])
