import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from scipy.stats import special_ortho_group

from jaxleggett.joint_rotations import CRITICAL_ANGLE, _arcsine, derivatives_of_wave, isotropic_mean, mean_of_wave
from jaxleggett.proofs.ball_arithmetic import CertificationError, require
from jaxleggett.proofs.werner import certify_werner

GRID = np.linspace(0, np.pi, 61)


@pytest.mark.thorough
def test_known_edges_and_symmetry():
    np.testing.assert_allclose(isotropic_mean(0, GRID), np.sin(GRID / 2), atol=1e-14)
    np.testing.assert_allclose(isotropic_mean(np.pi, GRID), np.cos(GRID / 2), atol=1e-14)
    F = isotropic_mean(GRID[:, None], GRID)
    np.testing.assert_allclose(F, F.T, atol=1e-14)


@pytest.mark.parametrize(("theta", "phi"), [(0.7, 1.9), (2.0, 0.3), (1.1, 1.1), (np.pi / 2, np.pi / 2)])
def test_against_rotations(theta, phi):
    R = special_ortho_group.rvs(3, 200000, random_state=1)
    z, x = np.array([0, 0, 1.0]), np.array([1.0, 0, 0])
    turn = lambda angle: np.cos(angle) * z + np.sin(angle) * x  # noqa: E731
    sampled = np.abs(R @ z @ z - R @ turn(theta) @ turn(phi))
    assert isotropic_mean(theta, phi) == pytest.approx(sampled.mean(), abs=5 * sampled.std() / np.sqrt(len(R)))


@pytest.mark.thorough
def test_quadrature_has_converged():
    F = isotropic_mean(GRID[:, None], GRID)
    np.testing.assert_allclose(F, isotropic_mean(GRID[:, None], GRID, order=60), atol=1e-14)


def test_inequality_2_of_the_proof_and_its_estimate():
    """F(theta, phi*) >= sin(phi*/2), and >= the right side of (3), on a fine grid."""
    theta = np.linspace(0, np.pi, 5001)
    s, c, m = np.sin(CRITICAL_ANGLE / 2), np.cos(CRITICAL_ANGLE / 2), 4 / np.pi**2
    s1, s2 = 2 * s * np.cos(theta / 2), 2 * c * np.sin(theta / 2)
    with np.errstate(divide="ignore"):
        estimate = np.where(m * s2 <= s1, (s1 + (m * s2) ** 2 / s1) / 2, m * s2)
    F = isotropic_mean(theta, CRITICAL_ANGLE)
    assert (F >= estimate - 1e-14).all()
    assert (estimate >= s - 1e-15).all()
    assert estimate[1:].min() > s


def test_certified_interval():
    lower, upper = certify_werner()
    assert (lower, upper) == (0.8535533905932737, 0.8535533905932738)
    assert lower <= oracles.V_C <= upper
    with pytest.raises(CertificationError, match="not proved: two is less than one"):
        require(2 < 1, "two is less than one")


def test_the_derivatives_of_the_mean_of_a_wave(rng):
    """Against differences of the integral itself, on both sides of |p| = q."""
    angle = (np.arange(200_000) + 0.5) * 2 * np.pi / 200_000

    def mean(p, square):
        return np.abs(p + np.sqrt(square) * np.cos(angle)).mean()

    for p, square in ((0.3, 0.5), (-0.2, 0.09), (0.69, 0.49), (-0.9, 0.2), (0.0, 0.7)):
        with jax.enable_x64(True):
            found = np.asarray(derivatives_of_wave(jnp.float64(p), jnp.float64(square)))
            value = float(mean_of_wave(jnp.float64(p), jnp.float64(square)))
        h = 1e-3
        grid = np.array([[mean(p + i * h, square + j * h) for j in (-1, 0, 1)] for i in (-1, 0, 1)])
        want = [
            (grid[2, 1] - grid[0, 1]) / (2 * h),
            (grid[1, 2] - grid[1, 0]) / (2 * h),
            (grid[2, 1] - 2 * grid[1, 1] + grid[0, 1]) / h**2,
            (grid[2, 2] - grid[2, 0] - grid[0, 2] + grid[0, 0]) / (4 * h * h),
            (grid[1, 2] - 2 * grid[1, 1] + grid[1, 0]) / h**2,
        ]
        np.testing.assert_allclose(found, want, rtol=2e-3, atol=2e-3)
        assert value == pytest.approx(grid[1, 1], abs=1e-9)  # the mean over the angles is right to 2e-10


def test_the_arc_sine():
    angle = np.linspace(-np.pi / 2, np.pi / 2, 20_001)
    sine = np.sin(angle)
    with jax.enable_x64(True):
        found = np.asarray(_arcsine(jnp.asarray(sine), jnp.sqrt((1 - sine) * (1 + sine))))
    # Worst seen: 4.4e-16. On machines whose long double is a double the oracle itself is off by a rounding.
    assert abs(found - np.arcsin(sine.astype(np.longdouble))).max() < 6e-16
