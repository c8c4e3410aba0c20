"""The largest compatible visibility of a state, from both sides: `threshold`; of an inequality alone: `prove`."""

from .result import Threshold
from .run import prove, threshold

__all__ = ["Threshold", "prove", "threshold"]
