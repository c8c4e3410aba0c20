"""Thresholds at all settings."""

import dataclasses

import numpy as np
import oracles
import pytest
from cases import exchanged, in_other_frames

import jaxleggett as jl
from jaxleggett.proofs.checker import files
from jaxleggett.proofs.symmetries import with_symmetries
from jaxleggett.runs import Ending, Progress
from jaxleggett.thresholds import all_settings
from jaxleggett.thresholds.canonical_form import CanonicalForm
from jaxleggett.thresholds.run import threshold


def test_werner_at_all_settings_is_certified():
    found = threshold(jl.werner(), "all")
    assert (found.lower, found.upper) == (0.8535533905932737, 0.8535533905932738)
    assert found.certified
    found.check()
    assert found.inequality.threshold(jl.werner()) == pytest.approx(oracles.V_C, abs=1e-15)
    answer = found.to_json()
    assert answer["num_pairs"] is None
    assert answer["model"]["symmetry"] == answer["inequality"]["symmetry"] == "SO(3)"
    with pytest.raises(ArithmeticError, match="not the one that is proved"):
        dataclasses.replace(found, upper=0.9).check()


def test_isotropic_states_at_all_settings():
    weaker = threshold(jl.werner(0.9), "all")
    assert weaker.lower < oracles.V_C / 0.9 < weaker.upper < weaker.lower + 1e-8
    assert weaker.certified
    weaker.check()
    assert (threshold(jl.werner(0.5), "all").upper, threshold(jl.werner(-0.3), "all").lower) == (1, 1)
    R = oracles.random_rotation(np.random.default_rng(0))
    turned = threshold(in_other_frames(jl.werner(), R, np.eye(3)), "all")
    assert turned.lower < oracles.V_C < turned.upper
    assert turned.inequality.threshold(turned.state) == pytest.approx(oracles.V_C, abs=1e-12)
    with pytest.raises(ArithmeticError, match="not the one that is proved"):
        dataclasses.replace(weaker, lower=weaker.lower - 0.01, upper=weaker.lower).check()


def test_a_singlet_with_marginals_of_rounding_is_certified():
    found = threshold(jl.pure(np.pi / 4), "all")
    assert found.certified
    found.check()
    assert oracles.V_C - 1e-8 < found.lower < oracles.V_C < found.upper < oracles.V_C + 1e-8


@pytest.mark.slow
def test_a_proof_that_finds_more_than_the_search_did_does_not_end_the_rounds():
    # A mixture of three Bell states; it once ended `stalled` at 0.985, after the first proof.
    p = np.array([10, 5, 1]) / 16
    state = jl.bell_diagonal(*(-p @ [[1, 1, 1], [1, -1, -1], [-1, 1, -1]]))
    found = threshold(state, "all", tolerance=2.5e-3, certify=True)
    assert (found.certified, found.status) == (True, "converged")
    assert found.lower > 1 - 2.5e-3
    found.check()


def test_the_share_that_is_done_does_not_fall_at_a_second_programme(monkeypatch):
    """Which there is for a state whose marginals cannot be had by dividing weights."""
    shares, told = iter([0.7, 0.2]), []

    def generate(question, tolerance, progress):
        progress(Progress(next(shares), 0.0, 1.0))
        if question.freed:
            raise all_settings._Undivided
        return Ending.INTERRUPTED

    monkeypatch.setattr(all_settings, "generate", generate)
    state = jl.pure(0.6)
    all_settings.solve_everywhere(state, CanonicalForm.of(state), 0.1, progress=lambda event: told.append(event.done))
    assert told == [0.7, 0.7]


@pytest.mark.parametrize("signs", [(1, 1, 1), (1, -1, 1)])
def test_isotropic_correlations_of_no_state_have_the_threshold_of_the_singlet(signs):
    # Flipping all of Bob's outcomes takes T to -T, and models to models. Once they counted as compatible, certified.
    found = threshold(jl.bell_diagonal(*signs), "all")
    assert found.certified
    assert oracles.V_C - 1e-8 < found.lower < oracles.V_C < found.upper < oracles.V_C + 1e-8
    found.check()


