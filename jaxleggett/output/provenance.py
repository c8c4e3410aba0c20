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


def provenance(command: Sequence[str], **facts: object) -> dict[str, object]:
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


def write_json(path: Path, content: object) -> None:
    """`content` as JSON; a NaN or an infinity in it raises ValueError."""
    text = json.dumps(content, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
