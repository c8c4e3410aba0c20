"""Hold a Leggett model against the correlations it should reproduce: `verify`."""

from .report import Verification, Witness
from .run import verify

__all__ = ["Verification", "Witness", "verify"]
