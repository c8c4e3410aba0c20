"""Canonical forms and averaged kernels against rotations written out."""

import jax
import numpy as np
import oracles
import pytest
from cases import in_other_frames

import jaxleggett as jl
from jaxleggett.joint_rotations import Axis, axial_mean, mean_modulus
from jaxleggett.thresholds.canonical_form import CanonicalForm, averaged_kernel

STATES = {
    "werner": (jl.werner(0.7), "SO(3)", 4),
    "pure": (jl.pure(0.6), "O(2)", 4),
    "axis x": (jl.bell_diagonal(-0.9, -0.7, -0.7), "O(2)", 4),
    "opposite turns": (jl.bell_diagonal(0.5, -0.5, -1), "O(2)", 4),
    "bell-diagonal": (jl.bell_diagonal(-0.9, -0.7, -0.6), "finite", 8),
    "product": (jl.pure(0.0), "O(2)", 4),
    "generic": (jl.TwoQubitState.from_density_matrix(oracles.random_rho(np.random.default_rng(0))), "finite", 1),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("frames", ["own", "turned"])
def test_canonical_forms(name, frames, rng):
    state, kind, number = STATES[name]
    if frames == "turned":
        state = in_other_frames(state, oracles.random_rotation(rng), oracles.random_rotation(rng))
    form = CanonicalForm.of(state)
    assert (form.kind, len(form.group)) == (kind, number)
    np.testing.assert_allclose(form.frame_A @ np.diag(form.s) @ form.frame_B.T, state.T, atol=1e-12)
    np.testing.assert_allclose(form.frame_A @ form.r_A, state.r_A, atol=1e-12)
    np.testing.assert_allclose(form.frame_B @ form.r_B, state.r_B, atol=1e-12)
    assert (form.s >= -1e-15).all()
    y = rng.normal(size=(5, 6))
    for G in form.group:
        np.testing.assert_allclose(G @ G.T, np.eye(6), atol=1e-12)
        np.testing.assert_allclose(form.correlator(y @ G.T), form.correlator(y), atol=1e-12)
        if np.abs(form.marginals).max() > 1e-9:
            np.testing.assert_allclose(G @ form.marginals, form.marginals, atol=1e-12)
            np.testing.assert_allclose(form.invariants @ G, form.invariants, atol=1e-12)


def _turn(x, angle):
    c, s = np.cos(angle), np.sin(angle)
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return np.concatenate([x[..., :3] @ R.T, x[..., 3:] @ R.T], axis=-1)


def test_axial_mean_is_the_mean_over_turns(rng):
    x, y = rng.normal(size=(2, 20, 6))
    x[0, 2] = x[0, 5] = 0  # nothing along the axis
    x[1, :2] = x[1, 3:5] = 0  # nothing across it
    angles = (np.arange(20000) + 0.5) / 20000 * 2 * np.pi
    with jax.enable_x64(True):
        found = np.asarray(axial_mean(x, y))
    want = np.mean([np.abs((_turn(x, t) * y).sum(-1)) for t in angles], axis=0)
    np.testing.assert_allclose(found, want, atol=1e-6)
    # the same of the written-out form that results are checked with
    z = Axis(np.array([0, 0, 1.0]), np.array([0, 0, 1.0]))
    again = np.diagonal(mean_modulus(x[:, :3], x[:, 3:], y[:, :3], y[:, 3:], z))
    np.testing.assert_allclose(again, found, atol=1e-12)


@pytest.mark.parametrize("name", ["pure", "bell-diagonal", "generic"])
def test_kernels_are_averages_over_the_group(name, rng):
    form = CanonicalForm.of(STATES[name][0])
    x, y = rng.normal(size=(2, 7, 6))
    with jax.enable_x64(True):
        found = np.asarray(averaged_kernel(form.kind, form.group, x, y))
        for G in form.group:
            np.testing.assert_allclose(averaged_kernel(form.kind, form.group, x @ G.T, y), found, atol=1e-12)
    images = form.images(x).reshape(len(form.group), 7, 6)
    if form.kind == "finite":
        np.testing.assert_allclose(np.abs((images * y).sum(-1)).mean(0), found, atol=1e-12)
    else:
        gauged = form.gauged(x)
        np.testing.assert_allclose(gauged[:, 1], 0, atol=1e-12)
        with jax.enable_x64(True):
            np.testing.assert_allclose(averaged_kernel(form.kind, form.group, gauged, y), found, atol=1e-12)


def test_names_of_axes():
    assert str(CanonicalForm.of(jl.pure(0.6)).symmetry) == "O(2) about z"
    assert str(CanonicalForm.of(jl.bell_diagonal(-0.9, -0.7, -0.7)).symmetry) == "O(2) about x"
    twisted = str(CanonicalForm.of(jl.bell_diagonal(0.5, -0.5, -1)).symmetry)
    assert twisted == "O(2) about (0, 0, 1) for Alice and (0, 0, -1) for Bob"
    assert CanonicalForm.of(jl.werner()).symmetry == "SO(3)"
    assert CanonicalForm.of(jl.bell_diagonal(-0.9, -0.7, -0.6)).symmetry is None


def test_noise_is_as_weak_as_claimed(rng):
    """E|u.a + v.b| for u, v independent on the vertices of an icosahedron stays below NOISE_MEAN."""
    from scipy.optimize import minimize

    from jaxleggett.models.interpolated import NOISE_MEAN

    axes = jl.SettingPairs.parse("icosahedron").a[::6]

    def mean(x):
        a, b = x[:3] / np.linalg.norm(x[:3]), x[3:] / np.linalg.norm(x[3:])
        p, q = axes @ a, axes @ b
        return np.maximum(np.abs(p[:, None]), np.abs(q[None, :])).mean()

    best = max(-minimize(lambda x: -mean(x), rng.normal(size=6), method="Nelder-Mead").fun for _ in range(60))
    assert 2 / 3 < best < 0.685 < NOISE_MEAN
