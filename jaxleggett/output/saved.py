"""What each command writes to a folder: data, settings, picture, and provenance."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np

from ..experiments.apparatus import apparatus_csv
from ..experiments.counts import Counts
from ..experiments.trials import write_drawn
from ..notions.result import NotionThreshold
from ..proofs.checker.certificate import Certificate
from ..proofs.checker.isotropic import IsotropicCertificate
from ..settings import SettingPairs
from ..survey.cited import LITERATURE
from ..thresholds.result import Threshold
from ..verification.report import Verification
from .provenance import META, provenance, write_json
from .style import pictures

if TYPE_CHECKING:
    from ..experiments import Analysis, Design, Trials
    from ..inequalities.inequality import LinearInequality
    from ..searches.result import Search
    from ..survey import Survey


VERIFY_FILES = ("report.json", "averages.npz", "settings.csv", *pictures("verification"), META)

SEARCH_FILES = ("report.json", "inequality.json", "settings.csv", *pictures("search"), META)

THRESHOLD_FILES = (
    *("report.json", "inequality.json", "model.npz", Certificate.FILE, IsotropicCertificate.FILE),
    *("settings.csv", *pictures("threshold"), META),
)

REPORT_FILES = ("report.json", META)

MAP_FILES = ("report.json", *pictures("map"), META)

ANALYSIS_FILES = ("report.json", "inequality.json", "settings.csv", "counts.csv", *pictures("analysis"), META)

DESIGN_FILES = (
    *("report.json", "inequality.json", "settings.csv", "drawn.csv", "apparatus.csv", *pictures("design"), META),
)

SIMULATION_FILES = ("report.json", "counts.csv", "trials.csv", "drawn.csv", META)

LONG = (
    "counts",
    "settings",
    "probabilities",
    "correlations",
    "cited",
    "visibilities",
    "model",
    "inequality",
    "witness",
)
"""Fields of a report that `meta.json` leaves out, because they are data and not facts about the run."""


def save_verification(result: Verification, folder: Path, command: Sequence[str] | None = None) -> None:
    """Write a verification: the files `VERIFY_FILES`. Here and below, `command` is the command line [sys.argv]."""
    from .plots import plot_verification

    names = ("mean", "covariance", "smallest", "witness")
    averages = {name: x for name, x in zip(names, result.averages.arrays(), strict=True) if x is not None}
    _save_arrays(folder / "averages.npz", a=result.settings.a, b=result.settings.b, **averages)
    report = result.to_json()
    plot_verification(report, folder / "verification.png")
    _save_shared(report, folder, command, settings=result.settings, facts={"seed": result.seed})


def save_threshold(
    result: Threshold | NotionThreshold,
    report: Mapping[str, object],
    history: Sequence[tuple[float, float]],
    folder: Path,
    command: Sequence[str] | None = None,
) -> None:
    """Write a threshold: of the files `THRESHOLD_FILES` those whose content exists.

    `report` is the JSON answer, `history` has the bounds (lower, upper) of all rounds.
    """
    from .plots import plot_threshold

    if isinstance(result, NotionThreshold):
        if result.model is not None:
            _save_arrays(folder / "model.npz", **result.model.arrays())
    elif result.model is not None:
        state = {name: np.asarray(getattr(result.state, name)) for name in ("r_A", "r_B", "T")}
        weights, u, v = (np.asarray(x) for x in result.model.atoms())
        _save_arrays(folder / "model.npz", weights=weights, u=u, v=v, **state)
    if isinstance(result, Threshold) and result.certificate is not None:
        result.certificate.save(folder / result.certificate.FILE)
    plot_threshold(result, history, folder / "threshold.png")
    _save_shared(report, folder, command, result.inequality, result.settings)


def save_search(
    result: Search, report: Mapping[str, object], folder: Path, command: Sequence[str] | None = None
) -> None:
    """Write a search: of the files `SEARCH_FILES` those whose content exists. `report` is the JSON answer."""
    from .plots import plot_search

    cut = result.inequality
    if cut is not None:
        plot_search(result, folder / "search.png")
    settings = None if cut is None else SettingPairs(cut.a, cut.b)
    _save_shared(report, folder, command, cut, settings, only_in_report={"history": list(result.history)})


def save_report(report: Mapping[str, object], folder: Path, command: Sequence[str] | None = None) -> None:
    """Write the files `REPORT_FILES` of an answer that is nothing but its JSON, `report`."""
    _save_shared(report, folder, command)


def save_survey(
    result: Survey, report: Mapping[str, object], folder: Path, command: Sequence[str] | None = None
) -> None:
    """Write the map: of the files `MAP_FILES` those whose content exists. `report` is the JSON answer."""
    from .plots import plot_survey

    if result.brackets:
        plot_survey(result.brackets, LITERATURE, folder / "map.png")
    _save_shared(report, folder, command)


def save_analysis(
    result: Analysis,
    data: Counts | Trials,
    report: Mapping[str, object],
    folder: Path,
    command: Sequence[str] | None = None,
) -> None:
    """Write an analysis: of the files `ANALYSIS_FILES` those whose content exists. `report` is the JSON answer."""
    from .plots import plot_analysis

    counts = data if isinstance(data, Counts) else data.counts()
    if counts is not None:
        counts.to_csv(folder / "counts.csv")
        plot_analysis(report, counts, result.state, folder / "analysis.png")
    _save_shared(report, folder, command, result.inequality, data.pairs)


def save_design(
    result: Design, report: Mapping[str, object], folder: Path, command: Sequence[str] | None = None
) -> None:
    """Write a design: the files `DESIGN_FILES`. `report` is the JSON answer."""
    from .plots import plot_design

    write_drawn(folder / "drawn.csv", result.pairs, result.probabilities)
    (folder / "apparatus.csv").write_text(apparatus_csv(result.pairs), encoding="ascii")
    plot_design(report, folder / "design.png")
    _save_shared(report, folder, command, result.inequality, result.pairs)


def save_simulation(
    made: Counts | Trials, report: Mapping[str, object], folder: Path, command: Sequence[str] | None = None
) -> None:
    """Write simulated counts, or trials with their settings: of `SIMULATION_FILES` those whose content exists."""
    if isinstance(made, Counts):
        made.to_csv(folder / "counts.csv")
    else:
        made.to_csv(folder / "trials.csv", folder / "drawn.csv")
    _save_shared(report, folder, command)


def _save_shared(
    report: Mapping[str, object],
    folder: Path,
    command: Sequence[str] | None,
    inequality: LinearInequality | None = None,
    settings: SettingPairs | None = None,
    *,
    only_in_report: Mapping[str, object] | None = None,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Write the files that commands share: report, inequality, settings, and the provenance with the report's facts.

    `only_in_report` are fields that the report in the file has in addition; `facts` are added to the provenance
    [precision and device], which is written last.
    """
    write_json(folder / "report.json", {**report, **(only_in_report or {})})
    if inequality is not None:
        # The report's inequality, which also names the symmetry over which it is averaged.
        write_json(folder / "inequality.json", report["inequality"])
    if settings is not None:
        settings.to_csv(folder / "settings.csv")
    # A verification has these facts in its report; other commands compute in double precision, on JAX's first device.
    facts = {"dtype": "float64", "device": jax.default_backend()} if facts is None else facts
    short = {name: value for name, value in report.items() if name not in LONG}
    write_json(folder / META, provenance(command or sys.argv, **{**facts, **short}))


def _save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays as an .npz file."""
    np.savez(path, **arrays)  # type: ignore[arg-type]
