"""The store of a sweep: a Zarr group that xarray opens, and beside its chunks a record of every finished tile.

    DIR.zarr/
      zarr.json  NAME/zarr.json  NAME/c.I.J...     the group, its variables, a chunk a tile and variable
      .jaxleggett/static.json                      SHA-256 of the files that are written once
      .jaxleggett/records/KKK/N.json               that tile N is finished: the SHA-256 of what its chunks decode to
      .jaxleggett/lock                             held by whoever is at work

A chunk is the values as little-endian bytes, and their CRC-32C, which whoever reads it by Zarr checks. Files are
written to another name, flushed to the disk (fsync) and renamed; a record is written when the chunks and their folders
are on the disk. So a tile is finished if and only if it has a record, the record is whole, and the chunks are those
it names: whatever was interrupted, torn or changed is found by that, and computed again. Tiles being functions of the
configuration, two runs at one store can do no harm but work twice.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import itertools
import json
import math
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from .. import __version__
from .._checks import InputError, quoted
from .._files import read_json
from .grid import Sweep

FORMAT = 1
"""The number of this layout; a store with another one is refused."""

OWN = ".jaxleggett"
"""The folder of what is not Zarr's."""

STATIC, RECORDS, LOCK = "static.json", "records", "lock"

TEMPORARY = ".unfinished-"
"""How names begin of files that are being written; what a run that was killed has left is removed by the next one that
has the store for itself."""

FAN_OUT = 1000
"""Records in one folder."""

CHECKSUM = 4
"""Bytes of a CRC-32C."""


@dataclass(frozen=True)
class Damage:
    """What is wrong with one tile, or with a file that belongs to none."""

    tile: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.tile is None else f"tile {self.tile}: {self.what}"


