"""What is claimed of a state, and what is proved of it: an upper end by an inequality, a lower end by a model.

Letters are those of docs/CERTIFICATES.md. A claim is made of arrays alone, as they stand in files, and everything that
they are said to be is computed from them here.
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
"""How far the length of what is to be a unit vector may be off; it is then divided by it."""

PARITY = -np.eye(3)

NOISE_MEAN = 0.72
"""More than E|u.a + v.b| where u and v are independent and evenly spread (2/3), or on the vertices of icosahedra."""

MOST_IMAGES = 96
"""Most images: twice the signed permutations of three axes."""

MOST_MAPS = 120
"""Most maps: the largest finite group of rotations and reflections that is no prism's has as many."""

REST = 7.0
"""More than the length of any r_A and r_B together, 4 sqrt 3 with components of at most 2."""

KEPT = 1e-15
"""How far the length of a unit vector, computed again, may be off."""


class Refused(ValueError):
    """What was handed in is not what it says it is; the message names it."""


@dataclass(frozen=True, eq=False)
class State:
    """A state, and other frames in which its T is nearly S: C(a, b) = a.S b for a, b in these frames.

    r_A, r_B (3,), T (3, 3): what is proved is about these doubles. T is close to frame_A S frame_B^T, the frames close
    to orthogonal matrices; by how much they are off enters what is proved.
    """

    r_A: np.ndarray
    r_B: np.ndarray
    T: np.ndarray
    frame_A: np.ndarray
    frame_B: np.ndarray
    S: np.ndarray

    def __post_init__(self) -> None:
        # What rounding is said to be below is said of numbers of this size.
        if not max(np.abs(x).max() for x in (self.r_A, self.r_B, self.T, self.S)) <= 2:
            raise Refused("the components of a state must be at most 2")

    @classmethod
    def own(cls, r_A: np.ndarray, r_B: np.ndarray, T: np.ndarray) -> State:
        """A state in its own frames."""
        return cls(r_A, r_B, T, np.eye(3), np.eye(3), T)

    @property
    def skew(self) -> float:
        """More than how far the frames are from orthogonal matrices."""
        gaps = [np.linalg.norm(frame.T @ frame - np.eye(3)) for frame in (self.frame_A, self.frame_B)]
        if not max(gaps) < 1e-6:
            raise Refused("the frames are not orthogonal")
        return float(max(gaps)) + 100 * EPSILON

    @property
    def off(self) -> float:
        """More than how far a.T b may be from a.S b, in the exact frames nearest to the given ones."""
        size = float(np.linalg.norm(self.S)) + 1
        gap = float(np.linalg.norm(self.T - self.frame_A @ self.S @ self.frame_B.T))
        return gap + 3 * self.skew * size + 200 * EPSILON * size


