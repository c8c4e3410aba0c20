"""Certificates: what is true is proved, and nothing that claims more."""

import dataclasses
import functools
import json
import subprocess
import sys
import zipfile

import numpy as np
import oracles
import pytest
from cases import exchanged, in_other_frames

import jaxleggett as jl
from jaxleggett.proofs.checker import files
from jaxleggett.proofs.checker.certificate import Certificate
from jaxleggett.proofs.checker.claims import Refused
from jaxleggett.proofs.symmetries import with_symmetries


@functools.cache
def _finite():
    """A bracket at a few pairs of a state with marginals, and one that is much narrower."""
    pairs = jl.SettingPairs.random(20, seed=6)
    found = jl.threshold(jl.pure(0.7), pairs, tolerance=1e-3, certify=True)
    assert found.upper < 1
    assert found.certificate is not None
    near = jl.threshold(jl.pure(0.7), pairs, tolerance=1e-7)
    return found.certificate, (near.lower, near.upper)


@functools.cache
def _everywhere():
    """The same for all settings. The narrow bracket is that of results/phase_diagrams, by another route."""
    found = jl.threshold(jl.pure(0.6), tolerance=0.02, certify=True)
    assert (found.certified, found.status) == (True, "converged")
    found.check()
    return found.certificate, (0.87143, 0.87154)


CASES = {"finite": _finite, "all": _everywhere}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.thorough) for name in CASES])
def case(request):
    return CASES[request.param]()


def test_it_proves_its_bracket_and_is_the_same_from_a_file(case, tmp_path):
    certificate, (lower, upper) = case
    assert certificate.lower <= upper
    assert certificate.upper >= lower
    statement = certificate.check()
    certificate.save(tmp_path / "certificate.npz")
    assert Certificate.load(tmp_path / "certificate.npz").check() == statement
    assert files.checked(tmp_path, with_symmetries).statement == statement


def _changed(certificate, part, **changes):
    return dataclasses.replace(certificate, **{part: dataclasses.replace(getattr(certificate, part), **changes)})


@pytest.mark.thorough
def test_what_claims_too_much_is_refused(case):
    c, _ = case
    w = c.inequality.w.copy()
    w[np.argmax(w)] *= 2
    wrong = [
        dataclasses.replace(c, upper=c.upper - 1e-6),
        dataclasses.replace(c, lower=c.lower + 1e-6),
        dataclasses.replace(c, bound=c.bound - 0.02 * c.inequality.scale),
        dataclasses.replace(c, inequality=None),
        dataclasses.replace(c, model=None),
        dataclasses.replace(c, lower=c.upper, upper=c.lower),
        _changed(c, "inequality", w=w),
        _changed(c, "model", V=c.model.V + 1e-3),
        _changed(c, "model", w=c.model.w * np.where(np.arange(len(c.model.w)) == np.argmax(c.model.w), 1.3, 1)),
        _changed(c, "state", T=-c.state.T, S=-c.state.S),
        _changed(c, "state", frame_A=c.state.frame_A + 1e-5),
        _changed(c, "state", r_A=-c.state.r_A),
    ]
    if c.pairs is not None:
        wrong.append(_changed(c, "inequality", maps=np.array([np.eye(3), np.diag([1.0, -1, -1])])))
    else:
        wrong.append(dataclasses.replace(c, excess=c.excess / 3))
        wrong.append(_changed(c, "state", S=c.state.S @ np.diag([1, 1 - 1e-6, 1])))
    for i, one in enumerate(wrong):
        with pytest.raises(Refused):
            pytest.fail(f"{i}: {one.check()}")


def _mutated(certificate, rng, path):
    """The file with one number of one array changed, by any relative size, and which array it was."""
    certificate.save(path)
    with np.load(path) as file:
        arrays = {name: file[name].copy() for name in file.files}
    names = [name for name, x in arrays.items() if x.size and name not in ("version", "r_A", "r_B", "T", "a", "b")]
    name = rng.choice(names)
    x = arrays[name].reshape(-1)
    i = rng.integers(len(x))
    size = 10.0 ** rng.uniform(-9, 0)
    x[i] = rng.choice([x[i] * (1 + size), x[i] - size, x[i] + size, -x[i], 0.0])
    np.savez(path, **arrays)
    return name


def _try_mutations(case, number, rng, path):
    certificate, (lower, upper) = case
    refused = 0
    for _ in range(number):
        name = _mutated(certificate, rng, path)
        try:
            found = Certificate.load(path)
            found.check()
        except Refused:
            refused += 1
            continue
        # What is accepted may claim less, never more than is true of the state.
        assert found.lower <= upper + 1e-9, name
        assert found.upper >= lower - 1e-9, name
    return refused


