"""Compiled programs of the command line, kept from one run to the next: most of a small run is compiling.

JAX's persistent compilation cache, in a folder of the user's own: `jaxleggett` in $XDG_CACHE_HOME, or in ~/.cache. The
library itself keeps nothing. JAXLEGGETT_CACHE=off switches it off, and who sets JAX_COMPILATION_CACHE_DIR has that
instead. What is in the folder is machine code, so that

- it has to belong to the user, and nobody else may write to it: else nothing is read from it or written to it;
- programs of other releases of JAX, or of other processors, lie in folders of their own;
- an entry counts only with its SHA-256 beside it, which is written when a run has ended; others (half written, damaged)
  are removed before JAX reads any, and made again.

A folder that cannot be made or written leaves everything as it would be without.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import platform
import warnings
from importlib import metadata
from pathlib import Path

SWITCH = "JAXLEGGETT_CACHE"
"""The environment variable that switches it off."""

FOLDER = "JAX_COMPILATION_CACHE_DIR"
"""JAX's own, read when it is imported."""

ENTRY, SEAL = "-cache", ".sha256"
"""How names of entries end in JAX's folder, and those of the files beside them."""

MOST_BYTES = 3 * 10**8
"""What the entries of a folder may have in all; the oldest go first."""


def use_cache() -> None:
    """Let JAX, which is imported after this, keep its programs; nothing where that is switched off or not possible."""
    if FOLDER in os.environ:
        _keep_quiet()
        return
    if os.environ.get(SWITCH, "on") == "off":
        return
    with contextlib.suppress(OSError):
        folder = _own_folder()
        if folder is not None:
            _remove_what_is_not_sealed(folder)
            os.environ[FOLDER] = str(folder)
            os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
            _keep_quiet()
            atexit.register(_seal, folder)


def _keep_quiet() -> None:
    """Keep what a cache gives rise to away from stderr."""
    # XLA says for every program of a CPU that it was compiled for preferences that no machine lists.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Of entries that another run is writing, or removes, at this moment: they are compiled then.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")


def _own_folder() -> Path | None:
    """The folder for these releases and this processor, made if need be; None where others may write to it."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(home):
        return None
    top = Path(home) / "jaxleggett"
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = top.stat()
    if hasattr(os, "getuid") and (held.st_uid != os.getuid() or held.st_mode & 0o022):
        return None
    folder = top / hashlib.sha256(_machine().encode()).hexdigest()[:16]
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder if os.access(folder, os.W_OK) else None


def _machine() -> str:
    """What a program is compiled for and by: releases, and the processor with all that it can do."""
    releases = [metadata.version(name) for name in ("jax", "jaxlib")]
    processor = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        processor = "\n".join(sorted({x for x in lines if x.startswith(("model name", "flags", "Features"))}))
    return "\n".join([*releases, platform.machine(), processor])


def _digest(entry: Path) -> str:
    return hashlib.sha256(entry.read_bytes()).hexdigest()


def _remove_what_is_not_sealed(folder: Path) -> None:
    """Remove entries without their digest or with another one, and the oldest where there are too many bytes."""
    total = 0
    newest_first = sorted(folder.glob(f"*{ENTRY}"), key=lambda entry: -entry.stat().st_mtime)
    for entry in newest_first:
        seal = Path(f"{entry}{SEAL}")
        total += entry.stat().st_size
        if total > MOST_BYTES or not seal.is_file() or seal.read_text("ascii", "replace") != _digest(entry):
            entry.unlink(missing_ok=True)
            seal.unlink(missing_ok=True)


def _seal(folder: Path) -> None:
    """Write the digests of entries that have none yet."""
    with contextlib.suppress(OSError):
        for entry in folder.glob(f"*{ENTRY}"):
            seal = Path(f"{entry}{SEAL}")
            if not seal.exists():
                unfinished = Path(f"{seal}.{os.getpid()}")
                unfinished.write_text(_digest(entry), "ascii")
                unfinished.replace(seal)
