"""The numbers of Theorem B on POVMs (docs/POVMS.md): a linear programme finds them, and the proof is run on them.

    python scripts/povm_kernel.py [--visibility 33/50] [--degree 3] [--out jaxleggett/proofs/povms.txt]

The conditions of the theorem are affine in the numbers of its table. At a given visibility the programme makes the
smallest margin of the conditions, each divided by what it vanishes with, as large as possible at many angles and points
of the quarter disk; points where the solution breaks a condition join it until there are none. Then the numbers are
rounded, with tau0 such that the visibility is the one asked for exactly, and `certify_povm` proves the table; only then
it is written. Takes minutes. Exits with 1 where no table is found or proved.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import common
import numpy as np
from scipy.optimize import linprog

from jaxleggett.proofs.povms import (
    BOUNDS,
    CONSTANTS,
    KERNEL,
    TABLE,
    Kernel,
    Poly,
    Table,
    Terms,
    certify_povm,
    conditions,
    remainders,
)

DENOMINATOR = 2**20

BASIS = ("1", "s", "k", "c", "sk")
"""Functions of the angle."""

POWERS = 5
"""Coefficients of each polynomial in `BOUNDS`."""

LARGEST = 6.0
"""Of the moduli of the numbers: larger ones cancel, and the proof needs more cells."""

CLOSE = 1e-4
"""Violations up to which the rounds end."""

ROUNDS = 40

MEANS = 0.05
"""The margin of (C4), in that of the other conditions: it holds for means, which vary less."""

ANGLES, SPREAD = 65, 33
"""Number of angles, and of radii and directions in the quarter disk, but for those close to where conditions vanish."""

Unknown = tuple[Any, ...]
"""The name of a number: (constant,), (bound, power), or (part of the kernel, exponent, exponent, function)."""


def unknowns(degree: int) -> list[Unknown]:
    """The numbers of a table: constants, coefficients of `BOUNDS`, and of the monomials of `KERNEL`."""
    monomials = [(total - j, j) for total in range(degree + 1) for j in range(total + 1)]
    found: list[Unknown] = [(name,) for name in CONSTANTS]
    found += [(name, power) for name in BOUNDS for power in range(POWERS)]
    found += [
        (name, i, j, function) for name in KERNEL for i, j in monomials if i + j or name == "rho" for function in BASIS
    ]
    return found


def table_of(names: list[Unknown], numbers: list[Fraction]) -> Table:
    """The table with these numbers."""
    constants: dict[str, Fraction] = {}
    bounds: dict[str, list[Fraction]] = {name: [] for name in BOUNDS}
    kernel: dict[str, Terms] = {name: {} for name in KERNEL}
    for (name, *place), x in zip(names, numbers, strict=True):
        if name in CONSTANTS:
            constants[name] = x
        elif name in BOUNDS:
            bounds[name].append(x)
        else:
            i, j, function = place
            kernel[name].setdefault((i, j), {})[function] = x
    return Table(constants, {name: tuple(row) for name, row in bounds.items()}, kernel)


def points(phi: float) -> np.ndarray:
    """Points of the quarter disk (N, 2): evenly spread, and close to its rim at phi/2, where conditions vanish."""
    r, theta = (
        x.ravel() for x in np.meshgrid(np.sin(np.linspace(0, np.pi / 2, SPREAD)), np.linspace(0, np.pi / 2, SPREAD))
    )
    fine = np.array([0, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5])
    for axis, width in ((0.0, phi / 2), (np.pi / 2, phi / 2 - np.pi / 2)):
        depth, turn = (
            x.ravel() for x in np.meshgrid(width**2 * np.array([0, 0.03, 0.1, 0.3, 1, 3]), axis + width * fine)
        )
        inside = (depth < 1) & (turn >= 0) & (turn <= np.pi / 2)
        r, theta = np.concatenate([r, 1 - depth[inside]]), np.concatenate([theta, turn[inside]])
    return np.stack([r * np.cos(theta), r * np.sin(theta)], axis=1)


class Programme:
    """The conditions as rows, affine in the numbers: (angles, conditions, 7, 7, numbers + 1), the last for the rest."""

    def __init__(self, names: list[Unknown]) -> None:
        self.names = names
        near = np.array([1e-3, 3e-3, 6e-3, 0.01, 0.015, 0.03, 0.045])
        t = np.unique(np.concatenate([np.linspace(0, 1, ANGLES), near, 1 - near]))
        self.k, self.s = (1 - t**2) / (1 + t**2), 2 * t / (1 + t**2)
        self.points = [points(phi) for phi in 4 * np.arctan(t)]
        units = [table_of(names, [Fraction(i == j) for i in range(len(names))]) for j in range(len(names) + 1)]
        values = [self._evaluated(table) for table in units]
        polys, means = (np.stack([value[part] for value in values], axis=-1) for part in (0, 1))
        polys[..., :-1] -= polys[..., -1:]
        means[..., :-1] -= means[..., -1:]
        self.polys = polys
        h = np.eye(len(names) + 1)[names.index(("h",))]
        # Both signs of what (C4) bounds by h.
        self.means = np.concatenate([h - means, h + means]).reshape(-1, len(names) + 1)

    def _evaluated(self, table: Table) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of what has to be non-negative (angles, conditions, 7, 7), and what (C4) bounds (6, angles)."""
        h, c = float(table.constants["h"]), 2 * self.k**2 - 1
        low, high = (Kernel.at(table, self.k, self.s, c, g, np.pi, float) for g in (-h, h))
        stacked = [dense(alternatives[-1][0], len(self.k)) for alternatives in conditions(table, (low, high), float)]
        rest = [x for kernel in (low, high) for x in remainders(table, kernel, np.pi, float)]
        return np.stack(stacked, axis=1), np.stack(rest)

    def _powers(self, angle: int) -> tuple[np.ndarray, np.ndarray]:
        """At the points of an angle: powers of z1, z2 (points, 49), and what the conditions vanish with (points, 10).

        Those of (C1) where X > Y vanish with M + 2 s z2, those of (C2) with 1 + X. Where that is 0 they are left out:
        NaN.
        """
        k, s, (z1, z2) = self.k[angle], self.s[angle], self.points[angle].T
        M = np.maximum(1 - k * z1 - s * z2, 0)
        scale = [np.ones_like(M), M + 2 * s * z2]
        scale += [M + (1 + m) * k * z1 + (1 + n) * s * z2 for m in (1, -1) for n in (1, -1)]
        scale += [np.ones_like(M)] * 4
        powers = np.stack([z1**i * z2**j for i in range(7) for j in range(7)], axis=1)
        return powers, np.where(np.stack(scale, 1) > 1e-7, np.stack(scale, 1), np.nan)

    def values(self, angle: int, x: np.ndarray) -> np.ndarray:
        """The conditions for the numbers x, divided by what they vanish with: (points, 10)."""
        powers, scale = self._powers(angle)
        return powers @ (self.polys[angle] @ np.append(x, 1)).reshape(-1, 49).T / scale

    def rows(self, angle: int, chosen: np.ndarray, condition: np.ndarray) -> np.ndarray:
        """The rows of some points and conditions: (chosen, numbers + 1)."""
        powers, scale = self._powers(angle)
        polys = self.polys[angle].reshape(-1, 49, self.polys.shape[-1])
        found = np.einsum("np,npx->nx", powers[chosen], polys[condition]) / scale[chosen, condition, None]
        return found[np.isfinite(found).all(1)]


