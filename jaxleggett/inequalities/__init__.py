"""Leggett inequalities: what every Leggett model obeys.

`worst_vectors`, which searches for bounds, is not imported here: proofs use inequalities and see no search.
"""

from .inequality import LeggettInequality
from .published import published, smallest_mean_projection

__all__ = ["LeggettInequality", "published", "smallest_mean_projection"]
