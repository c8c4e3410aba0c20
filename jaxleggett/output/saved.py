"""Writing what a command found to a folder: data, settings, picture, and where it all came from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..settings import SettingPairs
from ..thresholds.result import Threshold
from ..verification.report import Verification
from .provenance import META, provenance, write_json

if TYPE_CHECKING:
    from ..searches.result import Search


VERIFY_FILES = ("report.json", "averages.npz", "settings.csv", "verification.png", META)

SEARCH_FILES = ("report.json", "inequality.json", "settings.csv", "search.png", META)

THRESHOLD_FILES = ("report.json", "inequality.json", "model.npz", "settings.csv", "threshold.png", META)


def save_verification(result: Verification, folder: Path, command: Sequence[str] | None = None) -> None:
    """Write a verification: report.json, averages.npz, settings.csv, verification.png, meta.json.

    meta.json comes last: a folder that has it is complete.
    """
    from .plots import plot_verification

    report = result.to_json()
    write_json(folder / "report.json", report)
    mean, covariance, smallest, witness = result.averages.arrays()
    arrays: dict[str, Any] = {"mean": mean, "smallest": smallest, "witness": witness}
    if covariance is not None:
        arrays["covariance"] = covariance
    np.savez(folder / "averages.npz", a=result.settings.a, b=result.settings.b, **arrays)
    result.settings.to_csv(folder / "settings.csv")
    plot_verification(result, folder / "verification.png")
    facts = {name: value for name, value in report.items() if name != "visibilities"} | {"seed": result.seed}
    write_json(folder / META, provenance(command or sys.argv, **facts))


def save_threshold(
    result: Threshold,
    report: dict[str, Any],
    history: Sequence[tuple[float, float]],
    folder: Path,
    command: Sequence[str] | None = None,
) -> None:
    """Write a threshold: report.json, inequality.json, model.npz, settings.csv, threshold.png, meta.json.

    A file whose content does not exist (no inequality, no model, all settings) is left out.
    """
    from .plots import plot_threshold

    write_json(folder / "report.json", report)
    if result.inequality is not None:
        write_json(folder / "inequality.json", report["inequality"])
    if result.model is not None:
        np.savez(folder / "model.npz", weights=result.model.weights, u=result.model.u, v=result.model.v)
    if result.settings is not None:
        result.settings.to_csv(folder / "settings.csv")
    plot_threshold(result, history, folder / "threshold.png")
    _save_meta(report, folder, command)


def save_search(result: Search, report: dict[str, Any], folder: Path, command: Sequence[str] | None = None) -> None:
    """Write a search: report.json, inequality.json, settings.csv, search.png, meta.json (what exists of it)."""
    from .plots import plot_search

    write_json(folder / "report.json", {**report, "history": list(result.history)})
    if result.inequality is not None:
        write_json(folder / "inequality.json", result.inequality.to_json())
        SettingPairs(result.inequality.a, result.inequality.b).to_csv(folder / "settings.csv")
        plot_search(result, folder / "search.png")
    _save_meta(report, folder, command)


def save_break(report: dict[str, Any], folder: Path, command: Sequence[str] | None = None) -> None:
    """Write where the explicit model breaks: report.json, meta.json."""
    write_json(folder / "report.json", report)
    _save_meta(report, folder, command)


def _save_meta(report: dict[str, Any], folder: Path, command: Sequence[str] | None) -> None:
    """The provenance, with what is short of the report."""
    facts = {name: value for name, value in report.items() if name not in ("model", "inequality", "witness")}
    facts = {"dtype": "float64", "device": jax.default_backend(), **facts}
    write_json(folder / META, provenance(command or sys.argv, **facts))
