"""Leggett models: hidden vectors u, v, and a correlator C_{u,v}(a, b) for each.

`interface` says what a model is; the others are those of the note, and what linear programmes find.
"""

from .events import outcomes, simulate_counts
from .finite import FiniteModel
from .interface import LeggettModel, for_any_correlator, marginals
from .mixtures import GreatCircleModel, PRBoxModel, SeparableModel
from .werner import CRITICAL_VISIBILITY, WernerModel, averaged_bounds, werner_weights
from .white_noise import WhiteNoiseModel

__all__ = [
    "CRITICAL_VISIBILITY",
    "FiniteModel",
    "GreatCircleModel",
    "LeggettModel",
    "PRBoxModel",
    "SeparableModel",
    "WernerModel",
    "WhiteNoiseModel",
    "averaged_bounds",
    "for_any_correlator",
    "marginals",
    "outcomes",
    "simulate_counts",
    "werner_weights",
]
