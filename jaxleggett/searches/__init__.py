"""Gradient searches: for Leggett inequalities, for where the explicit model breaks, for better models."""

from .ensembles import improve_model
from .explicit_model import break_model
from .result import Search
from .run import search

__all__ = ["Search", "break_model", "improve_model", "search"]
