"""Output folders: each is written by one run at a time, and has all files of a run or is left as it was before."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from .._checks import InputError
from .provenance import META

LOCK, UNFINISHED = ".jaxleggett.lock", ".jaxleggett-unfinished"
"""What an output folder holds during a run: a lock, and a folder for its files until all are written."""


@contextlib.contextmanager
def claimed(folder: str | None, names: Sequence[str], force: bool) -> Iterator[Path | None]:
    """A place to write a run's files to, from where they go to the output folder together when the block ends.

    folder    the output folder that the user named; with None the place is None, too
    names     the files that the run may write; META must be the last one that it writes
    force     whether files of these names that are there already may be replaced

    The folder is locked before anything is computed, so that only one of two runs has it. Raises InputError where the
    folder cannot be written, is being written by another run, or holds one of those files and `force` is not set. If
    the block ends without META, what it wrote, and folders that were made here, are removed again.
    """
    if folder is None:
        yield None
        return
    if not folder:
        raise InputError("--out must name a folder, but is ''")
    path, lock = Path(folder), None
    made: list[Path] = []
    try:
        try:
            made += [p for p in (path, *path.parents) if not p.exists()]
            path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path / LOCK, timeout=0)
            lock.acquire()
            _check_held(path, names, force)
            unfinished = path / UNFINISHED
            shutil.rmtree(unfinished, ignore_errors=True)  # what a run that was killed has left
            unfinished.mkdir()
        except Timeout:
            raise InputError(f"--out {str(folder)!r} is being written by another run") from None
        except OSError as error:
            raise InputError(f"--out {str(folder)!r} cannot be written: {error.strerror}") from None
        try:
            yield unfinished
        finally:
            if (unfinished / META).exists():  # all is written, whatever failed after that
                _move(unfinished, path, names)
            shutil.rmtree(unfinished, ignore_errors=True)
    finally:
        _release(path, lock)
        for empty in made:
            with contextlib.suppress(OSError):
                empty.rmdir()


def _check_held(path: Path, names: Sequence[str], force: bool) -> None:
    """InputError where the folder holds what would be overwritten."""
    held = [name for name in names if (path / name).exists()]
    if held and not force:
        raise InputError(f"--out {path} already holds {held[0]}: choose another folder or add --force")
    if foreign := [name for name in held if not (path / name).is_file()]:
        raise InputError(f"--out {path} must not hold a folder named {foreign[0]}")


def _move(source: Path, target: Path, names: Sequence[str]) -> None:
    """Put the files `names` of a finished run in the place of those of an earlier run; META comes last."""
    (target / META).unlink(missing_ok=True)
    for name in names:
        if (source / name).exists():
            (source / name).replace(target / name)
        else:
            (target / name).unlink(missing_ok=True)


def _release(path: Path, lock: FileLock | None) -> None:
    """Remove the file of the lock, then release it. FileLock does not accept a lock on a file that was removed."""
    if lock is not None and lock.is_locked:
        with contextlib.suppress(OSError):
            (path / LOCK).unlink()
        lock.release()
