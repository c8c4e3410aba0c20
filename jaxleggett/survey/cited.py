"""Visibilities of Werner states that are known from the literature and are not computed here, with their sources."""

from __future__ import annotations

from typing import NamedTuple


class Cited(NamedTuple):
    """A visibility of Werner states, what was shown up to it or above it, and by whom."""

    visibility: float
    words: str
    source: str


LOCAL = Cited(0.68747, "local model, projective", "S. Designolle et al., Phys. Rev. Res. 5, 043059 (2023)")
NONLOCAL = Cited(0.69604, "Bell inequality, 1/K_G(3)", "S. Designolle et al., Phys. Rev. Res. 5, 043059 (2023)")
"""Between `LOCAL` and `NONLOCAL` it is not known whether Werner states are local."""

LITERATURE = (
    Cited(5 / 12, "local model for POVMs", "J. Barrett, Phys. Rev. A 65, 042302 (2002)"),
    LOCAL,
    NONLOCAL,
    Cited(0.7056, "Bell inequality", "T. Vertesi, Phys. Rev. A 78, 032112 (2008)"),
    Cited(3**0.5 / 2, "Leggett inequality", "C. Branciard et al., Nat. Phys. 4, 681 (2008)"),
)
"""In ascending order."""
