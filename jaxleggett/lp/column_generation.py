"""Column generation."""

from __future__ import annotations

from dataclasses import dataclass

from ..inequalities.inequality import LeggettInequality
from ..models.finite import Model


@dataclass(frozen=True)
class Bracket:
    """Two bounds on the largest compatible visibility, what shows them (None for 0 and 1), and how the search ended."""

    lower: float
    upper: float
    model: Model | None
    inequality: LeggettInequality | None
    status: str
