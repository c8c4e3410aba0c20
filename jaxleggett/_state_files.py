"""Density matrices and state vectors from files: `.npy`, `.npz`, `.mat` and `.json`."""

from __future__ import annotations

import io
import json
import math
import textwrap
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np

from ._checks import InputError, quoted
from ._files import MAX_BYTES, read_bytes

SHAPES = ((4, 4), (4,), (4, 1))
"""Shapes of a density matrix, and of a state vector as a row or a column."""

MAX_MEMBER = 10**5
"""Most bytes that an array with one of the `SHAPES` takes in an archive; larger members are not unpacked."""


def read_state_array(path: str | Path) -> np.ndarray:
    """The array in the file `path`, whose suffix names its format; that it is a state is not checked.

    Raises InputError for an unknown suffix, and for a file that cannot be read or holds no such array.
    """
    decode = DECODERS.get(Path(path).suffix.lower())
    if decode is None:
        raise InputError(f"state {str(path)!r} must be a file with one of the suffixes {', '.join(DECODERS)}")
    content = read_bytes("state", path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return decode(content)
    except Exception as error:  # whatever a decoder stumbles over in bytes that are not its own
        why = textwrap.shorten(str(error) or type(error).__name__, 200)
        raise InputError(f"state {path} cannot be read as a density matrix: {why}") from None


def _npy(content: bytes) -> np.ndarray:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version > (2, 0):
        raise ValueError(f"it has version {version} of the format")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    # NumPy would allocate the size that the header states before it finds that the file is shorter.
    if math.prod(shape) * dtype.itemsize > len(content):
        raise ValueError("it is shorter than its header says")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def _npz(content: bytes) -> np.ndarray:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        small = [member for member in archive.infolist() if member.file_size <= MAX_MEMBER]
        if sum(member.file_size for member in small) > MAX_BYTES:
            raise ValueError(f"its arrays have more than {MAX_BYTES} bytes")
        arrays = {member.filename.removesuffix(".npy"): _npy(archive.read(member)) for member in small}
    return arrays[_chosen({name: array.shape for name, array in arrays.items()})]


def _mat(content: bytes) -> np.ndarray:
    import scipy.io

    stream = io.BytesIO(content)
    listed = cast("list[tuple[str, tuple[int, ...], str]]", scipy.io.whosmat(stream))
    name = _chosen({name: shape for name, shape, _ in listed})
    stream.seek(0)
    return scipy.io.loadmat(stream, variable_names=[name])[name]


def _json(content: bytes) -> np.ndarray:
    numbers = json.loads(content)
    if isinstance(numbers, dict):
        if set(numbers) != {"real", "imag"}:
            raise ValueError("an object must have the fields real and imag, and no others")
        pairs = np.stack([np.asarray(numbers[part], dtype=np.float64) for part in ("real", "imag")], axis=-1)
    else:
        pairs = np.asarray(numbers, dtype=np.float64)
        if pairs.shape[:-1] not in SHAPES or pairs.shape[-1] != 2:
            return pairs
    return pairs.view(np.complex128)[..., 0]


def _chosen(shapes: dict[str, tuple[int, ...]]) -> str:
    """The name of the only array with a shape of a state, or "rho" where one of several has that name."""
    fitting = [name for name, shape in shapes.items() if shape in SHAPES]
    if len(fitting) == 1:
        return fitting[0]
    if "rho" in fitting:
        return "rho"
    raise ValueError(f"it must hold one array of shape (4, 4) or (4,), or one named rho, but holds {quoted(shapes)}")


DECODERS: dict[str, Callable[[bytes], np.ndarray]] = {".npy": _npy, ".npz": _npz, ".mat": _mat, ".json": _json}
