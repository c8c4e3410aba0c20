"""Where the explicit model [B13 (9)] breaks: the smallest visibility with a negative probability, by gradients."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._checks import MAX_RESTARTS, MAX_SEED, counted, integer
from .._numerics import dot, double_precision, normalised, random_key
from ..correlation import OUTCOMES, probabilities
from ..models.werner import WernerModel
from ..runs import Ending, Progress
from ..sphere import sample_sphere
from ..verification.report import Witness
from .interruptible import interruptible

if TYPE_CHECKING:
    from jax.typing import ArrayLike

STARTS = 4096
"""Starts where the caller names no number."""


@dataclass(frozen=True)
class BreakOptions:
    """How the descent to a vanishing probability is made."""

    batch: int = 256
    """Starts that run together; after Ctrl-C the batch that is not finished is lost."""

    steps: int = 400
    """Steps of Adam from each start."""

    rate: float = 0.05
    """First length of Adam's steps, with settings and hidden vectors of length 1; it falls to 0 along a cosine."""

    last_steps: int = 12
    """Steps of L-BFGS after those of Adam, for the last digits."""

    slope: float = 1e-3
    """A probability that falls more slowly than this with V is not used: rounding hides where it vanishes."""

    above: float = 1e-6
    """How far above the critical visibility the witness's probability is given."""


DEFAULT = BreakOptions()


