"""All POVMs on Werner states: a model up to V = 33/50, proved by boxes (docs/POVMS.md, Theorem B).

The kernel psi of a pair of effects is a polynomial in z1 = |u.p|, z2 = |u.q| (p, q the unit vectors along a + b and
a - b) whose coefficients depend on the angle phi between a and b. With t = tan(phi/4) in [0, 1], k = cos(phi/2) and s =
sin(phi/2) are rational functions of t. The interval [0, 1] is cut into cells. On each cell, ball arithmetic (Arb)
encloses the coefficients of every polynomial that has to be non-negative. As z1, z2 >= 0, the lower ends of these balls
are the coefficients of a smaller polynomial. That one is bounded on the quarter disk z1^2 + z2^2 <= 1, which is covered
by squares: on a square, its smallest Bernstein coefficient is at most its smallest value (G. T. Cargo and O. Shisha,
J. Res. NBS 70B, 79, 1966).

A certificate is a table of integers over one denominator; povms.txt, beside this module, has it. It was found by
scripts/povm_kernel.py.
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from .._clock import OutOfTime, late

TABLE = Path(__file__).with_name("povms.txt")
"""The certificate of V = 33/50."""

DEGREE = 6
"""The largest degree of the polynomials, in z1 and in z2."""

CELLS = 64
"""Number of cells of t at the beginning."""

DEEPEST_CELL, DEEPEST_SQUARE = 14, 9
"""How often a cell of t, and a square of z1, z2, may be halved."""

ROUNDING = 1e-12
"""More than the rounding error of a Bernstein coefficient, relative to the sum of the moduli of the polynomial's
coefficients. A Bernstein coefficient is a sum of 49 terms, each of them a coefficient times numbers in [0, 1] that are
right to 20 roundings."""

PRECISION = 80
"""Binary digits of Arb's balls."""

Poly = dict[tuple[int, int], Any]
"""A polynomial: its coefficients of z1^i z2^j by (i, j), which are balls, series of balls, or floats."""

Terms = dict[tuple[int, int], dict[str, Fraction]]
"""A polynomial that depends on the angle: by (i, j), the shares of 1, s, k, c, sk in the coefficient of z1^i z2^j."""

CONSTANTS = ("tau0", "w", "e0", "W", "h", "eta1", "eta2", "dh")
"""The constants of a table; dh is delta times h."""

BOUNDS = ("kappa1", "kappa2", "beta", "gamma")
"""The polynomials of one variable in (C2) and (C3)."""

KERNEL = ("pi", "omega", "rho")
"""The polynomials of z1, z2 in the kernel; `pi` and `omega` are without their constant terms, `rho` is over s."""


@dataclass(frozen=True)
class Table:
    """The numbers of Theorem B, as fractions: `CONSTANTS` by name, `BOUNDS` by ascending powers, and `KERNEL`."""

    constants: dict[str, Fraction]
    bounds: dict[str, tuple[Fraction, ...]]
    kernel: dict[str, Terms]

    @classmethod
    def read(cls, path: Path = TABLE) -> Table:
        """From a file whose lines begin with a name, followed by integers over the denominator of its first line.

        Lines of `KERNEL` have the exponents of z1, z2 before the shares of the functions that the line `basis` names.
        """
        (_, denominator), (_, *basis), *lines = (line.split() for line in path.read_text().splitlines())
        constants: dict[str, Fraction] = {}
        bounds: dict[str, tuple[Fraction, ...]] = {}
        kernel: dict[str, Terms] = {name: {} for name in KERNEL}
        for name, *words in lines:
            numbers = [int(word) for word in words]
            over = [Fraction(number, int(denominator)) for number in numbers]
            if name in CONSTANTS:
                (constants[name],) = over
            elif name in BOUNDS:
                bounds[name] = tuple(over)
            else:
                kernel[name][numbers[0], numbers[1]] = dict(zip(basis, over[2:], strict=True))
        return cls(constants, bounds, kernel)

    @property
    def visibility(self) -> Fraction:
        """V = 1/3 + (W + (e0 - w)/3) / (2 - tau0)."""
        c = self.constants
        return Fraction(1, 3) + (c["W"] + (c["e0"] - c["w"]) / 3) / (2 - c["tau0"])


