"""Experiments: from a source to a test, and from counts to a verdict."""

from .counts import Counts
from .trials import Trials

__all__ = ["Counts", "Trials"]
