"""Hold a Leggett model against the correlations it should reproduce: `verify`."""

from .options import VerifyOptions
from .report import Method, Row, Verdict, Verification, Witness
from .run import verify

__all__ = ["Method", "Row", "Verdict", "Verification", "VerifyOptions", "Witness", "verify"]