@dataclass(frozen=True)
class Break:
    """The smallest visibility at which the explicit model has a negative probability, and where.

    The witness's probability is that at `witness_visibility`, which is slightly larger. `starts` descents were
    finished, and `reached` of these ended within 1e-9 of the best. `critical_visibility` is 1 and there is no witness
    where none of them found a negative probability up to V = 1, or none was finished before Ctrl-C.
    """

    critical_visibility: float
    witness: Witness | None
    witness_visibility: float | None
    starts: int
    reached: int
    status: Ending
    seconds: float

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer."""
        return {
            "critical_visibility": self.critical_visibility,
            "witness": None if self.witness is None else self.witness.to_json(),
            "witness_visibility": self.witness_visibility,
            "starts": self.starts,
            "reached": self.reached,
            "status": str(self.status),
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        by = f"{counted(self.starts, 'gradient search', 'gradient searches')} ({self.status}), {self.seconds:.1f} s"
        if self.witness is None:
            return f"no negative probability of the model of [B13 (9)] was found, by {by}"
        w = self.witness
        angle = np.arctan2(np.linalg.norm(np.cross(w.a, w.b)), np.dot(w.a, w.b))
        return (
            f"the model of [B13 (9)] has negative probabilities from V = {self.critical_visibility:.13f} on\n"
            f"  where       settings at {np.degrees(min(angle, np.pi - angle)):.6f} degrees\n"
            f"  found by    {self.reached:,} of {by}"
        )


def break_model(
    starts: int = STARTS,
    seed: int = 0,
    *,
    progress: Callable[[Progress], None] | None = None,
    options: BreakOptions = DEFAULT,
) -> Break:
    """The smallest V at which some probability of the explicit model [B13 (9)] is negative.

    Every probability P is affine in V, so for given settings a, b, hidden vector u and outcome it vanishes at

        V = P_0 / (P_0 - P_1),        with its values P_0 at V = 0 and P_1 at V = 1.

    The least of these over the outcomes is minimised over a, b, u from random starts, by gradients: Adam
    (D. P. Kingma and J. Ba, ICLR 2015), then L-BFGS (D. C. Liu and J. Nocedal, Math. Program. 45, 503
    (1989)), both of optax.

    starts      number of random starts
    seed        an integer from 0 to 2^63 - 1; the same seed gives the same answer
    progress    is called after every batch of starts with a `Progress`, whose `upper` is the lowest V so far
    options     how the descent is made

    Returned are the smallest V and a witness that can be recomputed by hand. After Ctrl-C they are what the finished
    batches have found, and `status` is `interrupted`. Raises InputError for arguments outside of what is
    described here.

    >>> from jaxleggett.searches import break_model
    >>> found = break_model(32)
    >>> print(f"{found.critical_visibility:.9f}")
    0.853553391
    """
    began = time.monotonic()
    starts = integer("starts", starts, 1, MAX_RESTARTS)
    key = random_key(integer("seed", seed, 0, MAX_SEED))
    ends, V, status = np.zeros((0, 3, 3)), np.zeros(0), Ending.COMPLETE
    with double_precision():
        try:
            first = np.asarray(sample_sphere(key, (3, starts))).swapaxes(0, 1)
            for batch in np.split(first, range(options.batch, starts, options.batch)):
                # The last batch is filled up with its own rows: compiling another shape takes longer.
                full = np.resize(batch, (options.batch, 3, 3))
                found = [x[: len(batch)] for x in interruptible(functools.partial(_ends, full, options))]
                ends, V = np.concatenate([ends, found[0]]), np.concatenate([V, found[1]])
                if progress:
                    progress(Progress(len(V) / starts, upper=min(float(V.min()), 1.0)))
        except KeyboardInterrupt:
            status = Ending.INTERRUPTED
        least = float(V.min(initial=np.inf))
        witness, above = (None, None) if least > 1 else _witness(ends[V.argmin()], least, options)
    return Break(
        critical_visibility=min(least, 1.0),
        witness=witness,
        witness_visibility=above,
        starts=len(V),
        reached=int((V < least + 1e-9).sum()),
        status=status,
        seconds=time.monotonic() - began,
    )


def _witness(at: np.ndarray, V: float, options: BreakOptions) -> tuple[Witness, float]:
    """The probability that vanishes first at a, b, u, the rows of `at`, a little above V, where it does; and where."""
    a, b, u = at
    outcome = int(np.argmin(_vanishing(a, b, u, options.slope)))
    alpha, beta = OUTCOMES[outcome]
    above = V + options.above
    probability = float(_probabilities(above, a, b, u)[outcome])
    a_, b_, u_, v_ = (tuple(map(float, x)) for x in (a, b, u, -u))
    return Witness(a_, b_, u_, v_, int(alpha), int(beta), probability), above


def _probabilities(V: float, a: ArrayLike, b: ArrayLike, u: ArrayLike) -> jax.Array:
    """The four probabilities of the explicit model, whose hidden vectors are u and v = -u."""
    a, b, u = jnp.asarray(a), jnp.asarray(b), jnp.asarray(u)
    return probabilities(dot(u, a), -dot(u, b), WernerModel(V).correlator(u, -u, a, b))


def _vanishing(a: ArrayLike, b: ArrayLike, u: ArrayLike, slope: float) -> jax.Array:
    """The V at which each of the four probabilities vanishes; above 2 where it does not fall with V."""
    at_0, at_1 = _probabilities(0.0, a, b, u), _probabilities(1.0, a, b, u)
    falls = at_0 - at_1 > slope
    return jnp.where(falls, at_0 / jnp.where(falls, at_0 - at_1, 1.0), 2.0 + at_1)


def _ends(starts: np.ndarray, options: BreakOptions) -> tuple[np.ndarray, np.ndarray]:
    """What `_descended` returns, once it is computed."""
    at, V = _descended(jnp.asarray(starts), options)
    return np.asarray(at), np.asarray(V)


@functools.partial(jax.jit, static_argnums=1)
def _descended(starts: jax.Array, options: BreakOptions) -> tuple[jax.Array, jax.Array]:
    """Where the descents from `starts` (S, 3, 3), with rows a, b, u, end, and the visibilities there (S,)."""

    def loss(x: jax.Array) -> jax.Array:
        a, b, u = normalised(x)
        return _vanishing(a, b, u, options.slope).min()

    def one(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        adam = optax.adam(optax.cosine_decay_schedule(options.rate, options.steps))

        def descend(_: int, state: tuple[jax.Array, optax.OptState]) -> tuple[jax.Array, optax.OptState]:
            x, memory = state
            updates, memory = adam.update(jax.grad(loss)(x), memory)
            return normalised(jnp.asarray(optax.apply_updates(x, updates))), memory

        x, _ = jax.lax.fori_loop(0, options.steps, descend, (x, adam.init(x)))
        newton = optax.lbfgs()
        value_and_gradient = optax.value_and_grad_from_state(loss)

        def polish(_: int, state: tuple[jax.Array, optax.OptState]) -> tuple[jax.Array, optax.OptState]:
            x, memory = state
            value, gradient = value_and_gradient(x, state=memory)
            updates, memory = newton.update(gradient, memory, x, value=value, grad=gradient, value_fn=loss)
            return jnp.asarray(optax.apply_updates(x, updates)), memory

        y, _ = jax.lax.fori_loop(0, options.last_steps, polish, (x, newton.init(x)))
        y = normalised(y)
        # A line search can fail where two outcomes vanish at once; then the end of Adam stands.
        x = jnp.where(loss(y) <= loss(x), y, x)
        return x, loss(x)

    return jax.vmap(one)(starts)
