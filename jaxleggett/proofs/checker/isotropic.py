"""The theorem of docs/WERNER.md, and what it says of every state that is close to a Werner state in other frames."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from .claims import Refused

LARGEST = 4
"""No visibility that is used is larger."""


@dataclass(frozen=True, eq=False)
class IsotropicCertificate:
    """lower <= largest compatible visibility of (r_A, r_B, T) for all settings <= upper, where T is close to s Q.

    r_A, r_B (3,), T (3, 3), s > 0, and Q (3, 3), which is close to orthogonal; the singlet has s = 1 and Q = -1.
    """

    r_A: np.ndarray
    r_B: np.ndarray
    T: np.ndarray
    s: float
    Q: np.ndarray
    lower: float
    upper: float

    FILE: ClassVar = "certificate.json"
    """What it is saved as."""

    def check(self) -> str:
        """What is proved, in a sentence; Refused where something is not. Everything is computed in fractions."""
        if not 0 <= self.lower <= self.upper <= 1:
            raise Refused(f"a bracket must have 0 <= lower <= upper <= 1, but has {self.lower!r} and {self.upper!r}")
        _require_the_theorem()
        s, T, Q = Fraction(self.s), exact(self.T), exact(self.Q)
        off = np.abs(T - s * Q).sum() + abs(s) * np.abs(Q.T @ Q - np.eye(3, dtype=int)).sum()
        moment = max(np.abs(exact(r)).sum() for r in (self.r_A, self.r_B))
        share = 1 - LARGEST * (3 * off + 4 * moment)
        if not (s > 0 and share > Fraction(1, 2)):
            raise Refused("the state is not close to a Werner state in other frames")
        V = Fraction(self.lower) / share
        if not (V <= LARGEST and (V * s <= Fraction(1, 2) or 8 * V * s * (1 - V * s) >= 1)):
            raise Refused(f"the explicit model does not reach {self.lower!r}")
        w = Fraction(self.upper) * (s - 2 * off)
        if self.upper < 1 and not (w >= Fraction(1, 2) and 8 * w * (1 - w) <= 1):
            raise Refused(f"nothing excludes all visibilities above {self.upper!r}")
        return (
            "the largest visibility at which the state has a Leggett model for all projective measurements lies "
            f"between {self.lower!r} and {self.upper!r}"
        )

    def save(self, path: Path) -> None:
        """Write it as a JSON file."""
        names = ("s", "Q", "r_A", "r_B", "T", "lower", "upper")
        content = {name: np.asarray(getattr(self, name)).tolist() for name in names}
        path.write_text(json.dumps({"theorem": "werner", **content}, indent=1, allow_nan=False) + "\n")


exact = np.vectorize(Fraction, otypes=[object])
"""Doubles as fractions."""


def _require_the_theorem() -> None:
    """The proof's two inequalities between numbers, s^2 < 2 m^2 c^2 and s^2 < 3 m^2 c^2.

    s = 1 - 1/sqrt 2, c^2 = 1 - s^2 and m = 4/pi^2, with 1/sqrt 2 > 0.7071, pi < 355/113; the first implies the other.
    """
    root = Fraction(7071, 10000)
    s, m = 1 - root, 4 / Fraction(355, 113) ** 2
    if not (2 * root**2 < 1 and s**2 < 2 * m**2 * (1 - s**2)):
        raise Refused("the theorem's inequalities are not proved")
