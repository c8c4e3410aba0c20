"""Directions on the sphere S^2: random, on low-discrepancy lattices, quadrature nodes, named sets; and rotations."""

# JAX's own types are incomplete; what is made of them here is annotated.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from ._checks import MAX_SAMPLES, integer
from ._numerics import dot, double_precision, in_double

if TYPE_CHECKING:
    from ._shapes import AnyArray, Array, DTypeLike, Float, Number

GOLDEN = (np.sqrt(5) - 1) / 2
"""(sqrt 5 - 1)/2, the fractional part of the golden ratio (1 + sqrt 5)/2."""


@in_double
def sample_sphere(key: Array, shape: int | tuple[int, ...] = (), dtype: DTypeLike = float) -> Float[Array, "*n 3"]:
    """Independent random directions, uniform on the sphere S^2: unit vectors of shape (*shape, 3).

    By Archimedes' theorem the height z is uniform on [-1, 1] and independent of the azimuth.

    `key` is a JAX random key, and the result is a pure function of it. `shape` is an integer or a tuple of integers;
    without it there is one direction, of shape (3,). `dtype` is the type of the numbers, float64 unless given (inside
    a caller's `jit`: the default float there). Raises InputError for a `shape` of anything but integers from 0 up.

    >>> import jax
    >>> import numpy as np
    >>> import jaxleggett as jl
    >>> u = np.asarray(jl.sample_sphere(jax.random.key(0), 5))
    >>> u.shape
    (5, 3)
    >>> bool(abs((u**2).sum(axis=1) - 1).max() < 1e-12)
    True
    """
    sizes = np.ravel(np.asarray(shape, dtype=object)).tolist()
    shape = tuple(integer("shape of sample_sphere", size, 0, MAX_SAMPLES) for size in sizes)
    height, azimuth = jnp.moveaxis(jax.random.uniform(key, (*shape, 2), dtype), -1, 0)
    return cylinder_to_sphere(height, azimuth)


def cylinder_to_sphere(height: Number, azimuth: Number) -> Float[Array, "*n 3"]:
    """Lambert's equal-area map of [0, 1]^2 to S^2: z = 1 - 2 `height`, longitude 2 pi `azimuth`.

    Points that are uniform on the square become uniform on the sphere. Arguments of shape (*n) give (*n, 3).
    """
    z = 1 - 2 * height
    # This is sqrt(1 - z^2), without its cancellation near the poles.
    radius = 2 * jnp.sqrt(height * (1 - height))
    longitude = 2 * jnp.pi * azimuth
    return jnp.stack([radius * jnp.cos(longitude), radius * jnp.sin(longitude), z], axis=-1)


@in_double
def random_rotation(key: Array) -> Float[Array, "3 3"]:
    """A rotation matrix drawn from the Haar measure on SO(3), made from a uniformly distributed unit quaternion."""
    # The direction of four independent normal numbers is uniform on the unit sphere in R^4.
    q = jax.random.normal(key, (4,), float)
    return _of_quaternion(q / jnp.sqrt(jnp.sum(q * q)))


def rotation_matrix(point: Float[AnyArray, "*n 3"]) -> Float[Array, "*n 3 3"]:
    """Rotation matrices for points of [0, 1]^3; uniform points give rotations distributed by the Haar measure.

    K. Shoemake, "Uniform random rotations", Graphics Gems III (1992). The first two components of a unit quaternion
    form a vector of length sqrt(1 - x), the last two one of length sqrt(x); their angles are independent.
    """
    x, first, second = jnp.moveaxis(point, -1, 0)
    p, q = jnp.sqrt(1 - x), jnp.sqrt(x)
    first, second = 2 * jnp.pi * first, 2 * jnp.pi * second
    parts = (p * jnp.sin(first), p * jnp.cos(first), q * jnp.sin(second), q * jnp.cos(second))
    return _of_quaternion(jnp.stack(parts))


def _of_quaternion(q: Float[Array, "4 *n"]) -> Float[Array, "*n 3 3"]:
    """The rotation matrix of a unit quaternion w + x i + y j + z k."""
    w, x, y, z = q
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def fibonacci(index: Number, num: Number) -> Float[Array, "*n 3"]:
    """Points `index` (*n) of the `num`-point Fibonacci lattice on S^2.

    Point i has `height` (i + 1/2)/num and `azimuth` i GOLDEN (modulo 1) in `cylinder_to_sphere`. It depends on no
    other point, so a lattice of any size can be made in pieces.
    """
    position = jnp.asarray(index).astype(float)
    return cylinder_to_sphere((position + 0.5) / num, (position * GOLDEN) % 1)


@jax.jit
def rotated_fibonacci(key: Array, index: Number, num: Number) -> Float[Array, "*n 3"]:
    """Points `index` (*n) of a `num`-point Fibonacci lattice turned by a random rotation.

    Each point is uniformly distributed, so an average over the lattice is unbiased, and its scatter over independent
    keys estimates its error. For functions with a kink on a great circle, such as |u.c|, the error decreases
    like num^(-5/4).
    """
    return _rotated(key, fibonacci(index, num))


