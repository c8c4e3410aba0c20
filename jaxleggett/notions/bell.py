"""Local hidden variable models at all projective measurements: bounds from both sides.

Below: let the settings a_i and their opposites be the vertices of a polytope that contains the ball of radius r. Then
r a is a mixture of vertices for every unit vector a, so that a model at the a_i simulates every setting, with mean
outcomes r times as large (D. Cavalcanti et al., Phys. Rev. Lett. 117, 190401, 2016; F. Hirsch et al., ibid. 190402). A
state (r_A, r_B, T) at visibility V is local at all settings if (r_A/r, r_B/r, T/r^2) at V is local at the a_i.

Above: CHSH. Its largest value for a state is 2 sqrt(s1^2 + s2^2), with the two largest singular values of T (R., P. and
M. Horodecki, Phys. Lett. A 200, 340, 1995).
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from .._doubles import unit
from ..inequalities.inequality import LinearInequality
from ..runs import Progress
from ..sphere import icosahedron_axes
from ..states import TwoQubitState
from . import steering
from .models import Found, LocalModel, Products
from .products import solve as solve_products
from .responses import Deterministic, Situation, has_marginals

TOLERANCE = 1e-5
"""Width of the bracket that is asked of the programme at the vertices."""

SAME = 1e-9
"""Up to this distance two scalar products, or two singular values, count as equal, and a singular value as 0."""

ROUNDING = 1e-12
"""By how much, relative to it, an inscribed radius is lowered and an upper bound raised, for their rounding."""


def chsh(T: np.ndarray) -> LinearInequality:
    """The CHSH inequality at the settings at which a state with the correlation matrix T has its largest value."""
    U, s, V = np.linalg.svd(T)
    # C(a, b) = a.T b with a along U's columns and b between V's rows.
    b = unit(s[0] * V[0] + np.array([[1.0], [-1.0]]) * s[1] * V[1])
    a = U[:, :2].T
    zero = np.zeros(4)
    return LinearInequality([1.0, 1.0, 1.0, -1.0], a[[0, 0, 1, 1]], b[[0, 1, 0, 1]], zero, zero, 2.0)


def polytope() -> tuple[np.ndarray, float]:
    """The 16 axes (16, 3) of an icosahedron's vertices and faces, and the radius of the ball inside their hull.

    The hull is that of the axes and their opposites.
    """
    from scipy.spatial import ConvexHull

    vertices = icosahedron_axes()
    both = np.concatenate([vertices, -vertices])
    faces = unit(both[ConvexHull(both).simplices].sum(1))
    # Of each face and its opposite, one: that with a positive product with a vector to which none is orthogonal.
    order = np.array([1.0, 1e-3, 1e-6])
    axes = np.concatenate([vertices, faces[faces @ order > 0]])
    hull = ConvexHull(np.concatenate([axes, -axes]))
    # By symmetry all faces are equally far from the centre, up to rounding.
    return axes, float(-hull.equations[:, 3].max()) * (1 - ROUNDING)


def _icosahedral() -> np.ndarray:
    """The 60 rotations (60, 3, 3) that map an icosahedron to itself; two neighbouring vertices' images fix each."""
    axes = icosahedron_axes()
    both = np.concatenate([axes, -axes])
    frame = np.stack([axes[0], axes[1], np.cross(axes[0], axes[1])], axis=1)
    found = []
    for i, j in itertools.product(range(12), repeat=2):
        if abs(both[i] @ both[j] - axes[0] @ axes[1]) < SAME:
            image = np.stack([both[i], both[j], np.cross(both[i], both[j])], axis=1)
            found.append(image @ np.linalg.inv(frame))
    return np.array(found)


def orbits(axes: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """How a `group` (G, 3, 3) of rotations permutes `axes` (n, 3), up to signs, and the orbits of pairs of axes.

    Returns `image` and `sign` (G, n), for which rotation g takes axis i to sign[g, i] axes[image[g, i]]; and for the
    pairs (i, j), Alice-major, the number of their orbit (n^2,) and the sign (n^2,) by which their correlators differ
    from that of the first pair of the orbit, for a correlation that the group leaves as it is.
    """
    overlap = np.einsum("gij,nj,mi->gnm", group, axes, axes)
    image = np.abs(overlap).argmax(2)
    sign = np.sign(np.take_along_axis(overlap, image[:, :, None], 2))[:, :, 0]
    n = len(axes)
    orbit, relative = np.full(n * n, -1), np.zeros(n * n)
    for pair in range(n * n):
        if orbit[pair] < 0:
            i, j = divmod(pair, n)
            all_of_it = image[:, i] * n + image[:, j]
            orbit[all_of_it] = orbit.max() + 1
            relative[all_of_it] = sign[:, i] * sign[:, j]
    return image, sign, orbit, relative


def solve(
    state: TwoQubitState,
    tolerance: float,
    deadline: float | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Found:
    """Bracket the largest V up to which a state is local at all projective measurements.

    Below: a state with which Alice cannot steer Bob is local, and a Werner state in any frames has a model at the 16
    axes of an icosahedron's vertices and faces. Above: CHSH. For Werner states the bracket is [0.6048, 0.7072]; the
    best that is known is [0.68747, 0.69604] (S. Designolle et al., Phys. Rev. Res. 5, 043059, 2023).
    """
    T = np.asarray(state.T, np.float64)
    unsteered, _ = steering.solve(state, max(tolerance, 1e-2), deadline, seed, progress)
    lower, model, status = unsteered.lower, unsteered.model, unsteered.status
    s = np.linalg.svd(T)[1]
    equal = s.min() > SAME and s.max() - s.min() < SAME
    if lower < 1 and equal and not has_marginals(np.asarray(state.r_A), np.asarray(state.r_B)):
        isotropic = _isotropic(T, float(s.mean()), deadline, seed)
        status = isotropic.status
        if isotropic.lower > lower:
            lower, model = isotropic.lower, isotropic.model
    cut = chsh(T)
    upper = min(cut.threshold(state) * (1 + ROUNDING), 1.0)
    return Found(min(lower, upper), upper, model, cut if upper < 1 else None, status)


def _isotropic(T: np.ndarray, s: float, deadline: float | None, seed: int) -> Found:
    """A model of (0, 0, T), T = s Q with an orthogonal Q, at 16 axes of Alice and their images under Q^T for Bob."""
    axes, radius = polytope()
    rotations = _icosahedral()
    image, sign, orbit, relative = orbits(axes, rotations)
    Q = T / s
    n = len(axes)
    i, j = (k.ravel() for k in np.indices((n, n)))
    a, b = axes, axes @ Q
    situation = Situation(a, b, i, j, Deterministic(n), Deterministic(n))
    C = s * (axes[i] * axes[j]).sum(1) / radius**2
    found = solve_products(situation, (0 * C, 0 * C, C), TOLERANCE, deadline, seed, orbits=(orbit, relative))
    p = found.model
    if not isinstance(p, Products):
        return Found(0.0, 1.0, None, None, found.status)
    # Averaged over the rotations of both parties together, and over opposite outcomes, which leaves no marginals.
    turned = [(p.x[:, k] * e, p.y[:, k] * e) for k, e in zip(image, sign, strict=True)]
    x, y = (np.concatenate([z * t[side] for t in turned for z in (1, -1)]) for side in (0, 1))
    weights = np.tile(p.weights / (2 * len(turned)), 2 * len(turned))
    return Found(found.lower, 1.0, LocalModel(weights, x, y, a, b, radius), None, found.status)
