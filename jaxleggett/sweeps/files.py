"""The files of states and settings that a sweep's options name: what they held when it began, and if they still do."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._checks import InputError
from .._files import names_a_file, read_bytes
from .grid import BRACES, Sweep, names_in_braces

NAMING = {
    "state": ("werner", "bell-diagonal:", "pure:"),
    "settings": ("all", "icosahedron", "random:", "grid:", "equatorial:"),
}
"""Options that may name a file, and the texts, or their beginnings, that never do, whatever lies in the folder."""

MOST = 10_000
"""Most files of one sweep."""


def with_files(sweep: Sweep) -> Sweep:
    """The sweep with absolute paths in place of relative ones, and the SHA-256 of what lies there.

    A text with names in braces names a file if it does for all values of these. Raises InputError for files that cannot
    be read, and for too many.
    """
    files: dict[str, str] = {}

    def absolute(option: str, value: Any) -> Any:
        if option not in NAMING or not isinstance(value, str):
            return value
        named = list(itertools.islice(_filled(sweep, value), MOST + 1))
        if not all(_is_file(option, text) for text in named):
            return value
        if len(files) + len(named) > MOST:
            raise InputError(f"{option} must name at most {MOST:,} files in all, but names more")
        for text in named:
            path = os.path.abspath(text)
            files[path] = hashlib.sha256(read_bytes(option, path)).hexdigest()
        return os.path.abspath(value)

    job = {name: absolute(name, value) for name, value in sweep.job.items()}
    axes = {name: [absolute(name, value) for value in values] for name, values in sweep.axes.items()}
    return replace(sweep, job=job, axes=axes, files=files)


def _filled(sweep: Sweep, text: str) -> Iterator[str]:
    """The text with each combination of values of the axes that it names."""
    names = list(dict.fromkeys(names_in_braces(text)))
    for values in itertools.product(*(sweep.axes[name] for name in names)):
        at = dict(zip(names, values, strict=True))
        yield BRACES.sub(lambda found, at=at: str(at[found[1]]), text)


def _is_file(option: str, text: str) -> bool:
    known = any(text == name or (name.endswith(":") and text.startswith(name)) for name in NAMING[option])
    return not known and names_a_file(text)


class Watch:
    """Compares the files of a sweep with what they were; reads one again if its time, size or inode has changed."""

    def __init__(self, sweep: Sweep) -> None:
        self.files, self.seen = sweep.files, dict[str, tuple[int, ...]]()

    def check(self) -> None:
        """Raise RuntimeError where a file has been changed, or cannot be read."""
        for path, digest in self.files.items():
            try:
                now = os.stat(path)
                mark = (now.st_mtime_ns, now.st_size, now.st_ino)
                if self.seen.get(path) == mark:
                    continue
                same = hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest
            except OSError as error:
                raise RuntimeError(f"{path}, with which the sweep began, cannot be read: {error.strerror}") from None
            if not same:
                raise RuntimeError(f"{path} is not the file with which the sweep began: it has been changed")
            self.seen[path] = mark
