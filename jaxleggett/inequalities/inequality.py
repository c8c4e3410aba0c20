"""Leggett inequalities: what every Leggett model obeys, and where a state breaks it.

For coefficients g, f, h on setting pairs (a_i, b_i), every Leggett model has

    sum_i g_i C(a_i, b_i) + f_i M^A(a_i) + h_i M^B(b_i)  <=  beta,
    beta = max over unit u, v of  sum_i |g_i| - |g_i| |u.a_i - sgn(g_i) v.b_i| + f_i u.a_i + h_i v.b_i,

because g C <= |g| (1 - |M^A - sgn(g) M^B|) for each pair of hidden vectors, by [B13 (5)].
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Protocol, Self, cast

import numpy as np

from .._checks import InputError, counted, quoted
from .._doubles import exponent
from ..settings import SettingPairs

if TYPE_CHECKING:
    from .._shapes import ArrayLike, Float
    from ..joint_rotations import Axis


class Correlated(Protocol):
    """A state, or anything else that has marginals and correlators at settings a, b of shape (N, 3)."""

    def correlation(self, a: ArrayLike, b: ArrayLike, /) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
        """(M^A, M^B, C), of shape (N,) each."""
        ...


@dataclass(frozen=True, eq=False)
class LinearInequality:
    """sum_i g_i C(a_i, b_i) + f_i M^A(a_i) + h_i M^B(b_i) <= bound, for every model of some notion.

    `coefficients` g, `alice` f and `bob` h are N finite numbers each, the settings `a`, `b` unit vectors of shape
    (N, 3), and `bound` is a finite number, which is not checked against the others. Raises InputError, which names the
    field, for anything else.

    >>> z, x = [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]
    >>> chsh = LinearInequality([1, 1, 1, -1], [z, z, x, x], [z, x, z, x], [0] * 4, [0] * 4, bound=2.0)
    >>> import jaxleggett as jl
    >>> chsh.value(jl.werner())
    0.0
    """

    coefficients: Float[np.ndarray, "n"]
    a: Float[np.ndarray, "n 3"]
    b: Float[np.ndarray, "n 3"]
    alice: Float[np.ndarray, "n"]
    bob: Float[np.ndarray, "n"]
    bound: float

    if TYPE_CHECKING:  # lists are taken too, and made arrays of

        def __init__(
            self, coefficients: ArrayLike, a: ArrayLike, b: ArrayLike, alice: ArrayLike, bob: ArrayLike, bound: float
        ) -> None: ...

    def __post_init__(self) -> None:
        pairs = SettingPairs(self.a, self.b)
        object.__setattr__(self, "a", pairs.a)
        object.__setattr__(self, "b", pairs.b)
        for name in ("coefficients", "alice", "bob"):
            try:
                given = np.asarray(getattr(self, name))
                column = given.astype(np.float64) if given.dtype.kind in "iuf" else np.empty(0)
            except (TypeError, ValueError):
                column = np.empty(0)
            if column.shape != (len(pairs),) or not np.isfinite(column).all():
                wanted = counted(len(pairs), "finite number")
                raise InputError(
                    f"{name} of an inequality must be {wanted}, one for each setting pair, "
                    f"but is {quoted(getattr(self, name))}"
                )
            object.__setattr__(self, name, column)
        with np.errstate(over="ignore"):
            total = np.abs([self.coefficients, self.alice, self.bob]).sum()
        if not np.isfinite(total):
            what = "coefficients, alice and bob of an inequality"
            raise InputError(f"{what} must have a finite sum of moduli, but it is {total:g}")
        bound = cast("object", self.bound)  # of any type, where it comes from a file
        real = isinstance(bound, int | float | np.integer | np.floating) and not isinstance(bound, bool)
        try:
            number = float(self.bound) if real else math.nan
        except OverflowError:  # an integer larger than all doubles
            number = math.inf
        if not math.isfinite(number):
            raise InputError(f"bound of an inequality must be a finite number, but is {quoted(self.bound)}")
        object.__setattr__(self, "bound", number)

    def normalised(self) -> tuple[Self, int]:
        """The inequality divided by 2^k, with the bound set to 0, and k: then 1 <= sum |g_i| + |f_i| + |h_i| < 2.

        The division is exact for all coefficients above 2^-1000 of the sum. Where all are 0, k is 0.
        """
        columns = (self.coefficients, self.alice, self.bob)
        k = exponent(*columns)
        g, f, h = (np.ldexp(x, -k) for x in columns)
        return replace(self, coefficients=g, alice=f, bob=h, bound=0.0), k

    def value(self, state: Correlated) -> float:
        """The left side at visibility 1 for a `state`, or for any object with `correlation(a, b)`."""
        M_A, M_B, C = (np.asarray(x) for x in state.correlation(self.a, self.b))
        return float(self.coefficients @ C + self.alice @ M_A + self.bob @ M_B)

    def threshold(self, state: Correlated) -> float:
        """The white-noise visibility above which the `state` breaks the inequality: bound / value.

        Infinite where the value is not positive: no visibility of this state breaks it.
        """
        scaled, k = self.normalised()
        value = scaled.value(state)
        with np.errstate(over="ignore"):
            return float(np.ldexp(self.bound, -k)) / value if value > 0 else float("inf")

    def to_json(self) -> dict[str, object]:
        """The fields as plain lists, with the names of the command line's JSON."""
        return {name: x.tolist() if isinstance(x, np.ndarray) else x for name, x in vars(self).items()}

    @classmethod
    def from_json(cls, content: object) -> Self:
        """The inequality of `to_json`; InputError names the field that is missing or wrong."""
        if not isinstance(content, dict):
            raise InputError(f"an inequality must be a JSON object, but is {quoted(content)}")
        names = [f.name for f in fields(cls)]
        given = cast("dict[str, ArrayLike]", content)
        if missing := [name for name in names if name not in given]:
            raise InputError(f"an inequality must have the field {missing[0]}")
        g, a, b, f, h, bound = (given[name] for name in names)
        return cls(g, a, b, f, h, cast("float", bound))

    def __str__(self) -> str:
        def vector(x: np.ndarray) -> str:
            return f"({x[0]:+.6f}, {x[1]:+.6f}, {x[2]:+.6f})"

        columns = zip(self.coefficients, self.alice, self.bob, self.a, self.b, strict=True)
        rows = [
            f"{g:+.6f}  {f:+.6f}  {h:+.6f}  {vector(a)}  {vector(b)}" for g, f, h, a, b in columns if any((g, f, h))
        ]
        head = f"sum_i g_i C(a_i, b_i) + f_i M^A(a_i) + h_i M^B(b_i) <= {self.bound:.9f}"
        names = f"{'g_i':9}  {'f_i':9}  {'h_i':9}  {'a_i':33}  b_i"
        return "\n".join([head, names, *rows])


