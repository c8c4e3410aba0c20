"""Files of a store: each is there as a whole or not at all, and checksums tell whether it is what was written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import google_crc32c

TEMPORARY = ".unfinished-"
"""How the names of files begin that are being written. Those in a store that a killed run has left are removed by the
next run that does not share the store."""

CHECKSUM = 4
"""Bytes of a CRC-32C."""


def sealed(body: dict[str, Any]) -> bytes:
    """A record with the SHA-256 of its own content."""
    text = json.dumps(body, sort_keys=True)
    return json.dumps({"record": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}).encode() + b"\n"


def unsealed(content: bytes) -> dict[str, Any] | None:
    """The content of a record that `sealed` made; None where the record has been changed since."""
    try:
        outer = json.loads(content)
        text = outer["record"]
        whole = hashlib.sha256(text.encode()).hexdigest() == outer["sha256"]
        return json.loads(text) if whole else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def encoded(payload: bytes) -> bytes:
    """A chunk as Zarr's codecs `bytes` and `crc32c` write it."""
    return payload + google_crc32c.value(payload).to_bytes(CHECKSUM, "little")


def read(path: str | Path) -> bytes:
    """What a file holds. Raises FileNotFoundError, and IsADirectoryError for what is no regular file."""
    # Without O_NONBLOCK, opening a FIFO would wait until somebody writes to it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise IsADirectoryError(f"{path} is no file")
        size = found.st_size
        content = os.read(handle, size + 1)
        while len(content) < size and (more := os.read(handle, size - len(content))):
            content += more
        return content
    finally:
        os.close(handle)


def write(files: Mapping[str, bytes]) -> None:
    """Put files in place, each as a whole; when it returns, they and their names are on the disk.

    files     the contents by the paths

    All files are written under other names, then all are flushed, then all are renamed, then their folders are flushed:
    so a file system with a journal writes it once for all of them rather than once for each.
    """
    made: dict[str, tuple[str, int]] = {}
    try:
        for path, content in files.items():
            name = f"{os.path.dirname(path)}/{TEMPORARY}{os.urandom(6).hex()}"
            made[path] = name, os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(made[path][1], rest) :]
        for _, handle in made.values():
            os.fsync(handle)
        for path, (name, _) in made.items():
            os.replace(name, path)
    except BaseException:
        for name, _ in made.values():
            with contextlib.suppress(OSError):
                os.unlink(name)
        raise
    finally:
        for _, handle in made.values():
            os.close(handle)
    for folder in dict.fromkeys(os.path.dirname(path) for path in files):
        flush(folder)


def flush(path: str | Path) -> None:
    """Wait until what a file or a folder holds is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def files_beneath(folder: Path, root: Path) -> list[str]:
    """All files beneath a folder, by their paths from the root."""
    return [
        (Path(where) / name).relative_to(root).as_posix()
        for where, _, names in os.walk(folder)
        for name in sorted(names)
    ]