def dense(poly: Poly, angles: int) -> np.ndarray:
    """The coefficients of a polynomial: (angles, 7, 7)."""
    found = np.zeros((angles, 7, 7))
    for (i, j), x in poly.items():
        found[:, i, j] = x
    return found


def best(programme: Programme, visibility: Fraction) -> tuple[np.ndarray, float]:
    """The numbers with the largest margin that the programme finds, and this margin."""
    names = programme.names
    # V = 1/3 + (W + (e0 - w)/3)/(2 - tau0)
    share = float(3 * visibility - 1)
    equality = np.zeros((1, len(names) + 1))
    for name, x in (("W", 3.0), ("e0", 1.0), ("w", -1.0), ("tau0", share)):
        equality[0, names.index((name,))] = x
    bounds = [(-LARGEST, LARGEST)] * len(names) + [(None, 1.0)]
    cost = np.append(np.zeros(len(names)), -1.0)
    held: list[np.ndarray] = []
    x, margin = np.zeros(len(names)), -np.inf
    for angle in range(0, len(programme.k), 4):
        chosen, condition = np.divmod(np.arange(0, 10 * len(programme.points[angle]), 37), 10)
        held.append(programme.rows(angle, chosen, condition))
    for round_ in range(ROUNDS):
        rows = np.concatenate(held)
        A = np.concatenate(
            [
                np.append(-rows[:, :-1], np.ones((len(rows), 1)), 1),
                np.append(-programme.means[:, :-1], np.full((len(programme.means), 1), MEANS), 1),
            ]
        )
        b = np.concatenate([rows[:, -1], programme.means[:, -1]])
        done = linprog(cost, A, b, equality, [2 * share], bounds=bounds, method="highs-ipm")
        if done.status != 0:
            raise SystemExit(f"the programme ended with: {done.message}")
        x, margin = np.array(done.x[:-1]), float(done.x[-1])
        worst, new = np.inf, []
        for angle in range(len(programme.k)):
            values = np.nan_to_num(programme.values(angle, x), nan=np.inf) - margin
            worst = min(worst, float(values.min()))
            least = values.argmin(0)
            broken = np.flatnonzero(values.min(0) < -CLOSE)
            new.append(programme.rows(angle, least[broken], broken))
        slack = rows[:, :-1] @ x + rows[:, -1] - margin
        print(f"round {round_}: margin {margin:.2e}, {len(rows)} rows, broken by {-min(worst, 0):.2e}", flush=True)
        if not any(map(len, new)):
            break
        held = [rows[slack < 0.3], *new]
    return x, margin


