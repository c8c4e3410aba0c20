"""Many Leggett inequalities improved at once: gradient steps on the settings, hidden vectors kept up to date.

An inequality -sum_i p_i C(a_i, b_i) <= sum_i p_i - m for Werner states, p_i >= 0, has the threshold

    V = (sum_i p_i - m) / sum_i p_i a_i.b_i,        m = min over u, v of sum_i p_i |u.a_i + v.b_i|.

It is a game: one player chooses p, a and b, the other u and v. Here the second keeps a crowd of hidden
vectors near the minima, led back there by Newton's method after every step of the first, which goes down
the gradient of a soft maximum over the crowd. By the envelope theorem the hidden vectors count as
constants in it. |x| is rounded to sqrt(x^2 + eps^2); eps, the softness of the maximum and the steps
shrink together. What comes out is a good start for `polishing`, no bound.

Every function works on one restart; `advance` is the batch of all of them, and runs on any device.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from .._numerics import dot, normalised, tangents
from ..sphere import sample_sphere

STEPS = 800
"""Steps of a restart."""

SEGMENT = 100
"""Steps between two looks at the clock."""

CROWD = 96
"""Hidden vectors of a restart."""

REFRESHED = 10
"""Steps after which half of the crowd, those farthest from the bound, make room for new ones."""

CANDIDATES = 16
"""Random hidden vectors, per member of the crowd, among which the new ones are the best."""

RATE, LAST_RATE = 0.1, 0.002
"""Step length of the optimiser, first and last (settings are unit vectors)."""

ROUNDING = (0.1, 0.003)
"""eps, first and last."""

SOFTNESS = (0.02, 0.0002)
"""Temperature of the soft maximum of V, first and last."""

VALUE_FLOOR = 1e-3
"""The value of an inequality, relative to its coefficients, below which its threshold is taken as if it had this."""

optimiser = optax.scale_by_adam()

rate = optax.cosine_decay_schedule(RATE, STEPS, alpha=LAST_RATE / RATE)


def begin(key: jax.Array, raw: Any, a: Any, b: Any, axes: Any) -> dict[str, Any]:
    """The state of one restart: parameters of shape (J,), (J, 3), (J, 3), the optimiser's memory and the crowd.

    The weights are the softplus of `raw`. Settings stay orthogonal to their `axes` (J, 3), where these are not 0.
    """
    parameters = {"raw": raw, "a": a, "b": b}
    u, v = sample_sphere(key, (2, CROWD))
    memory = optimiser.init(parameters)
    return {"parameters": parameters, "axes": axes, "memory": memory, "u": u, "v": v, "threshold": jnp.array(jnp.inf)}


@functools.partial(jax.jit, donate_argnums=2)
def advance(keys: jax.Array, rotations: Any, states: dict[str, Any], done: Any) -> dict[str, Any]:
    """`SEGMENT` steps of all restarts, of which `done` steps are behind them."""

    def one(key: Any, state: Any) -> Any:
        return jax.lax.fori_loop(0, SEGMENT, lambda i, s: _step(key, rotations, s, done + i), state)

    return jax.vmap(one)(keys, states)


def weights_of(parameters: dict[str, Any]) -> Any:
    """p (J,) >= 0, scaled to the value sum p a.b = 1 at the singlet."""
    p = jax.nn.softplus(parameters["raw"])
    value = p @ dot(parameters["a"], parameters["b"])
    return p / jnp.maximum(value, VALUE_FLOOR * p.sum())


def _step(key: Any, rotations: Any, state: dict[str, Any], number: Any) -> dict[str, Any]:
    """The crowd led back to the minima, then one step of the optimiser."""
    share = number / STEPS
    eps, softness = (first * (last / first) ** share for first, last in (ROUNDING, SOFTNESS))
    terms = _terms(rotations, state["parameters"])
    fresh = functools.partial(_refreshed, jax.random.fold_in(key, number), terms, eps)
    u, v = jax.lax.cond(number % REFRESHED == 0, fresh, lambda u, v: (u, v), state["u"], state["v"])
    u, v = jax.vmap(functools.partial(_towards_minimum, terms, eps))(u, v)

    def threshold(parameters: Any) -> tuple[Any, Any]:
        p, a, b = _terms(rotations, parameters)
        V = p.sum() - _price((p, a, b), eps, u, v)
        return softness * jax.nn.logsumexp(V / softness), V.max()

    gradient, highest = jax.grad(threshold, has_aux=True)(state["parameters"])
    updates, memory = optimiser.update(gradient, state["memory"])
    length: Any = rate(number)
    updates = jax.tree.map(lambda x: -length * x, updates)
    parameters: Any = optax.apply_updates(state["parameters"], updates)
    axes, project = state["axes"], jax.vmap(optax.projections.projection_l2_sphere)
    for name in ("a", "b"):
        # Along an axis the gradient is 0 but for rounding, which the optimiser would take for a direction.
        x = parameters[name]
        parameters[name] = project(x - dot(x, axes)[:, None] * axes)
    return {**state, "parameters": parameters, "memory": memory, "u": u, "v": v, "threshold": highest}


def _terms(rotations: Any, parameters: dict[str, Any]) -> tuple[Any, Any, Any]:
    """p (N,), a and b (N, 3) of all pairs of the orbits, settings normalised."""
    a, b = normalised(parameters["a"]), normalised(parameters["b"])
    p = weights_of({**parameters, "a": a, "b": b})
    a, b = (jnp.einsum("gij,nj->ngi", rotations, x).reshape(-1, 3) for x in (a, b))
    return jnp.repeat(p, len(rotations)) / len(rotations), a, b


def _price(terms: tuple[Any, Any, Any], eps: Any, u: Any, v: Any) -> Any:
    """sum p sqrt((u.a + v.b)^2 + eps^2) for u, v (K, 3): (K,)."""
    p, a, b = terms
    z = u @ a.T + v @ b.T
    return jnp.sqrt(z * z + eps * eps) @ p


def _refreshed(key: Any, terms: Any, eps: Any, u: Any, v: Any) -> tuple[Any, Any]:
    """The better half of the crowd, and the best of many random hidden vectors."""
    half = CROWD // 2
    new_u, new_v = sample_sphere(key, (2, CANDIDATES * CROWD))
    old, new = (jnp.argsort(_price(terms, eps, *x))[:half] for x in ((u, v), (new_u, new_v)))
    return jnp.concatenate([u[old], new_u[new]]), jnp.concatenate([v[old], new_v[new]])


def _towards_minimum(terms: tuple[Any, Any, Any], eps: Any, u: Any, v: Any) -> tuple[Any, Any]:
    """A Newton step of one pair of hidden vectors on S^2 x S^2.

    The curvature of the spheres, which is negative, is left out: the Hessian is then positive, the step goes
    down, and near a corner it is Newton's. In 2 x 2 blocks, which stay in registers for all of a batch.
    """
    p, a, b = terms
    (e, f), (g, h) = tangents(u), tangents(v)
    rows = jnp.stack([a @ e, a @ f, b @ g, b @ h])
    z = a @ u + b @ v
    root = jnp.sqrt(z * z + eps * eps)
    gradient = rows @ (p * z / root)
    hessian = (rows * (p * eps * eps / root**3)) @ rows.T
    hessian += 1e-6 * jnp.trace(hessian) * jnp.eye(4)
    A, B, D = hessian[:2, :2], hessian[:2, 2:], hessian[2:, 2:]
    inverse = _inverse(A)
    second = _inverse(D - B.T @ inverse @ B) @ (gradient[2:] - B.T @ (inverse @ gradient[:2]))
    first = inverse @ (gradient[:2] - B @ second)
    move = -jnp.concatenate([first, second])
    # No further than the scale on which the rounded function is quadratic.
    move *= jnp.minimum(1.0, 4 * eps / jnp.maximum(jnp.sqrt(move @ move), 1e-300))
    return normalised(u + move[0] * e + move[1] * f), normalised(v + move[2] * g + move[3] * h)


def _inverse(M: Any) -> Any:
    """Of a 2 x 2 matrix."""
    adjugate = jnp.array([[M[1, 1], -M[0, 1]], [-M[1, 0], M[0, 0]]])
    return adjugate / (M[0, 0] * M[1, 1] - M[0, 1] * M[1, 0])