class LeggettInequality(LinearInequality):
    """sum_i g_i C(a_i, b_i) + f_i M^A(a_i) + h_i M^B(b_i) <= bound, for every Leggett model.

    The fields are those of `LinearInequality`. That the bound holds is not checked:
    `worst_vectors.bounded_inequality` searches for the least one, and `proofs.branch_and_bound.enclose` proves one.

    >>> import jaxleggett as jl
    >>> z = [[0.0, 0.0, 1.0]]
    >>> trivial = jl.LeggettInequality([-1.0], z, z, [0.0], [0.0], bound=1.0)  # -C(z, z) <= 1
    >>> trivial.threshold(jl.werner())  # the singlet reaches 1, but is not beyond it
    1.0
    """

    def at(self, u: ArrayLike, v: ArrayLike, axis: Axis | None = None) -> np.ndarray:
        """The largest left side for hidden vectors `u`, `v` of shape (K, 3), or (3,): (K,), or ().

        It is sum_i |g_i| - |g_i| |u.a_i - sgn(g_i) v.b_i| + f_i u.a_i + h_i v.b_i, the left side at the best
        correlators that [B13 (5)] allows. With an `axis`, it is averaged over joint turns of u and v about it.
        """
        u, v, g = np.asarray(u), np.asarray(v), self.coefficients
        b = -np.sign(g)[:, None] * self.b
        F, H = self.alice @ self.a, self.bob @ self.b
        if axis is None:
            modulus = np.abs(u @ self.a.T + v @ b.T)
        else:
            # Imported here: proofs, which are about inequalities without a symmetry, load no JAX.
            from ..joint_rotations import mean_modulus

            modulus = mean_modulus(*np.atleast_2d(u, v), self.a, b, axis).reshape(*u.shape[:-1], len(g))
            F, H = (F @ axis.alice) * axis.alice, (H @ axis.bob) * axis.bob
        return np.abs(g).sum() - modulus @ np.abs(g) + u @ F + v @ H
