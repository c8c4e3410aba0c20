"""General measurements on Werner states: POVMs, and the Leggett models of docs/POVMS.md for any pair of them."""

from .couplings import even_ensemble, largest_visibility
from .measurement import Povm
from .model import PovmModel
from .two_outcomes import TwoOutcomeModel, best_model
from .verification import PovmVerification, verify_povms

__all__ = [
    "Povm",
    "PovmModel",
    "PovmVerification",
    "TwoOutcomeModel",
    "best_model",
    "even_ensemble",
    "largest_visibility",
    "verify_povms",
]
