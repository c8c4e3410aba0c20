"""Files made to deceive the checker: numbers at the ends of their range, other types, what is about something else."""

import dataclasses
import json
import os
import subprocess
import sys
import zipfile
from fractions import Fraction

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.proofs.checker import files
from jaxleggett.proofs.checker.certificate import Certificate, down, up
from jaxleggett.proofs.checker.claims import Inequality, Model, Refused, State, Symmetry, ceiling, span
from jaxleggett.proofs.checker.search import bounded
from jaxleggett.proofs.checker.symmetry import SAME, defect
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


def _in_a_plane(rng):
    """Settings with a third component that is three times the first, and lengths that are off by less than 1e-6."""
    rows = np.zeros((0, 3))
    while len(rows) < 40:
        x, y = rng.normal(size=(2, 10_000))
        length = np.sqrt(10 * x * x + y * y)
        # With few digits, so that the product with 3 is exact.
        x, y = (np.float64(np.float32(z / length)) for z in (x, y))
        found = np.stack([x, y, 3 * x], axis=1)
        rows = np.concatenate([rows, found[np.abs(np.linalg.norm(found, axis=1) - 1) < 9e-7]])
    return rows[:40]


def test_at_pairs_no_setting_is_moved_out_of_its_plane(rng, tmp_path):
    """Divided by their lengths, settings in a plane would span all three dimensions by rounding."""
    settings = _in_a_plane(rng)
    unit = settings / np.linalg.norm(settings, axis=1, keepdims=True)
    assert (len(span(settings)), len(span(unit))) == (2, 3)
    n = np.array([3, 0, -1]) / np.sqrt(10)
    marginal = Inequality(np.concatenate([unit[0], unit[0]])[None], np.full(1, 0.1), np.append(n, np.zeros(3)), 1.1)
    bound = ceiling(marginal, tolerance=1e-3).bound
    state = State.own(2 * n, np.zeros(3), np.zeros((3, 3)))
    certificate = Certificate(state, 0.0, 0.56, None, 0.0, marginal, bound, (settings, settings))
    assert not _accepted(certificate, tmp_path)
    assert _accepted(dataclasses.replace(certificate, pairs=None), tmp_path)


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


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bound": [2.5]}, "bound must have the shape (), but has (1,)"),
        ({"a": [1, 0, 0]}, "a must have the shape (n, 3), but has (3,)"),
        ({"alice": [[0]]}, "alice must have the shape (n), but has (1, 1)"),
        ({"coefficients": -1.0}, "coefficients must have the shape (n), but has ()"),
    ],
)
def test_arrays_of_other_shapes_are_refused(changes, words, tmp_path):
    content = {"coefficients": [-1.0], "a": [[1, 0, 0]], "b": [[0, 0, 1]], "alice": [0], "bob": [0], "bound": 2.5}
    path = tmp_path / "inequality.json"
    path.write_text(json.dumps(content | changes))
    found = files.checked(path, with_symmetries)
    assert (found.proved, found.statement) == (False, words)


def test_what_stands_in_a_file_twice_is_refused(tmp_path):
    """Readers differ in which of two they take."""
    content = {"coefficients": [-1.0], "a": [[1, 0, 0]], "b": [[0, 0, 1]], "alice": [0], "bob": [0], "bound": 2.5}
    path = tmp_path / "inequality.json"
    path.write_text('{"coefficients": [-100.0], ' + json.dumps(content)[1:])
    assert files.checked(path, with_symmetries).statement == "the field 'coefficients' must not be there twice"
    _upper(_three_axes(), 6.0, 1.0).save(tmp_path / "certificate.npz")
    assert files.checked(tmp_path / "certificate.npz", with_symmetries).proved
    with zipfile.ZipFile(tmp_path / "certificate.npz", "a") as archive:
        archive.writestr("lower", archive.read("lower.npy"))
    found = files.checked(tmp_path / "certificate.npz", with_symmetries)
    assert (found.proved, found.statement) == (False, "the arrays must have different names")


def test_numbers_are_printed_rounded_towards_the_safe_side(rng):
    for decimal in rng.random(10_000).round(9):
        for x in (np.nextafter(decimal, 0), decimal, np.nextafter(decimal, 1)):
            assert Fraction(down(x)) <= Fraction(x) <= Fraction(up(x))
            assert Fraction(up(x)) - Fraction(down(x)) <= Fraction(1, 10**9)
    assert (down(0.0), up(1.0), down(1.0)) == ("0.000000000", "1.000000000", "1.000000000")


def test_numbers_that_are_none_prove_nothing():
    nan = np.full((3, 3), np.nan)
    for wrong in ((nan[0], np.zeros(3), np.eye(3)), (np.zeros(3), nan[0], np.eye(3)), (*np.zeros((2, 3)), nan)):
        with pytest.raises(Refused, match="at most 2"):
            State.own(*wrong)
    with pytest.raises(Refused, match="not orthogonal"):
        _ = dataclasses.replace(SINGLET, frame_B=nan).skew
    # The rows do not see the columns in which this is no orthogonal matrix; R R^T has inf, and NaN from inf - inf.
    rows = np.array([[1.0, 0, 0, 1, 0, 0, 1]])
    with np.errstate(over="ignore", invalid="ignore"):
        assert not defect(rows, np.array([[1, 1e200, 1e200], [0, 1e200, -1e200], [0, 0, 1]]), True) < SAME


def test_weights_of_infinite_sum_are_refused_at_once(tmp_path):
    inequality = dataclasses.replace(_three_axes(3.1e307), scale=1.0)
    _upper(inequality, 1.7e308, 0.99).save(tmp_path / "certificate.npz")
    assert files.checked(tmp_path, with_symmetries).statement.endswith("must have a finite sum of moduli")


def test_too_many_maps_or_images_are_refused_at_once(tmp_path):
    certificate = _upper(_three_axes(), 5.0, 0.99)
    none = dataclasses.replace(certificate.inequality, maps=np.zeros((0, 3, 3)))
    with pytest.raises(Refused, match="1 to 120 maps"):
        none.problem()
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
    with zipfile.ZipFile(tmp_path / "member.npz", "a") as archive:
        archive.writestr("T", "no array")
        archive.writestr("S.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((\n")
    (tmp_path / "bound.json").write_text('{"coefficients": [1e999], "bound": 1' + 400 * "0" + "}")
    done = _check(str(tmp_path / "member.npz"), str(tmp_path / "bound.json"))
    assert (done.returncode, done.stderr, done.stdout.count("NOT PROVED")) == (1, "", 2)
    os.mkfifo(tmp_path / "pipe.npz")
    done = _check(str(tmp_path / "pipe.npz"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
