"""Experiments: from a source to a test, and from counts to a verdict."""

from .analysis import Analysis, AnalysisOptions, analyze
from .counts import Counts

# from .files import read_data, read_settings
from .planning import Design, design
from .simulation import simulate, simulate_trials, source_of
from .trials import Trials

__all__ = [
    "Analysis",
    "AnalysisOptions",
    "Counts",
    "Design",
    "Trials",
    "analyze",
    "design",
    "read_data",
    "read_settings",
    "simulate",
    "simulate_trials",
    "source_of",
]
