"""Writing what a command found to a folder: data, settings, picture, and where it all came from."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from ._checks import InputError
from .verification import Verification

META = "meta.json"

VERIFY_FILES = ("report.json", "averages.npz", "settings.csv", "verification.png", META)


def claim(folder: str | Path, names: Sequence[str], force: bool) -> Path:
    """Make `folder` ready to receive the files `names`, before anything is computed.

    Raises InputError where it cannot be written, or holds one of those files and `force` is not
    set. A folder made here for nothing is removed again.
    """
    path = Path(folder)
    missing = [p for p in (path, *path.parents) if not p.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".jaxleggett-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        for made in missing:
            if made.is_dir():
                made.rmdir()
        raise InputError(f"--out {folder} cannot be written: {error.strerror}") from None
    held = [name for name in names if (path / name).exists()]
    if held and not force:
        raise InputError(f"--out {folder} already holds {held[0]}: choose another folder or add --force")
    return path


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
        **facts,
    }


def _commit() -> str | None:
    """The commit of the source tree, `+` appended where tracked files differ; None outside a checkout."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.returncode else "")


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
    facts = {name: value for name, value in report.items() if name != "visibilities"}
    write_json(folder / META, provenance(command or sys.argv, **facts))
