"""Gradient searches on the side of the models: where the explicit one breaks, and how far others can be taken."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._checks import MAX_RESTARTS, MAX_SEED, integer
from .._numerics import dot, double_precision, normalised, random_key
from ..correlation import OUTCOMES, probabilities
from ..models.werner import WernerModel
from ..sphere import sample_sphere
from ..verification.report import Witness

STARTS = 4096
"""Starts of a search for where the explicit model breaks."""

STEPS = 400
"""Gradient steps of every search here."""

RATE = 0.05
"""First step length, with settings and hidden vectors of length 1; it falls to 0 along a cosine."""

SLOPE = 1e-3
"""Probabilities that fall more slowly than this with V are left alone: where they vanish is lost in rounding."""

ABOVE = 1e-6
"""How far above the critical visibility the witness's probability is given."""


@dataclass(frozen=True)
class Break:
    """The smallest visibility at which the explicit model has a negative probability, and where.

    The witness's probability is that at `witness_visibility`, just above. `starts` searches were made, `reached` of
    which ended within 1e-9 of the best.
    """

    critical_visibility: float
    witness: Witness
    witness_visibility: float
    starts: int
    reached: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The fields of the command line's JSON answer."""
        return {**vars(self), "witness": self.witness.to_json()}

    def __str__(self) -> str:
        w = self.witness
        angle = np.arctan2(np.linalg.norm(np.cross(w.a, w.b)), np.dot(w.a, w.b))
        return (
            f"the model of [B13 (9)] has negative probabilities from V = {self.critical_visibility:.13f} on\n"
            f"  where       settings at {np.degrees(min(angle, np.pi - angle)):.6f} degrees\n"
            f"  found by    {self.reached} of {self.starts} gradient searches, {self.seconds:.1f} s"
        )


def break_model(starts: int = STARTS, seed: int = 0) -> Break:
    """The smallest V at which some probability of the explicit model [B13 (9)] is negative.

    Every probability P is affine in V, so for given settings a, b, hidden vector u and outcome it vanishes at
    V = P_0 / (P_0 - P_1) with its values at V = 0 and 1. Optax goes down the gradient of the least of
    these over the outcomes from random a, b, u, 4096 starts in a batch: Adam, then L-BFGS for the last digits.
    Raises InputError for bad arguments.
    """
    began = time.monotonic()
    starts = integer("starts", starts, 1, MAX_RESTARTS)
    key = random_key(integer("seed", seed, 0, MAX_SEED))
    with double_precision():
        first = jnp.stack(sample_sphere(key, (3, starts)), axis=1)
        parts = [_break_all(part) for part in np.split(np.asarray(first), range(STARTS, starts, STARTS))]
        found, V = (np.concatenate(x) for x in zip(*parts, strict=True))
        best = int(np.argmin(V))
        a, b, u = found[best]
        outcome = int(np.argmin(_vanishing(a, b, u)))
        alpha, beta = OUTCOMES[outcome]
        above = float(V[best]) + ABOVE
        probability = float(_probabilities(above, a, b, u)[outcome])
    a, b, u, v = (tuple(map(float, x)) for x in (a, b, u, -u))
    return Break(
        critical_visibility=float(V[best]),
        witness=Witness(a, b, u, v, int(alpha), int(beta), probability),
        witness_visibility=above,
        starts=starts,
        reached=int((V < V[best] + 1e-9).sum()),
        seconds=time.monotonic() - began,
    )


def _probabilities(V: Any, a: Any, b: Any, u: Any) -> Any:
    return probabilities(dot(u, a), -dot(u, b), WernerModel(V).correlator(u, -u, a, b))


def _vanishing(a: Any, b: Any, u: Any) -> jax.Array:
    """The V at which each of the four probabilities vanishes; 2 where it does not fall with V."""
    at_0, at_1 = _probabilities(0.0, a, b, u), _probabilities(1.0, a, b, u)
    falls = at_0 - at_1 > SLOPE
    return jnp.where(falls, at_0 / jnp.where(falls, at_0 - at_1, 1.0), 2.0 + at_1)


@jax.jit
def _break_all(first: Any) -> tuple[Any, Any]:
    """Where searches from `first` (S, 3, 3), rows a, b, u, end, and V there (S,)."""

    def loss(x: Any) -> Any:
        return _vanishing(*normalised(x)).min()

    def one(x: Any) -> tuple[Any, Any]:
        adam = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

        def descend(_: int, state: Any) -> Any:
            x, memory = state
            updates, memory = adam.update(jax.grad(loss)(x), memory)
            return normalised(jnp.asarray(optax.apply_updates(x, updates))), memory

        x, _ = jax.lax.fori_loop(0, STEPS, descend, (x, adam.init(x)))
        newton = optax.lbfgs()
        value_and_gradient = optax.value_and_grad_from_state(loss)

        def polish(_: int, state: Any) -> Any:
            x, memory = state
            value, gradient = value_and_gradient(x, state=memory)
            updates, memory = newton.update(gradient, memory, x, value=value, grad=gradient, value_fn=loss)
            return optax.apply_updates(x, updates), memory

        y, _ = jax.lax.fori_loop(0, 12, polish, (x, newton.init(x)))
        y = normalised(y)
        x = jnp.where(loss(y) <= loss(x), y, x)
        return x, loss(x)

    return jax.vmap(one)(first)
