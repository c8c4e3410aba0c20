"""States from files: every format, and bytes that are none of it."""

import io
import json
import os
import zipfile

import numpy as np
import oracles
import pytest
import scipy.io

import jaxleggett as jl
from jaxleggett import _files, _state_files
from jaxleggett.states import parse_nearest_state, parse_state

RHO = oracles.random_rho(np.random.default_rng(4))
PSI = np.array([0.5, 0.5j, -0.5, 0.1 - 0.7j])
PSI = PSI / np.linalg.norm(PSI)
PAIRS = np.stack([RHO.real, RHO.imag], axis=-1).tolist()


def _bytes(save, *arguments, **arrays):
    stream = io.BytesIO()
    save(stream, *arguments, **arrays)
    return stream.getvalue()


def _npy(array, **options):
    return _bytes(np.save, array, **options)


def _npz(**arrays):
    return _bytes(np.savez, **arrays)


def _mat(**arrays):
    return _bytes(lambda stream, **arrays: scipy.io.savemat(stream, arrays, do_compression=True), **arrays)


def _json(content):
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("name", "content", "want"),
    [
        ("a.npy", _npy(RHO), RHO),
        ("a.npy", _npy(np.asfortranarray(RHO)), RHO),
        ("a.NPY", _npy(RHO.astype(">c16")), RHO),
        ("a.npy", _npy(PSI), PSI),
        ("a.npz", _npz(state=RHO), RHO),
        ("a.npz", _npz(rho=RHO, other=np.eye(4), counts=np.arange(16)), RHO),
        ("a.npz", _npz(psi=PSI[:, None], counts=np.arange(36)), PSI),
        ("a.mat", _mat(state=RHO, counts=np.arange(36)), RHO),
        ("a.mat", _mat(rho=RHO, target=np.eye(4)), RHO),
        ("a.mat", _mat(psi=PSI[:, None]), PSI),
        ("a.json", _json(PAIRS), RHO),
        ("a.json", _json({"real": RHO.real.tolist(), "imag": RHO.imag.tolist()}), RHO),
        ("a.json", b"\xef\xbb\xbf" + _json(PAIRS), RHO),
        ("a.json", json.dumps(PAIRS).encode("utf-16"), RHO),
        ("a.json", _json((np.eye(4) / 4).tolist()), np.eye(4) / 4),
        ("a.json", _json([0, 1, 0, 0]), np.array([0, 1, 0, 0])),
        ("a.json", _json([[x.real, x.imag] for x in PSI]), PSI),
        ("a.json", _json({"real": PSI.real.tolist(), "imag": PSI.imag.tolist()}), PSI),
    ],
)
def test_every_format_is_read(tmp_path, name, content, want):
    (tmp_path / name).write_bytes(content)
    rho = want if want.shape == (4, 4) else np.outer(want, want.conj())
    np.testing.assert_allclose(parse_state(str(tmp_path / name)).density_matrix(), rho, atol=1e-15)


def _header(text, size=None):
    """A .npy file of 16 complex numbers with this header."""
    size = len(text) if size is None else size
    return b"\x93NUMPY\x01\x00" + size.to_bytes(2, "little") + text + RHO.tobytes()


