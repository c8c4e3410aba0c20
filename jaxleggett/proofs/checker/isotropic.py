"""The theorem of docs/WERNER.md, and what it says about every state that is close to a Werner state in other frames."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from .claims import Refused

LARGEST = 4
"""The largest visibility at which the explicit model is used (docs/CERTIFICATES.md: V <= 4)."""


@dataclass(frozen=True, eq=False)
class IsotropicCertificate:
    """lower <= largest compatible visibility of the state (r_A, r_B, T) for all settings <= upper, claimed.

    r_A, r_B (3,) have to be close to 0, and T (3, 3) to s Q with s > 0 and a Q (3, 3) that is close to orthogonal; the
    singlet has s = 1 and Q = -1.
    """

    r_A: np.ndarray
    r_B: np.ndarray
    T: np.ndarray
    s: float
    Q: np.ndarray
    lower: float
    upper: float

    FILE: ClassVar = "certificate.json"
    """The name of its file in a folder of results."""

    def check(self) -> str:
        """Prove both ends, in fractions, and say what is proved, in a sentence; Refused where something is not."""
        if not 0 <= self.lower <= self.upper <= 1:
            raise Refused(f"a bracket must have 0 <= lower <= upper <= 1, but has {self.lower!r} and {self.upper!r}")
        _require_the_theorem()
        s, T, Q = Fraction(self.s), exact(self.T), exact(self.Q)
        off = np.abs(T - s * Q).sum() + abs(s) * np.abs(Q.T @ Q - np.eye(3, dtype=int)).sum()
        moment = max(np.abs(exact(r)).sum() for r in (self.r_A, self.r_B))
        # What mending leaves of the explicit model: 1 - 12 off - 16 |r|.
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
    """Refused unless the proof's two inequalities between numbers hold: s^2 < 2 m^2 c^2 and s^2 < 3 m^2 c^2.

    Here s = 1 - 1/sqrt 2, c^2 = 1 - s^2 and m = 4/pi^2; 1/sqrt 2 > 0.7071 and pi < 355/113 are put in, which makes s
    larger and m smaller. The first inequality implies the second.
    """
    root = Fraction(7071, 10000)
    s, m = 1 - root, 4 / Fraction(355, 113) ** 2
    if not (2 * root**2 < 1 and s**2 < 2 * m**2 * (1 - s**2)):
        raise Refused("the theorem's inequalities are not proved")
