"""What is claimed about a state, and what is proved about it: an upper end by an inequality, a lower end by a model.

Letters are those of docs/CERTIFICATES.md. A claim consists of arrays of numbers, as they are read from a file. Every
property that they must have is verified here, from these numbers alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from .above import AxialLeftOver, LeftOver
from .below import AxialExcess, Excess
from .search import Bound, bounded
from .symmetry import IDENTITY, SAME, closed, defect

EPSILON = 2.0**-53
"""Unit roundoff."""

UNIT = 1e-6
"""How far from 1 the length of a vector may be which is to be a unit vector; it is then divided by its length."""

PARITY = -np.eye(3)

NOISE_MEAN = 0.72
"""More than E|u.a + v.b| where u and v are independent and evenly spread (2/3), or on the vertices of icosahedra."""

MOST_IMAGES = 96
"""Largest number of images: two for each of the 48 signed permutations of three axes."""

MOST_MAPS = 120
"""Largest number of maps: that of the symmetries of an icosahedron, reflections included."""

REST = 7.0
"""More than |r_A| + |r_B|, which is at most 4 sqrt 3 where no component exceeds 2."""

KEPT = 1e-15
"""How far from 1 rounding may leave the length of a unit vector; vectors within this keep their bits."""


class Refused(ValueError):
    """A claim that is not proved, or a file that does not hold what it must; the message says what and where."""


@dataclass(frozen=True, eq=False)
class State:
    """A state, and frames in which C(a, b) is nearly a.S b.

    r_A, r_B (3,) and T (3, 3) are the state: what is proved is about these doubles. T must be close to frame_A S
    frame_B^T, and the frames (3, 3) close to orthogonal matrices. How far they are off (`off`, `skew`) is part of the
    error bounds. Raises Refused where a component is above 2 or not a number.
    """

    r_A: np.ndarray
    r_B: np.ndarray
    T: np.ndarray
    frame_A: np.ndarray
    frame_B: np.ndarray
    S: np.ndarray

    def __post_init__(self) -> None:
        # The bounds on rounding are for numbers of this size. np.max, unlike max, is NaN where one of them is.
        if not np.max([np.abs(x).max() for x in (self.r_A, self.r_B, self.T, self.S)]) <= 2:
            raise Refused("the components of a state must be at most 2")

    @classmethod
    def own(cls, r_A: np.ndarray, r_B: np.ndarray, T: np.ndarray) -> State:
        """A state in its own frames."""
        return cls(r_A, r_B, T, np.eye(3), np.eye(3), T)

    @property
    def skew(self) -> float:
        """More than |frame^T frame - 1| for both frames; Refused where it is not small."""
        gap = float(np.max([np.linalg.norm(frame.T @ frame - np.eye(3)) for frame in (self.frame_A, self.frame_B)]))
        if not gap < 1e-6:
            raise Refused("the frames are not orthogonal")
        return gap + 100 * EPSILON

    @property
    def off(self) -> float:
        """More than |a.T b - a.S b| for all settings, in the orthogonal frames that are nearest to the given ones."""
        size = float(np.linalg.norm(self.S)) + 1
        gap = float(np.linalg.norm(self.T - self.frame_A @ self.S @ self.frame_B.T))
        return gap + 3 * self.skew * size + 200 * EPSILON * size


@dataclass(frozen=True, eq=False)
class Symmetry:
    """What hidden vectors, or setting pairs, are averaged over: `images`, signed permutations (g, 6, 6), and O(2).

    An image maps each party's vector to a vector of the same party, or each to one of the other party, so that pairs
    of unit vectors remain such pairs. With `axial` the average is also over joint turns about the third axis and the
    mirror y -> -y. All of them have to leave a.S b as it is, which `check` verifies.
    """

    images: np.ndarray = field(default_factory=lambda: np.eye(6)[None])
    axial: bool = False

    def check(self, S: np.ndarray) -> None:
        """Raise Refused unless every image, and O(2) if `axial`, leaves a.S b exactly as it is."""
        form = np.block([[np.zeros((3, 3)), S], [S.T, np.zeros((3, 3))]])
        for G in self.images:
            plain = (
                np.isin(G, (-1.0, 0.0, 1.0)).all() and (np.abs(G).sum(0) == 1).all() and (np.abs(G).sum(1) == 1).all()
            )
            parties = np.abs(G).reshape(2, 3, 2, 3).sum((1, 3))
            whole = np.isin(parties, (0.0, 3.0)).all()
            if not (plain and whole and (G.T @ form @ G == form).all()):
                raise Refused("an image is no symmetry of the state")
        round_ = S[0, 0] == S[1, 1] and (S == np.diag(S.diagonal())).all()
        if self.axial and not (round_ and all(_commutes(G) for G in self.images)):
            raise Refused("the state has no axis of symmetry, or an image does not keep that axis")

    @property
    def trivial(self) -> bool:
        """Whether nothing is averaged over."""
        return not self.axial and len(self.images) == 1 and (self.images[0] == np.eye(6)).all()

    def applied(self, points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The images of all points (n, 6), image by image: (g n, 6), and their weights (g n,)."""
        number = len(self.images)
        return np.concatenate([points @ G.T for G in self.images]), np.tile(weights, number) / number

    def mean(self, x: np.ndarray) -> np.ndarray:
        """The average of x (6,) over the images, and over O(2) if `axial`."""
        x = np.mean([G @ x for G in self.images], axis=0)
        return x * [0, 0, 1, 0, 0, 1] if self.axial else x


