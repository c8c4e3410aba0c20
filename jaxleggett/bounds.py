"""Certified bounds of Leggett inequalities: branch and bound over pairs of spherical caps, rounding included.

The left side of an inequality at hidden vectors u, v is at most sum |g_i| - m(u, v), where

    m(u, v) = sum_i |g_i| |u.a_i - sgn(g_i) v.b_i| - F.u - H.v,     F = sum f_i a_i,  H = sum h_i b_i,

is convex. So any sigma_i in [-1, 1] give a linear function below it,

    m(u, v) >= G_u.u + G_v.v,   G_u = sum |g_i| sigma_i a_i - F,   G_v = -sum g_i sigma_i b_i - H,

whose minimum over a pair of caps is known in closed form. docs/CERTIFICATES.md has the proof, with the
rounding. Nothing here is shared with the searches and programmes whose results it certifies.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._numerics import double_precision
from .inequality import LeggettInequality

BATCH = 4096
"""Boxes that are bounded together."""

MOST_BOXES = 5_000_000
"""Boxes after which the best bound so far is returned."""

DEEPEST = 20
"""Most cuts in half of a cell; below, the rounding of radii is no longer what the proof takes it for."""

WIDTHS = (4.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.25)
"""Widths, in radii of the caps, over which |x| is rounded to choose sigma, step by step."""

SAME = 1e-10
"""How far images of settings may be off for a symmetry to be tried; what they are off by enters the bound."""

MOST_MAPS = 120
"""Largest group of symmetries that is used: that of the icosahedron."""

GENERIC = np.array([0.61, 0.35, 0.71]) / np.linalg.norm([0.61, 0.35, 0.71])
"""A point that no small group of symmetries keeps: its domain is used."""


@dataclass(frozen=True)
class Enclosure:
    """`bound` is proved to be at least the left side for all hidden vectors; `reached` is a value that it takes.

    `converged` is false where time or boxes ran out before the two were as close as asked for.
    """

    bound: float
    reached: float
    boxes: int
    converged: bool
    seconds: float


def enclose(
    inequality: LeggettInequality,
    tolerance: float = 1e-5,
    *,
    time_limit: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Enclosure:
    """Enclose the largest left side of `inequality` over u, v in S^2 x S^2.

    To `tolerance` times sum |g_i| + |f_i| + |h_i|. `time_limit` in seconds; `progress` is told how many boxes are left.
    """
    started = time.monotonic()
    used = (inequality.coefficients != 0) | (inequality.alice != 0) | (inequality.bob != 0)
    g, f, h = (x[used] for x in (inequality.coefficients, inequality.alice, inequality.bob))
    a, b = inequality.a[used], inequality.b[used]
    size = float(np.abs(g).sum())
    total = size + float(np.abs(f).sum() + np.abs(h).sum())
    maps, defect = _symmetries(g, f, h, a, b)
    # docs/CERTIFICATES.md, (2): more than rounding can do in sums of this length.
    rounding = 64 * (len(g) + 20) * 2.0**-53 * total + defect
    terms = (np.abs(g), np.where(g < 0, 1.0, -1.0), f @ a, h @ b, a, b)

    cells = _Cells(maps)
    boxes = cells.first()
    bounds = np.full(len(boxes), -np.inf)
    lowest, incumbent, count = np.inf, np.inf, 0
    with double_precision():
        while len(boxes):
            late = time_limit is not None and time.monotonic() - started > time_limit
            if late or count > MOST_BOXES or boxes[:, [3, 7]].max() > DEEPEST:
                lowest = min(lowest, bounds.min())
                break
            found, values = _bounds(terms, cells, boxes)
            bounds = np.maximum(bounds, found)
            count += len(boxes)
            incumbent = min(incumbent, values.min())
            # Each box is dropped at a target that never rises, so the last target holds for all of them.
            open_ = bounds < incumbent - tolerance * total
            lowest = min(lowest, bounds[~open_].min(initial=np.inf))
            if progress:
                progress(int(open_.sum()))
            boxes, bounds = cells.split(boxes[open_], bounds[open_])
    return Enclosure(
        bound=float(size - lowest + rounding),
        reached=float(size - incumbent),
        boxes=count,
        converged=bool(lowest >= incumbent - tolerance * total),
        seconds=time.monotonic() - started,
    )


def count_symmetries(inequality: LeggettInequality) -> int:
    """How many rotations of both parties' settings, that of the identity included, leave the inequality as it is."""
    i = inequality
    used = (i.coefficients != 0) | (i.alice != 0) | (i.bob != 0)
    maps, _ = _symmetries(*(x[used] for x in (i.coefficients, i.alice, i.bob, i.a, i.b)))
    return int((np.linalg.det(maps) > 0).sum())


