"""Kernels for sampling: they evaluate models at many hidden vectors and setting pairs, and return only sums.

The work is divided into

    chunk     up to 4096 hidden vectors, made from one key
    batch     the hidden vectors of one independent average, whose scatter gives the standard errors:
              a chunk (mc), or all chunks of one rotation (rqmc)
    block     the setting pairs that are evaluated together on one device

Chunk i always has the same hidden vectors, and chunks are added in order. So the number of chunks in a
call changes no bit of the result.

For a model that offers an `interpolation`, the weights of the two bounds are evaluated once for each
pair, before all chunks; at the hidden vectors only the bounds are evaluated. For any other model the
`correlator` is evaluated at each hidden vector and pair.

The correlator of a model with a visibility V is affine in V. So the model is evaluated at the lowest and
the highest V of a scan only, and the results for those between follow. In shapes, E is the number of
these ends, P that of the setting pairs, and n that of the hidden vectors.
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
from ..models.arguments import Packed, off_unit, unpacked
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
    """The sums over the samples so far, for E ends and the P pairs of a block, in float64."""

    partial_C: Array
    """(E, P): sum of w C over the hidden vectors of the unfinished batch, with their weights w."""
    partial_uv: Array
    """(2, 3): sums of u and of v over the same hidden vectors; zero for plans with `half`, where the means vanish."""
    partial_weight: Array
    """(): sum of their weights."""
    mean: Array
    """(E, 4, P): mean of P(alpha, beta) over the finished batches."""
    second: Array
    """(E, E, 4, P): sum over the finished batches of the products, end by end, of their deviations from the mean."""
    smallest: Array
    """(E, P): smallest probability at any sample and outcome."""
    where: Array
    """(E, P): number of the chunk in which it was found."""
    off_unit: Array
    """(): largest | |u| - 1 | or | |v| - 1 | of any sample; NaN where one is NaN."""

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
    """The hidden vectors u, v (n, 3) of chunk number `chunk`, n = plan.chunk, and their weights (n,), in float64.

    For mc they are independent draws with the key fold_in(key, chunk). For rqmc they are points of the model's lattice
    with the key fold_in(key, rotation).
    """
    if plan.method == "mc":
        made = *model.sample(jax.random.fold_in(key, chunk), plan.chunk), jnp.ones(plan.chunk, float)
    else:
        rotation, part = chunk // plan.chunks_per_batch, chunk % plan.chunks_per_batch
        index = part.astype(jnp.int64) * plan.chunk + jnp.arange(plan.chunk)
        arguments = jax.random.fold_in(key, rotation), index, plan.batch_size
        # Only for models that offer a lattice are there plans of this method.
        complete = cast("CompleteModel", model)
        if plan.half:
            made = complete.half_lattice(*arguments)
        else:
            made = *complete.lattice(*arguments), jnp.ones(plan.chunk, float)
    # Behind a barrier: XLA would otherwise compute them again for every pair for which a witness is searched.
    return lax.optimization_barrier(made)


Shares = tuple[tuple[jax.Array, jax.Array] | None, ...]
"""For each model its `interpolation` (p^-, p^+) at P pairs of settings, (P,) each; None where it offers none."""

Vector = jax.Array | tuple[jax.Array, ...]
"""A vector (3,), or its three components."""


def interpolations(models: Sequence[CompleteModel], a: Float[Array, "3 P"], b: Float[Array, "3 P"]) -> Shares:
    """The `Shares` of `models` at settings a, b (3, P), in the dtype of the settings."""

    def of_one(model: CompleteModel) -> tuple[jax.Array, jax.Array] | None:
        if not offers(model, "interpolation"):
            return None
        p_minus, p_plus = jax.vmap(model.interpolation, in_axes=(1, 1))(a, b)
        return jnp.asarray(p_minus).astype(a.dtype), jnp.asarray(p_plus).astype(a.dtype)

    # Behind a barrier: XLA may otherwise fuse this into the loop over hidden vectors, and evaluate it in each step.
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

    Both are (E, P) in float64; the arithmetic is done in the dtype of the settings. If a correlator is NaN at some
    hidden vectors, so is the sum; the smallest probability is that at the others. u and v must not be NaN. `shares` are
    the `interpolations` of the models at these settings, which are computed where they are not given.
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
    """Sums of w C and smallest probabilities, both (E, P) in float64, for CPUs: a loop over hidden vectors.

    A step takes a few hidden vectors at all pairs. It adds w (C - centre), where the centre is the mean C at a few
    hidden vectors; so in single precision, terms added late do not lose their digits to a large sum.

    On a CPU, XLA makes one pass over the pairs for each output of a loop, and evaluates the model in each pass. So
    there is only one output: the sum and the smallest probability are the real and imaginary parts of a complex number,
    and the ends are its last axis, which the compiler unrolls.
    """
    few = a_few(len(u))
    some_u, some_v = (tuple(h[few].T.astype(a.dtype)) for h in (u, v))
    C, _ = _all_pairs(models, some_u, some_v, a, b, shares)
    centre = [jnp.mean(values, axis=1) for values in C]
    total = weights.astype(a.dtype).astype(float).sum()
    steps, unroll, u, v, weights = in_steps(u, v, weights, UNROLL)
    # The components of the settings as separate arrays: taken from (3, P) in the loop, they would be copied each step.
    settings, middle = (tuple(a), tuple(b)), interleaved(centre)
    # In a jit of its own, so that the model is traced once and not again for each hidden vector of a step.
    at_pairs = jax.jit(jax.vmap(functools.partial(_at_point, models), in_axes=(None, None, 0, 0, 0)))
    hidden = [x.astype(a.dtype) for x in (u, v, weights)]
    # A copy of the shares for each hidden vector of a step. XLA divides a loop among the cores if it estimates that
    # there is enough arithmetic for the arrays that are loaded. With one copy it does so even for a few hundred pairs,
    # where the cores wait for one another longer than they work: 1024 pairs in double precision took 1.6 times the
    # processor time.
    copies = [lax.optimization_barrier(shares) for _ in range(unroll)]
    # Every comparison starts with this, so that a NaN is always the second argument of `smaller`.
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
    """Sums of w C and smallest probabilities, both (E, P) in float64, for GPUs: one reduction over hidden vectors.

    In a loop, every step would start a new kernel on the GPU. Each end has its own reduction, with the pairs in another
    order: otherwise the compiler would find that the ends share u.a and v.b, and might write these to memory.
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
    """The sum of w C and the smallest margin, with one more hidden vector."""
    C, M_A, M_B, w = incoming
    return kept[0] + w * C, smaller(kept[1], margin(M_A, M_B, C))


