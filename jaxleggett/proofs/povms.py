"""All POVMs on Werner states: a model up to V = 159688/255591 = 0.62477, proved by boxes (docs/POVMS.md, Theorem B).

The kernel psi of a pair of effects is a polynomial in z1 = |u.p|, z2 = |u.q| (p, q the unit vectors along a + b and
a - b) whose coefficients depend on the angle phi between a and b. With t = tan(phi/4) in [0, 1], k = cos(phi/2) and s =
sin(phi/2) are rational functions of t. The interval [0, 1] is cut into cells. On each cell, ball arithmetic (Arb)
encloses the coefficients of every polynomial that has to be non-negative. As z1, z2 >= 0, the lower ends of these balls
are the coefficients of a smaller polynomial. That one is bounded on the quarter disk z1^2 + z2^2 <= 1, which is covered
by squares: on a square, its smallest Bernstein coefficient is at most its smallest value (G. T. Cargo and O. Shisha,
J. Res. NBS 70B, 79, 1966).

A certificate is a table of integers over one denominator; povms.txt, beside this module, has it.
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
"""The certificate of V = 159688/255591."""

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
"""A polynomial that depends on the angle: by (i, j), the shares of 1, s, k and c in the coefficient of z1^i z2^j."""

NAMES: tuple[str, ...] = (
    "w",
    "e0",
    "W",
    "h",
    "eta1",
    "eta2",
    "beta",
    "gamma",
    "beta2",
    "gamma2",
    "dh",
    "zeta1",
    "zeta2",
    "zeta3",
)
"""The constants in a table, in its order."""


@dataclass(frozen=True)
class Table:
    """The constants of Theorem B, as fractions; `pi`, `omega` without their constant terms, and `rho` over s."""

    tau0: Fraction
    constants: dict[str, Fraction]
    pi: Terms
    omega: Terms
    rho: Terms
    kappa1: tuple[Fraction, ...]
    kappa2: tuple[Fraction, ...]

    @classmethod
    def read(cls, path: Path = TABLE) -> Table:
        """From a file: a denominator, tau0 and the number of kappas; the constants; pi, omega, rho/s; the kappas."""
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        denominator, tau0, number = map(int, lines[0])

        def over(words: Iterable[str]) -> list[Fraction]:
            return [Fraction(int(word), denominator) for word in words]

        def block(start: int) -> tuple[Terms, int]:
            end = start + 2 + int(lines[start][0])
            basis, rows = lines[start + 1], lines[start + 2 : end]
            return {(int(r[0]), int(r[1])): dict(zip(basis, over(r[2:]), strict=True)) for r in rows}, end

        pi, place = block(2)
        omega, place = block(place)
        rho, place = block(place)
        kappas = tuple(over(word for line in lines[place:] for word in line))
        constants: dict[str, Fraction] = dict(zip(NAMES, over(lines[1]), strict=True))
        return cls(
            Fraction(tau0, denominator), constants, pi, omega, rho, kappa1=kappas[:number], kappa2=kappas[number:]
        )

    @property
    def visibility(self) -> Fraction:
        """V = 1/3 + (W + (e0 - w)/3) / (2 - tau0)."""
        c = self.constants
        return Fraction(1, 3) + (c["W"] + (c["e0"] - c["w"]) / 3) / (2 - self.tau0)


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
        basis = {"1": one, "s": s, "k": k, "c": c}
        constants = {name: number(x) for name, x in table.constants.items()}

        def poly(terms: Terms) -> Poly:
            return {
                key: sum((number(x) * basis[name] for name, x in row.items()), one * 0) for key, row in terms.items()
            }

        M: Poly = {(0, 0): one, (1, 0): -k, (0, 1): -s}
        pi_, omega, rho = poly(table.pi), poly(table.omega), poly(table.rho)
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


def _marginal_share(table: Table, kernel: Kernel, alpha: int, beta: int, number: Callable[[Fraction], Any]) -> Poly:
    """1 - kappa1(X) c - kappa2(X) Y for X = alpha k z1 + beta s z2, Y = alpha k z1 - beta s z2."""
    one = kernel.k * 0 + 1
    X: Poly = {(1, 0): alpha * kernel.k, (0, 1): beta * kernel.s}
    Y: Poly = {(1, 0): alpha * kernel.k, (0, 1): -beta * kernel.s}

    def horner(coefficients: tuple[Fraction, ...]) -> Poly:
        total: Poly = {(0, 0): one * number(coefficients[-1])}
        for x in reversed(coefficients[:-1]):
            total = _plus(_times(total, X), {(0, 0): one * number(x)})
        return total

    first, second = _scaled(horner(table.kappa1), -kernel.c), _scaled(_times(horner(table.kappa2), Y), -1)
    return _plus({(0, 0): one}, first, second)


def conditions(
    table: Table, kernels: tuple[Kernel, Kernel], number: Callable[[Fraction], Any]
) -> list[list[list[Poly]]]:
    """What has to be non-negative on the quarter disk: a list of conditions, each a list of alternatives.

    An alternative is a list of polynomials that are all to be non-negative. A condition holds if at every point one of
    its alternatives does. `kernels` are those for g = -h and g = h. psi is affine in g and grows with it, so that (C1)
    is tested at g = -h, and (C2) at g = h. In (C3), delta g is dh g/h, with dh from the table.
    """
    low, high = kernels
    k, s, c = low.k, low.s, low.c
    one = k * 0 + 1
    found: list[list[list[Poly]]] = [[[low.minus]], [[low.plus, low.omega], [low.psi(1)]]]
    for alpha in (1, -1):
        for beta in (1, -1):
            B = _marginal_share(table, high, alpha, beta, number)
            X: Poly = {(0, 0): one, (1, 0): alpha * k, (0, 1): beta * s}
            P = high.plus if beta > 0 else high.minus
            # 1 + X = M + (1 + alpha) k z1 + (1 + beta) s z2, term by term against psi.
            parts = [_plus(B, _scaled(P, -1))]
            parts += [_plus(B, _scaled(high.omega, -1))] if beta > 0 else []
            parts += [B] if alpha > 0 else []
            found.append([parts, [_plus(_times(X, B), _scaled(high.psi(beta), -1))]])
    names = ("beta", "gamma", "beta2", "gamma2", "dh", "zeta1", "zeta2", "zeta3")
    b, gamma, b2, gamma2, dh, zeta1, zeta2, zeta3 = (number(table.constants[name]) for name in names)
    product: Poly = {(2, 0): k * k, (0, 2): -s * s}
    squares: Poly = {(2, 0): 2 * k * k, (0, 2): 2 * s * s}
    for kernel, end in zip(kernels, (-1, 1), strict=True):
        for sign in (1, -1):
            difference: Poly = {(0, 1): 2 * sign * s}
            slope = _plus({(0, 0): zeta1 + zeta3 * c}, _scaled(product, zeta2))
            below = _plus(
                {(0, 0): number(table.tau0) + end * dh - b * c},
                _scaled(product, -gamma),
                _scaled(squares, -b2 * c),
                _scaled(_times(product, squares), -gamma2),
                _times(difference, slope),
            )
            found.append([[_plus(kernel.psi(sign), _scaled(below, -1))]])
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
    Fraction(159688, 255591)
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
        if not (table.tau0 < 2 and table.constants["h"] >= 0):
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
