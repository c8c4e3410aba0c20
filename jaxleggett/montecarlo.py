"""Monte Carlo kernels: stream hidden vectors past setting pairs and keep only sums.

The parts, from small to large:

    chunk     up to 4096 hidden vectors, made from one key, against all pairs of a block
    batch     what standard errors are estimated from: a chunk (mc), or all chunks of one
              independent rotation (rqmc)
    block     up to `BLOCK` pairs that are worked through together, on one device

Chunk i is always the same and chunks are merged in order, so neither the number of chunks in a call
nor the number of devices changes a bit of the result. Memory is O(block x unroll + pairs).

A model with a visibility is run at the two ends of a scan at once: its correlator is affine in V,
so all visibilities between come from the two for nothing. `E` below is the number of such ends.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.tree_util import register_dataclass, register_static

from ._checks import MAX_SAMPLES, InputError, integer
from ._numerics import double_precision
from .correlation import moments, probabilities, smallest_probability
from .models import LeggettModel, marginals, outcomes
from .settings import SettingPairs
from .sphere import sample_sphere

Method = Literal["rqmc", "mc"]

ROTATIONS = 16
"""Independent randomisations of rqmc; their scatter has 15 degrees of freedom."""

CHUNK = 4096
"""Most hidden vectors of a chunk: enough to hide what a chunk costs beyond its inner loop."""

BLOCK = 4096
"""Most pairs of a block: on a CPU its arrays stay in the second-level cache."""

UNROLL = 32
"""Most hidden vectors in one step of the inner loop. XLA turns an unrolled step into one pass over
the pairs per output, with the sums in registers; beyond 32 only the time to compile grows.
(Where pairs are too few to fill vector registers a quarter of it is taken, to compile sooner.)"""


@register_static
@dataclass(frozen=True)
class Plan:
    """How a number of samples is cut: a function of the number and the method alone."""

    method: Method
    batches: int
    chunks_per_batch: int
    chunk: int
    half: bool = False
    """Whether rqmc uses `half_lattice`: for models that have it and an even correlator."""

    @classmethod
    def of(cls, samples: int, method: Method, half: bool = False) -> Plan:
        """Cut `samples`, rounded up where that is needed: to a multiple of 16 for rqmc, to 2 for mc.

        mc takes batches of about 1/128 of the samples, at most a chunk, so that their scatter is
        known to a few per cent. Where no divisor serves as the size of a chunk, the samples are
        rounded up by up to 2 per cent more.
        """
        if method == "mc":
            chunk = _chunk_size(max(2, samples), min(CHUNK, max(1, samples // 128)))
            return cls(method, -(-max(2, samples) // chunk), 1, chunk)
        batch = -(-samples // ROTATIONS)
        chunk = _chunk_size(batch, CHUNK)
        return cls(method, ROTATIONS, -(-batch // chunk), chunk, half)

    @property
    def batch_size(self) -> int:
        """Samples of a batch."""
        return self.chunks_per_batch * self.chunk

    @property
    def num_chunks(self) -> int:
        """Chunks of the run."""
        return self.batches * self.chunks_per_batch

    @property
    def num_samples(self) -> int:
        """Samples of the run."""
        return self.batches * self.batch_size


def _chunk_size(number: int, most: int) -> int:
    """Size of the chunks to cut `number` into: at most `most`, a divisor of `number` if one is near."""
    if number <= most:
        return number
    divisors = (d for d in range(most, most // 2, -1) if number % d == 0)
    fewest = -(-number // most)
    even = -(-number // fewest)
    # Without a divisor: equal chunks, in whole steps of the inner loop where that costs little.
    return next(divisors, -(-even // UNROLL) * UNROLL if even > 50 * UNROLL else even)


@register_static
@dataclass(frozen=True, eq=False)
class _Opaque:
    """A model that is no pytree: compiled into the kernel, anew for every run that makes a wrapper."""

    model: LeggettModel


def as_pytree(model: LeggettModel) -> Any:
    """`model` in a form that jitted functions accept as an argument."""
    return _Opaque(model) if jax.tree.structure(model) == jax.tree.structure(0) else model


def _opened(models: Sequence[Any], dtype: Any) -> list[Any]:
    """The models themselves, their floating-point parameters in `dtype`."""

    def cast(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return [m.model if isinstance(m, _Opaque) else jax.tree.map(cast, m) for m in models]


@register_dataclass
@dataclass(frozen=True)
class Sums:
    """What is kept of the samples seen so far, for E ends and the P pairs of a block, in float64."""

    partial_C: Any
    """(E, P): sum of C over the chunks of the unfinished batch."""
    partial_uv: Any
    """(2, 3): sums of u and of v over those chunks."""
    partial_weight: Any
    """(): sum of the weights over those chunks."""
    mean: Any
    """(E, 4, P): mean of P(alpha, beta) over the finished batches."""
    second: Any
    """(E, E, 4, P): sum over batches of the products of deviations from the mean."""
    smallest: Any
    """(E, P): smallest probability of any sample and outcome."""
    where: Any
    """(E, P): the chunk it was found in."""

    @classmethod
    def zeros(cls, ends: int, pairs: int) -> Sums:
        """The sums of no samples."""
        return cls(
            partial_C=jnp.zeros((ends, pairs), float),
            partial_uv=jnp.zeros((2, 3), float),
            partial_weight=jnp.zeros((), float),
            mean=jnp.zeros((ends, 4, pairs), float),
            second=jnp.zeros((ends, ends, 4, pairs), float),
            smallest=jnp.full((ends, pairs), jnp.inf, float),
            where=jnp.zeros((ends, pairs), jnp.uint32),
        )


def hidden_vectors(key: jax.Array, model: Any, plan: Plan, chunk: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The hidden vectors u, v (n, 3) of chunk number `chunk`, n = plan.chunk, and their weights (n,); float64.

    mc: independent draws with fold_in(key, chunk). rqmc: points of the rule that belongs to
    fold_in(key, rotation).
    """
    if plan.method == "mc":
        return *model.sample(jax.random.fold_in(key, chunk), plan.chunk), jnp.ones(plan.chunk, float)
    rotation, part = chunk // plan.chunks_per_batch, chunk % plan.chunks_per_batch
    index = part.astype(jnp.int64) * plan.chunk + jnp.arange(plan.chunk)
    arguments = jax.random.fold_in(key, rotation), index, plan.batch_size
    return model.half_lattice(*arguments) if plan.half else (*model.lattice(*arguments), jnp.ones(plan.chunk, float))