def _bomb():
    """A small archive whose one member is 100 MB of zeros."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rho.npy", bytes(10**8))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"", "cannot be read as a density matrix"),
        ("a.npy", _npz(rho=RHO), "cannot be read as a density matrix: the magic string is not correct"),
        ("a.npy", _npy(RHO)[:-1], "cannot be read as a density matrix: EOF"),
        ("a.npy", _header(b"{'descr': '<c16', 'fortran_order': False, 'shape': (10000000000, 4)}"), "shorter than its"),
        ("a.npy", _header(b"(" * 5000), "cannot be read as a density matrix"),
        ("a.npy", _header(b"{'descr': '<c16', 'fortran_order': False, 'shape': (4L, 4", 60), "cannot be read as a"),
        ("a.npy", _header(b" " * 60000), "cannot be read as a density matrix"),
        ("a.npy", _header(b"{}"), "cannot be read as a density matrix"),
        ("a.npy", _npy(RHO, allow_pickle=False).replace(b"<c16", b"|O8 "), "cannot be read as a density matrix"),
        ("a.npy", _npy(np.array([["a"] * 4] * 4)), "must be a 4x4 array of numbers"),
        ("a.npy", _npy(np.eye(3)), r"shape \(4, 4\), or \(4,\) as a state vector, but has \(3, 3\)"),
        ("a.npy", b"\x93NUMPY\x03\x00", r"version \(3, 0\)"),
        ("a.npz", b"PK\x03\x04 nonsense", "cannot be read as a density matrix"),
        ("a.npz", _npz(x=RHO, y=RHO), "must hold one array of shape .*, or one named rho, but holds"),
        ("a.npz", _npz(x=np.eye(3)), "must hold one array of shape"),
        ("a.npz", _bomb, "must hold one array of shape .* but holds {}"),
        ("a.mat", b"", "cannot be read as a density matrix"),
        ("a.mat", _mat(x=RHO)[:200], "cannot be read as a density matrix"),
        ("a.mat", _mat(x=RHO, y=RHO), "must hold one array of shape"),
        ("a.mat", b"MATLAB 7.3 MAT-file" + bytes(105) + b"\x00\x02IM" + bytes(1000), "cannot be read as a density"),
        ("a.json", b"[" * 10**5, "cannot be read as a density matrix: maximum recursion depth"),
        ("a.json", b"[[" + b"1" * 400 + b",0,0,0]]", "cannot be read as a density matrix: .* too large"),
        ("a.json", b"[[" + b"1" * 5000 + b",0,0,0]]", "cannot be read as a density matrix: Exceeds the limit"),
        ("a.json", _json({"real": RHO.real.tolist()}), "must have the fields real and imag, and no others"),
        ("a.json", _json({"real": RHO.real.tolist(), "imag": [0]}), "cannot be read as a density matrix"),
        ("a.json", _json(None), r"but has \(\)"),
        ("a.json", b"[[NaN,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0]]", "must be finite"),
        ("a.json", _json([[1e308] * 4] * 4), "must be finite"),
        ("a.json", b"\xff\xfe\xff", "cannot be read as a density matrix"),
        ("a.txt", b"1 0 0 0", "must be a file with one of the suffixes .npy, .npz, .mat, .json"),
    ],
)
def test_files_of_no_state_are_refused_in_few_words(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content() if callable(content) else content)
    for parse in (parse_state, parse_nearest_state):
        with pytest.raises(jl.InputError, match=message) as caught:
            parse(str(path))
        assert len(str(caught.value)) < 400 + len(str(path))


def test_an_archive_of_many_arrays_is_not_unpacked(tmp_path, monkeypatch):
    """None of them is large, but together they are more than may be read."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, *np.zeros((11, 12000)), rho=RHO)
    np.testing.assert_allclose(parse_state(str(path)).density_matrix(), RHO, atol=1e-15)
    monkeypatch.setattr(_state_files, "MAX_BYTES", 10**6)
    with pytest.raises(jl.InputError, match="its arrays have more than 1000000 bytes"):
        parse_state(str(path))


@pytest.mark.parametrize("suffix", ["npy", "npz", "mat", "json"])
def test_only_regular_files_of_a_bounded_size_are_read(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"a.{suffix}"
    os.mkfifo(path)
    with pytest.raises(jl.InputError, match=f"state .*a.{suffix} must be a regular file"):
        parse_state(str(path))
    path.unlink()
    with pytest.raises(jl.InputError, match="cannot be read: No such file or directory"):
        parse_state(str(path))
    with path.open("wb") as file:
        file.truncate(10**12)  # a hole: no disk is used
    monkeypatch.setattr(_files, "MAX_BYTES", 10**6)
    with pytest.raises(jl.InputError, match="must be a file of at most 1000000 bytes"):
        parse_state(str(path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wernr", "but 'wernr' is none of them"),
        ("bell-diagonl:-0.5,0.5,0.5", "is none of them"),
        ("a" * 5000, "is none of them"),
        ("a" * 300 + ".npy", "cannot be read: File name too long"),
        ("nowhere/rho.npy", "state 'nowhere/rho.npy' cannot be read: No such file or directory"),
        ("rho.npy", "No such file or directory"),
        ("a\0.npy", "no name of a file holds a NUL"),
        ("pure:" + "9" * 400, "must have 1 finite number, but is"),
    ],
)
def test_names_of_no_state_are_refused(name, message):
    with pytest.raises(jl.InputError, match=message):
        parse_state(name)


def test_the_nearest_state_by_name():
    state, distance = parse_nearest_state("bell-diagonal:-1.1,-1,-1")
    np.testing.assert_allclose(state.density_matrix(), oracles.werner_rho(1), atol=1e-15)
    # The eigenvalues 1.025, -0.025, 0.025, -0.025 become 1, 0, 0, 0.
    assert distance == pytest.approx(0.05, abs=1e-12)
    assert parse_nearest_state("werner") == (jl.werner(), 0)
