"""The explicit model against plain Python, averages over grids and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import angled_pair, at_one_point
from scipy import stats
from tolerances import ALGEBRA

import jaxleggett as jl
from jaxleggett.models import werner

KEY = jax.random.key(11)
ANGLES = [0.0, 1e-9, 1e-4, 0.3, 0.59463, np.pi / 2, 2.0, np.pi - 0.59463, np.pi - 1e-4, np.pi]


@pytest.mark.parametrize("V", [-1 / 3, -0.01, 0.0, 0.5, oracles.V_C, 0.8536, 1.0])
@pytest.mark.parametrize("angle", ANGLES)
def test_werner_probabilities_against_plain_python(V, angle):
    rng = np.random.default_rng(int(1000 * angle))
    a, b = angled_pair(angle, rng)
    for u in oracles.unit(rng, 3):
        np.testing.assert_allclose(
            at_one_point(jl.WernerModel(V), u, -u, a, b), oracles.werner_model(V, u, a, b), atol=ALGEBRA
        )


@pytest.mark.parametrize("angle", ANGLES)
def test_averaged_bounds_are_averages(angle):
    """[B13 (8)] against the mean of [B13 (7)] over an independent grid on the sphere."""
    a, b = angled_pair(angle, np.random.default_rng(1))
    z, f = np.meshgrid((np.arange(400) + 0.5) / 200 - 1, (np.arange(401) + 0.5) * 2 * np.pi / 401, indexing="ij")
    r = np.sqrt(1 - z * z)
    u = np.stack([r * np.cos(f), r * np.sin(f), z], -1).reshape(-1, 3)
    lower, upper = werner.averaged_bounds(a, b)
    assert lower == pytest.approx((-1 + abs(u @ (a - b))).mean(), abs=2e-5)
    assert upper == pytest.approx((1 - abs(u @ (a + b))).mean(), abs=2e-5)


@pytest.mark.parametrize("angle", ANGLES)
def test_weights_average_to_the_werner_correlator(angle):
    """p^- lower + p^+ upper = -V a.b [B13 (6)], and the weights sum to 1."""
    a, b = angled_pair(angle, np.random.default_rng(2))
    for V in (-0.2, 0.3, 0.9):
        minus, plus = werner.werner_weights(V, a, b)
        lower, upper = -1 + np.sin(angle / 2), 1 - np.cos(angle / 2)
        assert minus + plus == pytest.approx(1, abs=ALGEBRA)
        assert minus * lower + plus * upper == pytest.approx(-V * np.cos(angle), abs=ALGEBRA)
        np.testing.assert_allclose((minus, plus), oracles.half_angle_weights(V, a, b), atol=ALGEBRA)


def test_critical_visibility_is_where_the_weights_touch_zero():
    phi = np.linspace(0, np.pi, 200001)
    a = np.tile([1.0, 0, 0], (len(phi), 1))
    b = np.stack([np.cos(phi), np.sin(phi), 0 * phi], -1)
    assert werner.CRITICAL_VISIBILITY == pytest.approx(oracles.V_C, abs=1e-16)
    at = min(float(w.min()) for w in werner.werner_weights(werner.CRITICAL_VISIBILITY, a, b))
    above = min(float(w.min()) for w in werner.werner_weights(werner.CRITICAL_VISIBILITY + 1e-6, a, b))
    below_zero = min(float(w.min()) for w in werner.werner_weights(-1e-6, a, b))
    assert -1e-14 < at < 1e-9
    assert above == pytest.approx(-1.1e-6, rel=0.05)
    assert below_zero == pytest.approx(-1e-6, rel=1e-3)


def test_the_allowance_of_few_points_covers_any_error_of_one():
    assert [jl.WernerModel(0.5).lattice_error(n) for n in (1, 10)] == [1, 0.01]


def test_werner_hidden_vectors_are_opposite_and_uniform():
    u, v = jl.WernerModel(0.5).sample(KEY, 20000)
    np.testing.assert_array_equal(u, -np.asarray(v))
    for i in range(3):
        assert stats.kstest(np.asarray(u)[:, i], stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_werner_lattices_are_opposite():
    with jax.enable_x64(True):
        for points in (jl.WernerModel(0.5).lattice, jl.WernerModel(0.5).half_lattice):
            u, v, *_ = points(KEY, jnp.arange(50), 50)
            np.testing.assert_array_equal(u, -v)


def test_werner_quadrature_is_exact_and_visits_the_extremes():
    a, b = angled_pair(1.1, np.random.default_rng(3))
    with jax.enable_x64(True):
        u, v, weights = (np.asarray(x) for x in jl.WernerModel(0.9).quadrature(jnp.asarray(a), jnp.asarray(b)))
    np.testing.assert_array_equal(u, -v)
    np.testing.assert_allclose(weights @ u, 0, atol=ALGEBRA)
    np.testing.assert_allclose((weights[:, None] * u).T @ u, np.eye(3) / 3, atol=ALGEBRA)
    for c in (a - b, a + b):
        assert weights @ np.abs(u @ c) == pytest.approx(np.linalg.norm(c) / 2, abs=ALGEBRA)
    np.testing.assert_array_equal(weights[-5:], 0)
    np.testing.assert_allclose(u[-5:-2], [a, b, -b], atol=ALGEBRA)
    normal = np.cross(a, b) / np.sin(1.1)
    assert u[-2] @ normal == pytest.approx(-u[-1] @ normal)
    assert abs(u[-1] @ normal) == pytest.approx(1)


def test_gradients_are_finite_at_equal_settings():
    z = jnp.array([0.0, 0.0, 1.0])
    for function in (werner.averaged_bounds, lambda a, b: werner.werner_weights(0.5, a, b)):
        for i in (0, 1):
            assert np.isfinite(jax.grad(lambda a: function(a, z)[i])(z)).all()  # noqa: B023
