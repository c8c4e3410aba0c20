"""Sampling kernels: jitted, vectorised, pure; they stream hidden vectors past setting pairs and keep only sums.

The parts, from small to large:

    chunk     up to 4096 hidden vectors, made from one key, against all pairs of a block
    batch     what standard errors are estimated from: a chunk (mc), or all chunks of one
              independent rotation (rqmc)
    block     the pairs that are worked through together, on one device

Chunk i is always the same and chunks are merged in order, so the number of chunks in a call changes
no bit of the result.

A model that offers an `interpolation` is asked for the weights of its two bounds once a pair, before
all chunks; at the hidden vectors nothing is left but to join the bounds. Any other model's
`correlator` is called at every hidden vector and pair.

A model with a visibility is run at the two ends of a scan at once: its correlator is affine in V,
so all visibilities between come from the two for nothing. `E` below is the number of such ends.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import jax
import jax.numpy as jnp
from jax import lax
from jax.tree_util import register_dataclass

from ..correlation import margin, probabilities
from ..models.arguments import Packed, off_unit, opened
from ..models.interface import CompleteModel, LeggettModel, correlator_at, interpolated, marginals, offers
from .folding import Numbers, components, folded
from .interpolated import interpolated_sums
from .lanes import a_few, in_steps, interleaved, smaller
from .plan import UNROLL, Plan

if TYPE_CHECKING:
    from .._shapes import Array, ArrayLike, Float, Int, Shaped


@register_dataclass
@dataclass(frozen=True, eq=False)
class Sums:
    """What is kept of the samples seen so far, for E ends and the P pairs of a block, in float64."""

    partial_C: Array
    """(E, P): sum of C over the chunks of the unfinished batch."""
    partial_uv: Array
    """(2, 3): sums of u and of v over those chunks."""
    partial_weight: Array
    """(): sum of the weights over those chunks."""
    mean: Array
    """(E, 4, P): mean of P(alpha, beta) over the finished batches."""
    second: Array
    """(E, E, 4, P): sum over batches of the products of deviations from the mean."""
    smallest: Array
    """(E, P): smallest probability of any sample and outcome."""
    where: Array
    """(E, P): the chunk it was found in."""
    off_unit: Array
    """(): largest | |u| - 1 | or | |v| - 1 | of any sample, NaN where one is NaN."""

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
            off_unit=jnp.zeros((), float),
        )


def hidden_vectors(
    key: Array, model: LeggettModel, plan: Plan, chunk: Array
) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"], Float[Array, "n"]]:
    """The hidden vectors u, v (n, 3) of chunk number `chunk`, n = plan.chunk, and their weights (n,); float64.

    mc: independent draws with fold_in(key, chunk). rqmc: points of the rule that belongs to
    fold_in(key, rotation).
    """
    if plan.method == "mc":
        made = *model.sample(jax.random.fold_in(key, chunk), plan.chunk), jnp.ones(plan.chunk, float)
    else:
        rotation, part = chunk // plan.chunks_per_batch, chunk % plan.chunks_per_batch
        index = part.astype(jnp.int64) * plan.chunk + jnp.arange(plan.chunk)
        arguments = jax.random.fold_in(key, rotation), index, plan.batch_size
        # Plans of this method are made for models that offer it.
        complete = cast("CompleteModel", model)
        if plan.half:
            made = complete.half_lattice(*arguments)
        else:
            made = *complete.lattice(*arguments), jnp.ones(plan.chunk, float)
    # Behind a barrier, or XLA would make them anew wherever they are used, for every pair whose witness is searched.
    return lax.optimization_barrier(made)


Shares = tuple[tuple[jax.Array, jax.Array] | None, ...]
"""For each model p^- and p^+ (P,), its `interpolation` at P pairs of settings; None where it offers none."""

Vector = jax.Array | tuple[jax.Array, ...]
"""A vector (3,), or its three components."""


def interpolations(models: Sequence[CompleteModel], a: Float[Array, "3 P"], b: Float[Array, "3 P"]) -> Shares:
    """The `Shares` of these models at settings a, b (3, P), in the dtype of the settings."""

    def of_one(model: CompleteModel) -> tuple[jax.Array, jax.Array] | None:
        if not offers(model, "interpolation"):
            return None
        p_minus, p_plus = jax.vmap(model.interpolation, in_axes=(1, 1))(a, b)
        return jnp.asarray(p_minus).astype(a.dtype), jnp.asarray(p_plus).astype(a.dtype)

    # Behind a barrier, or XLA may fuse their evaluation into the loop over hidden vectors, from which they were taken.
    return lax.optimization_barrier(tuple(of_one(model) for model in models))


def chunk_sums(
    models: Sequence[CompleteModel],
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
    shares: Shares | None = None,
) -> tuple[Float[Array, "E P"], Float[Array, "E P"]]:
    """Weighted sum of C and smallest probability over hidden vectors u, v (n, 3), for settings a, b (3, P).

    Both (E, P), float64; the arithmetic is done in the dtype of the settings. A correlator that is NaN is passed over,
    and hides no other; hidden vectors are to be numbers. `shares` are the `interpolations` of the models at these
    settings, if they are known already.
    """
    shares = interpolations(models, a, b) if shares is None else shares
    if all(share is not None for share in shares):
        return interpolated_sums(cast("Sequence[tuple[Array, Array]]", shares), u, v, weights, a, b)
    return lax.platform_dependent(
        *(u, v, weights, a, b, shares),
        cpu=functools.partial(stream, models),
        default=functools.partial(at_once, models),
    )


def stream(
    models: Sequence[CompleteModel],
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
    shares: Shares,
) -> tuple[Float[Array, "E P"], Float[Array, "E P"]]:
    """Sums of w C and smallest probabilities (E, P), float64, for CPUs: a few hidden vectors a step past all pairs.

    What is added up is w (C - centre), centre the mean C over a few hidden vectors spread over all, so that in single
    precision the later terms are not worn away.

    XLA on a CPU makes a pass over the pairs for every output of a loop, and evaluates the model anew
    in each. So there is one output: sum and smallest probability are the parts of a complex number,
    and the ends stand side by side in its last axis, which the compiler unrolls.
    """
    few = a_few(len(u))
    some_u, some_v = (tuple(h[few].T.astype(a.dtype)) for h in (u, v))
    C, _ = _all_pairs(models, some_u, some_v, a, b, shares)
    centre = [jnp.mean(values, axis=1) for values in C]
    total = weights.astype(a.dtype).astype(float).sum()
    steps, unroll, u, v, weights = in_steps(u, v, weights, UNROLL)
    # The components of the settings one by one: taken from (3, P) in the loop, each would be copied in every step.
    settings, middle = (tuple(a), tuple(b)), interleaved(centre)
    # In a jit of its own the model is traced once, not once for every hidden vector of a step.
    at_pairs = jax.jit(jax.vmap(functools.partial(_at_point, models), in_axes=(None, None, 0, 0, 0)))
    hidden = [x.astype(a.dtype) for x in (u, v, weights)]
    # A copy of the weights for each hidden vector of a step. XLA divides a loop among the cores where it takes the
    # arithmetic to outweigh the arrays that are loaded; with one copy it does so even for a few hundred pairs, for
    # which the cores wait for one another longer than they work: 1024 pairs in double precision took 1.6 times the
    # processor time.
    copies = [lax.optimization_barrier(shares) for _ in range(unroll)]
    # What all are compared with first, so that what is not a number is the second of two and not chosen.
    inf = jnp.full(a.shape[1], jnp.inf, a.dtype)

    def step(i: Array, found: Array) -> Array:
        u, v, w = (lax.dynamic_slice_in_dim(x, i * unroll, unroll) for x in hidden)
        C, M = zip(*(at_pairs(u[k], v[k], *settings, copies[k]) for k in range(unroll)), strict=True)
        margins = [[margin(M_A, M_B, c) for c in C_k] for C_k, (M_A, M_B) in zip(C, M, strict=True)]
        terms = ([w[k] * C[k][end] for k in range(unroll)] for end in range(len(models)))
        sums = interleaved([functools.reduce(operator.add, values) for values in terms])
        smallest = interleaved([functools.reduce(smaller, values, inf) for values in zip(*margins, strict=True)])
        return lax.complex(found.real + (sums - w.sum() * middle), smaller(found.imag, smallest))

    start = lax.complex(jnp.zeros_like(middle), jnp.full_like(middle, jnp.inf))
    found = lax.fori_loop(0, steps, step, start)
    return found.real.T.astype(float) + total * middle.T.astype(float), found.imag.T.astype(float) / 4


def at_once(
    models: Sequence[CompleteModel],
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
    shares: Shares,
) -> tuple[Float[Array, "E P"], Float[Array, "E P"]]:
    """Sums of w C and smallest probabilities (E, P), float64, elsewhere: one reduction of all hidden vectors.

    For a GPU, where every step of a loop would be a kernel of its own, started anew. Each end has a reduction to
    itself, with the pairs in another order: else the compiler finds that the ends share u.a and v.b, and may leave
    these in memory.
    """
    u_parts, v_parts, w = components(u, v, weights, a.dtype)
    found: list[list[Array]] = []
    for end, (model, share) in enumerate(zip(models, shares, strict=True)):
        alice, bob, share = jax.tree.map(lambda x, end=end: jnp.roll(x, end, axis=-1), (a, b, share))
        (C,), (M_A, M_B) = _all_pairs([model], u_parts, v_parts, alice, bob, (share,))
        kept = folded([C, M_A, M_B, w[None]], [0.0, math.inf], _add, _merge)
        found.append([jnp.roll(x, -end) for x in kept])
    sums, smallest = (jnp.stack(x).astype(float) for x in zip(*found, strict=True))
    return sums, smallest / 4


def _add(kept: Numbers, incoming: Numbers) -> Numbers:
    """Sum of C and smallest margin, with one more hidden vector."""
    C, M_A, M_B, w = incoming
    return kept[0] + w * C, smaller(kept[1], margin(M_A, M_B, C))


def _merge(one: Numbers, other: Numbers) -> Numbers:
    """Two of these."""
    return one[0] + other[0], smaller(one[1], other[1])


def _at_point(
    models: Sequence[CompleteModel], u: Vector, v: Vector, a: Vector, b: Vector, shares: Shares
) -> tuple[list[jax.Array], tuple[jax.Array, jax.Array]]:
    """C of each model and both marginals, at one hidden pair u, v and one setting pair, vectors by components."""
    u, v, a, b = (jnp.stack(x) if isinstance(x, tuple) else x for x in (u, v, a, b))
    M_A, M_B = (jnp.asarray(M) for M in marginals(u, v, a, b))
    C = [
        jnp.asarray(model.correlator(u, v, a, b)).astype(a.dtype) if p is None else interpolated(*p, M_A, M_B)
        for model, p in zip(models, shares, strict=True)
    ]
    return C, (M_A, M_B)


def _all_pairs(
    models: Sequence[CompleteModel],
    u: tuple[Array, ...],
    v: tuple[Array, ...],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
    shares: Shares,
) -> tuple[list[Float[Array, "P n"]], tuple[Float[Array, "P n"], Float[Array, "P n"]]]:
    """The same for hidden vectors by components (n,), each (P, n)."""
    along_hidden = jax.vmap(functools.partial(_at_point, models), in_axes=(0, 0, None, None, None))
    return jax.vmap(along_hidden, in_axes=(None, None, 0, 0, 0))(u, v, tuple(a), tuple(b), shares)


def add_chunk(
    key: Array,
    models: Sequence[CompleteModel],
    plan: Plan,
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
    shares: Shares,
    chunk: Array,
    sums: Sums,
) -> Sums:
    """`sums` with chunk number `chunk` added; a batch that it completes enters mean and second moments."""
    u, v, weights = hidden_vectors(key, models[0], plan, chunk)
    C, smallest = chunk_sums(models, u, v, weights, a, b, shares)
    found = smallest < sums.smallest
    C = sums.partial_C + C
    weight = sums.partial_weight + weights.sum()
    # The marginals are linear in u and v, so their averages need no sum per pair; opposite points cancel.
    uv = sums.partial_uv + (0.0 if plan.half else jnp.stack([u.sum(0), v.sum(0)]))
    done = (chunk + 1) % plan.chunks_per_batch == 0

    u_mean, v_mean = uv / weight
    M_A, M_B = marginals(u_mean, v_mean, a.T.astype(float), b.T.astype(float))
    P = jnp.moveaxis(probabilities(M_A, M_B, C / weight), -1, 1)
    # The update of B. P. Welford (Technometrics 4, 419, 1962) by one batch: deviations are taken from the mean so far,
    # so that nothing cancels where all batches nearly agree.
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
        off_unit=jnp.maximum(sums.off_unit, off_unit(u, v)),
    )


@functools.partial(jax.jit, static_argnames="plan")
def advance(
    key: Array,
    models: Sequence[LeggettModel | Packed],
    plan: Plan,
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
    start: ArrayLike,
    stop: ArrayLike,
    sums: Sums,
) -> Sums:
    """`sums` with the chunks `start` to `stop` (excluded) added in order.

    The loop's bounds are arguments, not constants: however the chunks are divided among calls, the
    same compiled code adds them.
    """
    complete = opened(models, a.dtype)
    shares = interpolations(complete, a, b)

    def one(chunk: ArrayLike, sums: Sums) -> Sums:
        # A plain integer where the user disabled jit.
        return add_chunk(key, complete, plan, a, b, shares, jnp.asarray(chunk, jnp.uint32), sums)

    return lax.fori_loop(start, stop, one, sums)


@functools.partial(jax.jit, static_argnames="plan")
def witnesses(
    key: Array,
    models: Sequence[LeggettModel | Packed],
    plan: Plan,
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
    chunks: Shaped[Array, "N"],
    items: Int[Array, "N G"],
    num: ArrayLike,
) -> Float[Array, "N 2 3"]:
    """The hidden vectors at which the smallest probabilities were found, shape (N, 2, 3), item = end * P + pair.

    `num` jobs: chunk number chunks[j] is made again and searched in float64 for the items of row j of
    `items` (N, G); settings a, b of shape (3, P). Items of no job are left zero.
    """
    # Whatever the precision of the run: among probabilities that single precision cannot tell apart the smallest is
    # found, and this is a small part of the work.
    complete, (alice, bob) = opened(models, float), (x.T.astype(float) for x in (a, b))
    pairs = len(alice)

    def job(i: Array, found: Array) -> Array:
        u, v, _ = hidden_vectors(key, complete[0], plan, chunks[i])

        def one(item: Array) -> Array:
            settings = alice[item % pairs], bob[item % pairs]
            C = [correlator_at(model, *settings)(u, v) for model in complete]
            best = jnp.nanargmin(margin(*marginals(u, v, *settings), jnp.stack(C)[item // pairs]))
            return jnp.stack([u[best], v[best]])

        return found.at[items[i]].set(jax.vmap(one)(items[i]))

    return lax.fori_loop(0, num, job, jnp.zeros((len(items), 2, 3), float))
