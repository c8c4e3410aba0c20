"""Gradient ascent on Leggett models: the largest visibility to which an ensemble of hidden vectors can be brought."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._checks import MAX_SEED, InputError, counted, integer, quoted
from .._numerics import normalised, random_key
from ..inequalities.worst_vectors import Prices, descend
from ..joint_rotations import CRITICAL_ANGLE, isotropic_mean
from ..lp.column_generation import generate
from ..lp.restricted_programme import RestrictedProgramme
from ..models.interpolated import InterpolatedModel, IsotropicModel
from ..runs import Ending
from ..settings import SettingPairs
from ..sphere import sample_sphere
from ..states import TwoQubitState, correlation_in_numpy, werner
from .interruptible import interruptible


@dataclass(frozen=True)
class AscentOptions:
    """How an ensemble of hidden vectors is improved. Lengths are those of unit vectors, or of logarithms of weights."""

    turned_steps: int = 800
    """Steps for weights on angles, with all settings."""

    turned_rate: float = 0.05
    """Length of each of these steps."""

    steps: int = 6000
    """Steps of Adam for free hidden vectors, at finitely many settings."""

    rate: float = 0.01
    """First length of these steps; it falls to 0 along a cosine."""

    rounding: tuple[float, float] = (0.1, 1e-5)
    """The eps of sqrt(x^2 + eps^2), which stands for |x|, at the first and at the last of these steps."""

    softness: tuple[float, float] = (0.03, 3e-5)
    """The s of the softened least visibility, -s log sum exp(-V/s), at the first and at the last of these steps."""

    corners: int = 6
    """Linear programmes for the weights in the end, with hidden vectors in the corners of their prices in between."""


DEFAULT = AscentOptions()


@dataclass(frozen=True, eq=False)
class Ascent:
    """A Leggett model that gradients made, and the visibility up to which it reproduces the state.

    visibility  the largest visibility that the model reaches, at most 1
    model       its hidden vectors and weights
    state       the state at visibility 1
    settings    where it reproduces the state; None for all settings, then its hidden vectors are turned together
    seconds     time that the ascent took
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
    options: AscentOptions = DEFAULT,
) -> Ascent:
    """Gradient ascent on Leggett models: the largest V that an ensemble of hidden vectors can be brought to.

    settings  `all`, for Werner states: joint rotations of pairs u, -v at angles theta, with a weight each on a
              grid of `hidden` angles; what is raised is min over phi of (1 - sum_j mu_j F(theta_j, phi)) / cos phi
              (docs/WERNER.md). Or setting pairs, or their name: `hidden` free u, v of S^2 x S^2 with a weight each
    state     a state without marginals [the singlet]
    hidden    number of angles, or of pairs of hidden vectors
    seed      an integer from 0 to 2^63 - 1: of the first hidden vectors, and of settings named `random:N`
    options   how the ascent is made

    With all settings the steps are those of the natural gradient (S. Amari, Neural Comput. 10, 251 (1998)); free
    hidden vectors move by Adam (D. P. Kingma and J. Ba, ICLR 2015) and end in corners of a linear programme's prices,
    which also gives their weights. Returned are the model and the visibility that it reaches. Raises InputError for
    arguments outside of what is described here, and KeyboardInterrupt at once on Ctrl-C.

    >>> from jaxleggett.searches import improve_model
    >>> found = improve_model("all", hidden=100)
    >>> print(f"{found.visibility:.6f}")
    0.853553
    """
    began = time.monotonic()
    hidden = integer("hidden", hidden, 2, 10**5)
    key = random_key(integer("seed", seed, 0, MAX_SEED))
    state = werner() if state is None else state
    pairs = SettingPairs.parse(settings, seed) if isinstance(settings, str) and settings != "all" else settings
    if not isinstance(pairs, SettingPairs | str):
        raise InputError(f"settings must be SettingPairs or a name, but are {quoted(settings)}")
    T = np.asarray(state.T)
    if pairs == "all" and not (T == -np.eye(3)).all():
        raise InputError("state must be the singlet with all settings")
    if max(np.abs(np.asarray(r)).max() for r in (state.r_A, state.r_B)) > 1e-12:
        raise InputError("state must have vanishing marginals: gradient steps would not keep those of a model")
    if isinstance(pairs, str):
        V, model = interruptible(lambda: _rotated(hidden, options))
    else:
        V, model = interruptible(lambda: _free(key, pairs, state, hidden, options))
    where = None if isinstance(pairs, str) else pairs
    return Ascent(min(V, 1.0), model, state, where, time.monotonic() - began)


