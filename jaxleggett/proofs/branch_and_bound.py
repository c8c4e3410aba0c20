"""Certified bounds of Leggett inequalities: branch and bound over pairs of spherical caps, rounding included.

Branch and bound (A. H. Land, A. G. Doig, Econometrica 28, 497 (1960)): the pairs of hidden vectors are covered by
boxes (`cells`); on each the left side is bounded by a linear function (`minorant`); a box whose bound is no higher
than a value that is reached, plus the tolerance, is dropped; the others are cut in four. Where the inequality has
`symmetries`, only one domain of them is covered.

docs/CERTIFICATES.md has the proof, with the rounding. Nothing is shared with the searches and programmes whose results
are certified: tests/test_imports.py holds that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._doubles import scaled_up
from ..inequalities.inequality import LeggettInequality
from ..runs import Ending
from .cells import GENERIC, Cells
from .minorant import Terms, bounds_on_caps
from .symmetries import symmetries

DEEPEST = 20
"""Most cuts in half of a cell; below, the rounding of radii is no longer what the proof takes it for."""


@dataclass(frozen=True)
class BoxOptions:
    """How much is done at a time, and when to stop; none of it matters for the proof."""

    batch: int = 4096
    """Most boxes that are bounded together."""
    together: int = 2**19
    """Boxes times terms that are bounded together: a fraction of a second, after which the clock is looked at."""
    most: int = 5_000_000
    """Boxes after which the best bound so far is returned."""
    symmetries_share: float = 0.25
    """Share of the time limit after which symmetries are no longer looked for."""


DEFAULT = BoxOptions()


@dataclass(frozen=True)
class Enclosure:
    """`bound` is proved to be at least the left side for all hidden vectors; `reached` is a value that it takes.

    `status` is `converged` where the two are as close as asked for; else `time_limit`, `interrupted`
    (Ctrl-C), or `stalled` where boxes became too many or too small. The bound holds in every case. `boxes` says how
    many were bounded, `seconds` how long it took.
    """

    bound: float
    reached: float
    boxes: int
    status: Ending
    seconds: float

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
    options: BoxOptions = DEFAULT,
) -> Enclosure:
    """Enclose the largest left side of `inequality` over u, v in S^2 x S^2, from both sides.

    To `tolerance` times sum |g_i| + |f_i| + |h_i|, or as far as `time_limit` (seconds) allows; the bound holds in every
    case. `progress` is told how many boxes are left. `options` say how much is done at a time.

    >>> import numpy as np
    >>> from jaxleggett.inequalities import published
    >>> from jaxleggett.proofs.branch_and_bound import enclose
    >>> three = published(np.eye(3), np.roll(np.eye(3), 1, axis=0))
    >>> found = enclose(three, 1e-3)
    >>> found.converged, found.reached <= three.bound, found.bound <= three.bound + 0.003
    (True, True, True)
    """
    started = time.monotonic()
    scaled, exponent = inequality.normalised()
    branches = _Branches(Terms.of(scaled), tolerance, started, time_limit, options)
    status = branches.run(progress)
    return Enclosure(
        bound=scaled_up(branches.bound, exponent),
        reached=scaled_up(branches.reached, exponent),
        boxes=branches.count,
        status=status,
        seconds=time.monotonic() - started,
    )


class _Branches:
    """The loop of branch and bound, and what it knows.

    `lowest` is a lower bound of m over all u, v: of boxes that were dropped and of those that are open. It holds at
    any moment outside `run`, and after it, however it ended. `incumbent` is the least value of m seen anywhere.
    `defect` is by how much m may change under the symmetries, and `count` how many boxes have been bounded.
    """

    def __init__(
        self, terms: Terms, tolerance: float, started: float, time_limit: float | None, options: BoxOptions
    ) -> None:
        self.terms, self.tolerance, self.options = terms, tolerance * terms.total, options
        self.started, self.time_limit = started, time_limit
        # Without any box: sigma = 0, and one value.
        self.lowest = -sum(float(np.linalg.norm(x)) for x in np.split(terms.linear, 2))
        self.incumbent = float(terms.at(np.concatenate([GENERIC, -GENERIC])))
        self.count, self.defect = 0, 0.0

    @property
    def bound(self) -> float:
        """What is proved of the left side, sum |g_i| - m: with the rounding of docs/CERTIFICATES.md, (2)."""
        rounding = 64 * (len(self.terms.a) + 20) * 2.0**-53 * self.terms.total
        return float(self.terms.size.sum()) - self.lowest + rounding + self.defect

    @property
    def reached(self) -> float:
        """The largest left side that was seen."""
        return float(self.terms.size.sum()) - self.incumbent

    def late(self, share: float = 1.0) -> bool:
        """Whether this share of the time limit is over."""
        return self.time_limit is not None and time.monotonic() - self.started > share * self.time_limit

    def run(self, progress: Callable[[int], None] | None) -> Ending:
        """Cut boxes until none is open, and say how it ended."""
        # Wherever this is interrupted, every u, v has its image in a box whose bound is in `dropped` or in `open_`.
        dropped, open_ = np.inf, np.array([self.lowest])
        try:
            maps, self.defect = symmetries(self.terms, lambda: self.late(self.options.symmetries_share))
            cells = Cells(maps)
            boxes = cells.first()
            open_ = np.full(len(boxes), self.lowest)
            status = Ending.CONVERGED
            while len(boxes):
                status = self._raise(open_, cells, boxes)
                if status != Ending.CONVERGED:
                    break
                # Each box is dropped at a target that never rises, so the last target holds for all of them.
                kept = open_ < self.incumbent - self.tolerance
                dropped = min(dropped, open_[~kept].min(initial=np.inf))
                if progress:
                    progress(int(kept.sum()))
                boxes, open_ = cells.split(boxes[kept], open_[kept])
        except KeyboardInterrupt:
            status = Ending.INTERRUPTED
        self.lowest = min(dropped, open_.min(initial=np.inf))
        return status

    def _raise(self, bounds: np.ndarray, cells: Cells, boxes: np.ndarray) -> Ending:
        """Raise the bounds of the boxes, batch by batch, in place; `CONVERGED`, or what stopped it."""
        if self.count > self.options.most or boxes[:, [3, 7]].max() > DEEPEST:
            return Ending.STALLED
        size = min(self.options.batch, max(self.options.together // len(self.terms.a), 1))
        for start in range(0, len(boxes), size):
            if self.late():
                return Ending.TIME_LIMIT
            part = slice(start, start + size)
            found, values = bounds_on_caps(self.terms, *cells.caps(boxes[part, :4]), *cells.caps(boxes[part, 4:]))
            # fmax: NaN raises no bound.
            bounds[part] = np.fmax(bounds[part], found)
            self.incumbent = min(self.incumbent, float(np.fmin.reduce(values)))
            self.count += len(found)
        return Ending.CONVERGED
