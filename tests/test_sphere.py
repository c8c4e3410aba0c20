import jax
import numpy as np
import oracles
import pytest
from scipy import stats
from tolerances import ALGEBRA

import jaxleggett as jl
from jaxleggett import sphere

KEY = jax.random.key(7)


def test_sampled_directions_are_uniform():
    u = sphere.sample_sphere(KEY, 20000)
    assert u.dtype == np.float64
    np.testing.assert_allclose(np.linalg.norm(u, axis=1), 1, atol=ALGEBRA)
    rng = np.random.default_rng(0)
    for direction in oracles.unit(rng, 4):
        # Archimedes: every component is uniform on [-1, 1]
        assert stats.kstest(np.asarray(u) @ direction, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_shapes_and_dtypes():
    assert sphere.sample_sphere(KEY).shape == (3,)
    assert sphere.sample_sphere(KEY, (5, 7)).shape == (5, 7, 3)
    assert sphere.sample_sphere(KEY, 4, np.float32).dtype == np.float32
    inside = jax.jit(lambda k: sphere.sample_sphere(k, 4))(KEY)
    assert inside.dtype == np.float32  # the caller's configuration rules inside the caller's trace


def test_the_same_key_gives_the_same_directions():
    np.testing.assert_array_equal(sphere.sample_sphere(KEY, 9), sphere.sample_sphere(KEY, 9))
    assert not np.array_equal(sphere.sample_sphere(KEY, 9), sphere.sample_sphere(jax.random.key(8), 9))


def test_cylinder_map_by_hand():
    np.testing.assert_allclose(sphere.cylinder_to_sphere(0.25, 0.25), [0, np.sqrt(3) / 2, 0.5], atol=1e-7)


def test_random_rotations_are_haar():
    with jax.enable_x64(True):
        R = np.asarray(jax.vmap(sphere.random_rotation)(jax.random.split(KEY, 4000)))
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.broadcast_to(np.eye(3), R.shape), atol=1e-13)
    np.testing.assert_allclose(np.linalg.det(R), 1, atol=1e-13)
    # entries of a Haar rotation are uniform on [-1, 1], the angle has density (1 - cos w)/pi
    for i, j in ((0, 0), (1, 2), (2, 1)):
        assert stats.kstest(R[:, i, j], stats.uniform(-1, 2).cdf).pvalue > 1e-3
    angle = np.arccos(np.clip((np.trace(R, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert stats.kstest(angle, lambda w: (w - np.sin(w)) / np.pi).pvalue > 1e-3


def test_fibonacci_lattice_is_even():
    p = sphere.fibonacci_directions(5000)
    np.testing.assert_allclose(np.linalg.norm(p, axis=1), 1, atol=ALGEBRA)
    np.testing.assert_allclose(p.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(p.T @ p / 5000, np.eye(3) / 3, atol=1e-4)
    distance = np.linalg.norm(p[:, None] - p[None, ::7], axis=2)
    distance[distance == 0] = np.inf
    # no two points much nearer than a perfect packing has them: sqrt(8 pi / (sqrt 3 n)) = 0.0539
    assert distance.min() > 0.8 * np.sqrt(8 * np.pi / (np.sqrt(3) * 5000))


def test_a_lattice_made_in_pieces_is_the_lattice():
    with jax.enable_x64(True):
        whole = sphere.rotated_fibonacci(KEY, np.arange(100), 100)
        pieces = [sphere.rotated_fibonacci(KEY, np.arange(s, s + 25), 100) for s in range(0, 100, 25)]
    np.testing.assert_array_equal(whole, np.concatenate(pieces))


def test_rotated_points_are_uniform_one_by_one():
    with jax.enable_x64(True):
        keys = jax.random.split(KEY, 40000)
        u = np.asarray(jax.vmap(lambda k: sphere.rotated_fibonacci(k, np.array([3]), 10)[0])(keys))
    for i in range(3):
        assert stats.kstest(u[:, i], stats.uniform(-1, 2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("num", [1, 10, 1000])
def test_half_a_lattice_averages_even_functions(num):
    """Unbiased for any number of points: E[sum w f] / sum w over rotations is the mean of f."""
    with jax.enable_x64(True):
        keys = jax.random.split(KEY, 20000 // num)
        u, w = jax.vmap(lambda k: sphere.rotated_half_fibonacci(k, np.arange(num), num))(keys)
    u, w = np.asarray(u), np.asarray(w)
    np.testing.assert_array_equal(w, np.tile(w[0], (len(w), 1)))
    c = oracles.unit(np.random.default_rng(0), 1)[0]
    average = (w * abs(u @ c)).sum(1) / w.sum(1)
    assert average.mean() == pytest.approx(0.5, abs=5 * average.std() / np.sqrt(len(keys)) + 1e-5)
    assert w.sum() / w.size == pytest.approx(1 / (1 + sphere.SEAM), abs=0.6 / num)


def test_half_a_lattice_is_a_finer_lattice():
    def rms(points, weights):
        c = oracles.unit(np.random.default_rng(2), 500)
        return np.sqrt(np.mean((weights @ abs(points @ c.T) / weights.sum() - 0.5) ** 2))

    with jax.enable_x64(True):
        whole = np.asarray(sphere.rotated_fibonacci(KEY, np.arange(20000), 20000))
        half, weights = (np.asarray(x) for x in sphere.rotated_half_fibonacci(KEY, np.arange(20000), 20000))
    assert rms(half, weights) < 0.75 * rms(whole, np.ones(20000))


@pytest.mark.thorough
def test_lattice_error_falls_like_n_to_the_minus_five_quarters():
    def rms(n):
        with jax.enable_x64(True):
            keys = jax.random.split(jax.random.key(n), 64)
            values = jax.vmap(lambda k: abs(sphere.rotated_fibonacci(k, np.arange(n), n)[:, 2]).mean())(keys)
        return float(np.sqrt(np.mean((np.asarray(values) - 0.5) ** 2)))

    slope = np.log(rms(16384) / rms(256)) / np.log(64)
    assert -1.45 < slope < -1.1


@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (lambda u: np.ones(len(u)), 1),
        (lambda u: abs(u[:, 0]), 1 / 2),
        (lambda u: u[:, 1] ** 2, 1 / 3),
        (lambda u: abs(u[:, 0] * u[:, 1]), 2 / (3 * np.pi)),
        (lambda u: abs(u[:, 2]) * u[:, 0] ** 2, 1 / 8),
        (lambda u: u[:, 0] * abs(u[:, 1]), 0),
        (lambda u: u[:, 1], 0),
        (lambda u: u[:, 2] * u[:, 0] ** 2, 0),
    ],
)
def test_octant_rule_is_exact(function, exact):
    nodes, weights = sphere.octant_rule()
    assert weights @ function(nodes) == pytest.approx(exact, abs=1e-14)


@pytest.mark.parametrize("angle", [1.0, 2.5, np.pi / 2, 1e-3, np.pi - 1e-3, 1e-9, 0.0, np.pi])
def test_axes_follow_difference_and_sum(angle):
    rng = np.random.default_rng(5)
    a, c = np.linalg.qr(rng.normal(size=(3, 2)))[0].T
    b = np.cos(angle) * a + np.sin(angle) * c
    with jax.enable_x64(True):
        axes = np.asarray(sphere.orthogonal_axes(a, b))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(axes[0] * np.linalg.norm(a - b), a - b, atol=1e-14)
    np.testing.assert_allclose(axes[1] * np.linalg.norm(a + b), a + b, atol=1e-14)
    assert np.linalg.det(axes) == pytest.approx(1)


def test_axes_of_equal_settings_are_complete():
    with jax.enable_x64(True):
        for a in oracles.unit(np.random.default_rng(6), 30):
            axes = np.asarray(sphere.orthogonal_axes(a, a))
            np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-14)
            np.testing.assert_allclose(axes[1], a, atol=1e-14)


def test_equatorial_directions():
    a = sphere.equatorial_directions(3)
    half = np.sqrt(3) / 2
    np.testing.assert_allclose(a, [[1, 0, 0], [0.5, half, 0], [-0.5, half, 0]], atol=ALGEBRA)


def test_icosahedron_axes_meet_at_one_angle():
    a = sphere.icosahedron_axes()
    cosines = np.abs(a @ a.T)[~np.eye(6, dtype=bool)]
    np.testing.assert_allclose(cosines, 1 / np.sqrt(5), atol=ALGEBRA)


@pytest.mark.parametrize("shape", [-1, (2, -3), 1.5, "two", None, (2, None)])
def test_bad_shapes_are_refused(shape):
    with pytest.raises(jl.InputError, match="shape of sample_sphere must"):
        jl.sample_sphere(jax.random.key(0), shape)


def test_every_way_to_write_a_shape():
    key = jax.random.key(0)
    for shape, want in (((), (3,)), (0, (0, 3)), (2, (2, 3)), ((2, 5), (2, 5, 3)), ([2, 5], (2, 5, 3)), (2.0, (2, 3))):
        assert jl.sample_sphere(key, shape).shape == want