def _rotated(number: int, options: AscentOptions) -> tuple[float, InterpolatedModel]:
    """Weights on `number` angles theta between u and -v, from equal ones."""
    theta = np.linspace(0, np.pi, number)
    phi = np.append(np.linspace(0, 1.5, 301), CRITICAL_ANGLE)
    F = isotropic_mean(theta[:, None], phi[None])

    def visibility(mu: jax.Array) -> jax.Array:
        return ((1 - mu @ F) / np.cos(phi)).min()

    def climb(_: int, carried: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        # The natural gradient of a probability, in steps of equal length by the Fisher metric, which do not become
        # slow where only neighbouring angles are still to be told apart.
        logits, best = carried
        mu = jax.nn.softmax(logits)
        uphill = jax.grad(visibility)(mu)
        uphill -= mu @ uphill
        spread = jnp.sqrt(mu @ uphill**2)
        logits = jnp.maximum(
            jax.nn.log_softmax(logits + options.turned_rate * uphill / jnp.maximum(spread, 1e-30)), -700.0
        )
        return logits, jnp.where(visibility(mu) > visibility(best), mu, best)

    flat = jnp.zeros(number)
    mu = jax.lax.fori_loop(0, options.turned_steps, climb, (flat, jax.nn.softmax(flat)))[1]
    used = np.flatnonzero(np.asarray(mu) > 1e-300)
    z = np.broadcast_to([0.0, 0.0, 1.0], (len(used), 3))
    w = np.stack([np.sin(theta[used]), np.zeros(len(used)), np.cos(theta[used])], axis=1)
    weights = np.asarray(mu)[used]
    V = float(visibility(mu))
    return V, IsotropicModel(weights / weights.sum(), z, -w, werner(V), np.eye(3))


class Parameters(NamedTuple):
    """What Adam moves: logarithms of weights (K,), but for a constant, and hidden vectors u, v (K, 3) of length 1."""

    logits: jax.Array
    u: jax.Array
    v: jax.Array


def _free(
    key: jax.Array, pairs: SettingPairs, state: TwoQubitState, number: int, options: AscentOptions
) -> tuple[float, InterpolatedModel]:
    """`number` free hidden vectors, from random ones; at the end the best weights for them, by linear programmes."""
    correlator = np.asarray(state.correlation(pairs.a, pairs.b)[2])
    # (P) where V C counts: E|u.a + v.b| <= 1 + V C where C < 0, and with (a, -b) where C > 0.
    counts = np.abs(correlator) > 1e-9
    a, b, C = pairs.a[counts], pairs.b[counts], correlator[counts]
    b, C = -np.sign(C)[:, None] * b, np.abs(C)
    if not len(C):
        raise InputError("settings must hold a pair with a correlator that is not 0")
    u, v = sample_sphere(key, (2, number))
    # Half of the pairs begin opposite to each other, as those of the explicit model are.
    first = Parameters(jnp.zeros(number), u, jnp.where(jnp.arange(number)[:, None] % 2, v, -u))

    def visibilities(x: Parameters, eps: jax.Array) -> jax.Array:
        z = normalised(x.u) @ a.T + normalised(x.v) @ b.T
        return (1 - jax.nn.softmax(x.logits) @ jnp.sqrt(z * z + eps * eps)) / C

    adam = optax.adam(optax.cosine_decay_schedule(options.rate, options.steps))

    def climb(i: jax.Array, carried: tuple[Parameters, optax.OptState]) -> tuple[Parameters, optax.OptState]:
        x, memory = carried
        # Corners, of |x| and of the least of the visibilities, are rounded less and less.
        eps, softness = (
            start * (end / start) ** (i / options.steps) for start, end in (options.rounding, options.softness)
        )
        gradient = jax.grad(lambda x: softness * jax.nn.logsumexp(-visibilities(x, eps) / softness))(x)
        updates, memory = adam.update(gradient, memory)
        moved = Parameters(*jax.tree.map(jnp.add, x, updates))
        return moved._replace(u=normalised(moved.u), v=normalised(moved.v)), memory

    found, _ = jax.jit(lambda x: jax.lax.fori_loop(0, options.steps, climb, (x, adam.init(x))))(first)
    return _weighed(state, pairs, np.asarray(found.u), np.asarray(found.v), options.corners)


class _Corners:
    """The best weights for given hidden vectors, and for the corners of the prices nearest to them.

    A `Question` of column generation without an upper bound. In each round the local minima of the prices join to which
    Newton steps from the given vectors lead.
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
        """Never, because there is no upper bound to report."""
        return False

    def search_again(self, number: int) -> None:
        """Do nothing: there is no bound that could be refuted."""

    def grow(self) -> bool:
        """Put what was found into the programme."""
        u, v = self.found
        x, y = self.pairs.a @ u.T, self.pairs.b @ v.T
        self.programme.add_hidden(np.abs(np.concatenate([x + y, x - y])), np.zeros((0, len(u))))
        self.u, self.v = np.concatenate([self.u, u]), np.concatenate([self.v, v])
        return True

    def model(self) -> InterpolatedModel:
        """The model of all vectors with a weight, and of their opposites, so that marginals vanish."""
        weights = self.solution.weights
        used = np.flatnonzero(weights)
        u, v = self.u[used], self.v[used]
        target = self.state.with_visibility(self.solution.V)
        both = np.concatenate([u, -u]), np.concatenate([v, -v])
        return InterpolatedModel(np.tile(weights[used], 2) / 2, *both, target)


def _weighed(
    state: TwoQubitState, pairs: SettingPairs, u: np.ndarray, v: np.ndarray, rounds: int
) -> tuple[float, InterpolatedModel]:
    """The best weights for hidden vectors u, v and for the corners of the programme's prices nearest to them."""
    corners = _Corners(state, pairs, u, v)
    if generate(corners, tolerance=0.0, most_rounds=rounds) == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    return corners.solution.V, corners.model()
