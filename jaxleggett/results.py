"""Writing what a command found to a folder: data, settings, picture, and where it all came from."""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from filelock import FileLock, Timeout

from . import __version__
from ._checks import InputError, quoted
from ._files import read_json
from .inequality import LeggettInequality
from .settings import SettingPairs
from .thresholds import Threshold
from .verification import Verification

if TYPE_CHECKING:
    from .searches import Search

META = "meta.json"

LOCK, UNFINISHED = ".jaxleggett.lock", ".jaxleggett-unfinished"
"""What an output folder holds while a run is writing to it."""

VERIFY_FILES = ("report.json", "averages.npz", "settings.csv", "verification.png", META)

SEARCH_FILES = ("report.json", "inequality.json", "settings.csv", "search.png", META)

THRESHOLD_FILES = ("report.json", "inequality.json", "model.npz", "settings.csv", "threshold.png", META)


@contextlib.contextmanager
def claimed(folder: str | None, names: Sequence[str], force: bool) -> Iterator[Path | None]:
    """A place to write the files `names` to, META last, from where they go to `folder` together; None for None.

    The folder is locked before anything is computed, so that of two runs one has it. Raises InputError where it
    cannot be written, is another run's, or holds one of those files and `force` is not set. If the block ends
    without META, what it wrote, and folders that were made here, are removed again.
    """
    if folder is None:
        yield None
        return
    if not folder:
        raise InputError("--out must name a folder, but is ''")
    path, lock = Path(folder), None
    made: list[Path] = []
    try:
        try:
            made += [p for p in (path, *path.parents) if not p.exists()]
            path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path / LOCK, timeout=0)
            lock.acquire()
            _check_held(path, names, force)
            unfinished = path / UNFINISHED
            shutil.rmtree(unfinished, ignore_errors=True)  # what a run that was killed has left
            unfinished.mkdir()
        except Timeout:
            raise InputError(f"--out {quoted(folder)} is being written by another run") from None
        except OSError as error:
            raise InputError(f"--out {quoted(folder)} cannot be written: {error.strerror}") from None
        try:
            yield unfinished
        finally:
            if (unfinished / META).exists():  # all is written, whatever failed after that
                _move(unfinished, path, names)
            shutil.rmtree(unfinished, ignore_errors=True)
    finally:
        _release(path, lock)
        for empty in made:
            with contextlib.suppress(OSError):
                empty.rmdir()


def _check_held(path: Path, names: Sequence[str], force: bool) -> None:
    """InputError where the folder holds what would be overwritten."""
    held = [name for name in names if (path / name).exists()]
    if held and not force:
        raise InputError(f"--out {path} already holds {held[0]}: choose another folder or add --force")
    if foreign := [name for name in held if not (path / name).is_file()]:
        raise InputError(f"--out {path} must not hold a folder named {foreign[0]}")


def _move(source: Path, target: Path, names: Sequence[str]) -> None:
    """Put the files `names` of a finished run in the place of those of the run before; META comes last."""
    (target / META).unlink(missing_ok=True)
    for name in names:
        if (source / name).exists():
            (source / name).replace(target / name)
        else:
            (target / name).unlink(missing_ok=True)


def _release(path: Path, lock: FileLock | None) -> None:
    """Take the lock away, with its file; a run that waits for a file without a name starts again."""
    if lock is not None and lock.is_locked:
        with contextlib.suppress(OSError):
            (path / LOCK).unlink()
        lock.release()


def provenance(command: Sequence[str], **facts: Any) -> dict[str, Any]:
    """What `meta.json` says: the command, software versions, commit, platform, and `facts`."""
    return {
        "command": " ".join(command),
        "versions": {
            "jaxleggett": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")},
        },
        "commit": _commit(),
        "platform": f"{platform.system()} {platform.machine()}",
        "random_numbers": "Threefry-2x32, partitionable",
        **facts,
    }


def _commit() -> str | None:
    """The commit of the source tree, `+` appended where its files differ; None outside a checkout of it."""
    root = Path(__file__).parent.parent
    git = ["git", "-C", str(root)]
    try:
        top = subprocess.run([*git, "rev-parse", "--show-toplevel", "HEAD"], capture_output=True, text=True, check=True)
        source = [*git, "status", "--porcelain", "--", "jaxleggett", "scripts"]
        changed = subprocess.run(source, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    where, head = top.stdout.split("\n")[:2]
    # An installed copy may lie inside somebody else's repository.
    return head + ("+" if changed else "") if Path(where).resolve() == root.resolve() else None


def write_json(path: Path, content: Any) -> None:
    """`content` as JSON; a NaN or an infinity in it raises ValueError."""
    text = json.dumps(content, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


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


def read_inequality(path: str) -> LeggettInequality:
    """The inequality of a JSON file that a command wrote: inequality.json, or the report.json that holds it.

    InputError where there is none, or one that is averaged over a symmetry.
    """
    content = read_json("inequality", path)
    if isinstance(content, dict) and "inequality" in content:
        content = content["inequality"]
        if content is None:
            raise InputError(f"inequality {path} must be a report with an inequality, but this one found none (null)")
    if isinstance(content, dict) and content.get("symmetry") is not None:
        symmetry = quoted(content["symmetry"])
        raise InputError(f"inequality {path} must have finitely many pairs, but is averaged over {symmetry}")
    return LeggettInequality.from_json(content)


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
