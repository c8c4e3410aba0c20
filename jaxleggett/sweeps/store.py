"""The store of a sweep: a Zarr group that xarray opens, and beside its chunks a record of every finished tile.

    DIR.zarr/
      zarr.json  NAME/zarr.json  NAME/c.I.J...     the group, its variables, a chunk a tile and variable
      .jaxleggett/static.json                      SHA-256 of the files that are written once
      .jaxleggett/records/KKK/N.json               that tile N is finished: the SHA-256 of what its chunks decode to
      .jaxleggett/lock                             held by whoever is at work

A chunk is the values as little-endian bytes and their CRC-32C, which Zarr checks when it reads the chunk. Files are
written under another name, flushed to the disk (fsync) and renamed; a record is written when the chunks and their
folders are on the disk. A tile is finished if and only if it has a record, the record is whole, and the chunks are
those that it names. So what was interrupted, torn or changed is found, and computed again. As a tile is a function of
the configuration, two runs at one store may compute tiles twice, but do no harm.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from .. import __version__
from .._checks import InputError
from .disk import CHECKSUM, TEMPORARY, encoded, files_beneath, flush, read, sealed, unsealed, write
from .grid import POINT_SEED, Sweep
from .skeleton import FORMAT, LOCK, OWN, RECORDS, STATIC, write_skeleton

FAN_OUT = 1000
"""Records in one folder."""


@dataclass(frozen=True)
class Damage:
    """What is wrong with one tile, or with a file that belongs to none."""

    tile: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.tile is None else f"tile {self.tile}: {self.what}"


class Store:
    """The store of a `sweep` at `path`. Made by `create` or `open_`."""

    def __init__(self, path: Path, sweep: Sweep) -> None:
        self.path, self.sweep = path, sweep
        self.variables = sweep.kind.variables
        self.digest = sweep.digest

    @classmethod
    def create(cls, path: str | Path, sweep: Sweep) -> Store:
        """The store of this sweep: the one that is there, or a new one, which appears with all its metadata at once.

        Raises InputError where there is something else or another sweep's store, and where none can be made.
        """
        place = Path(path)
        if str(path) and not os.path.exists(place):
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=place.parent) as made:
                    whole = Path(made) / "store"
                    write_skeleton(whole, sweep)
                    os.rename(whole, place)
                    flush(place.parent)
            except OSError as error:
                if not os.path.exists(place):  # else another run was faster
                    raise InputError(f"--store {path} cannot be made: {error.strerror or error}") from None
        found = cls.open_(path)
        if found.digest != sweep.digest:
            raise InputError(
                f"--store {path} must be the store of this configuration, but holds another sweep, {found.sweep}; "
                "choose another folder"
            )
        return found

    @classmethod
    def open_(cls, path: str | Path) -> Store:
        """The store that is there.

        Raises InputError where there is none, where it cannot be read, and where it is damaged in what belongs to no
        tile, or of another version.
        """
        if not str(path):
            raise InputError("--store must name a folder, but is ''")
        place = Path(path)
        try:
            if not (place / OWN / STATIC).is_file():
                raise InputError(f"--store {path} must be the store of a sweep, but {_nature(place)}")
            return cls(place, _checked_sweep(place))
        except OSError as error:
            raise InputError(f"--store {path} cannot be read: {error.strerror or error}") from None

    @contextlib.contextmanager
    def claimed(self, shared: bool = False) -> Iterator[None]:
        """Keep other runs out while the block lasts; with `shared`, only those that do not share the store.

        The lock is the operating system's (flock), and goes with the process or the machine that held it. Raises
        InputError where it is held by another run, and where the store cannot be written. On a file system without
        such locks there is none: two runs may then compute tiles twice, and nothing worse.
        """
        try:
            handle = os.open(self.path / OWN / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise InputError(f"--store {self.path} cannot be written: {error.strerror}") from None
        try:
            try:
                fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"--store {self.path} is in use: another run is at work on it") from None
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                    raise
            with self._unfinished_removed() if not shared else contextlib.nullcontext():
                yield
        finally:
            os.close(handle)

    def commit(self, tile: int, values: dict[str, np.ndarray]) -> None:
        """Save a tile: `values` has for each variable an array of the shape of the tile's region.

        Raises OSError, which names the store, where the disk cannot be written.
        """
        try:
            self._commit(tile, values)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def _commit(self, tile: int, values: dict[str, np.ndarray]) -> None:
        payloads = {name: self._payload(tile, name, values[name]) for name in self.variables}
        write({self._chunk(tile, name): encoded(payload) for name, payload in payloads.items()})
        digests = {name: hashlib.sha256(payload).hexdigest() for name, payload in payloads.items()}
        record = self._record(tile)
        folder = os.path.dirname(record)
        if not os.path.exists(folder):
            os.makedirs(folder, exist_ok=True)
            flush(os.path.dirname(folder))
        body = {"tile": tile, "sweep": self.digest, "sha256": digests, "versions": _versions()}
        write({record: sealed(body)})

    def read(self, tile: int) -> dict[str, np.ndarray]:
        """The values of a finished tile. Raises KeyError where it has no record, ValueError where it is not whole."""
        shape = tuple(slice(part.stop - part.start) for part in self.sweep.region(tile))
        return {
            name: np.frombuffer(payload, self.variables[name].dtype).reshape(self.sweep.chunks)[shape]
            for name, payload in self._payloads(tile).items()
        }

    def _payloads(self, tile: int) -> dict[str, bytes]:
        """What the chunks of a tile decode to, held against its record; raises as `read` does."""
        record = self._record(tile)
        try:
            body = unsealed(read(record))
        except FileNotFoundError:
            raise KeyError(tile) from None
        except IsADirectoryError:
            raise ValueError(f"its record {self._named(record)} is no file") from None
        if body is None:
            raise ValueError(f"its record {self._named(record)} is torn or changed")
        if body["tile"] != tile or body["sweep"] != self.digest:
            raise ValueError(f"its record {self._named(record)} is another tile's")
        found = {}
        for name in self.variables:
            chunk = self._chunk(tile, name)
            try:
                content = read(chunk)
            except FileNotFoundError:
                raise ValueError(f"its chunk {self._named(chunk)} is missing") from None
            except IsADirectoryError:
                raise ValueError(f"its chunk {self._named(chunk)} is no file") from None
            payload = content[:-CHECKSUM]
            if content != encoded(payload) or hashlib.sha256(payload).hexdigest() != body["sha256"].get(name):
                raise ValueError(f"its chunk {self._named(chunk)} is torn or changed")
            found[name] = payload
        return found

    def _named(self, file: str) -> str:
        return os.path.relpath(file, self.path)

    def finished(self) -> tuple[np.ndarray, list[Damage]]:
        """Which tiles are finished, a truth value each, and which have a record but are damaged."""
        done, damaged = np.zeros(self.sweep.num_tiles, dtype=bool), list[Damage]()
        for tile in self._recorded():
            try:
                self._payloads(tile)
                done[tile] = True
            except KeyError:
                continue
            except ValueError as error:
                damaged.append(Damage(tile, str(error)))
            except OSError as error:
                damaged.append(Damage(tile, f"it cannot be read: {error.strerror}"))
        return done, damaged

    def num_recorded(self) -> int:
        """How many tiles have a record, whole or not: quick, for a look at a run under way."""
        return sum(1 for _ in self._recorded())

    def foreign(self) -> list[Damage]:
        """The files and folders in the store that do not belong to it."""
        root = self.path
        known = {"zarr.json", OWN, *self.sweep.axes, POINT_SEED, *self.variables}
        found = [entry.name for entry in os.scandir(root) if entry.name not in known]
        for name in self.variables:
            for entry in os.scandir(root / name):
                if entry.name != "zarr.json" and not self._names_a_chunk(entry.name):
                    found.append(f"{name}/{entry.name}")
        static = _static_files(root) or {}
        for name in (*self.sweep.axes, POINT_SEED):
            found += [f for f in files_beneath(root / name, root) if f not in static]
        found += [f"{OWN}/{e.name}" for e in os.scandir(root / OWN) if e.name not in (STATIC, RECORDS, LOCK)]
        found += [f for f in files_beneath(root / OWN / RECORDS, root) if self._tile_of(f"{root}/{f}") is None]
        foreign = (name for name in sorted(found) if not os.path.basename(name).startswith(TEMPORARY))
        return [Damage(None, f"{name} is no file of this store") for name in foreign]

    def _names_a_chunk(self, name: str) -> bool:
        parts = name.split(".")
        if parts[0] != "c" or len(parts) != 1 + len(self.sweep.tiles):
            return False
        return all(
            part.isdecimal() and str(int(part)) == part and int(part) < n
            for part, n in zip(parts[1:], self.sweep.tiles, strict=True)
        )

    def _recorded(self) -> Iterator[int]:
        """Tiles that have a record."""
        folder = f"{self.path}/{OWN}/{RECORDS}"
        with contextlib.suppress(FileNotFoundError):  # tools that copy may leave empty folders out
            for group in sorted(os.listdir(folder)):
                if os.path.isdir(f"{folder}/{group}"):
                    for name in os.listdir(f"{folder}/{group}"):
                        if (tile := self._tile_of(f"{folder}/{group}/{name}")) is not None:
                            yield tile

    def _tile_of(self, record: str) -> int | None:
        """The tile whose record has this path; None if no tile's has."""
        stem, _, suffix = os.path.basename(record).partition(".")
        if suffix != "json" or not stem.isdecimal() or len(stem) > 9:
            return None
        tile = int(stem)
        return tile if tile < self.sweep.num_tiles and self._record(tile) == record else None

    def unrecorded(self) -> list[Damage]:
        """Tiles that have chunks and no record: the record is lost, or a run was killed before it wrote one."""
        recorded, found = set(self._recorded()), set[int]()
        for name in self.variables:
            for entry in os.scandir(self.path / name):
                if self._names_a_chunk(entry.name):
                    place = tuple(int(part) for part in entry.name.split(".")[1:])
                    found.add(int(np.ravel_multi_index(place, self.sweep.tiles)))
        lost = sorted(found - recorded)
        return [Damage(tile, "it has chunks but no record, and counts as not finished") for tile in lost]

    @property
    def in_use(self) -> bool:
        """Whether a run is at work on it."""
        try:
            handle = os.open(self.path / OWN / LOCK, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    @contextlib.contextmanager
    def _unfinished_removed(self) -> Iterator[None]:
        """Remove unfinished files: first those of runs that were killed, at the end those of workers that were."""
        self._remove_unfinished()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._remove_unfinished()

    def _remove_unfinished(self) -> None:
        folders = [self.path / name for name in self.variables]
        with contextlib.suppress(FileNotFoundError):
            folders += [entry for entry in (self.path / OWN / RECORDS).iterdir() if entry.is_dir()]
        for folder in folders:
            for entry in os.scandir(folder):
                if entry.name.startswith(TEMPORARY) and entry.is_file():
                    os.unlink(entry.path)

    # Paths are texts here, which are faster than Path: a resumed run reads each of what may be millions of files.

    def _chunk(self, tile: int, name: str) -> str:
        return f"{self.path}/{name}/c.{'.'.join(map(str, self.sweep.place(tile)))}"

    def _record(self, tile: int) -> str:
        return f"{self.path}/{OWN}/{RECORDS}/{tile // FAN_OUT:03d}/{tile}.json"

    def _payload(self, tile: int, name: str, values: np.ndarray) -> bytes:
        """The bytes of a chunk of full size, filled up where the grid ends before the chunk does."""
        variable = self.variables[name]
        whole = np.full(self.sweep.chunks, variable.fill, dtype=variable.dtype)
        whole[tuple(slice(part.stop - part.start) for part in self.sweep.region(tile))] = values
        return whole.tobytes()


def _checked_sweep(place: Path) -> Sweep:
    """The sweep of the store in a folder; InputError where a file that is written once is damaged or missing."""
    listed = _static_files(place)
    if listed is None or "zarr.json" not in listed:
        raise InputError(f"--store {place} cannot be used: {OWN}/{STATIC} is damaged")
    for name, digest in listed.items():
        file = place / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise InputError(
                f"--store {place} cannot be used: {name} is {'damaged' if file.exists() else 'missing'}; "
                "its tiles can be computed again in another folder"
            )
    # Its bytes are those that were written, so that nothing in it need be checked.
    own = json.loads((place / "zarr.json").read_bytes())["attributes"]["jaxleggett"]
    if (own["format"], own["version"]) != (FORMAT, __version__):
        raise InputError(
            f"--store {place} must be one of this version (format {FORMAT}, jaxleggett {__version__}), but is one "
            f"of format {own['format']}, jaxleggett {own['version']}"
        )
    sweep = Sweep.from_json(own["sweep"])
    if not {f"{name}/zarr.json" for name in (*sweep.axes, POINT_SEED, *sweep.kind.variables)} <= listed.keys():
        raise InputError(f"--store {place} cannot be used: {OWN}/{STATIC} is damaged")
    return sweep


def _static_files(root: Path) -> dict[str, str] | None:
    """The SHA-256 of the files that are written once, by their names; None where the list of them is damaged."""
    body = unsealed(read(root / OWN / STATIC))
    return None if body is None else body["files"]


def _nature(place: Path) -> str:
    """What is at the place instead of a store, as the end of a sentence."""
    if not place.exists():
        return "does not exist"
    return "is another folder" if place.is_dir() else "is a file"


@functools.cache
def _versions() -> dict[str, str]:
    return {"jaxleggett": __version__, **{name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")}}
