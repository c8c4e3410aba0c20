"""Leggett's crypto-nonlocality: which quantum correlations a locally pure model can reproduce.

    import jaxleggett as jl
    jl.verify(jl.WernerModel, "random:1024", [0.8, 0.85, 0.9])

Names are imported when they are first used, so that the command line answers `--help` without JAX.
Importing the package changes no JAX setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ._checks import InputError
    from .correlation import correlation_bounds, probabilities
    from .inequalities import LeggettInequality
    from .models import (
        CRITICAL_VISIBILITY,
        GreatCircleModel,
        LeggettModel,
        PRBoxModel,
        SeparableModel,
        WernerModel,
        WhiteNoiseModel,
        simulate_counts,
    )
    from .notions import threshold
    from .searches import Search, search
    from .settings import SettingPairs
    from .sphere import sample_sphere
    from .states import TwoQubitState, bell_diagonal, pure, werner
    from .thresholds import Threshold
    from .verification import Verification, verify

_HOMES = {
    "CRITICAL_VISIBILITY": "models",
    "GreatCircleModel": "models",
    "InputError": "_checks",
    "LeggettInequality": "inequalities",
    "LeggettModel": "models",
    "PRBoxModel": "models",
    "SeparableModel": "models",
    "SettingPairs": "settings",
    "Search": "searches",
    "Threshold": "thresholds",
    "TwoQubitState": "states",
    "Verification": "verification",
    "WernerModel": "models",
    "WhiteNoiseModel": "models",
    "bell_diagonal": "states",
    "correlation_bounds": "correlation",
    "probabilities": "correlation",
    "pure": "states",
    "sample_sphere": "sphere",
    "search": "searches",
    "simulate_counts": "models",
    "threshold": "notions",
    "verify": "verification",
    "werner": "states",
}

__all__ = [
    "CRITICAL_VISIBILITY",
    "GreatCircleModel",
    "InputError",
    "LeggettInequality",
    "LeggettModel",
    "PRBoxModel",
    "Search",
    "SeparableModel",
    "SettingPairs",
    "Threshold",
    "TwoQubitState",
    "Verification",
    "WernerModel",
    "WhiteNoiseModel",
    "bell_diagonal",
    "correlation_bounds",
    "probabilities",
    "pure",
    "sample_sphere",
    "search",
    "simulate_counts",
    "threshold",
    "verify",
    "werner",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
