"""Where a result comes from."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from .. import __version__

META = "meta.json"
"""The file that says where a result comes from. It is written last, so a folder that has it is complete."""


def provenance(command: Sequence[str], **facts: object) -> dict[str, object]:
    """What `meta.json` says: the command line, software versions, commit, platform, and whatever `facts` are given.

    >>> from jaxleggett.output.provenance import provenance
    >>> provenance(["jaxleggett", "verify"], seed=3)["seed"]
    3
    """
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
    """The commit of the source tree, with `+` appended where files differ from it; None where there is no checkout."""
    root = Path(__file__).parent.parent.parent
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


def write_json(path: Path, content: object) -> None:
    """Write `content` to `path` as JSON; the file appears whole, or not at all.

    Raises ValueError where the content holds a NaN or an infinity, before anything is written.
    """
    text = json.dumps(content, indent=1, allow_nan=False)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text + "\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
