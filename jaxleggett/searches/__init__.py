"""Gradient searches: for Leggett inequalities, for where the explicit model breaks, for better models."""

from .ensembles import AscentOptions, improve_model
from .explicit_model import BreakOptions, break_model
from .gradient_descent import DescentOptions
from .restarts import SearchOptions
from .result import Search
from .run import search
from .sequential_lp import PolishOptions

__all__ = [
    "AscentOptions",
    "BreakOptions",
    "DescentOptions",
    "PolishOptions",
    "Search",
    "SearchOptions",
    "break_model",
    "improve_model",
    "search",
]