@dataclass(frozen=True, eq=False)
class Symmetry:
    """What hidden vectors, or setting pairs, are averaged over: `images`, signed permutations (g, 6, 6), and O(2).

    An image maps either party's vector, or either to the other's, so that unit vectors stay what they are. `axial`:
    joint turns about the third axis and its mirror. All are to keep a.S b, which `check` sees.
    """

    images: np.ndarray = field(default_factory=lambda: np.eye(6)[None])
    axial: bool = False

    def check(self, S: np.ndarray) -> None:
        """Refused unless a.S b is kept exactly."""
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
            raise Refused("the state has no axis of symmetry")

    @property
    def trivial(self) -> bool:
        """Whether nothing is averaged over."""
        return not self.axial and len(self.images) == 1 and (self.images[0] == np.eye(6)).all()

    def applied(self, points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The images of all points (n, 6), and their weights."""
        number = len(self.images)
        return np.concatenate([points @ G.T for G in self.images]), np.tile(weights, number) / number

    def mean(self, x: np.ndarray) -> np.ndarray:
        """The average of the images of x (6,)."""
        x = np.mean([G @ x for G in self.images], axis=0)
        return x * [0, 0, 1, 0, 0, 1] if self.axial else x


def _each_once(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are equal put together, with the sum of their weights: |x.y| is the same for all of them."""
    distinct, place = np.unique(rows + 0.0, axis=0, return_inverse=True)
    ends = np.cumsum(np.bincount(place.ravel(), minlength=len(distinct)))
    sorted_ = weights[np.argsort(place.ravel(), kind="stable")]
    # Summed exactly: rows that are equal may be many more than rounding allows for.
    return distinct, np.array([math.fsum(part) for part in np.split(sorted_, ends)[:-1]])


def _commutes(G: np.ndarray) -> bool:
    """Whether G takes the group O(2) to itself: the axis to the axis."""
    return bool((np.abs(G)[np.ix_([2, 5], [0, 1, 3, 4])] == 0).all())


@dataclass(frozen=True, eq=False)
class Inequality:
    """-sum w_i C(y_i) + F.E[x] <= sum w - m with pairs y (n, 6) of unit vectors in the state's frames.

    `maps` (group, 3, 3) are said to leave the left side as it is when both vectors of each pair are mapped. `scale` is
    what rounding is relative to: sum w and the sum of the moduli of what F is made of.
    """

    y: np.ndarray
    w: np.ndarray
    F: np.ndarray
    scale: float
    maps: np.ndarray = field(default_factory=lambda: IDENTITY)
    symmetry: Symmetry = field(default_factory=Symmetry)

    @classmethod
    def of(cls, g: np.ndarray, a: np.ndarray, b: np.ndarray, f: np.ndarray, h: np.ndarray) -> Inequality:
        """That of sum g C(a, b) + f M^A(a) + h M^B(b), for settings (n, 3)."""
        a, b = normalised(a, "a"), normalised(b, "b")
        y = np.concatenate([a, np.where(g > 0, -1.0, 1.0)[:, None] * b], axis=1)
        used = g != 0
        scale = float(np.abs(np.concatenate([g, f, h])).sum())
        # Summed exactly: terms without a correlator may be many more than rounding allows for.
        F = [math.fsum(part) for z, settings in ((f, a), (h, b)) for part in (z[:, None] * settings).T]
        return cls(y[used], np.abs(g)[used], np.array(F), scale)

    def scaled(self, bound: float) -> tuple[Inequality, float]:
        """The same, with its bound, by a power of two: then no weight is too small or too large for rounding."""
        k = int(np.frexp(max(self.w.max(initial=0.0), np.abs(self.F).max()))[1])
        w, F, scale, scaled = (np.ldexp(x, -k) for x in (self.w, self.F, self.scale, bound))
        return replace(self, w=w, F=F, scale=float(scale)), float(scaled)

    def problem(self) -> LeftOver:
        """m, of all images, with the symmetries that `maps` names; Refused if one is none."""
        y, w = _each_once(*self.symmetry.applied(self.y, self.w))
        if self.symmetry.axial:
            return AxialLeftOver(y, w, self.symmetry.mean(self.F), self.scale)
        scale = self.scale or 1.0
        rows = np.concatenate([y, (w / scale)[:, None]], axis=1)
        maps, off = verified(rows, self.F.reshape(2, 3) / scale, self.maps)
        return LeftOver(y, w, self.F, self.scale, maps, 48 * (off + 2.0**-49) * self.scale)


@dataclass(frozen=True, eq=False)
class Model:
    """Hidden vectors x (n, 6) with weights w (n,) in the state's frames, at visibility V.

    `balance` (g n,), one number in [-1, 1] for each image in the order of `Symmetry.applied`, says how the weight of an
    image x is divided between x and -x, which leaves (P) as it is: x gets (1 + balance)/2 of it.
    """

    x: np.ndarray
    w: np.ndarray
    V: float
    balance: np.ndarray
    symmetry: Symmetry = field(default_factory=Symmetry)

    @property
    def shares(self) -> np.ndarray:
        """The weights divided by their sum, which neither overflows nor is too small for rounding."""
        w = np.ldexp(self.w, -np.frexp(self.w.max())[1])
        return w / math.fsum(w)

    def mean(self) -> np.ndarray:
        """The average of the hidden vectors (6,), over the symmetry too."""
        x, w = self.symmetry.applied(self.x, self.shares)
        mean = (w * self.balance) @ x
        return mean * [0, 0, 1, 0, 0, 1] if self.symmetry.axial else mean

    def problem(self, S: np.ndarray) -> Excess:
        """The excess f, of all images, with the changes of sign among its symmetries."""
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
    """Unit vectors (n, 3) to rounding, those that are keep their bits; Refused where they are none to `UNIT`."""
    if vectors.ndim != 2 or vectors.shape[1] != 3 or not np.isfinite(vectors).all():
        raise Refused(f"{name} must be finite numbers, three a row")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if len(length) and not np.abs(length - 1).max() < UNIT:
        raise Refused(f"{name} must be unit vectors")
    return np.where(np.abs(length - 1) <= KEPT, vectors, vectors / length)


def verified(rows: np.ndarray, F: np.ndarray, maps: np.ndarray) -> tuple[np.ndarray, float]:
    """The maps, with -1 where there is no F (2, 3), and how far they are off; Refused where one is no symmetry."""
    if len(maps) > MOST_MAPS:
        raise Refused(f"there must be at most {MOST_MAPS} maps")
    even = not F.any()
    off = max(max(defect(rows, R, even), float(np.abs(F @ R.T - F).max())) for R in maps)
    if even:
        maps = np.concatenate([maps, -maps])
    if not (off < SAME and closed(maps)):
        raise Refused("the maps are no group of symmetries of the inequality")
    return maps, off


Effort = Callable[..., Bound]
"""`bounded`, or it with more arguments: when it is late, whom it tells of progress."""


def ceiling(
    inequality: Inequality, effort: Effort = bounded, bound: float | None = None, tolerance: float = 0.0
) -> Bound:
    """Prove `bound` on the left side, or without one, the least that a tolerance relative to S allows."""
    problem = inequality.problem()
    size = math.fsum(inequality.w)
    shift = 4 * (len(inequality.w) + 4) * EPSILON * size
    target = None if bound is None else bound - size - shift
    found = effort(problem, target=target, tolerance=tolerance * inequality.scale)
    # A little more, so that another machine, whose sums round otherwise, proves it too.
    return replace(found, bound=size + shift + found.bound + 1e-13 * inequality.scale, reached=size + found.reached)


def value(inequality: Inequality, state: State) -> float:
    """Less than the left side of an inequality at the correlations of the state."""
    inequality.symmetry.check(state.S)
    r = np.concatenate([state.frame_A.T @ state.r_A, state.frame_B.T @ state.r_B])
    C = (inequality.y[:, :3] @ state.S * inequality.y[:, 3:]).sum(1)
    F = inequality.symmetry.mean(inequality.F)
    size = float(inequality.w.sum())
    rounding = 8 * (len(C) + len(inequality.symmetry.images) + 40) * EPSILON * (size + float(np.abs(F).sum()))
    return float(F @ r - inequality.w @ C) - size * state.off - 2 * float(np.abs(F).sum()) * state.skew - rounding


def upper(inequality: Inequality, state: State, bound: float, rest: float = 0.0) -> float:
    """The visibility above which the state is proved to break an inequality of this bound; infinite where it is not.

    `rest` is how much of F (see `require_about`) is no part of it.
    """
    least, most = value(inequality, state) - REST * rest, bound + rest
    return math.nextafter(most / least, math.inf) * (1 + 4 * EPSILON) if least > 0 and most >= 0 else math.inf


def lower(model: Model, state: State, excess: float) -> float:
    """The visibility that a model of this excess reaches at all settings once it is mixed with what mends it."""
    model.symmetry.check(state.S)
    mean = model.mean()
    miss = max(
        float(np.linalg.norm(model.V * r - frame @ part))
        for r, frame, part in ((state.r_A, state.frame_A, mean[:3]), (state.r_B, state.frame_B, mean[3:]))
    )
    return mended(
        model.V, excess + model.V * state.off, miss + 2 * state.skew + 8 * (len(model.balance) + 40) * EPSILON
    )


def mended(V: float, excess: float, miss: float) -> float:
    """(1 - n - t) V, rounded down: a share t = miss with means that undo it, and a share n of evenly spread ones.

    (1 - n - t) (1 + excess) + NOISE_MEAN n + 2 t <= 1 where (1 - NOISE_MEAN) n = excess + t.
    """
    noise = (max(excess, 0.0) + miss) / (1 - NOISE_MEAN)
    return max(0.0, V * (1 - noise - miss) * (1 - 16 * EPSILON))


def at_pairs(model: Model, state: State, a: np.ndarray, b: np.ndarray) -> float:
    """The visibility that a model reaches at pairs (n, 3) of settings as they stand, in the state's own frames."""
    w = model.shares
    p, q = a @ model.x[:, :3].T, b @ model.x[:, 3:].T
    C = model.V * np.einsum("ni,ij,nj->n", a, state.T, b)
    rounding = 64 * (len(w) + 40) * EPSILON
    excess = max(float((np.abs(p + sign * q) @ w - 1 - sign * C).max()) for sign in (1, -1)) + rounding
    mean = model.mean()
    miss = max(
        float(np.linalg.norm(span(settings) @ (model.V * r - part)))
        for settings, r, part in ((a, state.r_A, mean[:3]), (b, state.r_B, mean[3:]))
    )
    return mended(model.V, excess, miss + rounding)


def require_about(inequality: Inequality, a: np.ndarray, b: np.ndarray) -> float:
    """Refused unless an inequality is about the pairs of settings (n, 3) alone; what its bound has to grow by for that.

    Its terms are the pairs, up to the signs of their vectors; and F is a combination of the settings but for a rest,
    which is part of the proved left side and not of what is measured.
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
    """The same for y (6,) and -y."""
    first = y[np.flatnonzero(y)[0]]
    return (y * np.sign(first) + 0.0).tobytes()


def span(vectors: np.ndarray) -> np.ndarray:
    """Orthonormal rows, right to rounding, that span the rows of `vectors` (n, 3), none of them 0, as they stand.

    Doubles are fractions, so nothing is rounded to find the rank; in a plane the rows are tangents of its normal, the
    product of two rows.
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
