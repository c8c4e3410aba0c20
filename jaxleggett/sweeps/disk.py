"""Files of a store: whole or not there, and what they hold can be told from anything else."""

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
"""How names begin of files that are being written; what a run that was killed has left is removed by the next one that
has the store for itself."""

CHECKSUM = 4
"""Bytes of a CRC-32C."""


def sealed(body: dict[str, Any]) -> bytes:
    """A record with the SHA-256 of its own content."""
    text = json.dumps(body, sort_keys=True)
    return json.dumps({"record": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}).encode() + b"\n"


def unsealed(content: bytes) -> dict[str, Any] | None:
    """The content of a record; None where it is not what was written."""
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
    # A FIFO would wait for ever for somebody to write.
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
    """Put files in place, each as a whole, and all of them and their names on the disk when it returns.

    What belongs together is written first, then flushed, then renamed, then the folders are flushed: a journal that has
    been written for the first of them need not be written again for the others.
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
    """Have the disk hold what a file or a folder holds."""
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
