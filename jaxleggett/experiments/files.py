"""Measured data and settings in files, whatever their format is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .._checks import InputError
from .._files import opened
from ..settings import SettingPairs
from .counts import Counts
from .formats import read_counts
from .trials import Trials, is_trial_file, read_drawn

if TYPE_CHECKING:
    import numpy as np

    from .._shapes import Float


def read_data(path: str, settings: str | None = None, alice: int = 1) -> Counts | Trials:
    """Counts of a file in any format that `formats.read_counts` knows, or trials at the pairs of the file `settings`.

    `alice` is the classical bit that holds Alice's outcome in Qiskit's counts. Raises InputError for any other file,
    for trials without `settings`, and for counts with them.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from jaxleggett.experiments import read_data
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "counts.csv"
    ...     _ = path.write_text("ax,ay,az,bx,by,bz,npp,npm,nmp,nmm\\n0,0,1,0,0,1,2,48,49,1\\n")
    ...     read_data(str(path)).C.tolist()
    [-0.94]
    """
    if is_trial_file(path):
        if settings is None:
            raise InputError(f"settings must name the file of the settings that the trials of {path} were drawn from")
        return Trials.from_csv(path, settings)
    if settings is not None:
        raise InputError(f"settings must be left out with the counts of {path}, which hold their own")
    return read_counts(path, alice=alice)


def read_settings(text: str, seed: int = 0) -> tuple[SettingPairs, Float[np.ndarray, "n"] | None]:
    """Setting pairs as `SettingPairs.parse` reads `text`, and their probabilities (N,), None where no file has them.

    `seed` is what `random:N` draws from. Raises InputError for any other `text`.

    >>> from jaxleggett.experiments import read_settings
    >>> pairs, probabilities = read_settings("random:5")
    >>> len(pairs), probabilities
    (5, None)
    """
    if os.path.isfile(text):
        with opened("settings", text) as file:
            drawn = b"probability" in file.readline(1000)
        if drawn:
            return read_drawn(text)
    return SettingPairs.parse(text, seed), None
