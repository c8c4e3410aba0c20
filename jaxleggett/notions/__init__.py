"""Other notions than Leggett's: local hidden variables, steering, separability, Navascues' assumptions."""

from .result import NotionThreshold
from .run import NOTIONS, threshold

__all__ = ["NOTIONS", "NotionThreshold", "threshold"]
