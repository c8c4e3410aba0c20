"""How a number of samples is cut into chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jax.tree_util import register_static

Method = Literal["rqmc", "mc"]

ROTATIONS = 16
"""Independent randomisations of rqmc; their scatter has 15 degrees of freedom."""

CHUNK = 4096
"""Most hidden vectors of a chunk: enough to hide what a chunk costs beyond its inner loop."""

UNROLL = 8
"""Most hidden vectors in one step of the inner loop: they share what is loaded and stored for a pair. More gain
little, and the time to compile grows with them."""


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
