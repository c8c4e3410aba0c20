"""Compiled programs of the command line, kept from one run to the next: most of a small run is compiling.

JAX's persistent compilation cache, in a folder of the user's own: `jaxleggett` in $XDG_CACHE_HOME, or in ~/.cache. The
library itself keeps nothing. JAXLEGGETT_CACHE=off switches it off, and who sets JAX_COMPILATION_CACHE_DIR has that
instead. What is in the folder is machine code, so that

- it has to belong to the user, and nobody else may write to it: else nothing is read from it or written to it;
- programs of other releases of JAX, or of other processors, lie in folders of their own;
- an entry counts only with its SHA-256 beside it, which is written when a run has ended, where it can be unpacked to
  its end; others (half written, cut short by a full disk, damaged) are removed before JAX reads any, and made again.

A folder that cannot be made or written leaves everything as it would be without.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib
import os
import platform
import stat
import warnings
from importlib import metadata
from pathlib import Path

SWITCH = "JAXLEGGETT_CACHE"
"""The environment variable that switches it off."""

FOLDER = "JAX_COMPILATION_CACHE_DIR"
"""JAX's own, read when it is imported."""

ENTRY, SEAL = "-cache", ".sha256"
"""How names of entries end in JAX's folder, and those of the files beside them."""

ZSTD = b"\x28\xb5\x2f\xfd"
"""How what is packed by zstd begins."""

MOST_BYTES = 3 * 10**8
"""What the entries of a folder may have in all; those that were written first go first."""


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
            os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
            # XLA's own caches for GPUs, in the same folder, would have no digests.
            os.environ["JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES"] = "none"
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
    folder = top / hashlib.sha256(_machine().encode()).hexdigest()[:16]
    if not _is_private(top):
        return None
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder if _is_private(folder) and os.access(folder, os.W_OK) else None


def _is_private(folder: Path) -> bool:
    """Whether it is a folder, no link to one, of this user, to which nobody else may write."""
    held = folder.lstat()
    owned = not hasattr(os, "getuid") or held.st_uid == os.getuid()
    return stat.S_ISDIR(held.st_mode) and owned and not held.st_mode & 0o022


def _machine() -> str:
    """What a program is compiled for and by: releases, and the processor with all that it can do."""
    releases = [metadata.version(name) for name in ("jax", "jaxlib")]
    processor = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        processor = "\n".join(sorted({x for x in lines if x.startswith(("model name", "flags", "Features"))}))
    return "\n".join([*releases, platform.machine(), processor])


def _remove_what_is_not_sealed(folder: Path) -> None:
    """Remove entries without their digest or with another one, and the oldest where there are too many bytes."""
    total, kept, found = 0, set[str](), []
    for entry in folder.glob(f"*{ENTRY}"):
        with contextlib.suppress(FileNotFoundError):  # another run removed it
            found.append((entry.stat().st_mtime_ns, entry))
    for _, entry in sorted(found, reverse=True):
        seal = Path(f"{entry}{SEAL}")
        with contextlib.suppress(FileNotFoundError):
            content = entry.read_bytes()
            if total + len(content) <= MOST_BYTES and seal.read_text("ascii", "replace") == _digest(content):
                total += len(content)
                kept |= {entry.name, seal.name}
    # Also digests that a run which was killed had not finished, or whose entries are gone.
    for path in (*folder.glob(f"*{ENTRY}"), *folder.glob(f"*{ENTRY}{SEAL}*")):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _seal(folder: Path) -> None:
    """Write the digests of entries that have none yet, and are whole."""
    for entry in folder.glob(f"*{ENTRY}"):
        seal = Path(f"{entry}{SEAL}")
        with contextlib.suppress(OSError):
            if not seal.exists() and _is_whole(content := entry.read_bytes()):
                unfinished = Path(f"{seal}.{os.getpid()}")
                unfinished.write_text(_digest(content), "ascii")
                unfinished.replace(seal)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _is_whole(content: bytes) -> bool:
    """Whether an entry can be unpacked to its end: JAX packs them by zlib, or by zstd where Python has it."""
    packers = ("zlib",) if not content.startswith(ZSTD) else ("compression.zstd", "zstandard")
    for name in packers:
        with contextlib.suppress(ImportError):
            packer = importlib.import_module(name)
            # What each calls its error is no matter here.
            with contextlib.suppress(Exception):
                packer.decompress(content)
                return True
    return False
