"""General measurements on Werner states: POVMs, and the Leggett model of docs/POVMS.md for any pair of them."""

from .measurement import Povm
from .model import PovmModel
from .verification import PovmVerification, verify_povms

__all__ = ["Povm", "PovmModel", "PovmVerification", "verify_povms"]