class _Cells:
    """Cells of S^2: the six faces of a cube, cut by great circles; boxes are pairs of cells.

    A box is a row (face, i, j, level) of u and the same of v, integers: on its face a cell lies between the
    angles i and i + 1, j and j + 1, times 90 degrees / 2^level, less 45.
    """

    START = 2

    def __init__(self, maps: np.ndarray) -> None:
        self.maps = maps

    def first(self) -> np.ndarray:
        """All pairs of coarse cells, but for those of u that lie outside the domain."""
        side = np.arange(2**self.START)
        cells = np.stack(np.meshgrid(np.arange(6), side, side, [self.START], indexing="ij"), -1).reshape(-1, 4)
        inside = cells[self.kept(cells)]
        return np.concatenate([np.repeat(inside, len(cells), 0), np.tile(cells, (len(inside), 1))], axis=1)

    def split(self, boxes: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each box cut in four along the coarser of its cells; the parts inherit its bound."""
        parts, bounds = np.repeat(boxes, 4, axis=0), np.repeat(bounds, 4)
        cell = np.where(parts[:, 3] <= parts[:, 7], 0, 4)
        rows, quarter = np.arange(len(parts)), np.tile(np.arange(4), len(boxes))
        parts[rows, cell + 1] = 2 * parts[rows, cell + 1] + quarter // 2
        parts[rows, cell + 2] = 2 * parts[rows, cell + 2] + quarter % 2
        parts[rows, cell + 3] += 1
        kept = (cell == 4) | self.kept(parts[:, :4])
        return parts[kept], bounds[kept]

    def caps(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centres (N, 3) and radii (N,) of caps that hold the cells: their corners are farthest from the centre."""
        face, i, j, level = cells.T
        width = np.pi / 2 / 2.0**level
        corners = np.stack(
            [_on_cube(face, (i + x) * width - np.pi / 4, (j + y) * width - np.pi / 4) for x in (0, 1) for y in (0, 1)]
        )
        centre = corners.sum(0)
        centre = centre / np.linalg.norm(centre, axis=1, keepdims=True)
        # Half the chord keeps its digits where the angle is small.
        chord = np.linalg.norm(corners - centre, axis=2).max(0)
        return centre, 2 * np.arcsin(chord / 2) * (1 + 1e-9) + 1e-12

    def kept(self, cells: np.ndarray) -> np.ndarray:
        """Whether cells of u may meet {u : u.p >= u.(R p) for every symmetry R}, which every orbit meets."""
        centre, radius = self.caps(cells)
        outside = np.zeros(len(cells), bool)
        for away in self.maps @ GENERIC - GENERIC:
            length = np.linalg.norm(away)
            if length > 1e-6:
                angle = np.arccos(np.clip(centre @ away / length, -1, 1))
                outside |= angle + radius < np.pi / 2 - 1e-6
        return ~outside


def _on_cube(face: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The unit vectors at angles s, t of the faces 0 to 5: +x, +y, +z, -x, -y, -z."""
    local = np.stack([np.where(face < 3, 1.0, -1.0), np.tan(s), np.tan(t)], axis=1)
    local = np.take_along_axis(local, (np.arange(3)[None] - face[:, None]) % 3, axis=1)
    return local / np.linalg.norm(local, axis=1, keepdims=True)


def _bounds(terms: tuple[Any, ...], cells: _Cells, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of m below on boxes, and values of m in them."""
    caps = (*cells.caps(boxes[:, :4]), *cells.caps(boxes[:, 4:]))
    found = []
    for start in range(0, len(boxes), BATCH):
        rows = np.minimum(np.arange(start, start + BATCH), len(boxes) - 1)
        found.append([np.asarray(x) for x in _bound_batch(terms, *(x[rows] for x in caps))])
    bounds, values = (np.concatenate(x)[: len(boxes)] for x in zip(*found, strict=True))
    # A box whose bound failed stays open.
    return np.nan_to_num(bounds, nan=-np.inf, posinf=-np.inf), values


@jax.jit
def _bound_batch(terms: tuple[Any, ...], u: Any, r: Any, v: Any, q: Any) -> tuple[Any, Any]:
    return jax.vmap(functools.partial(_bound_one, terms))(u, r, v, q)


def _bound_one(terms: tuple[Any, ...], u: Any, r: Any, v: Any, q: Any) -> tuple[Any, Any]:
    """The best bound of m on the caps (u, r) x (v, q) over several sigma, and the least value of m on the way.

    sigma_i = clip(x_i / width) at points that Newton steps lead to the minimum of the rounded m inside
    the caps: there the tangential parts of G are small, and the bound falls short by order r^2 only.
    """
    size, sign, F, H, a, b = terms
    P, Q = _tangents(u), _tangents(v)
    rows = jnp.concatenate([a @ P, sign[:, None] * (b @ Q)], axis=1)
    x0 = a @ u + sign * (b @ v)
    linear = jnp.concatenate([F @ P, H @ Q])
    scale = jnp.sum(size) + jnp.sqrt(F @ F) + jnp.sqrt(H @ H)
    z, best, value = jnp.zeros(4), -jnp.inf, jnp.inf
    for width in WIDTHS:
        x, rounded = x0 + rows @ z, width * (r + q)
        slope = size * jnp.clip(x / rounded, -1, 1)
        bound = _least_on_cap(slope @ a - F, u, r) + _least_on_cap((slope * sign) @ b - H, v, q)
        best = jnp.maximum(best, bound)
        here_u, here_v = _unit(u + P @ z[:2]), _unit(v + Q @ z[2:])
        value = jnp.minimum(value, size @ jnp.abs(a @ here_u + sign * (b @ here_v)) - F @ here_u - H @ here_v)
        curvature = (rows * (size * (jnp.abs(x) < rounded) / rounded)[:, None]).T @ rows
        z = z - jnp.linalg.solve(curvature + 1e-3 * scale * jnp.eye(4), slope @ rows - linear)
        z = jnp.concatenate([_within(z[:2], r), _within(z[2:], q)])
    return best, value


def _least_on_cap(G: Any, centre: Any, radius: Any) -> Any:
    """The least G.u over the cap: -|G| where the cap holds -G, else at the point of its rim towards -G."""
    along = G @ centre
    across = jnp.linalg.norm(jnp.cross(G, centre))
    length = jnp.sqrt(along**2 + across**2)
    rim = along * jnp.cos(radius) - across * jnp.sin(radius)
    return jnp.where(-along >= length * jnp.cos(radius), -length, rim)


def _within(z: Any, radius: Any) -> Any:
    return z * jnp.minimum(1, radius / jnp.maximum(jnp.sqrt(z @ z), 1e-300))


def _tangents(u: Any) -> Any:
    """Two unit vectors orthogonal to u and to each other, as columns (3, 2)."""
    p = _unit(jnp.cross(u, jnp.eye(3)[jnp.argmin(jnp.abs(u))]))
    return jnp.stack([p, jnp.cross(u, p)], axis=1)


def _unit(x: Any) -> Any:
    return x / jnp.sqrt(x @ x)


def _symmetries(g: Any, f: Any, h: Any, a: Any, b: Any) -> tuple[np.ndarray, float]:
    """A group of orthogonal maps R (n, 3, 3) with m(R u, R v) = m(u, v), and by how much the two may differ.

    Candidates take one pair of settings to another with the same numbers; each is kept only if it
    takes every term to a term. Without f and h, m(-u, -v) = m(u, v).
    """
    even = not (f.any() or h.any())
    numbers = np.stack([g, f, h], axis=1)
    scale = np.abs(numbers).max()
    cosine = (a * b).sum(1)
    first = int(np.argmin(np.abs(cosine)))
    maps, defect = [np.eye(3)], 0.0
    if abs(cosine[first]) < 0.999999:
        alike = (np.abs(numbers - numbers[first]).max(1) < SAME * scale) & (np.abs(cosine - cosine[first]) < SAME)
        inverse = np.linalg.inv(np.stack([a[first], b[first], np.cross(a[first], b[first])], axis=1))
        for j in np.flatnonzero(alike):
            for handed in (1, -1):
                R = np.stack([a[j], b[j], handed * np.cross(a[j], b[j])], axis=1) @ inverse
                off = _defect(R, numbers, a, b, even)
                if off < np.inf and np.abs(R - np.array(maps)).max((1, 2)).min() > 1e-6:
                    maps.append(R)
                    defect = max(defect, off)
    group = np.array(maps)
    if even:
        group = np.concatenate([group, -group])
        group = group[[np.abs(R - group[:i]).max((1, 2)).min(initial=1.0) > 1e-6 for i, R in enumerate(group)]]
    products = (group[:, None] @ group[None]).reshape(-1, 1, 3, 3)
    closed = all(np.abs(product - group).max((1, 2)).min() < 1e-6 for product in products)
    if len(group) > MOST_MAPS or not closed:
        # Some maps were missed, and then the domain of the others need not meet every orbit.
        return np.array([np.eye(3), -np.eye(3)] if even else [np.eye(3)]), 0.0
    return group, defect


def _defect(R: np.ndarray, numbers: np.ndarray, a: np.ndarray, b: np.ndarray, even: bool) -> float:
    """A bound on |m(R u, R v) - m(u, v)|; infinite where R takes some term to none."""
    skew = float(np.abs(R @ R.T - np.eye(3)).max())
    scale = np.abs(numbers).max()
    Ra, Rb = a @ R.T, b @ R.T
    distance = np.full((len(a), len(a)), np.inf)
    for sign in (1, -1) if even else (1,):
        off = np.maximum(np.abs(Ra[:, None] - sign * a[None]).max(2), np.abs(Rb[:, None] - sign * b[None]).max(2))
        distance = np.minimum(distance, off)
    distance = np.maximum(distance, np.abs(numbers[:, None] - numbers[None]).max(2) / scale)
    image = distance.argmin(1)
    worst = float(distance.min(1).max())
    if max(worst, skew) > SAME or len(np.unique(image)) < len(image):
        return np.inf
    return 48 * (worst + skew) * scale * len(a)
