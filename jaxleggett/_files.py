"""Files that a user names: only regular files are opened, and none is read beyond `MAX_BYTES`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from ._checks import InputError, quoted

MAX_BYTES = 10**8
"""Most bytes of a file that is read as a whole."""


def names_a_file(text: str) -> bool:
    """Whether `text` exists as a path, or looks like one: with a separator, or with a suffix that begins with a letter.

    Any other text is more likely a mistyped name such as `wernr`.
    """
    return os.path.exists(text) or os.sep in text or re.search(r"\.[A-Za-z]\w*$", text) is not None


@contextlib.contextmanager
def opened(what: str, path: str | Path) -> Generator[BinaryIO]:
    """The regular file `path`, open for reading; `what` names it in messages.

    Raises InputError where it cannot be opened, and where reading it inside the `with` block fails.
    """
    if "\0" in str(path):
        raise InputError(f"{what} {str(path)!r} cannot be read: no name of a file holds a NUL")
    try:
        # Checked before the file is opened: opening a FIFO without a writer would wait for ever.
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            other = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
            raise InputError(f"{what} {path} must be a regular file, but is {other}")
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise InputError(f"{what} {str(path)!r} cannot be read: {error.strerror}") from None


def read_bytes(what: str, path: str | Path) -> bytes:
    """The content of the file `path`; InputError where it is longer than `MAX_BYTES`."""
    with opened(what, path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputError(f"{what} {path} must be a file of at most {MAX_BYTES} bytes, but is larger")
    return content


def read_json(what: str, path: str | Path) -> object:
    """The JSON document in the file `path`, in any Unicode encoding, with or without a byte order mark.

    Raises InputError for anything else, and for an object with the same name twice, of which Python would silently
    keep the last.
    """
    content = read_bytes(what, path)
    try:
        return json.loads(content, object_pairs_hook=_names_once)
    except InputError as error:
        raise InputError(f"{what} {path} {error}") from None
    except RecursionError:
        raise InputError(f"{what} {path} must be JSON, but is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{what} {path} must be JSON, but is not: {error}") from None


def _names_once(members: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON from its names and values, in the order of the file."""
    found: dict[str, object] = {}
    for name, value in members:
        if name in found:
            raise InputError(f"must have each name once in an object of JSON, but has {quoted(name)} twice")
        found[name] = value
    return found
