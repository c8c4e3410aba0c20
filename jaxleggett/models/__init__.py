"""Leggett models: hidden vectors u, v, and a correlator C_{u,v}(a, b) for each.

`interface` says what a model is, `registry` lists those that the command line offers; the others are the models of the
note, and what linear programmes find. Names are imported when they are first used, so that `registry` can be read
without JAX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .events import outcomes, simulate_counts
    from .finite import FiniteModel
    from .interface import LeggettModel, for_any_correlator, marginals
    from .interpolated import AxialModel, InterpolatedModel, IsotropicModel
    from .mixtures import GreatCircleModel, PRBoxModel, SeparableModel
    from .werner import CRITICAL_VISIBILITY, WernerModel, averaged_bounds, werner_weights
    from .white_noise import WhiteNoiseModel

_HOMES = {
    "CRITICAL_VISIBILITY": "werner",
    "AxialModel": "interpolated",
    "FiniteModel": "finite",
    "GreatCircleModel": "mixtures",
    "InterpolatedModel": "interpolated",
    "IsotropicModel": "interpolated",
    "LeggettModel": "interface",
    "PRBoxModel": "mixtures",
    "SeparableModel": "mixtures",
    "WernerModel": "werner",
    "WhiteNoiseModel": "white_noise",
    "averaged_bounds": "werner",
    "for_any_correlator": "interface",
    "marginals": "interface",
    "outcomes": "events",
    "simulate_counts": "events",
    "werner_weights": "werner",
}

__all__ = [
    "CRITICAL_VISIBILITY",
    "AxialModel",
    "FiniteModel",
    "GreatCircleModel",
    "InterpolatedModel",
    "IsotropicModel",
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

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
