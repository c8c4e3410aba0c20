"""Certified bounds of Leggett inequalities: branch and bound over pairs of spherical caps, rounding included.

The left side of an inequality at hidden vectors u, v is at most sum |g_i| - m(u, v), where

    m(u, v) = sum_i |g_i| |u.a_i - sgn(g_i) v.b_i| - F.u - H.v,     F = sum f_i a_i,  H = sum h_i b_i,

is convex. So any sigma_i in [-1, 1] give a linear function below it,

    m(u, v) >= G_u.u + G_v.v,   G_u = sum |g_i| sigma_i a_i - F,   G_v = -sum g_i sigma_i b_i - H,

whose minimum over a pair of caps is known in closed form. docs/CERTIFICATES.md has the proof, with the
rounding. It is about operations that are done in double precision in the order written here, so all of
this is NumPy: no compiler decides how often a sigma is computed. Nothing is shared with the searches
and programmes whose results are certified.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .._doubles import scaled_up, unit
from ..inequalities.inequality import LeggettInequality

BATCH = 4096
"""Most boxes that are bounded together."""

AT_ONCE = 2**19
"""Boxes times terms that are bounded together: a fraction of a second, after which the clock is looked at."""

MOST_BOXES = 5_000_000
"""Boxes after which the best bound so far is returned."""

DEEPEST = 20
"""Most cuts in half of a cell; below, the rounding of radii is no longer what the proof takes it for."""

WIDTHS = (4.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.25)
"""Widths, in radii of the caps, over which |x| is rounded to choose sigma, step by step."""

DAMPING = 0.03
"""Added to the curvature of the rounded m, relative to the largest that it may have."""

SAME = 1e-10
"""How far images of settings may be off for a symmetry to be tried; what they are off by enters the bound."""

CLOSED = 1e-9
"""How far the products of symmetries may be off from one of them."""

MOST_MAPS = 120
"""Largest group of symmetries that is used: that of the icosahedron."""

MAPS_SHARE = 0.25
"""Share of the time limit after which symmetries are no longer looked for."""

GENERIC = np.array([0.61, 0.35, 0.71]) / np.linalg.norm([0.61, 0.35, 0.71])
"""A point that no small group of symmetries keeps: its domain is used."""

MOVED = 0.01
"""How far a symmetry has to move that point to be of use: the domain's edge is then known to 3 CLOSED / MOVED."""


@dataclass(frozen=True)
class Enclosure:
    """`bound` is proved to be at least the left side for all hidden vectors; `reached` is a value that it takes.

    `status` is `converged` where the two are as close as asked for; else `time_limit`, `interrupted`
    (Ctrl-C), or `stalled` where boxes became too many or too small. The bound holds in every case.
    """

    bound: float
    reached: float
    boxes: int
    status: str
    seconds: float

    @property
    def converged(self) -> bool:
        """Whether the bound is as close as asked for."""
        return self.status == "converged"


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
    scaled, exponent = inequality.normalised()
    branches = _Branches(_Terms.of(scaled), tolerance, started, time_limit)
    status = branches.run(progress)
    return Enclosure(
        bound=scaled_up(branches.bound, exponent),
        reached=scaled_up(branches.reached, exponent),
        boxes=branches.count,
        status=status,
        seconds=time.monotonic() - started,
    )


def count_symmetries(inequality: LeggettInequality) -> int:
    """How many rotations of both parties' settings, that of the identity included, leave the inequality as it is."""
    maps, _ = _symmetries(_Terms.of(inequality.normalised()[0]))
    return int((np.linalg.det(maps) > 0).sum())


