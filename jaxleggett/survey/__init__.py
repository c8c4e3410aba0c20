"""Which notions is a correlation compatible with? The examples of the note, and tables of one's own."""

from .run import Survey, survey
from .tables import CorrelationTable
from .verdicts import Verdict, verdicts_of_table

__all__ = ["CorrelationTable", "Survey", "Verdict", "survey", "verdicts_of_table"]