class Store:
    """The store at `path`, of a `sweep`. Made by `create` or `open_`."""

    def __init__(self, path: Path, sweep: Sweep) -> None:
        self.path, self.sweep = path, sweep
        self.variables = sweep.kind.variables
        self.digest = sweep.digest

    @classmethod
    def create(cls, path: str | Path, sweep: Sweep) -> Store:
        """The store of this sweep: the one that is there, or a new one, which appears with all its metadata at once.

        Raises InputError where there is something else, another sweep's store, or no place for one.
        """
        place = Path(path)
        if not place.exists():
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=place.parent) as made:
                    whole = Path(made) / "store"
                    _write_static(whole, sweep)
                    os.rename(whole, place)
                    _flush(place.parent)
            except OSError as error:
                if not place.exists():  # else another run was faster
                    raise InputError(f"--store {quoted(str(path))} cannot be made: {error.strerror}") from None
        found = cls.open_(place)
        if found.digest != sweep.digest:
            raise InputError(
                f"--store {path} must be the store of this configuration, but holds another sweep, {found.sweep}; "
                "choose another folder"
            )
        return found

    @classmethod
    def open_(cls, path: str | Path) -> Store:
        """The store that is there; InputError where there is none, or none that this version may go on with."""
        place = Path(path)
        if not (place / OWN / STATIC).is_file():
            raise InputError(f"--store {path} must be the store of a sweep, but {_nature(place)}")
        static = read_json("--store", place / OWN / STATIC)
        if not isinstance(static, dict) or not isinstance(static.get("files"), dict):
            raise InputError(f"--store {path} cannot be used: {OWN}/{STATIC} is damaged")
        for name, digest in static["files"].items():
            file = place / name
            if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
                raise InputError(
                    f"--store {path} cannot be used: {name} is {'damaged' if file.exists() else 'missing'}; "
                    "its tiles can be computed again in another folder"
                )
        # Trusted from here on: its bytes are those that were written.
        own = json.loads((place / "zarr.json").read_bytes())["attributes"]["jaxleggett"]
        if (own["format"], own["version"]) != (FORMAT, __version__):
            raise InputError(
                f"--store {path} must be one of this version (format {FORMAT}, jaxleggett {__version__}), but is one "
                f"of format {own['format']}, jaxleggett {own['version']}"
            )
        return cls(place, Sweep.from_json(own["sweep"]))

    @contextlib.contextmanager
    def claimed(self, shared: bool = False) -> Iterator[None]:
        """Keep others out while the block lasts; `shared` lets those in that share it, too.

        The lock is the operating system's (flock), and goes with the process or the machine that held it. Raises
        InputError where it is held by another run, and where the store cannot be written. File systems without
        such locks go without: then two runs may work twice, and nothing worse.
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
        """Save a tile: `values` has an array of the shape of its region for each variable."""
        digests = {}
        for name in self.variables:
            payload = self._payload(tile, name, values[name])
            _write(self._chunk(tile, name), _encoded(payload))
            digests[name] = hashlib.sha256(payload).hexdigest()
        for name in self.variables:
            _flush(self.path / name)
        record = self._record(tile)
        folder = os.path.dirname(record)
        if not os.path.exists(folder):
            os.makedirs(folder, exist_ok=True)
            _flush(os.path.dirname(folder))
        body = {"tile": tile, "sweep": self.digest, "sha256": digests, "versions": _versions()}
        _write(record, _sealed(body))
        _flush(folder)

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
            body = _unsealed(_read(record))
        except FileNotFoundError:
            raise KeyError(tile) from None
        if body is None:
            raise ValueError(f"its record {self._named(record)} is torn or changed")
        if body["tile"] != tile or body["sweep"] != self.digest:
            raise ValueError(f"its record {self._named(record)} is another tile's")
        found = {}
        for name in self.variables:
            chunk = self._chunk(tile, name)
            try:
                content = _read(chunk)
            except FileNotFoundError:
                raise ValueError(f"its chunk {self._named(chunk)} is missing") from None
            payload = content[:-CHECKSUM]
            if content != _encoded(payload) or hashlib.sha256(payload).hexdigest() != body["sha256"].get(name):
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
        """What does not belong into the store."""
        root = self.path
        known = {"zarr.json", OWN, *self.sweep.axes, "point_seed", *self.variables}
        found = [entry.name for entry in os.scandir(root) if entry.name not in known]
        for name in self.variables:
            for entry in os.scandir(root / name):
                if entry.name != "zarr.json" and not self._names_a_chunk(entry.name):
                    found.append(f"{name}/{entry.name}")
        static = set(_static_files(root))
        for name in (*self.sweep.axes, "point_seed"):
            found += [f for f in _files(root / name, root) if f not in static]
        found += [f"{OWN}/{e.name}" for e in os.scandir(root / OWN) if e.name not in (STATIC, RECORDS, LOCK)]
        expected = {self._named(self._record(tile)) for tile in self._recorded()}
        found += [f for f in _files(root / OWN / RECORDS, root) if f not in expected]
        own = (name for name in sorted(found) if not os.path.basename(name).startswith(TEMPORARY))
        return [Damage(None, f"{name} is no file of this store") for name in own]

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
        folder = self.path / OWN / RECORDS
        for group in sorted(os.listdir(folder)):
            if not group.isdecimal() or not (folder / group).is_dir():
                continue
            for name in os.listdir(folder / group):
                stem, _, suffix = name.partition(".")
                if suffix == "json" and stem.isdecimal() and int(stem) < self.sweep.num_tiles:
                    tile = int(stem)
                    if self._record(tile) == f"{folder}/{group}/{name}":
                        yield tile

    @contextlib.contextmanager
    def _unfinished_removed(self) -> Iterator[None]:
        """Remove what runs that were killed have left, and then what workers that are killed meanwhile leave."""
        self._remove_unfinished()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._remove_unfinished()

    def _remove_unfinished(self) -> None:
        folders = [self.path / name for name in self.variables]
        folders += [entry for entry in (self.path / OWN / RECORDS).iterdir() if entry.is_dir()]
        for folder in folders:
            for entry in os.scandir(folder):
                if entry.name.startswith(TEMPORARY):
                    os.unlink(entry.path)

    # Paths are texts here: a store has millions of files, and each is looked at when it is resumed.

    def _chunk(self, tile: int, name: str) -> str:
        return f"{self.path}/{name}/c.{'.'.join(map(str, self.sweep.place(tile)))}"

    def _record(self, tile: int) -> str:
        return f"{self.path}/{OWN}/{RECORDS}/{tile // FAN_OUT:03d}/{tile}.json"

    def _payload(self, tile: int, name: str, values: np.ndarray) -> bytes:
        """The bytes of a chunk: a whole one, filled up where the grid ends before it does."""
        variable = self.variables[name]
        whole = np.full(self.sweep.chunks, variable.fill, dtype=variable.dtype)
        whole[tuple(slice(part.stop - part.start) for part in self.sweep.region(tile))] = values
        return whole.tobytes()


def _write_static(path: Path, sweep: Sweep) -> None:
    """A store without tiles at `path`, flushed to the disk."""
    import zarr
    from zarr.codecs import Crc32cCodec
    from zarr.dtype import VariableLengthUTF8
    from zarr.errors import ZarrUserWarning

    group = zarr.create_group(
        path,
        attributes={
            "title": sweep.title or sweep.job["command"],
            "jaxleggett": {"format": FORMAT, "version": __version__, "sweep": sweep.to_json()},
        },
    )
    for name, values in sweep.axes.items():
        text = isinstance(values[0], str)
        data = np.asarray(values, dtype=object if text else None)
        kind: Any = VariableLengthUTF8() if text else data.dtype
        about: dict[str, Any] = {} if text else {"units": _units(name)}
        group.create_array(
            name,
            shape=data.shape,
            dtype=kind,
            dimension_names=[name],
            compressors=[Crc32cCodec()],
            attributes={"long_name": name.replace("_", " "), **about},
        )[:] = data
    common: dict[str, Any] = {
        "shape": sweep.shape,
        "dimension_names": list(sweep.axes),
        "compressors": [Crc32cCodec()],
    }
    seeds = sweep.point_seeds
    about = {"long_name": "seed with which the command finds the same at this point", "units": "1"}
    group.create_array("point_seed", dtype=seeds.dtype, attributes=about, **common)[:] = seeds
    for name, variable in sweep.kind.variables.items():
        about = {"long_name": variable.long_name, "units": variable.units}
        if variable.flags:
            about |= {"flag_values": list(range(len(variable.flags))), "flag_meanings": " ".join(variable.flags)}
            about["comment"] = "-1: not computed"
        group.create_array(
            name,
            chunks=sweep.chunks,
            dtype=variable.dtype,
            fill_value=variable.fill,
            chunk_key_encoding={"name": "default", "separator": "."},
            config={"write_empty_chunks": True},
            attributes=about,
            **common,
        )
    with warnings.catch_warnings():
        # xarray asks for consolidated metadata; that they are no part of the format yet is known.
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(path)
    (path / OWN / RECORDS).mkdir(parents=True)
    files = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in _files(path, path)}
    _write(path / OWN / STATIC, json.dumps({"files": files}, indent=1).encode())
    for name in files:
        _flush(path / name)
    for folder, _, _ in os.walk(path):
        _flush(Path(folder))


BLOCK = 4096
"""Bytes that a file takes on most disks, at least."""


def size_of_tile(sweep: Sweep) -> int:
    """Bytes on disk of a tile with its record, about."""
    points = math.prod(sweep.chunks)
    chunks = [points * variable.dtype.itemsize + CHECKSUM for variable in sweep.kind.variables.values()]
    return BLOCK * (1 + sum(-(-size // BLOCK) for size in chunks))


def _units(name: str) -> str:
    """Angles are in radians; all else is a pure number."""
    return "rad" if name in ("theta", "phi", "angle") else "1"


def _static_files(root: Path) -> list[str]:
    return list(json.loads((root / OWN / STATIC).read_bytes())["files"])


def _files(folder: Path, root: Path) -> list[str]:
    """All files beneath a folder, by their paths from the root."""
    return [
        (Path(where) / name).relative_to(root).as_posix()
        for where, _, names in os.walk(folder)
        for name in sorted(names)
    ]


def _nature(place: Path) -> str:
    if not place.exists():
        return "does not exist"
    return "is not one" if place.is_dir() else "is a file"


def _sealed(body: dict[str, Any]) -> bytes:
    """A record with the SHA-256 of its own content."""
    text = json.dumps(body, sort_keys=True)
    return json.dumps({"record": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}).encode() + b"\n"


def _unsealed(content: bytes) -> dict[str, Any] | None:
    """The content of a record; None where it is not what was written."""
    try:
        outer = json.loads(content)
        text = outer["record"]
        whole = hashlib.sha256(text.encode()).hexdigest() == outer["sha256"]
        return json.loads(text) if whole else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


@functools.cache
def _versions() -> dict[str, str]:
    return {"jaxleggett": __version__, **{name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")}}


def _encoded(payload: bytes) -> bytes:
    """A chunk as Zarr's codecs `bytes` and `crc32c` write it."""
    return payload + google_crc32c.value(payload).to_bytes(CHECKSUM, "little")


def _read(path: str) -> bytes:
    handle = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(handle).st_size
        content = os.read(handle, size + 1)
        while len(content) < size and (more := os.read(handle, size - len(content))):
            content += more
        return content
    finally:
        os.close(handle)


_names = (f"{TEMPORARY}{os.urandom(6).hex()}" for _ in itertools.count())


def _write(path: str | Path, content: bytes) -> None:
    """Put a file in place as a whole, on the disk before it has its name."""
    name = f"{os.path.dirname(path)}/{next(_names)}"
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _flush(path: str | Path) -> None:
    """Have the disk hold what a file or a folder holds."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
