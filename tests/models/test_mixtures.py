"""The great circle, the PR box and separable states against the Born rule and CHSH."""

import numpy as np
import oracles
import pytest
from cases import angled_pair, assert_no_bias, at_one_point
from tolerances import ALGEBRA

import jaxleggett as jl
from jaxleggett.models import mixtures


def test_atoms_without_bias():
    a, _ = angled_pair(0.7, np.random.default_rng(0))
    weights, u, v = _rotated_box().atoms()
    assert_no_bias(u, v, weights)
    weights, u, v = jl.GreatCircleModel(a).atoms()
    np.testing.assert_allclose(weights, [0.5, 0.5])
    np.testing.assert_allclose(u, [a, -a], atol=1e-6)
    np.testing.assert_array_equal(u, v)


def test_great_circle_shows_the_singlet_and_violates_chsh():
    model = jl.GreatCircleModel(normal=np.array([0, 0.6, 0.8]))
    _, u, v = (np.asarray(x) for x in model.atoms())
    x, y = np.array([1.0, 0, 0]), np.array([0, 0.8, -0.6])
    turn = lambda t: np.cos(t) * x + np.sin(t) * y  # noqa: E731
    a, b = [turn(0), turn(np.pi / 2)], [turn(np.pi / 4), turn(-np.pi / 4)]
    C = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            for k in range(len(u)):
                P = at_one_point(model, u[k], v[k], a[i], b[j])
                np.testing.assert_allclose(P, oracles.born(oracles.werner_rho(1), a[i], b[j]), atol=1e-7)
            C[i, j] = P @ [1, -1, -1, 1]
    assert oracles.chsh(C) == pytest.approx(2 * np.sqrt(2), abs=1e-6)


def _rotated_box():
    R = oracles.random_rotation(np.random.default_rng(4))
    alice = np.array([R @ [1, 0, 0], R @ [0.6, 0.8, 0]])
    bob = oracles.unit(np.random.default_rng(5), 2)
    return mixtures.PRBoxModel(alice, bob)


@pytest.mark.parametrize("box", [mixtures.PRBoxModel(), _rotated_box()], ids=["orthogonal", "any"])
def test_pr_box_reaches_the_algebraic_maximum(box):
    weights, u, v = (np.asarray(x) for x in box.atoms())
    assert weights.sum() == pytest.approx(1)
    C = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            for k in range(4):
                P = at_one_point(box, u[k], v[k], box.alice[i], box.bob[j])
                sign = (-1) ** (i * j)
                np.testing.assert_allclose(P, [(1 + x * y * sign) / 4 for x, y in oracles.SIGNS], atol=1e-7)
            C[i, j] = P @ [1, -1, -1, 1]
    assert oracles.chsh(C) == pytest.approx(4, abs=1e-6)


def test_pr_box_from_settings():
    box = _rotated_box()
    again = mixtures.PRBoxModel.at(box.pairs)
    np.testing.assert_allclose(again.alice, box.alice, atol=1e-15)
    np.testing.assert_allclose(again.bob, box.bob, atol=1e-15)
    again = mixtures.PRBoxModel.at(jl.SettingPairs(box.alice[::-1], box.bob))
    np.testing.assert_allclose(again.alice, box.alice[::-1], atol=1e-15)
    np.testing.assert_allclose(again.bob, box.bob, atol=1e-15)
    with pytest.raises(jl.InputError, match="must be two for Alice, but are more"):
        mixtures.PRBoxModel.at(jl.SettingPairs.random(3))
    with pytest.raises(jl.InputError, match="must be two for Bob, but are one"):
        mixtures.PRBoxModel.at(jl.SettingPairs.product(box.alice, box.bob[:1]))


def test_separable_mixture_reproduces_its_density_matrix():
    rng = np.random.default_rng(6)
    w = rng.dirichlet(np.ones(5))
    r_A, r_B = (rng.uniform(0, 1, (5, 1)) * oracles.unit(rng, 5) for _ in range(2))
    r_A[2] = 0
    rho = sum(p * np.kron(_qubit(x), _qubit(y)) for p, x, y in zip(w, r_A, r_B, strict=True))
    model = jl.SeparableModel.mixture(w, r_A, r_B)
    np.testing.assert_allclose(model.target.density_matrix(), rho, atol=ALGEBRA)
    a, b = oracles.unit(rng, 2)
    P = sum(p * at_one_point(model, u, v, a, b) for p, u, v in zip(*model.atoms(), strict=True))
    np.testing.assert_allclose(P, oracles.born(rho, a, b), atol=ALGEBRA)


def test_a_bloch_vector_whose_square_underflows():
    """Its normalised direction was off by a per cent, and refused as no unit vector."""
    model = jl.SeparableModel.mixture([1.0], [[1e-161, 1e-161, 0]], [[0, 0, 1]])
    np.testing.assert_allclose(model.target.r_A, 0, atol=1e-160)
    np.testing.assert_allclose(np.linalg.norm(model.u, axis=1), 1, atol=1e-15)


def test_the_pr_box_answers_in_the_arrays_it_is_asked_with():
    pairs = jl.PRBoxModel().pairs
    for moment, want in zip(
        jl.PRBoxModel().correlation(pairs.a, pairs.b), ([0] * 4, [0] * 4, [1, 1, 1, -1]), strict=True
    ):
        assert isinstance(moment, np.ndarray)
        assert moment.dtype == np.float64
        np.testing.assert_array_equal(moment, want)


def _qubit(r):
    return (np.eye(2) + sum(x * s for x, s in zip(r, oracles.SIGMA, strict=True))) / 2


def test_default_separable_model_is_the_werner_state_at_one_third():
    np.testing.assert_allclose(jl.SeparableModel().target.density_matrix(), oracles.werner_rho(1 / 3), atol=ALGEBRA)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, 0.6], np.eye(3)[:2], np.eye(3)[:2]), "weights must be non-negative and sum to 1"),
        (([1.5, -0.5], np.eye(3)[:2], np.eye(3)[:2]), "weights must be non-negative"),
        (([1.0], [[0, 0, 1.1]], [[0, 0, 1]]), "r_A must hold Bloch vectors of norm at most 1, but one has 1.1"),
        (([1.0], [[0, 0, 1]], [[0, 1]]), r"r_B must have shape \(1, 3\)"),
        (("a third", [[0, 0, 1]], [[0, 0, 1]]), "weights must be an array of numbers, but is 'a third'"),
        (([1.0], [[0, 0, 1j]], [[0, 0, 1]]), "r_A must be an array of numbers, but is"),
        (([1.0], [[0, 0, np.nan]], [[0, 0, 1]]), "r_A must hold Bloch vectors of norm at most 1, but one has nan"),
    ],
)
def test_bad_mixtures_are_refused(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        jl.SeparableModel.mixture(*arguments)


def test_the_great_circle_averages_to_the_singlet():
    np.testing.assert_array_equal(jl.GreatCircleModel().target.T, -np.eye(3))
