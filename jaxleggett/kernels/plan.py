"""How a number of samples is cut into chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jax.tree_util import register_static

Method = Literal["rqmc", "mc"]

ROTATIONS = 16
"""Independent random rotations in a run by rqmc; their scatter has 15 degrees of freedom."""

CHUNK = 4096
"""Most hidden vectors of a chunk; so many that the time outside of the inner loop is negligible."""

UNROLL = 8
"""Most hidden vectors in one step of the inner loop; a step loads and stores the numbers of a pair once for all. More
would gain little and take longer to compile."""


@register_static
@dataclass(frozen=True)
class Plan:
    """How the samples of a run are cut into chunks, which depends on their number and the method alone.

    `batches` batches have `chunks_per_batch` chunks each, which have `chunk` samples each.
    """

    method: Method
    batches: int
    chunks_per_batch: int
    chunk: int
    half: bool = False
    """Whether rqmc uses the `half_lattice` of the model."""

    @classmethod
    def of(cls, samples: int, method: Method, half: bool = False) -> Plan:
        """The plan for `samples` samples, which are rounded up: to a multiple of 16 for rqmc, to at least 2 for mc.

        A batch of rqmc is a rotation. A batch of mc is one chunk of about 1/128 of the samples (or `CHUNK`, if that is
        less), so that the standard errors are known to a few per cent. Where no divisor serves as the size of a chunk,
        the samples are rounded up further, by at most 2 per cent.
        """
        if method == "mc":
            chunk = _chunk_size(max(2, samples), min(CHUNK, max(1, samples // 128)))
            return cls(method, -(-max(2, samples) // chunk), 1, chunk)
        batch = -(-samples // ROTATIONS)
        chunk = _chunk_size(batch, CHUNK)
        return cls(method, ROTATIONS, -(-batch // chunk), chunk, half)

    @property
    def batch_size(self) -> int:
        """Number of samples of a batch."""
        return self.chunks_per_batch * self.chunk

    @property
    def num_chunks(self) -> int:
        """Number of chunks of the run."""
        return self.batches * self.chunks_per_batch

    @property
    def num_samples(self) -> int:
        """Number of samples of the run."""
        return self.batches * self.batch_size


def _chunk_size(number: int, most: int) -> int:
    """The size of chunks, at most `most`, into which `number` is cut: a divisor of it, if one is above most/2."""
    if number <= most:
        return number
    divisors = (d for d in range(most, most // 2, -1) if number % d == 0)
    fewest = -(-number // most)
    even = -(-number // fewest)
    # Without a divisor: as few chunks as possible, of whole steps of the inner loop where that adds little.
    return next(divisors, -(-even // UNROLL) * UNROLL if even > 50 * UNROLL else even)