SEAM = 0.1
"""The weights of `rotated_half_fibonacci` fall from 1 at z = SEAM to 0 at z = -SEAM."""


@jax.jit
def rotated_half_fibonacci(key: Array, index: Number, num: Number) -> tuple[Float[Array, "*n 3"], Float[Array, "*n"]]:
    """A randomly rotated Fibonacci lattice for even functions, f(-u) = f(u): points on half the sphere, and weights.

    Each point also stands for its opposite, so the lattice is twice as fine, and the error of the average of |u.c| is
    about 0.64 of that of `rotated_fibonacci`. At the equator the lattice and its image under u -> -u do not fit
    together; a lattice that ended there would have most of its error from this seam. Therefore it extends to
    z = -SEAM, with weights w(z) that change smoothly for |z| < SEAM and obey w(z) + w(-z) = 1.
    """
    height = (jnp.asarray(index).astype(float) + 0.5) / num * (1 + SEAM) / 2
    # r goes from 0 to 1 across the seam. w = r^2 (3 - 2 r) has slope 0 at both ends, and w(r) + w(1 - r) = 1.
    rise = jnp.clip((1 - 2 * height + SEAM) / (2 * SEAM), 0, 1)
    points = cylinder_to_sphere(height, (jnp.asarray(index) * GOLDEN) % 1)
    return _rotated(key, points), rise**2 * (3 - 2 * rise)


def _rotated(key: Array, points: Float[Array, "*n 3"]) -> Float[Array, "*n 3"]:
    # Behind a barrier: if XLA fused this with the computation of the points, the rounding of the sums of products
    # would depend on the number of cores.
    return turned(*jax.lax.optimization_barrier((random_rotation(key), points)))


def turned(rotation: Float[AnyArray, "... 3 3"], points: Float[AnyArray, "... 3"]) -> Float[Array, "... 3"]:
    """The products of matrices (..., 3, 3) with vectors (..., 3), which broadcast against each other."""
    return jnp.stack([jnp.asarray(dot(rotation[..., i, :], points)) for i in range(3)], axis=-1)


def orthogonal_axes(a: Float[AnyArray, "3"], b: Float[AnyArray, "3"]) -> Float[Array, "3 3"]:
    """Orthonormal rows along a - b, a + b and a x b, for one pair of unit vectors.

    (a - b).(a + b) = 0. Where a = +-b, one of the two vanishes; its row is then any one orthogonal to the other.
    """
    # The longer of a + b and a - b has no cancellation. The shorter is made orthogonal to it, which makes a difference
    # only near a = +-b.
    a, b = jnp.asarray(a), jnp.asarray(b)
    acute = dot(a, b) >= 0
    longer, shorter = jnp.where(acute, a + b, a - b), jnp.where(acute, a - b, a + b)
    longer = longer / jnp.sqrt(dot(longer, longer))
    free = jnp.eye(3, dtype=longer.dtype)[jnp.argmin(jnp.abs(longer))]
    # A difference of unit vectors that is no larger than a few rounding errors has no meaningful direction.
    vanished = dot(shorter, shorter) < (4 * jnp.finfo(longer.dtype).eps) ** 2
    shorter = jnp.where(vanished, free, shorter)
    shorter = shorter - dot(shorter, longer) * longer
    shorter = shorter / jnp.sqrt(dot(shorter, shorter))
    first, second = jnp.where(acute, shorter, longer), jnp.where(acute, longer, shorter)
    return jnp.stack([first, second, jnp.cross(first, second)])


def octant_rule(order: int = 12) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n"]]:
    """Nodes and weights of a quadrature over S^2, octant by octant, with n = 8 `order`^2.

    Gauss-Legendre in both angles of each octant. Polynomials in the coordinates and in their moduli are smooth inside
    an octant. So, in the axes of `orthogonal_axes`, averages of |u.(a - b)|, |u.(a + b)| and of their products are
    exact to 1e-15. The weights sum to 1: they give averages, not integrals.
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


def fibonacci_directions(num: int) -> Float[np.ndarray, "num 3"]:
    """`num` directions spread evenly over S^2: the Fibonacci lattice, in double precision."""
    with double_precision():
        return np.asarray(fibonacci(np.arange(num), num))


def equatorial_directions(num: int) -> Float[np.ndarray, "num 3"]:
    """`num` directions at the angles k 180/num degrees of the great circle z = 0."""
    angle = np.arange(num) * np.pi / num
    return np.stack([np.cos(angle), np.sin(angle), np.zeros(num)], axis=-1)


def icosahedron_axes() -> Float[np.ndarray, "6 3"]:
    """The six axes through opposite vertices of an icosahedron."""
    golden = (1 + np.sqrt(5)) / 2
    axes = np.array([[0, 1, golden], [0, 1, -golden], [1, golden, 0], [1, -golden, 0], [golden, 0, 1], [-golden, 0, 1]])
    return axes / np.sqrt(1 + golden**2)