@pytest.mark.thorough
def test_no_mutation_that_is_accepted_claims_more_than_is_true(case, rng, tmp_path):
    refused = _try_mutations(case, 25, rng, tmp_path / "certificate.npz")
    assert 3 < refused < 25


@pytest.mark.slow
def test_no_mutation_of_many(case, rng, tmp_path):
    refused = _try_mutations(case, 500, rng, tmp_path / "certificate.npz")
    assert 100 < refused < 500


@pytest.mark.thorough
def test_damaged_files_are_not_proved(tmp_path):
    certificate, _ = _finite()
    path = tmp_path / "certificate.npz"
    certificate.save(path)
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)

    def proved(**changes):
        np.savez(path, **{**arrays, **changes})
        return files.checked(path, with_symmetries).proved

    assert proved()
    assert not proved(version=np.float64(2))
    assert not proved(model_w=arrays["model_w"] * np.nan)
    assert not proved(model_w=-arrays["model_w"])
    assert not proved(model_x=arrays["model_x"][:, :5])
    assert not proved(model_x=arrays["model_x"] * 1.01)
    assert not proved(inequality_w=arrays["inequality_w"][:-1])
    assert not proved(model_balance=2 * arrays["model_balance"])
    assert not proved(T=arrays["T"].astype(object))
    assert not proved(inequality_images=2 * arrays["inequality_images"])
    assert not proved(T=1e9 * arrays["T"], S=1e9 * arrays["S"])
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert not files.checked(path, with_symmetries).proved
    with zipfile.ZipFile(path, "w") as empty:
        empty.writestr("nothing", "")
    assert not files.checked(path, with_symmetries).proved


LOWER, UPPER = 0.8535533905932737, 0.8535533905932738
"""The doubles around V_c = (1 + 1/sqrt 2)/2."""

SINGLET = {"theorem": "werner", "s": 1, "Q": (-np.eye(3)).tolist(), "T": (-np.eye(3)).tolist()}
SINGLET |= {"r_A": [0, 0, 0], "r_B": [0, 0, 0], "lower": LOWER, "upper": UPPER}


TENTHS = (-0.9 * np.eye(3)).tolist()


@pytest.mark.parametrize(
    ("changes", "proved"),
    [
        ({}, True),
        ({"lower": 0.4, "upper": 1.0}, True),
        ({"lower": UPPER, "upper": 1.0}, False),
        ({"lower": LOWER, "upper": LOWER}, False),
        ({"lower": -0.1}, False),
        ({"upper": 0.3}, False),
        ({"upper": 1.2}, False),
        ({"theorem": "fermat"}, False),
        # another hand: flipping Bob's outcomes shows that it is the same
        ({"Q": np.eye(3).tolist(), "T": np.eye(3).tolist()}, True),
        ({"Q": np.eye(3).tolist()}, False),
        ({"Q": [[1, 0], [0, 1]]}, False),
        ({"T": [[-1, 0, 0], [0, -1, 0], [0, 0, -0.999999]], "lower": 0.0}, False),
        ({"T": [[-1, 0, 0], [0, -1, 0], [0, 0, -0.999999]], "upper": 1.0}, False),
        ({"T": [[-1, 0, 0], [0, -1, 0], [0, 0, -0.999999]], "lower": LOWER - 2e-5, "upper": UPPER + 2e-5}, True),
        ({"r_B": [0, 1e-9, 0]}, False),
        ({"r_B": [0, 1e-9, 0], "lower": LOWER - 2e-8}, True),
        ({"s": 0.5}, False),
        ({"s": 0.5, "T": (-0.5 * np.eye(3)).tolist(), "lower": 1.0, "upper": 1.0}, True),
        ({"s": 0.9, "T": TENTHS, "lower": LOWER / 0.9 - 1e-15, "upper": UPPER / 0.9 + 1e-15}, True),
        ({"s": 0.9, "T": TENTHS, "lower": LOWER / 0.9 + 1e-15, "upper": 1}, False),
        ({"s": 0.9, "T": TENTHS, "upper": UPPER / 0.9 - 1e-15}, False),
        ({"s": -1.0, "Q": np.eye(3).tolist()}, False),
        ({"s": float("nan")}, False),
        ({"s": None}, False),
    ],
)
def test_the_theorem_on_werner_states_in_exact_arithmetic(changes, proved, tmp_path):
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(SINGLET | changes))
    assert files.checked(path, with_symmetries).proved == proved