def test_isotropic_states_to_rounding_only_are_certified(tmp_path):
    R = oracles.random_rotation(np.random.default_rng(1))
    turned = in_other_frames(jl.werner(0.93), R, R.T)
    certificate = threshold(turned, "all").certificate
    certificate.save(tmp_path / certificate.FILE)
    assert files.checked(tmp_path, with_symmetries).visibility == certificate.lower
    # What is larger than rounding makes the bracket wider.
    entry = np.zeros((3, 3))
    entry[0, 1] = 3e-10
    for state in (
        jl.TwoQubitState(np.array([0, 0, 5e-10]), np.zeros(3), turned.T),
        jl.TwoQubitState(np.zeros(3), np.zeros(3), -0.95 * np.eye(3) + entry),
    ):
        found = threshold(state, "all")
        assert found.symmetry == "SO(3)"
        assert found.certified
        assert found.upper - found.lower < 1e-6


def _averaged_over_turns(model, axis, a, b, number=3000):
    """E|u.a + v.b| with turns about the axis by `number` angles, rotation by rotation."""
    total = 0.0
    for angle in (np.arange(number) + 0.5) * 2 * np.pi / number:
        u, v = model.u @ oracles.turn_about(axis.alice, angle).T, model.v @ oracles.turn_about(axis.bob, angle).T
        total += model.weights @ np.abs(u @ a + v @ b) / number
    return total


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "tolerance"),
    [
        (jl.pure(0.6), 1e-4),
        (jl.pure(0.15), 1e-4),
        (jl.bell_diagonal(-1, -0.8, -0.8), 1e-4),
        (jl.bell_diagonal(0.5, -0.5, -1), 1e-4),
    ],
)
def test_states_with_an_axis_at_all_settings(state, tolerance):
    """Closed to the tolerance; the same, within the brackets, in other frames and for exchanged parties."""
    one = threshold(state, "all", tolerance=tolerance)
    assert one.status == "converged"
    assert one.upper - one.lower <= tolerance
    one.check()
    rng = np.random.default_rng(2)
    for a, b in zip(oracles.unit(rng, 3), oracles.unit(rng, 3), strict=True):
        C = one.lower * a @ np.asarray(state.T) @ b
        assert _averaged_over_turns(one.model, one.symmetry, a, b) <= 1 + C + 1e-6
    R, S = oracles.random_rotation(rng), oracles.random_rotation(rng)
    for other in (in_other_frames(state, R, S), exchanged(state)):
        two = threshold(other, "all", tolerance=tolerance)
        assert max(one.lower, two.lower) <= min(one.upper, two.upper)


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.6140486225480862, 0.6997233929727672])
def test_ridges_in_a_plane_with_the_axis_are_found(theta):
    """Where grids that were the same in every round, and had no points in such planes, left a breach of 1e-5."""
    found = threshold(jl.pure(theta), "all", tolerance=1e-4)
    assert found.status == "converged"
    found.check()


@pytest.mark.slow
def test_a_bell_diagonal_and_a_generic_state_at_all_settings():
    found = threshold(jl.bell_diagonal(-0.95, -0.92, -0.9), "all", tolerance=1e-3)
    assert found.status == "converged"
    found.check()
    rng = np.random.default_rng(1)
    psi = oracles.ket_01_10(np.pi / 4) + 0.15 * (rng.normal(size=4) + 1j * rng.normal(size=4))
    rho = 0.97 * np.outer(psi, psi.conj()) / np.vdot(psi, psi).real + 0.03 * oracles.random_rho(rng)
    found = threshold(jl.TwoQubitState.from_density_matrix(rho), "all", tolerance=5e-3)
    assert found.status == "converged"
    found.check()


@pytest.mark.slow
def test_all_settings_loosely():
    found = threshold(jl.pure(0.6), "all", tolerance=0.02)
    assert found.status == "converged"
    assert str(found.symmetry) == "O(2) about z"
    assert found.to_json()["inequality"]["symmetry"] == found.to_json()["model"]["symmetry"] == "O(2) about z"
    assert found.lower <= 0.8715 <= found.upper
    found.check()
    fewer = threshold(jl.pure(0.6), jl.SettingPairs.random(20), tolerance=1e-4)
    assert fewer.upper >= found.lower
    with pytest.raises(ArithmeticError, match="misses the state"):
        dataclasses.replace(found, lower=found.lower + 0.02, upper=1.0).check()
    bound = dataclasses.replace(found.inequality, bound=found.inequality.bound - 1e-3)
    with pytest.raises(ArithmeticError, match="beyond the bound"):
        dataclasses.replace(found, inequality=bound).check()


@pytest.mark.slow
def test_a_state_that_is_nearly_separable_is_compatible_at_all_settings():
    none = threshold(jl.bell_diagonal(-0.6, -0.5, -0.4), "all", tolerance=0.01)
    assert none.upper == 1
    assert none.lower > 0.99
    none.check()
