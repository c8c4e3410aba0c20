"""Experiments: from a source to a test, and from counts to a verdict."""

from .apparatus import apparatus_csv, bloch_angles, gate_angles, waveplate_angles
from .counts import Counts
from .formats import from_qiskit, from_xarray, read_counts, read_json_counts, read_kwiatlab, to_xarray
from .trials import Trials

__all__ = [
    "Counts",
    "Trials",
    "apparatus_csv",
    "bloch_angles",
    "from_qiskit",
    "from_xarray",
    "gate_angles",
    "read_counts",
    "read_json_counts",
    "read_kwiatlab",
    "to_xarray",
    "waveplate_angles",
]