def _inequality(**changes):
    x, y, z = np.eye(3).tolist()
    plain = {"coefficients": [-1.0, -1.0], "a": [x, y], "b": [y, z], "alice": [0, 0], "bob": [0, 0], "bound": 2.001}
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("content", "proved", "words"),
    [
        (_inequality(), True, "every Leggett model obeys the inequality of 2 setting pairs with the bound 2.001"),
        ({"inequality": _inequality(bound=2.5)}, True, "bound 2.5"),
        (_inequality(bound=1.2), False, "refuted"),
        (_inequality(bound=float("nan")), False, "finite"),
        (_inequality(coefficients=[-1.0]), False, "of one length"),
        (_inequality(a=[[2, 0, 0], [0, 1, 0]]), False, "unit vectors"),
        (_inequality(symmetry="O(2) about z"), False, "averaged over a symmetry"),
        ({"coefficients": [1]}, False, "is missing"),
        ([1, 2], False, "JSON object"),
        ({"inequality": None}, False, "JSON object"),
    ],
)
def test_inequalities_in_files(content, proved, words, tmp_path):
    path = tmp_path / "inequality.json"
    path.write_text(json.dumps(content))
    found = files.checked(path, with_symmetries)
    assert (found.proved, words in found.statement) == (proved, True), found.statement


def test_a_model_without_a_certificate_is_proved_at_its_settings(tmp_path):
    pairs = jl.SettingPairs.random(6)
    found = jl.threshold(jl.pure(0.7), pairs, tolerance=1e-3)
    state = {name: np.asarray(getattr(found.state, name)) for name in ("r_A", "r_B", "T")}
    weights, u, v = found.model.atoms()

    def statement(V, weights=weights):
        np.savez(tmp_path / "model.npz", weights=weights, u=u, v=v, **state)
        (tmp_path / "report.json").write_text(json.dumps({"num_pairs": 6, "lower": V}))
        pairs.to_csv(tmp_path / "settings.csv")
        return files.checked(tmp_path / "model.npz", with_symmetries)

    assert statement(found.lower).proved
    assert statement(found.lower).visibility == pytest.approx(found.lower, abs=1e-10)
    assert not statement(found.lower, -weights).proved
    spoiled = weights.copy()
    spoiled[np.argmax(spoiled)] *= 1.05
    assert not statement(found.lower, spoiled).proved


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.3, 0.6])
def test_the_same_bracket_in_other_frames_and_for_exchanged_parties(theta):
    state, rng = jl.pure(theta), np.random.default_rng(2)
    R, S = oracles.random_rotation(rng), oracles.random_rotation(rng)
    one = jl.threshold(state, tolerance=1e-3, certify=True)
    for other in (in_other_frames(state, R, S), exchanged(state)):
        two = jl.threshold(other, tolerance=1e-3, certify=True)
        assert (two.certified, two.status) == (True, "converged")
        assert max(one.lower, two.lower) <= min(one.upper, two.upper)
        two.check()


ALONE = """
import importlib.abc, sys

class Nothing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in {"numpy", "click", "jaxleggett", *sys.stdlib_module_names}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Nothing())
sys.argv = ["jaxleggett", "check", *sys.argv[1:]]
from jaxleggett.cli import main
main()
"""


@pytest.mark.thorough
def test_nothing_but_numpy_and_click_is_needed(tmp_path):
    """Exit codes: 0 for what is proved, 1 for what is not, 2 for what is not there."""
    certificate, _ = _finite()
    certificate.save(tmp_path / "certificate.npz")
    (tmp_path / "good.json").write_text(json.dumps(_inequality()))
    (tmp_path / "bad.json").write_text(json.dumps(_inequality(bound=1.2)))

    def run(*names):
        done = subprocess.run([sys.executable, "-c", ALONE, *names], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    code, out, err = run("certificate.npz", "good.json", "--json")
    assert (code, err) == (0, "")
    answers = json.loads(out)
    assert [answer["file"] for answer in answers] == ["certificate.npz", "good.json"]
    assert answers[0]["visibility"] == certificate.lower
    assert answers[1]["bound"] == 2.001
    code, out, err = run("bad.json", "good.json")
    assert (code, err, len(out.splitlines())) == (1, "", 2)
    assert "NOT PROVED: it is not proved that the left side is at most 1.2" in out
    assert "at u, v = (" in out
    code, out, err = run("none.json")
    assert (code, out) == (2, "")
    assert err == "error: FILE must be a file or a folder, but 'none.json' does not exist\n"