def rounded(programme: Programme, x: np.ndarray, visibility: Fraction) -> Table:
    """The numbers over `DENOMINATOR`, with tau0, w and W such that the visibility is exact."""
    whole = dict(zip(programme.names, (round(value * DENOMINATOR) for value in x), strict=True))
    # 3 W + e0 - w = (3 V - 1)(2 - tau0), all over the denominator: tau0 such that the right side is an integer, and
    # w such that the rest can be divided by 3.
    share = 3 * visibility - 1
    whole[("tau0",)] -= (whole[("tau0",)] - 2 * DENOMINATOR) % share.denominator
    rest = int(share * (2 * DENOMINATOR - whole[("tau0",)])) - whole[("e0",)] + whole[("w",)]
    whole[("w",)] -= rest % 3
    whole[("W",)] = rest // 3
    return table_of(programme.names, [Fraction(number, DENOMINATOR) for number in whole.values()])


def text(table: Table) -> str:
    """The lines of a table's file."""

    def over(numbers: list[Fraction]) -> str:
        return " ".join(str(int(x * DENOMINATOR)) for x in numbers)

    lines = [f"denominator {DENOMINATOR}", f"basis {' '.join(BASIS)}"]
    lines += [f"{name} {over([x])}" for name, x in table.constants.items()]
    lines += [f"{name} {over(list(row))}" for name, row in table.bounds.items()]
    lines += [
        f"{name} {i} {j} {over([shares[function] for function in BASIS])}"
        for name, terms in table.kernel.items()
        for (i, j), shares in terms.items()
    ]
    return "\n".join(lines) + "\n"


def entangled(given: str) -> Fraction:
    """The visibility of an entangled Werner state, as argparse takes it."""
    try:
        found = Fraction(given)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not 1 < 3 * found <= 3:
        raise argparse.ArgumentTypeError(f"must be a fraction above 1/3 and at most 1, but is {given}")
    return found


def main() -> int | None:
    """Search, prove, write."""
    parser = common.parser(__doc__)
    parser.add_argument("--visibility", type=entangled, default=Fraction(33, 50), help="that of the theorem [33/50]")
    parser.add_argument(
        "--degree", type=int, choices=range(1, 6), default=3, help="of the polynomials pi, omega and rho/s [3]"
    )
    parser.add_argument("--out", type=Path, default=TABLE, help="the file for the table [that of the proof]")
    asked = parser.parse_args()
    programme = Programme(unknowns(asked.degree))
    x, margin = best(programme, asked.visibility)
    if margin <= 0:
        print(f"no table was found for V = {asked.visibility}", file=sys.stderr)
        return 1
    written = text(rounded(programme, x, asked.visibility))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "povms.txt"
        file.write_text(written)
        try:
            proved = certify_povm(Table.read(file))
        except ArithmeticError as error:
            print(f"the table is not proved: {error}", file=sys.stderr)
            return 1
    asked.out.write_text(written)
    print(f"V = {proved} is proved")
    return None


if __name__ == "__main__":
    common.leave(main)
