"""Many Leggett inequalities improved at once: gradient steps on the settings, hidden vectors kept up to date.

An inequality -sum_i p_i C(a_i, b_i) <= sum_i p_i - m for Werner states, p_i >= 0, has the threshold

    V = (sum_i p_i - m) / sum_i p_i a_i.b_i,        m = min over u, v of sum_i p_i |u.a_i + v.b_i|.

To find the least V is a game of two players: one chooses p, a and b to make V small, the other chooses u and v to make
it large. The algorithm lets both move in turn.

1. The second player keeps a crowd of hidden vectors near the local minima. Each takes one Newton step on the
   sum above with the modulus |x| rounded to sqrt(x^2 + eps^2), which makes it smooth.
2. The first player takes one step of Adam (D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization",
   ICLR 2015) down the gradient of a softened maximum of V over the crowd, s log sum_k exp(V_k / s).
   By the envelope theorem, hidden vectors in a minimum count as constants in that gradient.

The rounding eps, the softness s and the length of Adam's steps shrink together. Now and then half of the crowd is
replaced by new hidden vectors, because there may be new minima elsewhere. What comes out is a good start for
`sequential_lp`. It is no bound.

Every function works on one restart; `advance` maps them over the batch of all restarts, and runs on any device.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.tree_util import register_dataclass

from .._numerics import dot, normalised, tangents
from ..sphere import sample_sphere
from .generators import Pairing


@dataclass(frozen=True)
class DescentOptions:
    """How the descent of a batch of restarts is made. Pairs of numbers are those of the first and of the last step."""

    steps: int = 800
    """Steps of a restart."""

    segment: int = 100
    """Most steps that `advance` takes in one call; fewer where they take long."""

    crowd: int = 96
    """Hidden vectors of a restart."""

    refreshed: int = 10
    """Number of steps after which the half of the crowd with the largest sums is replaced by new hidden vectors."""

    candidates: int = 16
    """Random hidden vectors, for each one of the crowd, among which the new ones are the best."""

    rate: tuple[float, float] = (0.1, 0.002)
    """Length of Adam's steps; settings are unit vectors. In between it follows a cosine."""

    rounding: tuple[float, float] = (0.1, 0.003)
    """The eps of sqrt(x^2 + eps^2). In between it falls by the same factor every step."""

    softness: tuple[float, float] = (0.02, 0.0002)
    """The s of the softened maximum of V. In between it falls by the same factor every step."""

    value_floor: float = 1e-3
    """The value at the singlet, relative to the weights, below which the threshold is taken as if it had this value."""


DEFAULT = DescentOptions()

ADAM = optax.scale_by_adam()


class Parameters(NamedTuple):
    """What Adam moves: settings a (m, 3), b (n, 3), kept at length 1, and `raw` (J,), whose softplus are weights.

    softplus(x) = log(1 + exp(x)) keeps the weights above 0 without a constraint.
    """

    raw: jax.Array
    a: jax.Array
    b: jax.Array


@register_dataclass
@dataclass(frozen=True, eq=False)
class Restart:
    """The state of one restart between two steps; a batch of restarts has one more axis in front of every array.

    Fields:
        parameters: the inequality.
        axes: (J, 3) or (1, 3), to which the settings stay orthogonal where they are not 0.
        memory: Adam's averages of the gradient and of its square.
        u, v: the crowd of hidden vectors (K, 3).
        threshold: the largest V over the crowd in the last step, by which restarts are compared.
    """

    parameters: Parameters
    axes: jax.Array
    memory: optax.OptState
    u: jax.Array
    v: jax.Array
    threshold: jax.Array


Way = tuple[jax.Array | np.ndarray, Pairing | None]
"""How pairs are made of settings: a rotation group, and which settings they share."""

Terms = tuple[jax.Array, jax.Array, jax.Array]
"""Weights p (N,) and settings a, b (N, 3) of all pairs of the orbits."""


def begin(
    key: jax.Array, raw: jax.Array, a: jax.Array, b: jax.Array, axes: jax.Array, options: DescentOptions = DEFAULT
) -> Restart:
    """A restart before its first step: weights softplus(raw) (J,), settings a (m, 3), b (n, 3), and their axes."""
    parameters = Parameters(raw, a, b)
    u, v = sample_sphere(key, (2, options.crowd))
    # Without the type it would be weakly typed, unlike the thresholds later on: `advance` would be compiled twice.
    return Restart(parameters, axes, ADAM.init(parameters), u, v, jnp.array(jnp.inf, raw.dtype))


@functools.partial(jax.jit, static_argnames="options", donate_argnums=2)
def advance(
    keys: jax.Array,
    rotations: jax.Array | np.ndarray,
    restarts: Restart,
    done: int | jax.Array,
    options: DescentOptions = DEFAULT,
    pairing: Pairing | None = None,
    more: int | jax.Array | None = None,
) -> Restart:
    """The batch of restarts after `more` steps [`options.segment`]; `done` steps are behind them.

    `more` is no constant of the compiled code, so that another number is not compiled anew and changes no bit.
    """
    way = jnp.asarray(rotations), pairing

    def one(key: jax.Array, restart: Restart) -> Restart:
        def step(i: jax.Array, restart: Restart) -> Restart:
            return _step(key, way, restart, done + i, options)

        return jax.lax.fori_loop(0, options.segment if more is None else more, step, restart)

    return jax.vmap(one)(keys, restarts)


def weights_of(parameters: Parameters, options: DescentOptions = DEFAULT, pairing: Pairing | None = None) -> jax.Array:
    """p (J,) >= 0, scaled to the value sum p a.b = 1 at the singlet."""
    p = jax.nn.softplus(parameters.raw)
    value = p @ dot(*_paired(parameters.a, parameters.b, pairing))
    return p / jnp.maximum(value, options.value_floor * p.sum())