@dataclass(frozen=True, eq=False)
class _Terms:
    """What m is made of: `numbers` (N, 3) with the columns g, f, h, and settings a, b (N, 3)."""

    numbers: np.ndarray
    a: np.ndarray
    b: np.ndarray

    @classmethod
    def of(cls, inequality: LeggettInequality) -> _Terms:
        """The terms that do not vanish; of an inequality of zeros, one."""
        numbers = np.stack([inequality.coefficients, inequality.alice, inequality.bob], axis=1)
        used = np.asarray(numbers.any(1))
        used[0] |= not used.any()
        return cls(numbers[used], inequality.a[used], inequality.b[used])

    @functools.cached_property
    def total(self) -> float:
        """S = sum |g_i| + |f_i| + |h_i|."""
        return float(np.abs(self.numbers).sum())

    @functools.cached_property
    def size(self) -> np.ndarray:
        """|g_i|, (N,)."""
        return np.abs(self.numbers[:, 0])

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """(a_i, -sgn(g_i) b_i), (N, 6): m is sum |g_i| |x.row_i| - x.(F, H) at x = (u, v)."""
        sign = np.where(self.numbers[:, 0] < 0, 1.0, -1.0)
        return np.concatenate([self.a, sign[:, None] * self.b], axis=1)

    @functools.cached_property
    def linear(self) -> np.ndarray:
        """(F, H), (6,)."""
        return np.concatenate([self.numbers[:, 1] @ self.a, self.numbers[:, 2] @ self.b])

    @functools.cached_property
    def squares(self) -> np.ndarray:
        """|g_i| row_i row_i^T, (N, 36), in single precision: they only choose where Newton steps go."""
        squares = self.size[:, None, None] * self.rows[:, :, None] * self.rows[:, None]
        return squares.reshape(-1, 36).astype(np.float32)

    def at(self, x: np.ndarray) -> np.ndarray:
        """m at x = (u, v) of shape (B, 6)."""
        return np.abs(x @ self.rows.T) @ self.size - x @ self.linear