def moment(i: int, j: int, pi: Any) -> Any:
    """m(i, j) = E[z1^i z2^j] over the sphere.

    m(0, 0) = 1, m(1, 0) = 1/2, m(1, 1) = 2/(3 pi) and m(i + 2, j) = m(i, j) (i + 1)/(i + j + 3); m(i, j) = m(j, i).
    `pi` is the number, a float or a ball; so is the result. Raises ArithmeticError for negative exponents.
    """
    if min(i, j) < 0:
        raise ArithmeticError(f"exponents must not be negative, but are {i} and {j}")
    if i > 1:
        return moment(i - 2, j, pi) * (i - 1) / (i + j + 1)
    if j > 1:
        return moment(i, j - 2, pi) * (j - 1) / (i + j + 1)
    one = pi * 0 + 1
    return (one, one / 2, 2 / (3 * pi))[i + j]


def _plus(*polys: Poly) -> Poly:
    total: Poly = {}
    for poly in polys:
        for key, x in poly.items():
            total[key] = total[key] + x if key in total else x
    return total


def _times(p: Poly, q: Poly) -> Poly:
    total: Poly = {}
    for (i, j), x in p.items():
        for (m, n), y in q.items():
            key = i + m, j + n
            total[key] = total[key] + x * y if key in total else x * y
    return total


def _scaled(p: Poly, factor: Any) -> Poly:
    return {key: x * factor for key, x in p.items()}


def _mean(p: Poly, pi: Any) -> Any:
    """E of a polynomial in z1, z2."""
    return sum((x * moment(i, j, pi) for (i, j), x in p.items()), pi * 0)


@dataclass(frozen=True, eq=False)
class Kernel:
    """psi at one angle, or on a cell of angles; k, s and c = cos phi are series of balls, or floats.

    psi = (X - Y)_+ omega + M (pi + sgn(X - Y) rho) with M = 1 - k z1 - s z2; `plus` and `minus` are pi +- rho, for
    X > Y and X < Y. The constant terms of omega and pi are what the two conditions on means make them.
    """

    k: Any
    s: Any
    c: Any
    plus: Poly
    minus: Poly
    omega: Poly
    M: Poly

    @classmethod
    def at(cls, table: Table, k: Any, s: Any, c: Any, g: Any, pi: Any, number: Callable[[Fraction], Any]) -> Kernel:
        """The kernel of a table for given k, s, c and g = a.G.b.

        `pi` is the number; `number` turns a fraction into what `pi` is, a ball or a float.
        """
        one = k * 0 + 1
        basis = {"1": one, "s": s, "k": k, "c": c, "sk": s * k}
        constants = {name: number(x) for name, x in table.constants.items()}

        def poly(terms: Terms) -> Poly:
            return {
                key: sum((number(x) * basis[name] for name, x in row.items()), one * 0) for key, row in terms.items()
            }

        M: Poly = {(0, 0): one, (1, 0): -k, (0, 1): -s}
        pi_, omega, rho = (poly(table.kernel[name]) for name in KERNEL)
        # E[z2^2 omega] + E[M z2 rho/s] = w/3, so that E[u o] = (w/6)(a - b) for the odd part o of psi
        known = _mean(_times({(0, 2): one}, omega), pi) + _mean(_times(_times(M, {(0, 1): one}), rho), pi)
        omega = _plus(omega, {(0, 0): constants["w"] - 3 * known})
        # E psi = e0 - W c + g, with E M = 1 - (k + s)/2
        known = s * _mean(_times({(0, 1): one}, omega), pi) + _mean(_times(M, pi_), pi)
        pi_ = _plus(pi_, {(0, 0): (constants["e0"] - constants["W"] * c + g - known) / (1 - (k + s) / 2)})
        odd = _scaled(rho, s)
        return cls(k, s, c, _plus(pi_, odd), _plus(pi_, _scaled(odd, -1)), omega, M)

    def psi(self, sign: int) -> Poly:
        """psi where X - Y has this sign, 1 or -1."""
        if sign < 0:
            return _times(self.M, self.minus)
        return _plus(_times(self.M, self.plus), _times({(0, 1): 2 * self.s}, self.omega))

    def even_moments(self, pi: Any) -> tuple[Any, Any, Any]:
        """E[e z1^2], E[e z2^2] and E[e] of the even part e = s z2 omega + M (plus + minus)/2 of psi."""
        half = _scaled(_plus(self.plus, self.minus), self.k * 0 + 0.5)
        even = _plus(_times({(0, 1): self.s}, self.omega), _times(self.M, half))
        one = self.k * 0 + 1
        squares: tuple[Poly, ...] = ({(2, 0): one}, {(0, 2): one}, {(0, 0): one})
        first, second, third = (_mean(_times(even, square), pi) for square in squares)
        return first, second, third


def _composed(coefficients: Iterable[Any], Z: Poly, one: Any) -> Poly:
    """f(Z) for the polynomial f with these coefficients of ascending powers, by Horner's rule."""
    total: Poly = {}
    for x in reversed(list(coefficients)):
        total = _plus(_times(total, Z), {(0, 0): one * x})
    return total


