"""The last digits of a Leggett inequality: sequential linear programming with a trust region.

With p scaled so that sum_i p_i a_i.b_i = 1, the threshold for Werner states is the largest of

    V_k = sum_i p_i - m_k,        m_k = sum_i p_i |u_k.a_i + v_k.b_i| at a local minimum (u_k, v_k),

so that what is sought is a minimax: the p, a, b for which the largest V_k is least. Each m_k moves with p by
|u_k.a_i + v_k.b_i| and with the settings by p_i sigma_ki (u_k, v_k). There sigma are the signs of the terms; in a
corner, where some terms vanish, these have instead the multipliers in [-1, 1] that hold the corner. One step solves
the linear programme that minimises the largest V_k so linearised, within a trust region: settings may turn and
weights may change by no more than its radius. The radius grows where the programme keeps its promise, and shrinks
where it does not; in that case the hidden vectors that spoiled the step are followed back and join those that the
next programme knows.

Minimax by linear programmes with a trust region: K. Madsen and H. Schjaer-Jacobsen, Math. Program. 14, 208 (1978);
for non-smooth functions in general: R. Fletcher and E. Sainz de la Maza, Math. Program. 43, 235 (1989).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from .._doubles import tangent_frames
from .._numerics import double_precision
from ..inequalities.worst_vectors import Effort, descend, search
from .generators import Generators


@dataclass(frozen=True)
class PolishOptions:
    """How an inequality is polished."""

    programmes: int = 60
    """Most linear programmes of a polish."""

    lattice: int = 300
    """Directions of the lattice on which the search for hidden vectors begins, after each programme."""

    starts: int = 256
    """Starts of that search."""

    newton_steps: int = 32
    """Newton steps of that search."""

    minima: int = 400
    """Most local minima that a programme takes into account."""

    followed: int = 64
    """Most hidden vectors that are followed back from a step that failed."""

    in_corner: float = 1e-7
    """Terms below this count as vanishing."""

    projections: int = 50
    """Steps towards the multipliers of corners in which more terms vanish than four."""

    first_region: float = 0.03
    """First radius of the trust region: for settings in radians, for weights in units of their mean, or of the largest
    weight where pairs share settings."""

    largest_region: float = 0.5
    """Radius to which the trust region may grow."""

    smallest_region: float = 1e-9
    """Radius below which the polish ends."""

    no_gain: float = 1e-9
    """Promised gain below which the polish ends."""


DEFAULT = PolishOptions()


@dataclass(frozen=True, eq=False)
class Minima:
    """Local minima u, v (K, 3) of the sum over terms and its values m (K,) there, least first."""

    u: np.ndarray
    v: np.ndarray
    m: np.ndarray

    @classmethod
    def distinct(cls, *parts: tuple[np.ndarray, np.ndarray, np.ndarray], most: int = DEFAULT.minima) -> Minima:
        """The `most` lowest minima of the parts (u, v, m), none of them twice, (-u, -v) being the same as (u, v)."""
        u, v, m = (np.concatenate(x) for x in zip(*parts, strict=True))
        order = np.argsort(m)
        x = np.round(np.hstack([u, v])[order], 6)
        # Of x and -x the one whose first component that is not 0 is positive.
        leading = np.take_along_axis(x, (x != 0).argmax(1)[:, None], axis=1)
        # Adding 0 turns -0 into 0, which `unique` would tell apart.
        first = np.unique(x * np.sign(leading) + 0.0, axis=0, return_index=True)[1]
        kept = order[np.sort(first)][:most]
        return cls(u[kept], v[kept], m[kept])


class Step(NamedTuple):
    """What a programme promises: how far the threshold falls, to first order, and at which generators."""

    promise: float
    there: Generators


def effort_of(options: PolishOptions, steps: int | None = None) -> Effort:
    """The effort of a search for hidden vectors in a polish, with `steps` Newton steps where these are given."""
    return Effort(options.lattice, options.starts, options.newton_steps if steps is None else steps)


def threshold_of(
    key: jax.Array,
    at: Generators,
    known: Minima | None = None,
    *,
    steps: int | None = None,
    options: PolishOptions = DEFAULT,
) -> tuple[float, Minima]:
    """V of scaled generators, as far as a search sees, and the local minima that it found.

    The search begins with the `known` minima, and takes `steps` Newton steps, where these are given.
    """
    near = (None, None) if known is None else (known.u, known.v)
    every = search(key, at.prices, *near, effort=effort_of(options, steps))
    found = Minima.distinct(every, most=options.minima)
    return float(at.p.sum() - found.m[0]), found


def polish(
    key: jax.Array, at: Generators, deadline: float | None = None, options: PolishOptions = DEFAULT
) -> Iterator[Generators]:
    """Ever lower thresholds near `at`, towards a local minimum.

    A generator function: it yields where the polish stands before the first linear programme and after each, so that
    the caller can stop at any time. It ends after `options.programmes` of them, or where no further gain is in sight.
    Past the deadline (seconds of `time.monotonic`) the linear programme is given up, which ends the polish, too.
    """
    at, region = at.scaled(), options.first_region
    V, minima = threshold_of(jax.random.fold_in(key, 0), at, options=options)
    yield at
    for number in range(1, options.programmes + 1):
        step = _step(at, minima, V, region, deadline, options)
        if step is None or step.promise < options.no_gain:
            return
        new_key = jax.random.fold_in(key, number)
        V_there, minima_there = threshold_of(new_key, step.there, minima, options=options)
        gain = V - V_there
        if gain > 0.1 * step.promise:
            # A good step is taken; after one that kept nearly all of its promise the next may be longer.
            region = min(2 * region, options.largest_region) if gain > 0.7 * step.promise else region
            at, V, minima = step.there, V_there, minima_there
        else:
            # A bad step is not taken: the programme did not know the hidden vectors that limit it.
            region /= 3 if gain < 0 else 2
            if region < options.smallest_region:
                return
            u, v = minima_there.u[: options.followed], minima_there.v[: options.followed]
            # A minimum of the step that failed may only be close to one of `at`. It limits the next step as it is, too.
            parts = (minima.u, minima.v, minima.m), _followed(at, u, v, options), (u, v, at.prices.at(u, v))
            minima = Minima.distinct(*parts, most=options.minima)
            V = max(V, float(at.p.sum() - minima.m[0]))
        yield at


def _step(
    at: Generators,
    minima: Minima,
    V: float,
    region: float,
    deadline: float | None = None,
    options: PolishOptions = DEFAULT,
) -> Step | None:
    """The best move within the region as far as derivatives tell; None where the programme has no optimum in time.

    Unknowns, in units of the region: the new V, changes of p in a unit of its size, moves of a and of b along two
    tangents.
    """
    from scipy.optimize import linprog

    number, (a, b) = len(at.p), at.pairs
    # Of the pairs that share settings most end with weight 0, which draws the mean down, and would slow the others.
    unit = at.p.mean() if at.pairing is None else at.p.max()
    by_p, by_a, by_b = _derivatives(at, minima, options)
    by_settings = at.along_tangents(*(at.p[None, :, None] * other for other in (b, a)))
    value = [np.array([0.0]), (a * b).sum(1) * unit, *(x.ravel() for x in by_settings)]
    rows = np.hstack([np.full((len(minima.m), 1), -1.0), (1 - by_p) * unit, -by_a, -by_b])
    free = np.stack([np.ones(len(at.axes)), ~at.axes.any(1)], axis=1)
    most = np.concatenate([np.broadcast_to(free, (len(x), 2)).ravel() for x in (at.a, at.b)])
    # The solver takes a limit of 0 for none.
    limit = {} if deadline is None else {"time_limit": max(deadline - time.monotonic(), 1e-3)}
    answer = linprog(
        np.eye(1, rows.shape[1])[0],
        A_ub=rows,
        b_ub=(V - (at.p.sum() - minima.m)) / region,
        A_eq=np.concatenate(value)[None],
        b_eq=[0.0],
        bounds=[(None, None), *((-min(p / unit / region, 1), 1) for p in at.p), *((-x, x) for x in most)],
        method="highs",
        options=limit,
    )
    if answer.status != 0:
        # Only further digits are lost; what the polish has reached so far stands.
        return None
    lower, p, x, y = np.split(region * answer.x, np.cumsum([1, number, 2 * len(at.a)]))
    return Step(-float(lower[0]), at.moved(p * unit, x.reshape(-1, 2), y.reshape(-1, 2)))


def _derivatives(
    at: Generators, minima: Minima, options: PolishOptions = DEFAULT
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives of m_k by p (K, J), and along the tangents of a (K, 2 m) and of b (K, 2 n)."""
    prices, u, v = at.prices, minima.u, minima.v
    z = u @ prices.a.T + v @ prices.b.T
    zero = np.abs(z) < options.in_corner
    sigma = np.where(zero, 0.0, np.sign(z))
    # At a minimum sum p sigma (a, b) has no part along the spheres: this gives sigma where terms vanish, by the
    # least squares of four equations for each minimum, regularised because fewer than four terms may vanish.
    frames = [tangent_frames(x) for x in (u, v)]
    parts = [np.einsum("kcx,nc->knx", f, x) for f, x in zip(frames, (prices.a, prices.b), strict=True)]
    rows = np.concatenate(parts, axis=2) * prices.plus[None, :, None]
    corner = rows * zero[..., None]
    square = np.einsum("knx,kny->kxy", corner, corner)
    square += (1e-12 * np.trace(square, axis1=1, axis2=2) + 1e-300)[:, None, None] * np.eye(4)

    def held(k: np.ndarray | slice) -> np.ndarray:
        """Sigma of minima k, changed by what holds these minima, then limited to [-1, 1]."""
        multipliers = np.linalg.solve(square[k], -np.einsum("kn,knx->kx", sigma[k], rows[k])[..., None])
        return np.clip(sigma[k] + (corner[k] @ multipliers)[..., 0], -1, 1)

    sigma = held(slice(None))
    # More terms than four vanish in a corner where pairs share settings. The solutions within [-1, 1] are then found by
    # alternating projections (J. von Neumann).
    crowded = zero.sum(1) > 4
    for _ in range(options.projections if crowded.any() else 0):
        sigma[crowded] = held(crowded)
    shape = (len(u), len(at.p), len(at.rotations))
    forces = (sigma * prices.plus).reshape(shape)
    by_pairs = (np.einsum("kjg,gdc,kd->kjc", forces, at.rotations, x, optimize=True) for x in (u, v))
    return np.abs(z).reshape(shape).mean(2), *at.along_tangents(*by_pairs)


def _followed(
    at: Generators, u: np.ndarray, v: np.ndarray, options: PolishOptions
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The local minima to which Newton steps from u, v (K, 3) lead, and their m (K,)."""
    number = len(u)
    # Always the same number of rows, so that nothing is compiled anew.
    full = (np.resize(x, (options.followed, 3)) for x in (u, v))
    with double_precision():
        found = [np.asarray(x)[:number] for x in descend(at.prices.padded(), *full, options.newton_steps // 2)]
    return found[0], found[1], found[2]
