"""The last digits of a Leggett inequality: coefficients and settings moved together, by linear programmes.

With p scaled so that sum_i p_i a_i.b_i = 1, the threshold for Werner states is the largest of

    V_k = sum_i p_i - m_k,        m_k = sum_i p_i |u_k.a_i + v_k.b_i| at a local minimum (u_k, v_k),

and m_k moves with p by |u_k.a_i + v_k.b_i| and with the settings by p_i sigma_ki (u_k, v_k), where sigma
are the signs, and in a corner (where some terms vanish) those multipliers in [-1, 1] that hold the
corner. A programme minimises the largest V_k so linearised, within a trust region that grows and
shrinks as it keeps its promises; hidden vectors that spoil a step are followed back and join the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import jax
import numpy as np

from .._doubles import unit
from .._numerics import double_precision
from ..inequalities.worst_vectors import Prices, descend, search

EFFORT = {"lattice": 300, "starts": 256, "steps": 32}
"""Of the searches for hidden vectors on the way."""

MOST = 400
"""Local minima that a programme knows."""

FOLLOWED = 64
"""Hidden vectors that are followed back from a step that failed."""

IN_CORNER = 1e-7
"""Terms below this vanish."""

FIRST_REGION, LARGEST_REGION, SMALLEST_REGION = 0.03, 0.5, 1e-9
"""Radius of the trust region, in radians for settings and in means for coefficients."""

LEAST_VALUE = 1e-6
"""Values at the singlet below this, relative to the weights, are none."""

NO_GAIN = 1e-9
"""Promises below this are not worth a step."""


@dataclass(frozen=True, eq=False)
class Generators:
    """Weights p (J,) and generating pairs a, b (J, 3); `axes` (J, 3) of those that stay orthogonal to one, else 0."""

    rotations: np.ndarray
    p: np.ndarray
    a: np.ndarray
    b: np.ndarray
    axes: np.ndarray

    @property
    def value(self) -> float:
        """At the singlet."""
        return float(self.p @ (self.a * self.b).sum(1))

    def scaled(self) -> Generators:
        """With value 1 at the singlet."""
        return self._with(self.p / self.value, self.a, self.b)

    def _with(self, p: np.ndarray, a: np.ndarray, b: np.ndarray) -> Generators:
        return Generators(self.rotations, p, a, b, self.axes)

    @property
    def empty(self) -> bool:
        """Whether the value is none, relative to the weights: then there is nothing to scale."""
        return not self.value > LEAST_VALUE * self.p.sum()

    @property
    def prices(self) -> Prices:
        """Of all pairs of the orbits, generator by generator."""
        number = len(self.rotations)
        a, b = (np.einsum("gij,nj->ngi", self.rotations, x).reshape(-1, 3) for x in (self.a, self.b))
        p = np.repeat(self.p, number) / number
        return Prices(p, np.zeros_like(p), np.zeros(3), np.zeros(3), a, b)

    def frames(self) -> tuple[np.ndarray, np.ndarray]:
        """Two tangents at every setting, (J, 3, 2) of Alice and of Bob; with an axis, the second along it."""
        free = ~self.axes.any(1)
        sides = []
        for x in (self.a, self.b):
            frame = np.stack(_tangents(x), axis=-1)
            frame[~free] = np.stack([np.cross(self.axes, x), self.axes], axis=-1)[~free]
            sides.append(frame)
        return sides[0], sides[1]

    def moved(self, p: np.ndarray, x: np.ndarray, y: np.ndarray) -> Generators:
        """p added to the weights; settings moved by x, y (J, 2) along their tangents."""
        A, B = self.frames()
        a, b = (s + np.einsum("jcx,jx->jc", frame, z) for s, frame, z in ((self.a, A, x), (self.b, B, y)))
        return self._with(np.maximum(self.p + p, 0), unit(a), unit(b)).scaled()


@dataclass(frozen=True, eq=False)
class _Minima:
    """Local minima u, v (K, 3) and their m (K,), least first."""

    u: np.ndarray
    v: np.ndarray
    m: np.ndarray

    @classmethod
    def distinct(cls, *parts: tuple[np.ndarray, np.ndarray, np.ndarray]) -> _Minima:
        """The lowest of the parts, none twice or with its opposite."""
        u, v, m = (np.concatenate(x) for x in zip(*parts, strict=True))
        order = np.argsort(m)
        x = np.round(np.hstack([u, v])[order], 6)
        # Of x and -x the one whose first component that is not 0 is positive.
        leading = np.take_along_axis(x, (x != 0).argmax(1)[:, None], axis=1)
        first = np.unique(x * np.sign(leading) + 0.0, axis=0, return_index=True)[1]
        kept = order[np.sort(first)][:MOST]
        return cls(u[kept], v[kept], m[kept])


def threshold_of(
    key: jax.Array, at: Generators, known: _Minima | None = None, steps: int = EFFORT["steps"]
) -> tuple[float, _Minima]:
    """V of scaled generators, as far as a search of so many steps sees, and the local minima that it found."""
    near = (None, None) if known is None else (known.u, known.v)
    found = _Minima.distinct(search(key, at.prices, *near, **(EFFORT | {"steps": steps})))
    return float(at.p.sum() - found.m[0]), found


def polish(key: jax.Array, at: Generators, steps: int) -> Iterator[Generators]:
    """Ever lower thresholds near `at`, towards a local minimum: where it stands after each of `steps` programmes."""
    at, region = at.scaled(), FIRST_REGION
    V, minima = threshold_of(jax.random.fold_in(key, 0), at)
    yield at
    for number in range(1, steps + 1):
        step = _step(at, minima, V, region)
        if step is None or step[0] < NO_GAIN:
            return
        promise, there = step
        V_there, minima_there = threshold_of(jax.random.fold_in(key, number), there, minima)
        gain = V - V_there
        if gain > 0.1 * promise:
            region = min(2 * region, LARGEST_REGION) if gain > 0.7 * promise else region
            at, V, minima = there, V_there, minima_there
        else:
            region /= 3 if gain < 0 else 2
            if region < SMALLEST_REGION:
                return
            u, v = minima_there.u[:FOLLOWED], minima_there.v[:FOLLOWED]
            # A minimum there may be none here, only close to one: as it stands, too, it limits the next step.
            minima = _Minima.distinct((minima.u, minima.v, minima.m), _followed(at, u, v), (u, v, at.prices.at(u, v)))
            V = max(V, float(at.p.sum() - minima.m[0]))
        yield at


def _step(at: Generators, minima: _Minima, V: float, region: float) -> tuple[float, Generators] | None:
    """The best move within the region as far as derivatives tell, and how much they promise; None without an optimum.

    Unknowns, in units of the region: the new V, changes of p in means of p, moves of a and of b along two tangents.
    """
    from scipy.optimize import linprog

    number, mean = len(at.p), at.p.mean()
    by_p, by_a, by_b = _derivatives(at, minima)
    A, B = at.frames()
    value = [np.array([0.0]), (at.a * at.b).sum(1) * mean]
    value += [np.einsum("j,jc,jcx->jx", at.p, other, frame).ravel() for other, frame in ((at.b, A), (at.a, B))]
    rows = np.hstack([np.full((len(minima.m), 1), -1.0), (1 - by_p) * mean, -by_a, -by_b])
    free = np.stack([np.ones(number), ~at.axes.any(1)], axis=1).ravel()
    tangential = [(-x, x) for x in np.tile(free, 2)]
    answer = linprog(
        np.eye(1, 1 + 5 * number)[0],
        A_ub=rows,
        b_ub=(V - (at.p.sum() - minima.m)) / region,
        A_eq=np.concatenate(value)[None],
        b_eq=[0.0],
        bounds=[(None, None), *((-min(p / mean / region, 1), 1) for p in at.p), *tangential],
        method="highs",
    )
    if answer.status != 0:
        # Nothing is lost but further digits: what was reached so far stands.
        return None
    lower, p, x, y = np.split(region * answer.x, np.cumsum([1, number, 2 * number]))
    return -float(lower[0]), at.moved(p * mean, x.reshape(-1, 2), y.reshape(-1, 2))


def _derivatives(at: Generators, minima: _Minima) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of m_k: by p (K, J), and along the tangents of a and of b (K, 2 J)."""
    prices, u, v = at.prices, minima.u, minima.v
    z = u @ prices.a.T + v @ prices.b.T
    zero = np.abs(z) < IN_CORNER
    sigma = np.where(zero, 0.0, np.sign(z))
    # At a minimum sum p sigma (a, b) has no part along the spheres: this gives sigma where terms vanish.
    frames = [np.stack(_tangents(x), axis=-1) for x in (u, v)]
    parts = [np.einsum("kcx,nc->knx", f, x) for f, x in zip(frames, (prices.a, prices.b), strict=True)]
    rows = np.concatenate(parts, axis=2) * prices.plus[None, :, None]
    corner = rows * zero[..., None]
    square = np.einsum("knx,kny->kxy", corner, corner)
    square += (1e-12 * np.trace(square, axis1=1, axis2=2) + 1e-300)[:, None, None] * np.eye(4)
    multipliers = np.linalg.solve(square, -np.einsum("kn,knx->kx", sigma, rows)[..., None])
    sigma = sigma + np.clip((corner @ multipliers)[..., 0], -1, 1)
    shape = (len(u), len(at.p), len(at.rotations))
    forces = (sigma * prices.plus).reshape(shape)
    A, B = at.frames()
    along = [
        np.einsum("kjg,gdc,kd,jcx->kjx", forces, at.rotations, x, frame, optimize=True).reshape(len(u), -1)
        for x, frame in ((u, A), (v, B))
    ]
    return np.abs(z).reshape(shape).mean(2), along[0], along[1]


def _followed(at: Generators, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The local minima that hidden vectors lead to, and their m."""
    number = len(u)
    full = (np.resize(x, (FOLLOWED, 3)) for x in (u, v))
    with double_precision():
        found = [np.asarray(x)[:number] for x in descend(at.prices.padded(), *full, EFFORT["steps"] // 2)]
    return found[0], found[1], found[2]


def _tangents(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (K, 3) orthogonal to the rows of x (K, 3) and to each other."""
    first = unit(np.cross(x, np.eye(3)[np.abs(x).argmin(1)]))
    return first, np.cross(x, first)
