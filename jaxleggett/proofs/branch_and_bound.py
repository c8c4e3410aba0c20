"""Certified bounds of Leggett inequalities, rounding included, by the checker's branch and bound.

The pairs of hidden vectors are covered by boxes. On each of them the left side is bounded by a linear function. A box
is dropped if its bound is at most the tolerance above a value that is reached; the others are cut in two. If the
inequality has symmetries, only one domain of them is covered.

docs/CERTIFICATES.md has the proof. It shares no code with the searches and programmes whose results are certified;
tests/test_imports.py tests that.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._doubles import scaled_up
from ..inequalities.inequality import LeggettInequality
from ..runs import Ending
from .checker import claims
from .checker.search import Outcome, bounded
from .symmetries import with_symmetries

SYMMETRIES_SHARE = 0.25
"""Share of the time limit after which no further symmetries are looked for."""

ENDINGS: dict[Outcome, Ending] = {
    "proved": Ending.CONVERGED,
    "refuted": Ending.STALLED,
    "given up": Ending.STALLED,
    "out of time": Ending.TIME_LIMIT,
    "interrupted": Ending.INTERRUPTED,
}


@dataclass(frozen=True)
class Enclosure:
    """`bound` is proved to be at least the left side for all hidden vectors; `reached` is a value of it, to rounding.

    `status` is `converged` where the two are as close as asked for; otherwise `time_limit`, `interrupted`
    (Ctrl-C), or `stalled` where boxes became too many or too small. The bound holds in every case. `boxes` says how
    many boxes were bounded, `seconds` how long it took.
    """

    bound: float
    reached: float
    boxes: int
    status: Ending
    seconds: float
    maps: np.ndarray
    """(group, 3, 3): the symmetries that were used; without marginal terms, one of R and -R each."""

    @property
    def converged(self) -> bool:
        """Whether the bound is as close as asked for."""
        return self.status == Ending.CONVERGED


def enclose(
    inequality: LeggettInequality,
    tolerance: float = 1e-5,
    *,
    time_limit: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Enclosure:
    """Enclose the largest left side of `inequality` over u, v in S^2 x S^2, from both sides.

    The two are at most `tolerance` times sum |g_i| + |f_i| + |h_i| apart, or as close as `time_limit` (seconds) allows.
    The bound holds in every case. `progress` is told how many boxes are open.

    >>> import numpy as np
    >>> from jaxleggett.inequalities import published
    >>> from jaxleggett.proofs.branch_and_bound import enclose
    >>> three = published(np.eye(3), np.roll(np.eye(3), 1, axis=0))
    >>> found = enclose(three, 1e-3)
    >>> found.converged, found.reached <= three.bound, found.bound <= three.bound + 0.003
    (True, True, True)
    """
    started = time.monotonic()

    def late(share: float = 1.0) -> bool:
        return time_limit is not None and time.monotonic() - started > share * time_limit

    i, exponent = inequality.normalised()
    claim = claims.Inequality.of(i.coefficients, i.a, i.b, i.alice, i.bob)
    interrupted = False
    try:
        claim = with_symmetries(claim, lambda: late(SYMMETRIES_SHARE))
    except KeyboardInterrupt:
        interrupted = True
    effort = functools.partial(bounded, late=lambda: interrupted or late(), progress=progress)
    found = claims.ceiling(claim, effort, tolerance=tolerance)
    return Enclosure(
        bound=scaled_up(found.bound, exponent),
        reached=scaled_up(found.reached, exponent),
        boxes=found.boxes,
        status=Ending.INTERRUPTED if interrupted else ENDINGS[found.outcome],
        seconds=time.monotonic() - started,
        maps=claim.maps,
    )
