"""Which notions is a correlation compatible with? The examples of the note, and tables of one's own.

Names are imported when they are first used, so that `cited` can be read without JAX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .run import Survey, survey
    from .tables import CorrelationTable
    from .verdicts import Verdict, verdicts_of_table

_HOMES = {
    "CorrelationTable": "tables",
    "Survey": "run",
    "Verdict": "verdicts",
    "survey": "run",
    "verdicts_of_table": "verdicts",
}

__all__ = ["CorrelationTable", "Survey", "Verdict", "survey", "verdicts_of_table"]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
