"""Compiled programs of the command line, kept from one run to the next: most of the time of a small run is compiling.

They are in JAX's persistent compilation cache, in a folder of the user: `jaxleggett` in $XDG_CACHE_HOME, or in
~/.cache. The library itself keeps nothing. JAXLEGGETT_CACHE=off switches the cache off; where
JAX_COMPILATION_CACHE_DIR is set, JAX uses that folder instead. What is in the folder is machine code, so that

- the folder must belong to the user, and nobody else may write to it; otherwise it is not used at all;
- programs of other releases of JAX, or for other processors, are in folders of their own;
- an entry is used only with its SHA-256 beside it, which is written when a run ends, and only if the entry can be
  unpacked. All other entries (half written, cut short by a full disk, damaged) are removed before JAX reads any.

Where the folder cannot be made or written, the command runs without a cache.
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
"""The environment variable that switches the cache off."""

FOLDER = "JAX_COMPILATION_CACHE_DIR"
"""The environment variable with the folder of JAX's cache, which JAX reads when it is imported."""

ENTRY, SEAL = "-cache", ".sha256"
"""The endings of the names of entries, which JAX writes, and of the files with their digests."""

ZSTD = b"\x28\xb5\x2f\xfd"
"""The first bytes of what zstd has packed."""

_used: list[Path] = []
"""The folder that `use_cache` has set up, if it has."""

MOST_BYTES = 3 * 10**8
"""The most bytes that the entries of a folder may have in all; the oldest are removed first."""


def use_cache() -> None:
    """Let JAX, which must be imported after this, keep its programs, unless that is switched off or not possible."""
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
            _used.append(folder)
            atexit.register(_seal, folder)


def _keep_quiet() -> None:
    """Suppress the messages on stderr that come with a cache."""
    # XLA warns, for every program of a CPU that it loads, of tuning preferences that no machine lists as its features.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # JAX warns of entries that another run is writing or removing; it compiles these programs then.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")


def _own_folder() -> Path | None:
    """The folder for these releases and this processor, made if need be; None where it must not be used."""
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
    """Whether it is a folder (not a link to one) of this user, to which nobody else may write."""
    held = folder.lstat()
    owned = not hasattr(os, "getuid") or held.st_uid == os.getuid()
    return stat.S_ISDIR(held.st_mode) and owned and not held.st_mode & 0o022


def _machine() -> str:
    """What a program is compiled by and for: releases, and the processor with its features."""
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
    # Also digests whose entries are gone, and unfinished ones of runs that were killed.
    for path in (*folder.glob(f"*{ENTRY}"), *folder.glob(f"*{ENTRY}{SEAL}*")):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def seal() -> None:
    """Keep what this process has compiled, where it ends without `atexit`."""
    for folder in _used:
        _seal(folder)


def _seal(folder: Path) -> None:
    """Write the digests of the entries that have none yet and can be unpacked."""
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
            # Whatever error the packer raises, the entry is not whole.
            with contextlib.suppress(Exception):
                packer.decompress(content)
                return True
    return False