def chunk_sums(models: Sequence[Any], u: Any, v: Any, weights: Any, a: Any, b: Any) -> tuple[jax.Array, jax.Array]:
    """Weighted sum of C and smallest probability over hidden vectors u, v (n, 3), for settings a, b (3, P).

    Both (E, P); the sums in float64. The arithmetic is done in the dtype of the settings.
    """

    def point(u: Any, v: Any, a: Any, b: Any) -> list[Any]:
        M_A, M_B = marginals(u, v, a, b)
        C = [jnp.asarray(model.correlator(u, v, a, b)).astype(a.dtype) for model in models]
        return [(c, smallest_probability(M_A, M_B, c)) for c in C]

    over_pairs = jax.vmap(point, in_axes=(None, None, 1, 1))
    num, ends, pairs = len(u), len(models), a.shape[1]
    most = UNROLL if pairs >= 512 else UNROLL // 4
    unroll = max(k for k in range(1, most + 1) if num % k == 0)
    hidden = [x.astype(a.dtype) for x in (u, v, weights)]

    def step(i: Any, carry: Any) -> Any:
        u, v, w = (lax.dynamic_slice_in_dim(x, i * unroll, unroll) for x in hidden)
        values = [over_pairs(u[k], v[k], a, b) for k in range(unroll)]
        sums, smallest = [], []
        for end, (total, least) in enumerate(carry):
            C = [value[end][0] for value in values]
            P = [value[end][1] for value in values]
            sums.append(total + jnp.asarray(sum(w[k] * C[k] for k in range(unroll)), float))
            smallest.append(functools.reduce(lambda x, y: jnp.where(y < x, y, x), P, least))
        return list(zip(sums, smallest, strict=True))

    start = (jnp.zeros(pairs, float), jnp.full(pairs, jnp.inf, a.dtype))
    sums, smallest = zip(*lax.fori_loop(0, num // unroll, step, [start] * ends), strict=True)
    return jnp.stack(sums), jnp.stack(smallest).astype(float)


def add_chunk(key: jax.Array, models: Sequence[Any], plan: Plan, a: Any, b: Any, chunk: Any, sums: Sums) -> Sums:
    """`sums` with chunk number `chunk` added; a batch that it completes enters mean and second moments."""
    u, v, weights = hidden_vectors(key, models[0], plan, chunk)
    C, smallest = chunk_sums(models, u, v, weights, a, b)
    found = smallest < sums.smallest
    C = sums.partial_C + C
    weight = sums.partial_weight + weights.sum()
    # The marginals are linear in u and v, so their averages need no sum per pair; opposite points cancel.
    uv = sums.partial_uv + (0.0 if plan.half else jnp.stack([u.sum(0), v.sum(0)]))
    done = (chunk + 1) % plan.chunks_per_batch == 0

    u_mean, v_mean = uv / weight
    M_A, M_B = marginals(u_mean, v_mean, a.T.astype(float), b.T.astype(float))
    P = jnp.moveaxis(probabilities(M_A, M_B, C / weight), -1, 1)
    # Welford's update by one batch
    delta = P - sums.mean
    mean = sums.mean + delta / ((chunk + 1) // plan.chunks_per_batch)
    second = sums.second + delta[:, None] * (P - mean)[None]
    return Sums(
        partial_C=jnp.where(done, 0.0, C),
        partial_uv=jnp.where(done, 0.0, uv),
        partial_weight=jnp.where(done, 0.0, weight),
        mean=jnp.where(done, mean, sums.mean),
        second=jnp.where(done, second, sums.second),
        smallest=jnp.where(found, smallest, sums.smallest),
        where=jnp.where(found, chunk.astype(jnp.uint32), sums.where),
    )


@functools.partial(jax.jit, static_argnames="plan")
def advance(
    key: jax.Array, models: Sequence[Any], plan: Plan, a: Any, b: Any, start: Any, stop: Any, sums: Sums
) -> Sums:
    """`sums` with the chunks `start` to `stop` (excluded) added in order.

    The loop's bounds are arguments, not constants: however the chunks are divided among calls, the
    same compiled code adds them.
    """
    opened = _opened(models, a.dtype)
    return lax.fori_loop(start, stop, lambda chunk, s: add_chunk(key, opened, plan, a, b, chunk, s), sums)


@functools.partial(jax.jit, static_argnames="plan")
def witnesses(key: jax.Array, models: Sequence[Any], plan: Plan, a: Any, b: Any, where: Any) -> jax.Array:
    """The hidden vectors at which the smallest probabilities were found, shape (E, P, 2, 3).

    `where` (E, P) is the chunk of each: that chunk is made again and searched in float64, settings
    a, b of shape (3, P).
    """
    opened = _opened(models, float)

    def search(model: Any) -> Callable[[Any], jax.Array]:
        def one(pair: Any) -> jax.Array:
            a, b, chunk = pair
            u, v, _ = hidden_vectors(key, opened[0], plan, chunk)
            C = jax.vmap(model.correlator, in_axes=(0, 0, None, None))(u, v, a, b)
            best = jnp.argmin(smallest_probability(*marginals(u, v, a, b), C))
            return jnp.stack([u[best], v[best]])

        return one

    a, b = a.T.astype(float), b.T.astype(float)
    return jnp.stack([lax.map(search(m), (a, b, w)) for m, w in zip(opened, where, strict=True)])


@functools.partial(jax.jit, static_argnames="batch_size")
def quadrature_averages(models: Sequence[Any], a: Any, b: Any, batch_size: int = 64) -> tuple[jax.Array, ...]:
    """Averages of P by each model's own quadrature, at settings a, b of shape (3, P).

    Returns the mean (E, 4, P), the smallest probability at a node (E, P), and the hidden vectors of
    that node (E, P, 2, 3).
    """
    opened = _opened(models, a.dtype)

    def one(pair: Any) -> tuple[Any, ...]:
        a, b = pair
        means, least, hidden = [], [], []
        for model in opened:
            u, v, weights = model.quadrature(a, b)
            u, v = u.astype(a.dtype), v.astype(a.dtype)
            M_A, M_B = marginals(u, v, a, b)
            C = jax.vmap(model.correlator, in_axes=(0, 0, None, None))(u, v, a, b)
            P = probabilities(M_A, M_B, C)
            smallest = smallest_probability(M_A, M_B, C)
            best = jnp.argmin(smallest)
            means.append(weights.astype(float) @ P.astype(float))
            least.append(smallest[best])
            hidden.append(jnp.stack([u[best], v[best]]))
        return jnp.stack(means), jnp.stack(least), jnp.stack(hidden)

    mean, smallest, hidden = lax.map(one, (a.T, b.T), batch_size=batch_size)
    smallest, hidden = smallest.astype(float), hidden.astype(float)
    return jnp.moveaxis(mean, 0, -1), smallest.T, jnp.moveaxis(hidden, 0, 1)


PAIR_AXES = (2, 3, 1, 1)
"""Where the pairs are in the arrays of `Averages`."""


@dataclass(frozen=True)
class Averages:
    """What a run found, for E ends and P pairs: NumPy arrays, float64."""

    mean: np.ndarray
    """(E, 4, P): averaged P(alpha, beta)."""
    covariance: np.ndarray | None
    """(E, E, 4, P): covariance of those averages between the ends; None for exact integration."""
    smallest: np.ndarray
    """(E, P): smallest probability met at each end."""
    witness: np.ndarray
    """(E, P, 2, 3): the hidden vectors u, v that gave it."""
    plan: Plan | None

    def arrays(self) -> tuple[np.ndarray | None, ...]:
        """The four arrays, pairs along `PAIR_AXES`."""
        return self.mean, self.covariance, self.smallest, self.witness

    def pairs(self, rows: slice) -> Averages:
        """The same of some pairs alone."""
        cut = [
            None if whole is None else whole[*(slice(None),) * axis, rows]
            for whole, axis in zip(self.arrays(), PAIR_AXES, strict=True)
        ]
        return Averages(*cut, plan=self.plan)  # type: ignore[arg-type]


def average(
    key: jax.Array,
    models: Sequence[LeggettModel],
    a: np.ndarray,
    b: np.ndarray,
    plan: Plan | None,
    *,
    dtype: Any = np.float64,
    devices: Sequence[Any] | None = None,
    chunks_per_call: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Averages:
    """Average the models over `plan.num_samples` hidden vectors, or exactly where `plan` is None.

    `models` are E models that share their hidden vectors (the ends of a scan); a, b have shape
    (P, 3). Blocks of pairs go round `devices` (default: all local ones). `progress` is told the
    evaluations (samples x pairs) done since it was last told. A KeyboardInterrupt keeps the blocks
    that are finished, or the finished batches of the first one; it is raised again only where there
    are neither.
    """
    devices = list(devices or jax.local_devices())
    num, ends = len(a), len(models)
    size = min(BLOCK, -(-num // 8) * 8)
    found = Averages(
        mean=np.empty((ends, 4, num)),
        covariance=np.empty((ends, ends, 4, num)) if plan else None,
        smallest=np.empty((ends, num)),
        witness=np.empty((ends, num, 2, 3)),
        plan=plan,
    )
    if chunks_per_call is None and plan is not None:
        # About a quarter of a second on one core: prompt to stop, rare enough to cost nothing.
        chunks_per_call = max(1, 10**8 // (plan.chunk * size))
    finished = 0
    with double_precision():
        trees = tuple(as_pytree(model) for model in models)
        # Blocks of one round are dispatched before any is waited for, so that devices overlap.
        for first in range(0, num, size * len(devices)):
            last = min(num, first + size * len(devices))
            starts = range(first, last, size)
            group = [
                jax.device_put((key, trees, *_block(a, b, start, size, dtype)), device)
                for start, device in zip(starts, devices, strict=False)
            ]
            try:
                done, parts = _run_group(group, plan, chunks_per_call, progress, first == 0)
            except KeyboardInterrupt:
                if not finished:
                    raise
                break
            for start, part in zip(starts, parts, strict=True):
                stop = min(start + size, last)
                for whole, piece, axis in zip(found.arrays(), part, PAIR_AXES, strict=True):
                    if whole is not None:
                        pairs = (slice(None),) * axis
                        whole[*pairs, start:stop] = piece[*pairs, : stop - start]
            finished = last
            if done != plan:
                found = replace(found, plan=done)
                break
    return found if finished == num else found.pairs(slice(finished))


def _block(a: np.ndarray, b: np.ndarray, start: int, size: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Pairs `start` to `start + size` as arrays (3, size), filled up with copies of the last pair."""
    rows = np.minimum(np.arange(start, start + size), len(a) - 1)
    return a[rows].T.astype(dtype), b[rows].T.astype(dtype)


def _run_group(
    group: Sequence[Any],
    plan: Plan | None,
    chunks_per_call: int | None,
    progress: Callable[[int], None] | None,
    keep: bool,
) -> tuple[Plan | None, list[tuple[Any, ...]]]:
    """The plan that was carried out, and the four arrays of `Averages` for blocks on different devices.

    Each block is (key, models, a, b). The plan has fewer batches than it was given where an
    interruption was met with `keep`, and at least two batches were finished.
    """
    if plan is None or chunks_per_call is None:
        exact = [quadrature_averages(trees, a, b) for _, trees, a, b in group]
        return plan, [(np.asarray(m), None, np.asarray(s), np.asarray(w)) for m, s, w in exact]
    size = group[0][2].shape[1]
    sums = [jax.device_put(Sums.zeros(len(trees), size), next(iter(a.devices()))) for _, trees, a, _ in group]
    done = 0
    try:
        while done < plan.num_chunks:
            stop = min(done + chunks_per_call, plan.num_chunks)
            span = np.uint32(done), np.uint32(stop)
            ahead = [
                advance(key, trees, plan, a, b, *span, s) for (key, trees, a, b), s in zip(group, sums, strict=True)
            ]
            jax.block_until_ready(ahead)
            evaluations = (stop - done) * plan.chunk * size * len(group)
            sums, done = ahead, stop
            if progress:
                progress(evaluations)
    except KeyboardInterrupt:
        if not keep or done < 2 * plan.chunks_per_batch:
            raise
    plan = replace(plan, batches=done // plan.chunks_per_batch)
    scale = plan.batches * (plan.batches - 1)
    return plan, [
        (
            np.asarray(s.mean),
            np.asarray(s.second) / scale,
            np.asarray(s.smallest),
            np.asarray(witnesses(key, trees, plan, a, b, s.where)),
        )
        for (key, trees, a, b), s in zip(group, sums, strict=True)
    ]


EVENTS = 1024
"""Detection events per pair and chunk of `simulate_counts`."""


@functools.partial(jax.jit, static_argnames="num")
def _chunk_counts(key: jax.Array, models: Sequence[Any], a: Any, b: Any, num: int) -> tuple[Any, Any]:
    """Outcome counts (P, 4) of `num` events at each pair of a (3, P), b (3, P), and the smallest P."""
    (model,) = _opened(models, float)

    def one_pair(number: Any, a: Any, b: Any) -> tuple[Any, Any]:
        hidden_key, lambda_key = jax.random.split(jax.random.fold_in(key, number))
        u, v = model.sample(hidden_key, num)
        C = jax.vmap(model.correlator, in_axes=(0, 0, None, None))(u, v, a, b)
        P = probabilities(*marginals(u, v, a, b), C)
        alpha, beta = outcomes(jax.random.uniform(lambda_key, (num,), float), P)
        number = (1 - alpha) + (1 - beta) // 2
        return jnp.bincount(number, length=4), P.min()

    return jax.vmap(one_pair, in_axes=(0, 1, 1))(jnp.arange(a.shape[1]), a, b)


def simulate_counts(key: jax.Array, model: LeggettModel, a: np.ndarray, b: np.ndarray, counts: int) -> np.ndarray:
    """Simulated counts (P, 4) of `counts` detection events at each pair, outcomes ++, +-, -+, --.

    Every event draws its own hidden vectors and its own lower-level lambda [B13, footnote 2].
    Raises InputError for settings or counts that are none, and if the model's probabilities turn
    negative: such a model shows no events.
    """
    pairs = SettingPairs(a, b)
    a, b, counts = pairs.a, pairs.b, integer("counts", counts, 0, MAX_SAMPLES)
    with double_precision():
        total = np.zeros((len(a), 4), np.int64)
        tree = (as_pytree(model),)
        for chunk in range(math.ceil(counts / EVENTS)):
            num = min(EVENTS, counts - chunk * EVENTS)
            for first in range(0, len(a), BLOCK):
                rows = slice(first, first + BLOCK)
                block_key = jax.random.fold_in(jax.random.fold_in(key, chunk), first)
                seen, smallest = _chunk_counts(block_key, tree, a[rows].T, b[rows].T, num)
                lowest = float(np.min(smallest))
                if lowest < -1e-12:
                    raise InputError(f"a model with negative probabilities ({lowest:.3g}) shows no events")
                total[rows] += np.asarray(seen)
    return total


def has_even_correlator(model: LeggettModel) -> bool:
    """Whether C_{-u,-v} = C_{u,v}, seen at 64 random hidden vectors and setting pairs."""
    with double_precision():
        a, b = sample_sphere(jax.random.key(0), (2, 64))
        u, v = model.sample(jax.random.key(1), 64)
        there, back = (moments(one_point(model, s * u, s * v, a, b))[2] for s in (1, -1))
        return bool(np.allclose(there, back, rtol=0, atol=1e-9))


def one_point(model: LeggettModel, u: Any, v: Any, a: Any, b: Any) -> np.ndarray:
    """P(alpha, beta) of a model at hidden vectors and settings of shape (N, 3): (N, 4), float64."""
    with double_precision():
        return np.asarray(_one_point((as_pytree(model),), u, v, a, b))


@jax.jit
def _one_point(models: Sequence[Any], u: Any, v: Any, a: Any, b: Any) -> jax.Array:
    (model,) = _opened(models, float)
    return probabilities(*marginals(u, v, a, b), jax.vmap(model.correlator)(u, v, a, b))