def conditions(
    table: Table, kernels: tuple[Kernel, Kernel], number: Callable[[Fraction], Any]
) -> list[list[list[Poly]]]:
    """What has to be non-negative on the quarter disk: a list of conditions, each a list of alternatives.

    An alternative is a list of polynomials that are all to be non-negative. A condition holds if at every point one of
    its alternatives does; the last alternative is the condition itself. `kernels` are those for g = -h and g = h. psi
    is affine in g and grows with it, so that (C1) is tested at g = -h, and (C2) at g = h. In (C3), delta g is dh g/h,
    with dh from the table.
    """
    low, high = kernels
    k, s, c = low.k, low.s, low.c
    one = k * 0 + 1
    kappa1, kappa2, beta, gamma = ([number(x) for x in table.bounds[name]] for name in BOUNDS)

    def along(first: int, second: int) -> Poly:
        return {(1, 0): first * k, (0, 1): second * s}

    found: list[list[list[Poly]]] = [[[low.minus]], [[low.plus, low.omega], [low.psi(1)]]]
    for m in (1, -1):
        for n in (1, -1):
            X, Y = along(m, n), along(m, -n)
            B = _plus(
                {(0, 0): one},
                _scaled(_composed(kappa1, X, one), -c),
                _scaled(_times(_composed(kappa2, X, one), Y), -1),
            )
            P = high.plus if n > 0 else high.minus
            # 1 + X = M + (1 + m) k z1 + (1 + n) s z2, term by term against psi.
            parts = [_plus(B, _scaled(P, -1))]
            parts += [_plus(B, _scaled(high.omega, -1))] if n > 0 else []
            parts += [B] if m > 0 else []
            found.append([parts, [_plus(_times(_plus({(0, 0): one}, X), B), _scaled(high.psi(n), -1))]])
    tau0, dh = (number(table.constants[name]) for name in ("tau0", "dh"))
    for kernel, end in zip(kernels, (-1, 1), strict=True):
        for n in (1, -1):
            X, Y = along(1, n), along(1, -n)
            opposite = along(-1, n)  # -Y
            below = _plus(
                {(0, 0): one * (tau0 + end * dh)},
                _scaled(_plus(_composed(beta, X, one), _composed(beta, opposite, one)), c),
                _times(Y, _composed(gamma, X, one)),
                _scaled(_times(X, _composed(gamma, opposite, one)), -1),
            )
            found.append([[_plus(kernel.psi(n), _scaled(below, -1))]])
    return found


def remainders(table: Table, kernel: Kernel, pi: Any, number: Callable[[Fraction], Any]) -> tuple[Any, Any, Any]:
    """(C4): the diagonal elements of R along p, q and their normal. Their moduli must not exceed h."""
    k, s, c = kernel.k, kernel.s, kernel.c
    eta1, eta2 = number(table.constants["eta1"]), number(table.constants["eta2"])
    first, second, whole = kernel.even_moments(pi)
    p = first - whole / 3 - eta1 * (k * k - c / 3) - eta2 * c * (k * k - number(Fraction(1, 3)))
    q = second - whole / 3 - eta1 * (-s * s - c / 3) - eta2 * c * (s * s - number(Fraction(1, 3)))
    return p, q, -p - q


def certify_povm(table: Table | None = None, time_limit: float | None = None) -> Fraction:
    """A visibility up to which all POVMs on Werner states have a Leggett model, proved: docs/POVMS.md, Theorem B.

    Raises ArithmeticError with the cell where a condition is not proved, and OutOfTime.

    >>> Table.read().visibility
    Fraction(33, 50)
    """
    from flint import arb, arb_series, ctx, fmpq

    table = Table.read() if table is None else table
    deadline = None if time_limit is None else time.monotonic() + time_limit

    def number(x: Fraction) -> Any:
        return arb(fmpq(x.numerator, x.denominator))

    def needed(t: Any) -> tuple[list[Any], list[list[list[Poly]]]]:
        """What (C4) bounds by h, and what has to be non-negative, as series of three terms in t."""
        x = arb_series([t, 1])
        k, s = (1 - x * x) / (1 + x * x), 2 * x / (1 + x * x)
        low, high = (Kernel.at(table, k, s, 2 * k * k - 1, g, arb.pi(), number) for g in (-h, h))
        rest = [x for kernel in (low, high) for x in remainders(table, kernel, arb.pi(), number)]
        return rest, conditions(table, (low, high), number)

    before = ctx.prec, ctx.cap
    try:
        ctx.prec, ctx.cap = PRECISION, 3
        h = number(table.constants["h"])
        if not (table.constants["tau0"] < 2 and table.constants["h"] >= 0):
            raise ArithmeticError("a table must have tau0 < 2 and h >= 0")
        cells = [(Fraction(i, CELLS), Fraction(i + 1, CELLS), 0) for i in range(CELLS)]
        while cells:
            if late(deadline):
                raise OutOfTime
            start, end, depth = cells.pop()
            middle, half = (start + end) / 2, number((end - start) / 2)
            at_middle, on_cell = needed(number(middle)), needed(number(start).union(number(end)))
            ends = [_at_ends(x, y, half) for x, y in zip(at_middle[0], on_cell[0], strict=True)]
            proved = all(abs(x) <= h for pair in ends for x in pair) and all(
                _holds(*alternatives, half) for alternatives in zip(at_middle[1], on_cell[1], strict=True)
            )
            if proved:
                continue
            if depth == DEEPEST_CELL:
                raise ArithmeticError(f"a condition is not proved for tan(phi/4) in [{start}, {end}]")
            cells += [(start, middle, depth + 1), (middle, end, depth + 1)]
    finally:
        ctx.prec, ctx.cap = before
    return table.visibility


