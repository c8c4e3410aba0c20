"""Files made to deceive the checker: numbers at the ends of their range, other types, what is about something else."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.proofs.checker import files
from jaxleggett.proofs.checker.certificate import Certificate
from jaxleggett.proofs.checker.claims import Inequality, Model, Refused, State, Symmetry, ceiling
from jaxleggett.proofs.checker.search import bounded
from jaxleggett.proofs.symmetries import with_symmetries

X, Y, Z = np.eye(3)
SINGLET = State.own(np.zeros(3), np.zeros(3), -np.eye(3))


def _three_axes(size=1.0):
    """-(C(a, b) + C(a, b')) on three axes, with weights of some size; broken by the singlet above sqrt(8)/3."""
    half = np.array([np.cos(0.3), np.sin(0.3)])
    b = np.array([half[0] * e + s * half[1] * f for e, f in ((X, Y), (Y, Z), (Z, X)) for s in (1, -1)])
    a = np.repeat([X, Y, Z], 2, axis=0)
    return Inequality(np.concatenate([a, b], axis=1), np.full(6, size), np.zeros(6), 6 * size)


def _accepted(certificate, tmp_path):
    certificate.save(tmp_path / "certificate.npz")
    return files.checked(tmp_path, with_symmetries).proved


def _upper(inequality, bound, upper, pairs=None, symmetry=None):
    inequality = dataclasses.replace(inequality, symmetry=symmetry or Symmetry())
    return Certificate(SINGLET, 0.0, upper, None, 0.0, inequality, bound, pairs)


def test_weights_of_any_size_prove_the_same(tmp_path):
    plain = _three_axes()
    bound = ceiling(plain, tolerance=1e-3).bound
    true = bound / (6 * np.cos(0.3)) + 1e-6
    assert true < 1
    for size in (1.0, 1e-300, 2.0**-1060, 1e290):
        assert _accepted(_upper(_three_axes(size), size * bound, true), tmp_path), size
        assert not _accepted(_upper(_three_axes(size), size * bound, true - 0.01), tmp_path), size
    # Below the smallest normal number a weight has few digits, and the bound as well.
    tiny = 3 * 5e-324
    assert not _accepted(_upper(_three_axes(tiny), tiny * 5.0, true - 0.01), tmp_path)
    assert not _accepted(_upper(_three_axes(1e308), 1e308, true), tmp_path)


@pytest.mark.parametrize("size", [1.0, 1e308, 1e-320])
def test_a_model_whose_weights_are_huge_or_tiny_reaches_no_more(size, tmp_path):
    opposite = np.tile(np.concatenate([Z, -Z]), (2, 1))
    model = Model(opposite, np.full(2, size), 1.0, np.zeros(2))
    assert model.shares.sum() == 1
    assert not _accepted(Certificate(SINGLET, 0.99, 1.0, model, 1e-3, None, 0.0, None), tmp_path)


def test_at_pairs_the_inequality_is_about_these_pairs(tmp_path):
    inequality = _three_axes()
    bound = ceiling(inequality, tolerance=1e-3).bound
    upper = bound / (6 * np.cos(0.3)) + 1e-6
    a, b = inequality.y[:, :3], inequality.y[:, 3:]
    assert _accepted(_upper(inequality, bound, upper, (a, b)), tmp_path)
    # C(a, b) is that of -a and -b, and the opposite of that of a and -b.
    assert _accepted(_upper(inequality, bound, upper, (-a, b)), tmp_path)
    assert not _accepted(_upper(inequality, bound, upper, (a[:1], b[:1])), tmp_path)
    assert not _accepted(_upper(inequality, bound, upper, (b, a)), tmp_path)
    # nor are images of them
    images = np.array([np.eye(6), np.diag([1.0, 1, -1, 1, 1, -1])])
    assert not _accepted(_upper(inequality, bound, upper, (a, b), Symmetry(images)), tmp_path)


def test_at_pairs_in_a_plane_an_inequality_says_nothing_of_other_marginals(tmp_path):
    """E[u] = 2 V n breaks |E[u]| <= 1 above V = 1/2; only where n has a component along the settings is that seen."""
    plane = np.stack([X, Y]), np.stack([X, Y])
    for n, seen in ((X, True), (Z, False)):
        # With a correlator of little weight, for without one there is no inequality in a certificate.
        term = np.concatenate([X, X])[None], np.full(1, 0.1)
        marginal = Inequality(*term, np.concatenate([n, np.zeros(3)]), 1.1)
        state = State.own(2 * n, np.zeros(3), np.zeros((3, 3)))
        bound = ceiling(marginal, tolerance=1e-3).bound
        for pairs, accepted in ((plane, seen), (None, True)):
            certificate = Certificate(state, 0.0, 0.56, None, 0.0, marginal, bound, pairs)
            assert _accepted(certificate, tmp_path) == accepted


def test_at_pairs_a_model_is_averaged_over_nothing(tmp_path):
    # Both marginals are +1 at z, so C = -1 is impossible; an image that turns v over would hide it.
    state = State.own(Z, Z, np.diag([0.0, 0, -1]))
    turned = Symmetry(np.array([np.diag([1.0, 1, 1, 1, 1, -1])]))
    model = Model(np.concatenate([Z, -Z])[None], np.ones(1), 1.0, np.ones(1), turned)
    certificate = Certificate(state, 0.99, 1.0, model, 0.0, None, 0.0, (Z[None], Z[None]))
    assert not _accepted(certificate, tmp_path)
    assert not _accepted(
        dataclasses.replace(certificate, model=dataclasses.replace(model, symmetry=Symmetry())), tmp_path
    )


def test_an_image_leaves_unit_vectors_what_they_are():
    exchanged = np.eye(6)[[3, 4, 5, 0, 1, 2]]
    Symmetry(np.array([np.eye(6), exchanged])).check(-np.eye(3))
    for components in ([3, 1, 2, 0, 4, 5], [0, 1, 5, 3, 4, 2], [3, 4, 2, 0, 1, 5]):
        with pytest.raises(Refused, match="no symmetry"):
            Symmetry(np.eye(6)[components][None]).check(-np.eye(3))
    with pytest.raises(Refused, match="no axis"):
        Symmetry(np.eye(6)[[0, 2, 1, 3, 5, 4]][None], axial=True).check(-np.eye(3))


def test_weights_of_many_equal_hidden_vectors_are_summed_exactly():
    number = 190_048  # ones of this number, divided by it and summed one by one, miss 1 by 5e-12
    model = Model(np.tile(np.concatenate([Z, -Z]), (number, 1)), np.ones(number), 1.0, np.zeros(number))
    problem = model.problem(np.diag([0, 0, -0.98]))
    assert len(problem.w) == 1
    assert abs(problem.w[0] - 1) < 1e-15
    assert bounded(problem, target=0.02 - 1e-12).outcome == "refuted"


@pytest.fixture
def model_folder(tmp_path):
    """A model at pairs with its files, and a way to write them with changes."""
    pairs = jl.SettingPairs.random(6)
    found = jl.threshold(jl.pure(0.7), pairs, tolerance=1e-3)
    arrays = {name: np.asarray(getattr(found.state, name)) for name in ("r_A", "r_B", "T")}
    arrays |= dict(zip(("weights", "u", "v"), map(np.asarray, found.model.atoms()), strict=True))
    lower = found.lower

    def statement(lower=lower, header=None, num_pairs=6, **changes):
        np.savez(tmp_path / "model.npz", **(arrays | changes))
        (tmp_path / "report.json").write_text(json.dumps({"num_pairs": num_pairs, "lower": lower}))
        pairs.to_csv(tmp_path / "settings.csv")
        if header is not None:
            text = (tmp_path / "settings.csv").read_text().split("\n", 1)[1]
            (tmp_path / "settings.csv").write_text(header + "\n" + text)
        return files.checked(tmp_path / "model.npz", with_symmetries)

    return statement, arrays


def test_models_in_files_are_doubles_at_the_settings_that_their_header_names(model_folder):
    statement, arrays = model_folder
    assert statement().proved
    assert not statement(weights=arrays["weights"].astype(complex)).proved
    for kind in (np.float16, np.float32, np.longdouble):
        assert not statement(u=arrays["u"].astype(kind)).proved
    assert not statement(r_A=arrays["r_A"][:2]).proved
    assert not statement(T=arrays["T"].ravel()).proved
    for lower in (float("nan"), float("inf"), "0.5", None, -0.1, 1.5):
        assert not statement(lower=lower).proved
    assert not statement(header="bx,by,bz,ax,ay,az").proved


@pytest.mark.parametrize("bound", ["2.5", True, None, [2.5, 3], 10**400])
def test_the_bound_of_an_inequality_is_a_number(bound, tmp_path):
    path = tmp_path / "inequality.json"
    content = {"coefficients": [-1.0], "a": [[1, 0, 0]], "b": [[0, 0, 1]], "alice": [0], "bob": [0], "bound": bound}
    path.write_text(json.dumps(content))
    assert not files.checked(path, with_symmetries).proved
    path.write_text(json.dumps(content | {"bound": 2.5}))
    assert files.checked(path, with_symmetries).proved


def test_too_many_maps_or_images_are_refused_at_once(tmp_path):
    certificate = _upper(_three_axes(), 5.0, 0.99)
    many = dataclasses.replace(certificate.inequality, maps=np.tile(np.eye(3), (6000, 1, 1)))
    assert not _accepted(dataclasses.replace(certificate, inequality=many), tmp_path)
    images = Symmetry(np.tile(np.eye(6), (6000, 1, 1)))
    many = dataclasses.replace(certificate.inequality, symmetry=images)
    assert not _accepted(dataclasses.replace(certificate, inequality=many), tmp_path)
    none = dataclasses.replace(certificate.inequality, symmetry=Symmetry(np.zeros((0, 6, 6))))
    assert not _accepted(dataclasses.replace(certificate, inequality=none), tmp_path)


def _check(*names):
    command = [sys.executable, "-m", "jaxleggett", "check", *names]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_damaged_file_does_not_keep_others_from_being_checked(tmp_path):
    """Whatever reading it raises; and what is no file is bad input."""
    np.savez(tmp_path / "member.npz", version=np.float64(1))
    import zipfile

    with zipfile.ZipFile(tmp_path / "member.npz", "a") as archive:
        archive.writestr("T", "no array")
        archive.writestr("S.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((\n")
    (tmp_path / "bound.json").write_text('{"coefficients": [1e999], "bound": 1' + 400 * "0" + "}")
    done = _check(str(tmp_path / "member.npz"), str(tmp_path / "bound.json"))
    assert (done.returncode, done.stderr, done.stdout.count("NOT PROVED")) == (1, "", 2)
    os.mkfifo(tmp_path / "pipe.npz")
    done = _check(str(tmp_path / "pipe.npz"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
