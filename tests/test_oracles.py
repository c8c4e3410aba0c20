"""The oracles against values known in closed form, so that they can be trusted."""

import numpy as np
import oracles
import pytest


def test_singlet_is_perfectly_anticorrelated():
    a = oracles.unit(np.random.default_rng(0), 1)[0]
    np.testing.assert_allclose(oracles.born(oracles.werner_rho(1.0), a, a), [0, 0.5, 0.5, 0], atol=1e-15)


def test_product_ket_has_product_statistics():
    psi = oracles.ket_01_10(0.0)
    z, x = np.array([0, 0, 1.0]), np.array([1.0, 0, 0])
    P = oracles.born(np.outer(psi, psi.conj()), z, x)
    np.testing.assert_allclose(P, [0.5, 0.5, 0, 0], atol=1e-15)


def test_weights_vanish_at_the_critical_angle():
    half = np.arcsin(1 - 1 / np.sqrt(2))
    a, b = np.array([1.0, 0, 0]), np.array([np.cos(2 * half), np.sin(2 * half), 0])
    minus, plus = oracles.half_angle_weights(oracles.V_C, a, b)
    assert plus == pytest.approx(0, abs=1e-15)
    assert minus == pytest.approx(1, abs=1e-15)


def test_tsirelson():
    r = np.sqrt(0.5)
    assert oracles.chsh(-np.array([[r, r], [r, -r]])) == pytest.approx(2 * np.sqrt(2))


def test_rotations_are_proper():
    R = oracles.random_rotation(np.random.default_rng(1))
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(R) == pytest.approx(1)


def test_a_turn_about_z_takes_x_towards_y():
    half = np.sqrt(3) / 2
    np.testing.assert_allclose(oracles.turn_about([0, 0, 1.0], np.pi / 3) @ [1, 0, 2], [0.5, half, 2], atol=1e-15)


def test_the_partial_transpose_of_the_singlet_has_one_negative_eigenvalue():
    found = np.linalg.eigvalsh(oracles.partial_transpose(oracles.werner_rho(1)))
    np.testing.assert_allclose(found, [-0.5, 0.5, 0.5, 0.5], atol=1e-15)
    product = np.kron(oracles.projector([0, 1.0, 0], 1), oracles.projector([0, 1.0, 0], 1))
    flipped = np.kron(oracles.projector([0, 1.0, 0], 1), oracles.projector([0, 1.0, 0], -1))
    np.testing.assert_allclose(oracles.partial_transpose(product), flipped, atol=1e-15)  # Bob's y changes sign


def test_the_left_side_of_an_inequality_by_hand():
    """u = v = z, a = z, b = x: M^A = 1 and M^B = 0 leave only C = 0; a = b = x leave -1 <= C <= 1."""
    x, z = np.eye(3)[[0, 2]]
    for g, a, b, want in ((1.0, z, x, 0), (-1.0, z, x, 0), (2.0, x, x, 2), (-3.0, x, x, 3)):
        assert oracles.left_side(np.array([g]), a[None], b[None], z[None], z[None])[0] == pytest.approx(want)
