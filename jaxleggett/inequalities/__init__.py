"""Leggett inequalities: what every Leggett model obeys."""

from .inequality import LeggettInequality
from .published import published

__all__ = ["LeggettInequality", "published"]