def _each_once(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of a list, each with the sum of the weights of all rows that equal it."""
    distinct, place = np.unique(rows + 0.0, axis=0, return_inverse=True)
    ends = np.cumsum(np.bincount(place.ravel(), minlength=len(distinct)))
    sorted_ = weights[np.argsort(place.ravel(), kind="stable")]
    # fsum rounds once. The bounds on rounding count every distinct row once, however often it is in the list.
    return distinct, np.array([math.fsum(part) for part in np.split(sorted_, ends)[:-1]])


def _commutes(G: np.ndarray) -> bool:
    """Whether an image G takes the third axis of either party to the third axis, of the same or the other party."""
    return bool((np.abs(G)[np.ix_([2, 5], [0, 1, 3, 4])] == 0).all())


@dataclass(frozen=True, eq=False)
class Inequality:
    """-sum_i w_i C(y_i) + F.E[x] <= sum_i w_i - m, with pairs y (n, 6) of unit vectors in the state's frames.

    It is averaged over `symmetry`: each y_i stands for all of its images, and F (6,) for the mean of its images.
    `maps` (group, 3, 3) are claimed to leave the left side as it is when both vectors of each pair are mapped, which
    `problem` verifies. Rounding is relative to `scale`, which must be at least the sum of w and of the moduli of the
    numbers that F was summed from.
    """

    y: np.ndarray
    w: np.ndarray
    F: np.ndarray
    scale: float
    maps: np.ndarray = field(default_factory=lambda: IDENTITY)
    symmetry: Symmetry = field(default_factory=Symmetry)

    @classmethod
    def of(cls, g: np.ndarray, a: np.ndarray, b: np.ndarray, f: np.ndarray, h: np.ndarray) -> Inequality:
        """The inequality with the left side sum_i g_i C(a_i, b_i) + f_i M^A(a_i) + h_i M^B(b_i), a, b (n, 3)."""
        a, b = normalised(a, "a"), normalised(b, "b")
        y = np.concatenate([a, np.where(g > 0, -1.0, 1.0)[:, None] * b], axis=1)
        used = g != 0
        scale = float(np.abs(np.concatenate([g, f, h])).sum())
        # fsum rounds once. Terms without a correlator are not among the n that the bounds on rounding count.
        F = [math.fsum(part) for z, settings in ((f, a), (h, b)) for part in (z[:, None] * settings).T]
        return cls(y[used], np.abs(g)[used], np.array(F), scale)

    def scaled(self, bound: float) -> tuple[Inequality, float]:
        """The inequality and its bound divided by a power of two, so that the largest of w and |F| is in [1/2, 1)."""
        k = int(np.frexp(max(self.w.max(initial=0.0), np.abs(self.F).max()))[1])
        w, F, scale, scaled = (np.ldexp(x, -k) for x in (self.w, self.F, self.scale, bound))
        return replace(self, w=w, F=F, scale=float(scale)), float(scaled)

    def problem(self) -> LeftOver:
        """The function whose least value m is, averaged over `symmetry`; Refused where `maps` are no symmetries."""
        y, w = _each_once(*self.symmetry.applied(self.y, self.w))
        F = self.symmetry.mean(self.F)
        if self.symmetry.axial:
            return AxialLeftOver(y, w, F, self.scale)
        scale = self.scale or 1.0
        rows = np.concatenate([y, (w / scale)[:, None]], axis=1)
        maps, off = verified(rows, F.reshape(2, 3) / scale, self.maps)
        return LeftOver(y, w, F, self.scale, maps, 48 * (off + 2.0**-49) * self.scale)


@dataclass(frozen=True, eq=False)
class Model:
    """Hidden vectors x (n, 6) with weights w (n,) in the state's frames, at visibility V.

    The model is averaged over `symmetry`. `balance` (g n,), one number in [-1, 1] for each image in the order of
    `Symmetry.applied`, says how the weight of an image x is divided between x and -x: x gets (1 + balance)/2 of it.
    This changes the marginals alone, because |x.y| is the same for x and -x.
    """

    x: np.ndarray
    w: np.ndarray
    V: float
    balance: np.ndarray
    symmetry: Symmetry = field(default_factory=Symmetry)

    @property
    def shares(self) -> np.ndarray:
        """The weights divided by their sum, scaled by a power of two first so that nothing over- or underflows."""
        w = np.ldexp(self.w, -np.frexp(self.w.max())[1])
        return w / math.fsum(w)

    def mean(self) -> np.ndarray:
        """E[x] (6,), averaged over the symmetry."""
        x, w = self.symmetry.applied(self.x, self.shares)
        mean = (w * self.balance) @ x
        return mean * [0, 0, 1, 0, 0, 1] if self.symmetry.axial else mean

    def problem(self, S: np.ndarray) -> Excess:
        """The excess f, averaged over `symmetry`, with those joint changes of sign that are its symmetries."""
        x, w = _each_once(*self.symmetry.applied(self.x, self.shares))
        if self.symmetry.axial:
            return AxialExcess(x, w, S, self.V)
        rows = np.concatenate([x, w[:, None]], axis=1)
        signs = np.array(np.meshgrid([1.0, -1], [1.0, -1], [1.0, -1])).reshape(3, -1).T
        off = {
            tuple(sign): defect(rows, np.diag(sign), True)
            for sign in signs
            if (np.diag(sign) @ S @ np.diag(sign) == S).all()
        }
        kept = [np.diag(sign) for sign, gap in off.items() if gap < SAME]
        maps = np.array(kept) if closed(np.array(kept)) else np.stack([np.eye(3), PARITY])
        return Excess(x, w, S, self.V, maps, 16 * (max(gap for gap in off.values() if gap < SAME) + 2.0**-49))


def normalised(vectors: np.ndarray, name: str) -> np.ndarray:
    """Vectors (n, 3) divided by their lengths; Refused where a length is off by `UNIT`.

    Vectors that have length 1 to rounding keep their bits.
    """
    if vectors.ndim != 2 or vectors.shape[1] != 3 or not np.isfinite(vectors).all():
        raise Refused(f"{name} must be finite numbers, three a row")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if len(length) and not np.abs(length - 1).max() < UNIT:
        raise Refused(f"{name} must be unit vectors")
    return np.where(np.abs(length - 1) <= KEPT, vectors, vectors / length)


def unit_to_rounding(vectors: np.ndarray, name: str) -> np.ndarray:
    """The vectors (n, 3) as they are; Refused unless they have length 1 to rounding.

    For settings whose bits matter. To divide by a length rounds the direction, and settings that lie in a plane
    exactly would then be taken to measure what is orthogonal to it.
    """
    if (normalised(vectors, name) != vectors).any():
        raise Refused(f"{name} must be unit vectors to rounding")
    return vectors


def verified(rows: np.ndarray, F: np.ndarray, maps: np.ndarray) -> tuple[np.ndarray, float]:
    """The maps, with their negatives where F (2, 3) is 0, and how far they are off from symmetries.

    Refused where they are no group of symmetries of the terms `rows` (n, 7) and F.
    """
    if not 0 < len(maps) <= MOST_MAPS:
        raise Refused(f"there must be 1 to {MOST_MAPS} maps, but there are {len(maps)}")
    even = not F.any()
    off = float(np.max([[defect(rows, R, even), np.abs(F @ R.T - F).max()] for R in maps]))
    if even:
        maps = np.concatenate([maps, -maps])
    if not (off < SAME and closed(maps)):
        raise Refused("the maps are no group of symmetries of the inequality")
    return maps, off


Effort = Callable[..., Bound]
"""`search.bounded`, perhaps with its arguments `late` and `progress` already given."""


def ceiling(
    inequality: Inequality, effort: Effort = bounded, bound: float | None = None, tolerance: float = 0.0
) -> Bound:
    """Prove that the left side is at most `bound`; without one, prove a bound on it to `tolerance` times `scale`.

    The bound that is returned is proved in both cases, however the search ended.
    """
    problem = inequality.problem()
    size = math.fsum(inequality.w)
    shift = 4 * (len(inequality.w) + 4) * EPSILON * size
    target = None if bound is None else bound - size - shift
    found = effort(problem, target=target, tolerance=tolerance * inequality.scale)
    # A little more, so that another machine, whose sums round otherwise, proves it too.
    return replace(found, bound=size + shift + found.bound + 1e-13 * inequality.scale, reached=size + found.reached)


def value(inequality: Inequality, state: State) -> float:
    """A number below the left side of an inequality at the correlations of the state, at V = 1."""
    inequality.symmetry.check(state.S)
    r = np.concatenate([state.frame_A.T @ state.r_A, state.frame_B.T @ state.r_B])
    C = (inequality.y[:, :3] @ state.S * inequality.y[:, 3:]).sum(1)
    F = inequality.symmetry.mean(inequality.F)
    size = float(inequality.w.sum())
    rounding = 8 * (len(C) + len(inequality.symmetry.images) + 40) * EPSILON * (size + float(np.abs(F).sum()))
    return float(F @ r - inequality.w @ C) - size * state.off - 2 * float(np.abs(F).sum()) * state.skew - rounding


def upper(inequality: Inequality, state: State, bound: float, rest: float = 0.0) -> float:
    """A visibility above which the state breaks an inequality that has this bound; infinite where none is proved.

    `rest` bounds the part of F that is not measured: see `require_about`.
    """
    least, most = value(inequality, state) - REST * rest, bound + rest
    return math.nextafter(most / least, math.inf) * (1 + 4 * EPSILON) if least > 0 and most >= 0 else math.inf


def lower(model: Model, state: State, excess: float) -> float:
    """A visibility for which the state has a model at all settings: `model`, whose excess is at most this, mended."""
    model.symmetry.check(state.S)
    mean = model.mean()
    parties = (state.r_A, state.frame_A, mean[:3]), (state.r_B, state.frame_B, mean[3:])
    miss = float(np.max([np.linalg.norm(model.V * r - frame @ part) for r, frame, part in parties]))
    rounding = 8 * (len(model.balance) + 40) * EPSILON
    return mended(model.V, excess + model.V * state.off, miss + 2 * state.skew + rounding)


def mended(V: float, excess: float, miss: float) -> float:
    """(1 - n - t) V, rounded down: the visibility that is left once a model is mixed with what mends it.

    That is a share t = miss of hidden vectors whose means undo the miss, and a share n of evenly spread ones:
    (1 - n - t) (1 + excess) + NOISE_MEAN n + 2 t <= 1 where (1 - NOISE_MEAN) n = excess + t.
    """
    noise = (max(excess, 0.0) + miss) / (1 - NOISE_MEAN)
    return max(0.0, V * (1 - noise - miss) * (1 - 16 * EPSILON))


def at_pairs(model: Model, state: State, a: np.ndarray, b: np.ndarray) -> float:
    """A visibility for which the state has a model at the setting pairs a, b (n, 3): `model`, mended.

    The model must be in the state's own frames, and averaged over nothing.
    """
    w = model.shares
    p, q = a @ model.x[:, :3].T, b @ model.x[:, 3:].T
    C = model.V * np.einsum("ni,ij,nj->n", a, state.T, b)
    rounding = 64 * (len(w) + 40) * EPSILON
    excess = max(float((np.abs(p + sign * q) @ w - 1 - sign * C).max()) for sign in (1, -1)) + rounding
    mean = model.mean()
    parties = (a, state.r_A, mean[:3]), (b, state.r_B, mean[3:])
    miss = float(np.max([np.linalg.norm(span(settings) @ (model.V * r - part)) for settings, r, part in parties]))
    return mended(model.V, excess, miss + rounding)


def require_about(inequality: Inequality, a: np.ndarray, b: np.ndarray) -> float:
    """How much of F the pairs of settings a, b (n, 3) do not measure; Refused where a term is not one of the pairs.

    Terms must be pairs bit by bit, up to the signs of their vectors. F is a combination of the settings but for a rest,
    which is part of the left side that is proved, and not of what is measured. Its length is returned.
    """
    known = {_either_sign(np.concatenate([x, sign * y])) for x, y in zip(a, b, strict=True) for sign in (1, -1)}
    if not all(_either_sign(y) in known for y in inequality.y):
        raise Refused("the inequality is about other settings than the certificate's")
    rest = 0.0
    for settings, F in zip((a, b), inequality.F.reshape(2, 3), strict=True):
        rows = span(settings)
        if len(rows) < 3:
            rest += float(np.linalg.norm(F - F @ rows.T @ rows)) + 64 * EPSILON * float(np.abs(F).sum())
    return rest


def _either_sign(y: np.ndarray) -> bytes:
    """The bits of y (6,) or of -y, whichever has a positive first component: the same for y and -y."""
    first = y[np.flatnonzero(y)[0]]
    return (y * np.sign(first) + 0.0).tobytes()


def span(vectors: np.ndarray) -> np.ndarray:
    """Orthonormal rows, right to rounding, that span what the rows of `vectors` (n, 3) span, none of which is 0.

    The rank is exact, because doubles are fractions. In a plane, the rows are orthogonal to its normal, which is the
    vector product of two rows.
    """
    rows = np.unique(vectors, axis=0).tolist()
    first = [Fraction(x) for x in rows[0]]
    normals = (_cross(first, [Fraction(x) for x in row]) for row in rows)
    normal = next((n for n in normals if any(n)), None)
    if normal is None:
        return vectors[:1] / np.linalg.norm(vectors[:1])
    if any(sum(n * Fraction(x) for n, x in zip(normal, row, strict=True)) for row in rows):
        return np.eye(3)
    largest = max(map(abs, normal))
    n = np.array([float(x / largest) for x in normal])
    p = np.cross(n, np.eye(3)[np.abs(n).argmin()])
    rows = np.stack([p, np.cross(n, p)])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _cross(x: list[Fraction], y: list[Fraction]) -> list[Fraction]:
    return [x[i - 2] * y[i - 1] - x[i - 1] * y[i - 2] for i in range(3)]