def _at_ends(middle: Any, cell: Any, half: Any) -> tuple[Any, Any]:
    """Two balls, for the ends of a cell, such that f(x) lies in a weighted mean of them wherever x is in the cell.

    By Taylor's theorem f = f0 + f1 x + f2 x^2 for |x| <= half, where f0 and f1 are the terms of the series at the
    middle, and f2 is in the ball of the third term on the whole cell. f0 + f1 x is a mean of its values at both ends,
    with weights that depend on x alone, and f2 x^2 lies in f2 [0, half^2].
    """
    square = cell[2] * (half * half).union(half * 0)
    return middle[0] - middle[1] * half + square, middle[0] + middle[1] * half + square


def _below(middle: Poly, cell: Poly, half: Any) -> np.ndarray:
    """Coefficients (2, d, d) of two polynomials; for each t, a mean of them is at most the given one if z1, z2 >= 0."""
    found = np.zeros((2, DEGREE + 1, DEGREE + 1))
    for key, x in middle.items():
        if not all(0 <= i <= DEGREE for i in key):
            raise ArithmeticError(f"exponents must lie between 0 and {DEGREE}, but are {key}")
        for end, value in enumerate(_at_ends(x, cell[key], half)):
            found[(end, *key)] = math.nextafter(float(value.lower()), -math.inf)
    return found


_N = np.arange(DEGREE + 1)
_CHOOSE = np.array([[math.comb(n, m) for m in range(DEGREE + 1)] for n in range(DEGREE + 1)], float)
BERNSTEIN = _CHOOSE / _CHOOSE[DEGREE]
"""The matrix from coefficients of powers to Bernstein coefficients on [0, 1]: C(i, j)/C(n, j) for j <= i."""


def _moved(start: np.ndarray, width: float) -> np.ndarray:
    """Matrices (n, d, d) from coefficients of powers of z to Bernstein coefficients on [start, start + width]."""
    power = np.where(_N[None] >= _N[:, None], _N[None] - _N[:, None], 0)
    shift = np.where(_N[None] >= _N[:, None], _CHOOSE.T * start[:, None, None] ** power, 0)
    return BERNSTEIN @ (width ** _N[:, None] * shift)


def _holds(middle: list[list[Poly]], cell: list[list[Poly]], half: Any) -> bool:
    """Whether on every square of the quarter disk all polynomials of some alternative are proved non-negative."""
    polys = [
        np.concatenate([_below(x, y, half) for x, y in zip(*pair, strict=True)])
        for pair in zip(middle, cell, strict=True)
    ]
    if any(not np.isfinite(stack).all() for stack in polys):
        return False
    corners, width = np.zeros((1, 2)), 1.0
    for _ in range(DEEPEST_SQUARE + 1):
        first, second = (_moved(corners[:, i], width) for i in (0, 1))
        proved = np.zeros(len(corners), bool)
        for stack in polys:
            least = np.einsum("nij,pjk,nlk->npil", first, stack, second, optimize=True).min((2, 3))
            allowance = ROUNDING * np.abs(stack).sum((1, 2))
            proved |= (least >= allowance).all(1)
        corners = corners[~proved]
        if not len(corners):
            return True
        width /= 2
        corners = (corners[:, None] + width * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])).reshape(-1, 2)
        # A square whose nearest corner is beyond the circle holds no point of the disk. These numbers are exact.
        corners = corners[(corners**2).sum(1) <= 1]
    return False
