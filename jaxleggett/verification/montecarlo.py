"""Monte Carlo runs: blocks of setting pairs are divided among devices, results are NumPy arrays.

This is the only module that places work on devices. `jaxleggett.kernels` cuts chunks and merges them in one order,
and all blocks of a run have one size, so that the same compiled code runs on every device: neither the number of
chunks in a call nor the number of devices changes a bit of the result. (Another size of blocks may change the last
digits.) Memory is O(block + pairs) on a CPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from jax.typing import DTypeLike

from .._checks import MAX_SAMPLES, integer
from .._numerics import double_precision
from ..kernels.chunks import Sums, advance, witnesses
from ..kernels.plan import Plan
from ..kernels.points import quadrature_averages
from ..models.arguments import Packed, as_pytree, unit_to_rounding
from ..models.interface import LeggettModel
from .options import DEFAULT, VerifyOptions

if TYPE_CHECKING:
    from jaxlib._jax import Device

BLOCK = {"cpu": 2**14, "other": 2**16}
"""Most pairs of a block, by platform. On a CPU they are so many that the cores, which wait for one another after every
step of the inner loop, have enough work between two steps, and so few that the arrays of the loop (0.2 KB a pair) stay
in the caches. On a GPU they are so many that the thirty or so small kernels of a chunk should cost little beside its
large one; that was not measured."""

CALL = {"cpu": 10**8, "other": 10**10}
"""Evaluations of a call. They take a fraction of a second, after which Ctrl-C is obeyed."""

TOGETHER = 16
"""Most pairs for which a chunk is searched again together: making a chunk takes longer than searching it for a pair."""

PAIR_AXES = (2, 3, 1, 1)
"""The axis of the pairs in each of the four arrays of `Averages`."""


@dataclass(frozen=True, eq=False)
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

    @classmethod
    def of_none(cls, ends: int, plan: Plan | None, num: int = 0) -> Averages:
        """Arrays for `num` pairs, to be filled in."""
        return cls(
            mean=np.empty((ends, 4, num)),
            covariance=np.empty((ends, ends, 4, num)) if plan else None,
            smallest=np.empty((ends, num)),
            witness=np.empty((ends, num, 2, 3)),
            plan=plan,
        )

    @property
    def num_pairs(self) -> int:
        """P."""
        return self.mean.shape[-1]

    def arrays(self) -> tuple[np.ndarray | None, ...]:
        """The four arrays; `PAIR_AXES` says which axis of each is that of the pairs."""
        return self.mean, self.covariance, self.smallest, self.witness

    def pairs(self, rows: slice) -> Averages:
        """The averages of some of the pairs."""
        return Averages(
            mean=self.mean[..., rows],
            covariance=None if self.covariance is None else self.covariance[..., rows],
            smallest=self.smallest[:, rows],
            witness=self.witness[:, rows],
            plan=self.plan,
        )


class _Block(NamedTuple):
    """What one device works on: some of the pairs, and all chunks."""

    key: jax.Array
    models: tuple[Packed, ...]
    a: jax.Array
    """(3, P)."""
    b: jax.Array
    """(3, P)."""


_Arrays = tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray]
"""The four arrays of `Averages`, for one block."""


def average(
    key: jax.Array,
    models: Sequence[LeggettModel],
    a: np.ndarray,
    b: np.ndarray,
    plan: Plan | None,
    *,
    dtype: DTypeLike = np.float64,
    devices: Sequence[Device] | None = None,
    chunks_per_call: int | None = None,
    progress: Callable[[int], None] | None = None,
    options: VerifyOptions = DEFAULT,
) -> Averages:
    """Average the models over `plan.num_samples` hidden vectors, or exactly where `plan` is None.

    `models` are E models that share their hidden vectors (the ends of a scan); a, b have shape
    (P, 3). Blocks of pairs are given to `devices` by turns (default: all local ones). `progress` is
    called with the evaluations (samples x pairs) that were done since the last call. After a
    KeyboardInterrupt the averages of the finished blocks are returned, or those over the finished
    batches of the first blocks; it is raised again where there are neither. Raises InputError as soon
    as a hidden vector is seen that is no unit vector.
    """
    devices = list(devices or jax.local_devices())
    num, ends = len(a), len(models)
    platform = devices[0].platform if devices[0].platform in BLOCK else "other"
    # All blocks have one size, because every size is compiled anew. Multiples of 8 fill the lanes of a CPU.
    size = min(options.block or BLOCK[platform], -(-num // 8) * 8)
    found = Averages.of_none(ends, plan, num)
    if chunks_per_call is not None:
        chunks_per_call = integer("chunks_per_call", chunks_per_call, 1, MAX_SAMPLES)
    elif plan is not None:
        chunks_per_call = max(1, CALL[platform] // (plan.chunk * size))
    finished = 0
    with double_precision():
        trees = tuple(as_pytree(model) for model in models)
        # Blocks of one round are dispatched before any is waited for, so that devices overlap.
        for first in range(0, num, size * len(devices)):
            last = min(num, first + size * len(devices))
            starts = range(first, last, size)
            group = [
                _Block(*jax.device_put((key, trees, *_filled_up(a, b, start, size, dtype)), device))
                for start, device in zip(starts, devices, strict=False)
            ]
            try:
                tell = progress and functools.partial(_tell, progress, last - first)
                done, parts = _run_group(group, plan, chunks_per_call, tell, first == 0)
            except KeyboardInterrupt:
                if not finished:
                    raise
                break
            for start, part in zip(starts, parts, strict=True):
                stop = min(start + size, last)
                for whole, piece, axis in zip(found.arrays(), part, PAIR_AXES, strict=True):
                    if whole is not None and piece is not None:
                        pairs = (slice(None),) * axis
                        whole[*pairs, start:stop] = piece[*pairs, : stop - start]
            finished = last
            if done != plan:
                found = replace(found, plan=done)
                break
    return found if finished == num else found.pairs(slice(finished))


def _witnesses(block: _Block, plan: Plan, where: np.ndarray) -> np.ndarray:
    """The hidden vectors (E, P, 2, 3) of the smallest probabilities, found in the chunks `where` (E, P).

    A chunk is made again once for up to `TOGETHER` of the items (an end and a pair) that were found in it.
    """
    chunk = where.ravel()
    order = np.argsort(chunk, kind="stable")
    first = np.flatnonzero(np.diff(chunk[order], prepend=-1))  # where a chunk begins
    rank = np.arange(len(chunk)) - np.repeat(first, np.diff(first, append=len(chunk)))
    job = np.cumsum(rank % TOGETHER == 0) - 1
    # A job with fewer items repeats its first one. Rows beyond the last job are not used.
    items = np.zeros((len(chunk), TOGETHER), np.int32)
    items[: job[-1] + 1] = order[rank % TOGETHER == 0][:, None]
    items[job, rank % TOGETHER] = order
    found = witnesses(block.key, block.models, plan, block.a, block.b, chunk[items[:, 0]], items, job[-1] + 1)
    return np.asarray(found).reshape(*where.shape, 2, 3)


def _filled_up(a: np.ndarray, b: np.ndarray, start: int, size: int, dtype: DTypeLike) -> tuple[np.ndarray, np.ndarray]:
    """Pairs `start` to `start + size` as arrays (3, size), filled up with copies of the last pair."""
    rows = np.minimum(np.arange(start, start + size), len(a) - 1)
    return a[rows].T.astype(dtype), b[rows].T.astype(dtype)


def _tell(progress: Callable[[int], None], pairs: int, samples: int) -> None:
    """Call `progress` with the number of evaluations: `samples` times `pairs`."""
    progress(samples * pairs)


def _run_group(
    group: Sequence[_Block],
    plan: Plan | None,
    chunks_per_call: int | None,
    progress: Callable[[int], None] | None,
    keep: bool,
) -> tuple[Plan | None, list[_Arrays]]:
    """The plan that was carried out, and the four arrays of `Averages` for blocks on different devices.

    After a KeyboardInterrupt with `keep`, that plan has only the batches that were finished. With fewer than two, which
    have no scatter, or without `keep`, the interruption is raised again.
    """
    if plan is None or chunks_per_call is None:
        exact = [quadrature_averages(block.models, block.a, block.b) for block in group]
        for *_, off in exact:
            unit_to_rounding(off)
        return plan, [(np.asarray(m), None, np.asarray(s), np.asarray(w)) for m, s, w, _ in exact]
    zeros = Sums.zeros(len(group[0].models), group[0].a.shape[1])
    sums = [jax.device_put(zeros, next(iter(block.a.devices()))) for block in group]
    done = 0
    try:
        while done < plan.num_chunks:
            stop = min(done + chunks_per_call, plan.num_chunks)
            span = np.uint32(done), np.uint32(stop)
            ahead = [
                advance(block.key, block.models, plan, block.a, block.b, *span, s)
                for block, s in zip(group, sums, strict=True)
            ]
            jax.block_until_ready(ahead)
            for s in ahead:
                unit_to_rounding(s.off_unit)
            samples = (stop - done) * plan.chunk
            # Both at once and after the wait, so that an interruption finds them as they were before the call.
            sums, done = ahead, stop
            if progress:
                progress(samples)
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
            _witnesses(block, plan, np.asarray(s.where)),
        )
        for block, s in zip(group, sums, strict=True)
    ]
