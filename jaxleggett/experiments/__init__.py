"""Experiments: from a source to a test, and from counts to a verdict."""

from .analysis import AnalysisOptions, analyze
from .apparatus import apparatus_csv, bloch_angles, gate_angles, waveplate_angles
from .counts import Counts
from .files import read_data, read_settings
from .formats import from_qiskit, from_xarray, to_xarray
from .planning import Design, design
from .result import Analysis
from .simulation import simulate, simulate_trials, source_of
from .trials import Trials

__all__ = [
    "Analysis",
    "AnalysisOptions",
    "Counts",
    "Design",
    "Trials",
    "analyze",
    "apparatus_csv",
    "bloch_angles",
    "design",
    "from_qiskit",
    "from_xarray",
    "gate_angles",
    "read_data",
    "read_settings",
    "simulate",
    "simulate_trials",
    "source_of",
    "to_xarray",
    "waveplate_angles",
]