class _Branches:
    """The boxes that are still open, and what is known of all others."""

    def __init__(self, terms: _Terms, tolerance: float, started: float, time_limit: float | None) -> None:
        self.terms, self.tolerance = terms, tolerance * terms.total
        self.started, self.time_limit = started, time_limit
        # Without any box: sigma = 0, and one value.
        self.lowest = -sum(float(np.linalg.norm(x)) for x in np.split(terms.linear, 2))
        self.incumbent = float(terms.at(np.concatenate([GENERIC, -GENERIC])))
        self.count, self.defect = 0, 0.0

    @property
    def bound(self) -> float:
        """What is proved of the left side, sum |g_i| - m: with the rounding of docs/CERTIFICATES.md, (2)."""
        rounding = 64 * (len(self.terms.a) + 20) * 2.0**-53 * self.terms.total
        return float(self.terms.size.sum()) - self.lowest + rounding + self.defect

    @property
    def reached(self) -> float:
        """The largest left side that was seen."""
        return float(self.terms.size.sum()) - self.incumbent

    def late(self, share: float = 1.0) -> bool:
        """Whether this share of the time limit is over."""
        return self.time_limit is not None and time.monotonic() - self.started > share * self.time_limit

    def run(self, progress: Callable[[int], None] | None) -> str:
        """Cut boxes until none is open, and say how it ended."""
        # Wherever this is interrupted, every u, v has its image in a box whose bound is in `dropped` or in `open_`.
        dropped, open_ = np.inf, np.array([self.lowest])
        try:
            maps, self.defect = _symmetries(self.terms, lambda: self.late(MAPS_SHARE))
            cells = _Cells(maps)
            boxes = cells.first()
            open_ = np.full(len(boxes), self.lowest)
            status = "converged"
            while len(boxes):
                status = self._raise(open_, cells, boxes)
                if status != "converged":
                    break
                # Each box is dropped at a target that never rises, so the last target holds for all of them.
                kept = open_ < self.incumbent - self.tolerance
                dropped = min(dropped, open_[~kept].min(initial=np.inf))
                if progress:
                    progress(int(kept.sum()))
                boxes, open_ = cells.split(boxes[kept], open_[kept])
        except KeyboardInterrupt:
            status = "interrupted"
        self.lowest = min(dropped, open_.min(initial=np.inf))
        return status

    def _raise(self, bounds: np.ndarray, cells: _Cells, boxes: np.ndarray) -> str:
        """Raise the bounds of the boxes, batch by batch, in place; `converged`, or what stopped it."""
        if self.count > MOST_BOXES or boxes[:, [3, 7]].max() > DEEPEST:
            return "stalled"
        size = min(BATCH, max(AT_ONCE // len(self.terms.a), 1))
        for start in range(0, len(boxes), size):
            if self.late():
                return "time_limit"
            part = slice(start, start + size)
            found, values = _bounds(self.terms, *cells.caps(boxes[part, :4]), *cells.caps(boxes[part, 4:]))
            # fmax: NaN raises no bound.
            bounds[part] = np.fmax(bounds[part], found)
            self.incumbent = min(self.incumbent, float(np.fmin.reduce(values)))
            self.count += len(found)
        return "converged"


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
        centre = unit(corners.sum(0))
        # Half the chord keeps its digits where the angle is small.
        chord = np.linalg.norm(corners - centre, axis=2).max(0)
        return centre, 2 * np.arcsin(chord / 2) * (1 + 1e-9) + 1e-12

    def kept(self, cells: np.ndarray) -> np.ndarray:
        """Whether cells of u may meet {u : u.p >= u.(R p) for every symmetry R}, which every orbit meets."""
        centre, radius = self.caps(cells)
        outside = np.zeros(len(cells), bool)
        for away in self.maps @ GENERIC - GENERIC:
            length = np.linalg.norm(away)
            if length > MOVED:
                angle = np.arccos(np.clip(centre @ away / length, -1, 1))
                outside |= angle + radius < np.pi / 2 - 1e-6
        return ~outside


def _on_cube(face: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The unit vectors at angles s, t of the faces 0 to 5: +x, +y, +z, -x, -y, -z."""
    local = np.stack([np.where(face < 3, 1.0, -1.0), np.tan(s), np.tan(t)], axis=1)
    local = np.take_along_axis(local, (np.arange(3)[None] - face[:, None]) % 3, axis=1)
    return unit(local)


def _bounds(terms: _Terms, u: np.ndarray, r: np.ndarray, v: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best bounds of m on caps (u, r) x (v, q), (B,), over several sigma, and values of m in them.

    sigma_i = clip(x_i / width) at points that Newton steps lead to the minimum of the rounded m inside
    the caps: there the tangential parts of G are small, and the bound falls short by order r^2 only.
    """
    tangents = np.zeros((len(u), 6, 4))
    tangents[:, :3, :2], tangents[:, 3:, 2:] = _tangents(u), _tangents(v)
    across = tangents.transpose(0, 2, 1)
    centre = np.concatenate([u, v], axis=1)
    point, z = centre, np.zeros((len(u), 4, 1))
    weighted = terms.size[:, None] * terms.rows
    best = np.full(len(u), -np.inf)
    for width in WIDTHS:
        rounded = width * (r + q)
        x = (point @ terms.rows.T) / rounded[:, None]
        corners = np.abs(x) < 1
        sigma = np.clip(x, -1, 1, out=x)
        G = sigma @ weighted - terms.linear
        best = np.fmax(best, _least_on_cap(G[:, :3], u, r) + _least_on_cap(G[:, 3:], v, q))
        squares = (corners.astype(np.float32) @ terms.squares).reshape(-1, 6, 6)
        curvature = (across @ squares @ tangents + DAMPING * np.eye(4)) / rounded[:, None, None]
        z = z - np.linalg.solve(curvature, across @ G[:, :, None])
        z = np.concatenate([_within(z[:, :2], r), _within(z[:, 2:], q)], axis=1)
        point = centre + (tangents @ z)[:, :, 0]
    return best, terms.at(np.concatenate([unit(point[:, :3]), unit(point[:, 3:])], axis=1))


def _least_on_cap(G: np.ndarray, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """The least G.u over caps: -|G| cos of the angle by which -G lies outside."""
    along, across = (G * centre).sum(1), np.linalg.norm(np.cross(G, centre), axis=1)
    outside = np.maximum(np.arctan2(across, -along) - radius, 0)
    return -np.sqrt(along**2 + across**2) * np.cos(outside)


def _within(z: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """z (B, 2, 1), shortened to the radius."""
    length = np.linalg.norm(z, axis=1, keepdims=True)
    return z * (radius[:, None, None] / np.maximum(length, radius[:, None, None]))


def _tangents(u: np.ndarray) -> np.ndarray:
    """Two unit vectors orthogonal to u (B, 3) and to each other, as columns (B, 3, 2)."""
    p = unit(np.cross(u, np.eye(3)[np.abs(u).argmin(1)]))
    return np.stack([p, np.cross(u, p)], axis=2)


def _symmetries(terms: _Terms, late: Callable[[], bool] = lambda: False) -> tuple[np.ndarray, float]:
    """A group of orthogonal maps R (n, 3, 3) with m(R u, R v) = m(u, v), and by how much the two may differ.

    Candidates take one pair of settings to another with the same numbers; each is kept only if it
    takes every term to a term. Without f and h, m(-u, -v) = m(u, v). Where the maps are too many, or no
    group because some were missed, only these two are used: the domain of others need not meet every orbit.
    """
    even = not terms.numbers[:, 1:].any()
    plain = np.array([np.eye(3), -np.eye(3)] if even else [np.eye(3)])
    maps, defect = [np.eye(3)], 0.0
    images = _Images(terms, even)
    for R in images.candidates():
        if late() or len(maps) > MOST_MAPS:
            return plain, 0.0
        off = images.defect(R)
        if off < np.inf and np.abs(R - np.array(maps)).max((1, 2)).min() > 1e-6:
            maps.append(R)
            defect = max(defect, off)
    group = np.array(maps)
    if even:
        group = np.concatenate([group, -group])
        group = group[[np.abs(R - group[:i]).max((1, 2)).min(initial=1.0) > 1e-6 for i, R in enumerate(group)]]
    return (plain, 0.0) if len(group) > MOST_MAPS or not _closed(group) else (group, defect)


def _closed(group: np.ndarray) -> bool:
    """Whether every R_j^T R_i is one of the maps: products and inverses."""
    products = (group.transpose(0, 2, 1)[:, None] @ group[None]).reshape(-1, 9)
    return all(np.abs(product - group.reshape(-1, 9)).max(1).min() < CLOSED for product in products)


class _Images:
    """Maps that may take terms to terms, and how well they do."""

    def __init__(self, terms: _Terms, even: bool) -> None:
        from scipy.spatial import KDTree

        self.terms, self.signs = terms, (1, -1) if even else (1,)
        self.scale = float(np.abs(terms.numbers).max())
        self.table = self._rows(np.eye(3))
        self.tree = KDTree(self.table)

    def _rows(self, R: np.ndarray) -> np.ndarray:
        """(R a, R b, numbers), (N, 9)."""
        numbers = self.terms.numbers / (self.scale or 1.0)
        return np.concatenate([self.terms.a @ R.T, self.terms.b @ R.T, numbers], axis=1)

    def candidates(self) -> Iterator[np.ndarray]:
        """The maps that take the most orthogonal pair to one like it; none where its settings are parallel."""
        a, b = self.terms.a, self.terms.b
        cosine = (a * b).sum(1)
        first = int(np.argmin(np.abs(cosine)))
        if abs(cosine[first]) > 0.999999:
            return
        alike = np.abs(self.table[:, 6:] - self.table[first, 6:]).max(1) < SAME
        alike &= np.abs(cosine - cosine[first]) < SAME
        inverse = np.linalg.inv(np.stack([a[first], b[first], np.cross(a[first], b[first])], axis=1))
        for j in np.flatnonzero(alike):
            for handed in (1, -1):
                yield np.stack([a[j], b[j], handed * np.cross(a[j], b[j])], axis=1) @ inverse

    def defect(self, R: np.ndarray) -> float:
        """A bound on |m(R u, R v) - m(u, v)|; infinite where R takes some term to none."""
        skew = float(np.abs(R @ R.T - np.eye(3)).max())
        off, image = np.full(len(self.table), np.inf), np.zeros(len(self.table), int)
        for sign in self.signs:
            rows = self._rows(sign * R)
            near = self.tree.query(rows, p=np.inf)[1]
            distance = np.abs(rows - self.table[near]).max(1)
            image, off = np.where(distance < off, near, image), np.minimum(distance, off)
        worst = float(off.max())
        if max(worst, skew) > SAME or len(np.unique(image)) < len(image):
            return np.inf
        # With the rounding of what is compared.
        return 48 * (worst + skew + 2.0**-49) * self.scale * len(image)
