"""A store without tiles: the metadata and coordinates of a Zarr group that xarray opens, and a list of these files."""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from .disk import CHECKSUM, files_beneath, flush, sealed, write
from .grid import POINT_SEED, Sweep

FORMAT = 1
"""The number of this layout; a store with another one is refused."""

OWN = ".jaxleggett"
"""The folder of a store for files that are not Zarr's."""

STATIC, RECORDS, LOCK = "static.json", "records", "lock"
"""What lies there: the list of the files that are written once, the folder of records, and the lock."""

BLOCK = 4096
"""Bytes that the smallest file takes on most disks."""


def size_of_tile(sweep: Sweep) -> int:
    """The bytes, roughly, that a tile and its record take on a disk."""
    points = math.prod(sweep.chunks)
    chunks = [points * variable.dtype.itemsize + CHECKSUM for variable in sweep.kind.variables.values()]
    return BLOCK * (1 + sum(-(-size // BLOCK) for size in chunks))


def write_skeleton(path: Path, sweep: Sweep) -> None:
    """Write a store without tiles to `path`, and flush it to the disk."""
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
    group.create_array(POINT_SEED, dtype=seeds.dtype, attributes=about, **common)[:] = seeds
    for name, variable in sweep.kind.variables.items():
        about = {"long_name": variable.long_name, "units": "1"}
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
        # xarray looks for consolidated metadata; Zarr warns that they are not yet part of the format.
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(path)
    (path / OWN / RECORDS).mkdir(parents=True)
    files = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in files_beneath(path, path)}
    write({f"{path}/{OWN}/{STATIC}": sealed({"files": files})})
    for name in files:
        flush(path / name)
    for folder, _, _ in os.walk(path):
        flush(Path(folder))


def _units(name: str) -> str:
    """The unit of an axis of numbers: angles are in radians, a time limit in seconds; all else is a pure number."""
    return {"theta": "rad", "phi": "rad", "angle": "rad", "time_limit": "s"}.get(name, "1")