def _merge(one: Numbers, other: Numbers) -> Numbers:
    """The sum of w C and the smallest margin, of two sets of hidden vectors together."""
    return one[0] + other[0], smaller(one[1], other[1])


def _at_point(
    models: Sequence[CompleteModel], u: Vector, v: Vector, a: Vector, b: Vector, shares: Shares
) -> tuple[list[jax.Array], tuple[jax.Array, jax.Array]]:
    """C of each model, and both marginals, at one pair of hidden vectors and one of settings; `shares` are theirs."""
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
    """C of each model, and both marginals, each (P, n), for hidden vectors given by their components (n,)."""
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
    """`sums` with chunk number `chunk` added; if this completes a batch, `mean` and `second` are updated."""
    u, v, weights = hidden_vectors(key, models[0], plan, chunk)
    C, smallest = chunk_sums(models, u, v, weights, a, b, shares)
    found = smallest < sums.smallest
    C = sums.partial_C + C
    weight = sums.partial_weight + weights.sum()
    # The marginals are linear in u and v, so their averages follow from those of u and v, which vanish for plans with
    # `half`: there each point also stands for its opposite.
    uv = sums.partial_uv + (0.0 if plan.half else jnp.stack([u.sum(0), v.sum(0)]))
    done = (chunk + 1) % plan.chunks_per_batch == 0

    u_mean, v_mean = uv / weight
    M_A, M_B = marginals(u_mean, v_mean, a.T.astype(float), b.T.astype(float))
    P = jnp.moveaxis(probabilities(M_A, M_B, C / weight), -1, 1)
    # The update of B. P. Welford (Technometrics 4, 419, 1962) by one batch: it uses deviations from the mean so far,
    # so that no digits cancel where all batches nearly agree.
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

    The bounds of the loop are arguments, not constants: however the chunks are divided among calls, the same compiled
    code adds them.
    """
    complete = unpacked(models, a.dtype)
    shares = interpolations(complete, a, b)

    def one(chunk: ArrayLike, sums: Sums) -> Sums:
        # `chunk` is a Python integer where the user has disabled jit.
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
    """The hidden vectors (u, v) at which the smallest probabilities were found, (N, 2, 3), for settings a, b (3, P).

    The first axis numbers the items, item = end * P + pair, N of them. Job j, for j < `num`, makes chunk number
    chunks[j] again and searches it for the items in row j of `items` (N, G). The result of other items is zero.
    """
    # In float64 for any precision of the run, so that probabilities that are equal in single precision can be compared.
    # This is a small part of the work.
    complete, (alice, bob) = unpacked(models, float), (x.T.astype(float) for x in (a, b))
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
