"""Directions on the sphere S^2: random, low-discrepancy, exact quadrature, named sets."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._checks import MAX_SAMPLES, integer
from ._numerics import dot, double_precision, in_double

GOLDEN = (np.sqrt(5) - 1) / 2
"""Fractional part of the golden ratio."""


@in_double
def sample_sphere(key: jax.Array, shape: int | tuple[int, ...] = (), dtype: Any = float) -> jax.Array:
    """Independent directions, uniform on S^2.

    Archimedes: the height z is uniform on [-1, 1] and independent of the azimuth. `shape` is an
    integer or a tuple, the result has shape (*shape, 3). A pure function of `key`; float64 unless
    `dtype` says otherwise (inside a caller's jit: the default float there). Raises InputError for a
    shape that is none.
    """
    sizes = np.ravel(np.asarray(shape, dtype=object)).tolist()
    shape = tuple(integer("shape of sample_sphere", size, 0, MAX_SAMPLES) for size in sizes)
    height, azimuth = jnp.moveaxis(jax.random.uniform(key, (*shape, 2), dtype), -1, 0)
    return cylinder_to_sphere(height, azimuth)


def cylinder_to_sphere(height: Any, azimuth: Any) -> jax.Array:
    """Lambert's equal-area map of [0, 1]^2 to S^2: z = 1 - 2 height, longitude 2 pi azimuth."""
    z = 1 - 2 * height
    # 1 - z^2 without cancellation at the poles
    radius = 2 * jnp.sqrt(height * (1 - height))
    longitude = 2 * jnp.pi * azimuth
    return jnp.stack([radius * jnp.cos(longitude), radius * jnp.sin(longitude), z], axis=-1)


@in_double
def random_rotation(key: jax.Array) -> jax.Array:
    """A rotation matrix drawn from the Haar measure on SO(3), shape (3, 3): that of a uniform unit quaternion."""
    q = jax.random.normal(key, (4,), float)
    return _of_quaternion(q / jnp.sqrt(jnp.sum(q * q)))


def rotation_matrix(point: jax.Array) -> jax.Array:
    """The map of [0, 1]^3 to rotation matrices that takes even spread to the Haar measure: (..., 3) to (..., 3, 3).

    K. Shoemake, "Uniform random rotations", Graphics Gems III (1992): a unit quaternion whose first and last two
    components have the lengths sqrt(1 - x) and sqrt(x) and independent angles.
    """
    x, first, second = jnp.moveaxis(point, -1, 0)
    near, far = jnp.sqrt(1 - x), jnp.sqrt(x)
    first, second = 2 * jnp.pi * first, 2 * jnp.pi * second
    parts = (near * jnp.sin(first), near * jnp.cos(first), far * jnp.sin(second), far * jnp.cos(second))
    return _of_quaternion(jnp.stack(parts))


def _of_quaternion(q: jax.Array) -> jax.Array:
    """The rotation matrix of a unit quaternion (4, ...): shape (..., 3, 3)."""
    w, x, y, z = q
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def fibonacci(index: Any, num: Any) -> jax.Array:
    """Points `index` of the `num`-point Fibonacci lattice on S^2: shape of `index` + (3,).

    Point i sits at height (i + 1/2) / num of the cylinder and at i golden-ratio turns. A point
    needs only its own index, so a lattice of any size can be made in pieces.
    """
    index = jnp.asarray(index).astype(float)
    return cylinder_to_sphere((index + 0.5) / num, (index * GOLDEN) % 1)


@jax.jit
def rotated_fibonacci(key: jax.Array, index: Any, num: Any) -> jax.Array:
    """Points `index` of a Fibonacci lattice turned by a random rotation: each point alone is uniform.

    So an average over the lattice is unbiased, and the scatter over independent keys is its error,
    which falls like num^(-5/4) on functions with a crease along a great circle such as |u.c|.
    """
    return _rotated(key, fibonacci(index, num))


SEAM = 0.1
"""Half the width of the zone in which the weights of `rotated_half_fibonacci` fall from 1 to 0."""


@jax.jit
def rotated_half_fibonacci(key: jax.Array, index: Any, num: Any) -> tuple[jax.Array, jax.Array]:
    """The same for even functions, f(-u) = f(u): points on half the sphere, and their weights.

    Each point stands for its opposite too, so the lattice is twice as fine and the error of |u.c|
    about 0.64 of that of `rotated_fibonacci`. A lattice that ends at the equator does not meet its
    mirror image in step, and that seam would cost more than all the rest; so it goes on to
    z = -SEAM, with weights w(z) that rise smoothly over |z| < SEAM and obey w(z) + w(-z) = 1.
    """
    height = (jnp.asarray(index).astype(float) + 0.5) / num * (1 + SEAM) / 2
    rise = jnp.clip((1 - 2 * height + SEAM) / (2 * SEAM), 0, 1)
    points = cylinder_to_sphere(height, (jnp.asarray(index) * GOLDEN) % 1)
    return _rotated(key, points), rise**2 * (3 - 2 * rise)


def _rotated(key: jax.Array, points: jax.Array) -> jax.Array:
    return turned(random_rotation(key), points)


def turned(rotation: Any, points: Any) -> jax.Array:
    """Vectors (..., 3) multiplied by matrices (..., 3, 3) that broadcast against them."""
    return jnp.stack([dot(rotation[..., i, :], points) for i in range(3)], axis=-1)


def orthogonal_axes(a: Any, b: Any) -> jax.Array:
    """Orthonormal rows along a - b, a + b and a x b, for one pair of unit vectors: shape (3, 3).

    (a - b).(a + b) = 0. Where a = +-b one of the two vanishes and the axes are completed freely.
    """
    acute = dot(a, b) >= 0
    longer, shorter = jnp.where(acute, a + b, a - b), jnp.where(acute, a - b, a + b)
    longer = longer / jnp.sqrt(dot(longer, longer))
    free = jnp.eye(3, dtype=longer.dtype)[jnp.argmin(jnp.abs(longer))]
    # Below a few roundings the difference of two unit vectors has no direction left.
    vanished = dot(shorter, shorter) < (4 * jnp.finfo(longer.dtype).eps) ** 2
    shorter = jnp.where(vanished, free, shorter)
    shorter = shorter - dot(shorter, longer) * longer
    shorter = shorter / jnp.sqrt(dot(shorter, shorter))
    first, second = jnp.where(acute, shorter, longer), jnp.where(acute, longer, shorter)
    return jnp.stack([first, second, jnp.cross(first, second)])


def octant_rule(order: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (8 order^2, 3) and weights (8 order^2,) of a quadrature over S^2, octant by octant.

    Gauss-Legendre in both angles of each octant. A product of the axes' coordinates and of their
    moduli is smooth inside an octant, so moments of |u.(a - b)| and |u.(a + b)|, in the axes of
    `orthogonal_axes`, come out to 1e-15. The weights sum to 1: averages, not integrals.
    """
    x, w = np.polynomial.legendre.leggauss(order)
    angle, w = (x + 1) * np.pi / 4, w * np.pi / 4
    polar, azimuth = np.meshgrid(angle, angle, indexing="ij")
    weights = np.outer(w * np.sin(angle), w).ravel() / (4 * np.pi)
    octant = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1
    ).reshape(-1, 3)
    signs = np.array([[x, y, z] for x in (1, -1) for y in (1, -1) for z in (1, -1)])
    nodes = (signs[:, None] * octant).reshape(-1, 3)
    return nodes, np.tile(weights, 8)


def fibonacci_directions(num: int) -> np.ndarray:
    """`num` directions spread evenly over S^2 (the Fibonacci lattice), shape (num, 3)."""
    with double_precision():
        return np.asarray(fibonacci(np.arange(num), num))


def equatorial_directions(num: int) -> np.ndarray:
    """`num` directions at the angles k 180/num degrees of the great circle z = 0, shape (num, 3)."""
    angle = np.arange(num) * np.pi / num
    return np.stack([np.cos(angle), np.sin(angle), np.zeros(num)], axis=-1)


def icosahedron_axes() -> np.ndarray:
    """The six axes through opposite vertices of an icosahedron, shape (6, 3)."""
    golden = (1 + np.sqrt(5)) / 2
    axes = np.array([[0, 1, golden], [0, 1, -golden], [1, golden, 0], [1, -golden, 0], [golden, 0, 1], [-golden, 0, 1]])
    return axes / np.sqrt(1 + golden**2)