def _step(key: jax.Array, way: Way, restart: Restart, number: jax.Array, options: DescentOptions) -> Restart:
    """One step: the crowd moves towards the minima, then Adam moves the inequality."""
    share = number / options.steps
    eps, softness = (first * (last / first) ** share for first, last in (options.rounding, options.softness))
    terms = _terms(way, restart.parameters, options)
    fresh = functools.partial(_refreshed, jax.random.fold_in(key, number), terms, eps, options)
    u, v = jax.lax.cond(number % options.refreshed == 0, fresh, lambda u, v: (u, v), restart.u, restart.v)
    u, v = jax.vmap(functools.partial(_towards_minimum, terms, eps))(u, v)

    def threshold(parameters: Parameters) -> tuple[jax.Array, jax.Array]:
        p, a, b = _terms(way, parameters, options)
        V = p.sum() - _price((p, a, b), eps, u, v)
        return softness * jax.nn.logsumexp(V / softness), V.max()

    gradient, highest = jax.grad(threshold, has_aux=True)(restart.parameters)
    updates, memory = ADAM.update(gradient, restart.memory)
    length = _rate(options)(number)
    moved: Parameters = jax.tree.map(lambda x, update: x + -length * update, restart.parameters, updates)
    axes, project = restart.axes, jax.vmap(optax.projections.projection_l2_sphere)
    # Along an axis the gradient is only rounding, which Adam, whose steps do not depend on its size, would follow.
    a, b = (project(x - dot(x, axes)[:, None] * axes) for x in (moved.a, moved.b))
    return Restart(moved._replace(a=a, b=b), axes, memory, u, v, highest)


def _rate(options: DescentOptions) -> Callable[[jax.Array], jax.Array]:
    """The length of Adam's step as a function of its number."""
    first, last = options.rate
    return optax.cosine_decay_schedule(first, options.steps, alpha=last / first)  # type: ignore[return-value]


def _paired(a: jax.Array, b: jax.Array, pairing: Pairing | None) -> tuple[jax.Array, jax.Array]:
    """The settings of all generating pairs, (J, 3) each."""
    return (a, b) if pairing is None else (jnp.asarray(pairing.alice) @ a, jnp.asarray(pairing.bob) @ b)


def _terms(way: Way, parameters: Parameters, options: DescentOptions = DEFAULT) -> Terms:
    """All pairs of the orbits, settings normalised."""
    rotations, pairing = way
    a, b = normalised(parameters.a), normalised(parameters.b)
    p = weights_of(parameters._replace(a=a, b=b), options, pairing)
    a, b = (jnp.einsum("gij,nj->ngi", rotations, x).reshape(-1, 3) for x in _paired(a, b, pairing))
    return jnp.repeat(p, len(rotations)) / len(rotations), a, b


def _price(terms: Terms, eps: float | jax.Array, u: jax.Array, v: jax.Array) -> jax.Array:
    """sum p sqrt((u.a + v.b)^2 + eps^2) for u, v (K, 3): (K,)."""
    p, a, b = terms
    z = u @ a.T + v @ b.T
    return jnp.sqrt(z * z + eps * eps) @ p


def _refreshed(
    key: jax.Array, terms: Terms, eps: jax.Array, options: DescentOptions, u: jax.Array, v: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The better half of the crowd, and the best of many random hidden vectors."""
    half = options.crowd // 2
    new_u, new_v = sample_sphere(key, (2, options.candidates * options.crowd))
    old, new = (jnp.argsort(_price(terms, eps, *x))[:half] for x in ((u, v), (new_u, new_v)))
    return jnp.concatenate([u[old], new_u[new]]), jnp.concatenate([v[old], new_v[new]])


def _towards_minimum(terms: Terms, eps: float | jax.Array, u: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A Newton step of one pair of hidden vectors on S^2 x S^2.

    The curvature of the spheres, which is negative, is left out: then the Hessian is positive and the step goes down.
    Near a corner that hardly changes it.
    """
    p, a, b = terms
    (e, f), (g, h) = tangents(u), tangents(v)
    rows = jnp.stack([a @ e, a @ f, b @ g, b @ h])
    z = a @ u + b @ v
    root = jnp.sqrt(z * z + eps * eps)
    gradient = rows @ (p * z / root)
    hessian = (rows * (p * eps * eps / root**3)) @ rows.T
    # Away from all corners the Hessian nearly vanishes in some direction.
    hessian += 1e-6 * jnp.trace(hessian) * jnp.eye(4)
    # Solved in 2 x 2 blocks, which stay in registers for all of a batch; a batched 4 x 4 solver does not.
    A, B, D = hessian[:2, :2], hessian[:2, 2:], hessian[2:, 2:]
    inverse = _inverse(A)
    second = _inverse(D - B.T @ inverse @ B) @ (gradient[2:] - B.T @ (inverse @ gradient[:2]))
    first = inverse @ (gradient[:2] - B @ second)
    move = -jnp.concatenate([first, second])
    # No further than the scale on which the rounded function is quadratic.
    move *= jnp.minimum(1.0, 4 * eps / jnp.maximum(jnp.sqrt(move @ move), 1e-300))
    return normalised(u + move[0] * e + move[1] * f), normalised(v + move[2] * g + move[3] * h)


def _inverse(M: jax.Array) -> jax.Array:
    """The inverse of a 2 x 2 matrix."""
    adjugate = jnp.array([[M[1, 1], -M[0, 1]], [-M[1, 0], M[0, 0]]])
    return adjugate / (M[0, 0] * M[1, 1] - M[0, 1] * M[1, 0])
