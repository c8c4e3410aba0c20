"""Gradient ascent on Leggett models: how far an ensemble of hidden vectors can be taken."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._checks import MAX_SEED, InputError, counted, integer
from .._numerics import double_precision, normalised, random_key
from ..inequalities.worst_vectors import Prices, descend
from ..joint_rotations import CRITICAL_ANGLE, twirled_bound
from ..lp.column_generation import generate
from ..lp.restricted_programme import RestrictedProgramme
from ..models.interpolated import InterpolatedModel, IsotropicModel
from ..runs import Ending
from ..settings import SettingPairs
from ..sphere import sample_sphere
from ..states import TwoQubitState, correlation_in_numpy, werner
from .explicit_model import DEFAULT

FREE_STEPS, FREE_RATE = 6000, 0.01
"""The same where many hidden vectors share the work."""

CORNERS = 6
"""Linear programmes for the weights in the end, with hidden vectors in the corners of their prices in between."""


@dataclass(frozen=True, eq=False)
class Ascent:
    """A Leggett model that gradients made, and the visibility up to which it reproduces the state.

    At `settings`, or at all of them for Werner states (None): then its hidden vectors are turned together.
    """

    visibility: float
    model: InterpolatedModel
    state: TwoQubitState
    settings: SettingPairs | None
    seconds: float

    def __str__(self) -> str:
        where = "all settings" if self.settings is None else counted(len(self.settings), "setting pair")
        return (
            f"a Leggett model by gradient ascent, at {where}\n"
            f"  reaches     V = {self.visibility:.12f}\n"
            f"  made of     {counted(len(self.model.weights), 'pair')} of hidden vectors\n"
            f"  time        {self.seconds:.1f} s"
        )


def improve_model(
    settings: SettingPairs | str = "all",
    state: TwoQubitState | None = None,
    *,
    hidden: int = 1000,
    seed: int = 0,
) -> Ascent:
    """Gradient ascent on Leggett models: the largest V that an ensemble of hidden vectors can be brought to.

    settings  `all`, for Werner states: joint rotations of pairs u, -v at angles theta, with a weight each on a
              grid of `hidden` angles; what is raised is min over phi of (1 - sum_j mu_j F(theta_j, phi)) / cos phi
              (docs/WERNER.md). Or setting pairs: `hidden` free u, v of S^2 x S^2 with a weight each
    state     a state without marginals [the singlet]

    Free hidden vectors end in corners of a linear programme's prices, which also gives their weights. Raises
    InputError for bad arguments.
    """
    began = time.monotonic()
    hidden = integer("hidden", hidden, 2, 10**5)
    key = random_key(integer("seed", seed, 0, MAX_SEED))
    state = werner() if state is None else state
    pairs = SettingPairs.parse(settings, seed) if isinstance(settings, str) and settings != "all" else settings
    T = np.asarray(state.T)
    if pairs == "all" and not (T == -np.eye(3)).all():
        raise InputError("state must be the singlet with all settings")
    if max(np.abs(np.asarray(r)).max() for r in (state.r_A, state.r_B)) > 1e-12:
        raise InputError("state must have vanishing marginals: gradient steps would not keep those of a model")
    with double_precision():
        V, model = _rotated(hidden) if isinstance(pairs, str) else _free(key, pairs, state, hidden)
    where = None if isinstance(pairs, str) else pairs
    return Ascent(min(V, 1.0), model, state, where, time.monotonic() - began)


def _rotated(number: int) -> tuple[float, InterpolatedModel]:
    """Weights on angles theta between u and -v, from equal ones."""
    theta = np.linspace(0, np.pi, number)
    phi = np.append(np.linspace(0, 1.5, 301), CRITICAL_ANGLE)
    F = twirled_bound(theta[:, None], phi[None])

    def visibility(mu: Any) -> Any:
        return ((1 - mu @ F) / np.cos(phi)).min()

    def climb(_: Any, carried: Any) -> Any:
        # The natural gradient of a probability, in steps of equal length by its own metric: they
        # do not tire where what is left to tell apart are neighbouring angles.
        logits, best = carried
        mu = jax.nn.softmax(logits)
        uphill = jax.grad(visibility)(mu)
        uphill -= mu @ uphill
        spread = jnp.sqrt(mu @ uphill**2)
        logits = jnp.maximum(jax.nn.log_softmax(logits + DEFAULT.rate * uphill / jnp.maximum(spread, 1e-30)), -700.0)
        return logits, jnp.where(visibility(mu) > visibility(best), mu, best)

    flat = jnp.zeros(number)
    mu = jax.lax.fori_loop(0, 2 * DEFAULT.steps, climb, (flat, jax.nn.softmax(flat)))[1]
    used = np.flatnonzero(np.asarray(mu) > 1e-300)
    z = np.broadcast_to([0.0, 0.0, 1.0], (len(used), 3))
    w = np.stack([np.sin(theta[used]), np.zeros(len(used)), np.cos(theta[used])], axis=1)
    weights = np.asarray(mu)[used]
    V = float(visibility(mu))
    return V, IsotropicModel(weights / weights.sum(), z, -w, werner(V), np.eye(3))


def _free(key: jax.Array, pairs: SettingPairs, state: TwoQubitState, number: int) -> tuple[float, InterpolatedModel]:
    """Free hidden vectors, from random ones; at the end the best weights for them, by a linear programme."""
    correlator = np.asarray(state.correlation(pairs.a, pairs.b)[2])
    # (P) where V C counts: E|u.a + v.b| <= 1 + V C where C < 0, and with (a, -b) where C > 0.
    counts = np.abs(correlator) > 1e-9
    a, b, C = pairs.a[counts], pairs.b[counts], correlator[counts]
    b, C = -np.sign(C)[:, None] * b, np.abs(C)
    if not len(C):
        raise InputError("settings must hold a pair with a correlator that is not 0")
    u, v = sample_sphere(key, (2, number))
    parameters = {"logits": jnp.zeros(number), "u": u, "v": jnp.where(jnp.arange(number)[:, None] % 2, v, -u)}

    def visibilities(x: Any, eps: Any) -> Any:
        z = normalised(x["u"]) @ a.T + normalised(x["v"]) @ b.T
        return (1 - jax.nn.softmax(x["logits"]) @ jnp.sqrt(z * z + eps * eps)) / C

    adam = optax.adam(optax.cosine_decay_schedule(FREE_RATE, FREE_STEPS))

    def climb(i: Any, carried: Any) -> Any:
        x, memory = carried
        # Corners, of |x| and of the least of the visibilities, are rounded less and less.
        eps, softness = 0.1 * 1e-4 ** (i / FREE_STEPS), 0.03 * 1e-3 ** (i / FREE_STEPS)
        gradient = jax.grad(lambda x: softness * jax.nn.logsumexp(-visibilities(x, eps) / softness))(x)
        updates, memory = adam.update(gradient, memory)
        x: Any = optax.apply_updates(x, updates)
        return {**x, "u": normalised(x["u"]), "v": normalised(x["v"])}, memory

    found, _ = jax.jit(lambda x: jax.lax.fori_loop(0, FREE_STEPS, climb, (x, adam.init(x))))(parameters)
    return _weighed(state, pairs, np.asarray(found["u"]), np.asarray(found["v"]))


class _Corners:
    """The best weights for given hidden vectors, and for the corners of the prices nearest to them.

    A `Question` of column generation that asks for no upper bound: what joins are the local minima of the prices that
    Newton steps lead to from the given vectors, for a number of rounds.
    """

    upper = 1.0

    def __init__(self, state: TwoQubitState, pairs: SettingPairs, u: np.ndarray, v: np.ndarray) -> None:
        self.state, self.pairs, self.start = state, pairs, (u, v)
        C = correlation_in_numpy(state, pairs.a, pairs.b)[2]
        self.programme = RestrictedProgramme(np.zeros(0))
        self.programme.add_pairs(np.zeros((2 * len(pairs), 0)), np.concatenate([C, -C]))
        self.u, self.v = np.zeros((0, 3)), np.zeros((0, 3))
        self.found = u, v
        self.grow()

    @property
    def lower(self) -> float:
        """What the weights reach."""
        return self.solution.V

    def solve(self) -> None:
        """Solve the programme over the vectors so far."""
        self.solution = self.programme.solve()

    def find_worst(self, number: int) -> None:
        """Follow the given vectors down to corners of the prices."""
        plus, minus = np.split(self.solution.pairs, 2)
        prices = Prices(plus, minus, np.zeros(3), np.zeros(3), self.pairs.a, self.pairs.b)
        u, v, _ = descend(prices.padded(), *self.start)
        self.found = np.asarray(u), np.asarray(v)

    def to_be_reported(self, tolerance: float) -> bool:
        """Never: there is no upper bound to report."""
        return False

    def search_again(self, number: int) -> None:
        """Nothing to refute."""

    def grow(self) -> bool:
        """Put what was found into the programme."""
        u, v = self.found
        x, y = self.pairs.a @ u.T, self.pairs.b @ v.T
        self.programme.add_hidden(np.abs(np.concatenate([x + y, x - y])), np.zeros((0, len(u))))
        self.u, self.v = np.concatenate([self.u, u]), np.concatenate([self.v, v])
        return True

    def model(self) -> InterpolatedModel:
        """The vectors in use with their opposites, so that marginals vanish."""
        weights = self.solution.weights
        used = np.flatnonzero(weights)
        u, v = self.u[used], self.v[used]
        target = self.state.with_visibility(self.solution.V)
        both = np.concatenate([u, -u]), np.concatenate([v, -v])
        return InterpolatedModel(np.tile(weights[used], 2) / 2, *both, target)


def _weighed(
    state: TwoQubitState, pairs: SettingPairs, u: np.ndarray, v: np.ndarray
) -> tuple[float, InterpolatedModel]:
    """The best weights for hidden vectors u, v and for the corners of the programme's prices nearest to them."""
    corners = _Corners(state, pairs, u, v)
    if generate(corners, tolerance=0.0, most_rounds=CORNERS) == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    return corners.solution.V, corners.model()
