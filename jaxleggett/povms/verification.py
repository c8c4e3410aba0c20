"""Check a model of two POVMs at sampled hidden vectors: positivity, marginals and averages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .._checks import MAX_SAMPLES, MAX_SEED, integer
from .._doubles import unit
from ..runs import Ending, Progress
from .measurement import Povm

CHUNK = 20_000
"""Most hidden vectors that are sampled at once, their opposites not counted."""

NUMBERS = 20_000_000
"""Most probabilities that are computed at once, for measurements of many outcomes."""

ROUNDING = 1e-12
"""How far below 0 a probability may be by rounding, and how far a marginal, or an average, may be off."""

FEWEST = 2000
"""Fewest hidden vectors; with fewer, standard errors are too uncertain for a verdict."""

CHANCE = 1e-6
"""The probability that a correct model is rejected because one of its averages is off by chance."""


class ModelOfPovms(Protocol):
    """A model of two POVMs, with hidden vectors u and -u, u uniform on the sphere."""

    alice: Povm
    bob: Povm

    @property
    def target(self) -> np.ndarray:
        """The averages (n, m) that it has to have."""
        ...

    def joint(self, u: np.ndarray) -> np.ndarray:
        """The probabilities P_{u,-u}(i, j), (N, n, m), for hidden vectors `u` (N, 3)."""
        ...


@dataclass(frozen=True, eq=False)
class PovmVerification:
    """What was found at `samples` hidden vectors.

    `mean`, `error` and `target` (n, m) are the averages, their standard errors, and what they should be.
    `min_probability` is the smallest probability, `max_marginal_error` the largest error of a marginal.
    """

    samples: int
    status: Ending
    min_probability: float
    max_marginal_error: float
    mean: np.ndarray
    error: np.ndarray
    target: np.ndarray

    @property
    def max_z(self) -> float:
        """The largest deviation of an average, in standard errors."""
        return float((np.abs(self.mean - self.target) / (self.error + ROUNDING)).max())

    @property
    def verdict(self) -> str:
        """`reproduces`, `negative_probability`, or `wrong_average`, also for a marginal that is wrong."""
        if self.reproduces:
            return "reproduces"
        return "negative_probability" if self.min_probability < -ROUNDING else "wrong_average"

    @property
    def reproduces(self) -> bool:
        """Whether no probability is negative, the marginals are right, and no average is off by more than chance."""
        right = self.min_probability >= -ROUNDING and self.max_marginal_error <= ROUNDING
        return bool(right and self.max_z <= self.allowed_z)

    @property
    def allowed_z(self) -> float:
        """By how many standard errors an average may be off: Student's t for `CHANCE`, over all pairs of outcomes."""
        from scipy.stats import t

        return float(t.isf(CHANCE / (2 * self.mean.size), self.samples // 2 - 1))

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer; the averages and their target are nested lists."""
        return {
            "num_samples": self.samples,
            "status": str(self.status),
            "verdict": self.verdict,
            "min_probability": self.min_probability,
            "max_marginal_error": self.max_marginal_error,
            "max_abs_error": float(np.abs(self.mean - self.target).max()),
            "max_standard_error": float(self.error.max()),
            "max_z": self.max_z,
            "averages": self.mean.tolist(),
            "target": self.target.tolist(),
        }

    def __str__(self) -> str:
        return (
            f"{self.verdict}, at {self.samples} hidden vectors and {' x '.join(map(str, self.mean.shape))} outcomes\n"
            f"  smallest probability  {self.min_probability:.3g}\n"
            f"  largest error of a marginal  {self.max_marginal_error:.3g}\n"
            f"  largest error of an average  {np.abs(self.mean - self.target).max():.3g} "
            f"({self.max_z:.2f} standard errors)"
        )


def verify_povms(
    model: ModelOfPovms,
    samples: int = 100_000,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> PovmVerification:
    """Sample hidden vectors, each with its opposite, and check that `model` is a model and reproduces its target.

    samples     number of hidden vectors, at least 2000; rounded up to an even number
    seed        integer from 0 to 2^63 - 1
    progress    is called with a `Progress` after every chunk

    After Ctrl-C what was sampled until then is returned, with the status `interrupted`; if that is nothing,
    KeyboardInterrupt is raised. Raises InputError for bad arguments.

    >>> from jaxleggett.povms import PovmModel
    >>> verify_povms(PovmModel(Povm.trine(), Povm.sic()), samples=20_000).reproduces
    True
    """
    samples = integer("samples", samples, FEWEST, MAX_SAMPLES)
    rng = np.random.default_rng(integer("seed", seed, 0, MAX_SEED))
    target = model.target
    total, square = np.zeros_like(target), np.zeros_like(target)
    least, worst, done = np.inf, 0.0, 0
    most = min(CHUNK, NUMBERS // target.size)
    status = Ending.COMPLETE
    try:
        while done < samples:
            number = min(most, max((samples - done) // 2, 1))
            half = unit(rng.normal(size=(number, 3)))
            both = [model.joint(u) for u in (half, -half)]
            least = min(least, *(float(P.min()) for P in both))
            for u, P in zip((half, -half), both, strict=True):
                worst = max(worst, float(np.abs(P.sum(2) - model.alice.probabilities(u)).max()))
                worst = max(worst, float(np.abs(P.sum(1) - model.bob.probabilities(-u)).max()))
            means = (both[0] + both[1]) / 2
            total, square, done = total + means.sum(0), square + (means**2).sum(0), done + 2 * number
            if progress:
                progress(Progress(min(done / samples, 1.0)))
    except KeyboardInterrupt:
        if done == 0:
            raise
        status = Ending.INTERRUPTED
    halves = done // 2
    mean = total / halves
    error = np.sqrt(np.maximum(square / halves - mean**2, 0) / (halves - 1))
    return PovmVerification(done, status, least, worst, mean, error, target)
