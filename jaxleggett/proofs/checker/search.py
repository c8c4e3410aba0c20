"""Branch and bound over boxes, which are pairs of cells and are cut in two until a bound is proved on each of them.

A. H. Land and A. G. Doig, Econometrica 28, 497 (1960). The search makes its own boxes. It takes none from whoever makes
a claim, so that none can be left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from .cells import THIN, Cells, cut, lengths, opened

POINT = np.array([0.61, 0.35, 0.71]) / np.linalg.norm([0.61, 0.35, 0.71])
"""The domain of a group consists of the vectors that have no image with a larger component along this point."""

EDGE = 1e-8
"""How far outside the domain a cell must lie to be left out: more than three times `symmetry.CLOSED`."""

DEEPEST = 26
"""Largest number of cuts of one coordinate; the bounds on rounding do not hold for smaller cells."""

TOGETHER = 2**21
"""How many numbers are worked on together. That takes a fraction of a second; then `late` is asked."""

MOST = 20_000_000
"""Number of boxes after which a proof is given up."""

Outcome = Literal["proved", "refuted", "given up", "out of time", "interrupted"]


class Problem(Protocol):
    """A function of two unit vectors that is to be bounded above."""

    @property
    def first(self) -> np.ndarray:
        """Cells (n, 5) which, with their images under the symmetries, hold every first vector."""
        ...

    @property
    def second(self) -> np.ndarray:
        """Cells (n, 5) which hold every second vector that then belongs to it."""
        ...

    @property
    def maps(self) -> np.ndarray:
        """A group of orthogonal matrices (g, 3, 3): applied to both vectors, they leave the function as it is."""
        ...

    @property
    def work(self) -> int:
        """How many numbers are in use for one box."""
        ...

    @property
    def trivial(self) -> float:
        """A bound that holds everywhere."""
        ...

    def bounds(self, a: Cells, b: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Upper bounds (n,) on boxes, rounding included; a value (n,) in each box, and the vectors there (n, 2, 3)."""
        ...


@dataclass(frozen=True)
class Bound:
    """What a search found. `bound` is proved for all pairs of vectors, whatever the `outcome`.

    `reached` is the largest value that was seen (to rounding), at the vectors `place` (2, 3). `boxes` says how many
    boxes were bounded.
    """

    outcome: Outcome
    bound: float
    reached: float
    place: np.ndarray
    boxes: int


def bounded(
    problem: Problem,
    *,
    target: float | None = None,
    tolerance: float = 0.0,
    late: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] | None = None,
) -> Bound:
    """Prove that `problem` is at most `target`; without one, at most `tolerance` above the largest value that is seen.

    The outcome is `refuted` where a value above the target was seen. Where the search is stopped, by `late`, Ctrl-C or
    too many boxes, its bound is larger, but proved. `progress` is told how many boxes are open.
    """
    best, place, count = -np.inf, np.stack([POINT, -POINT]), 0
    dropped, outcome = -np.inf, "proved"
    boxes = _roots(problem)
    open_ = np.full(len(boxes), problem.trivial)
    size = max(TOGETHER // problem.work, 1)
    try:
        while len(boxes):
            if count > MOST or boxes[:, [2, 4, 7, 9]].max() > DEEPEST:
                outcome = "given up"
                break
            ways = np.zeros(len(boxes), int)
            for start in range(0, len(boxes), size):
                if late():
                    outcome = "out of time"
                    break
                part = slice(start, start + size)
                a, b = opened(boxes[part, :5]), opened(boxes[part, 5:])
                found, values, places = problem.bounds(a, b)
                # np.fmin ignores NaN, so that NaN lowers no bound.
                open_[part] = np.fmin(open_[part], found)
                ways[part] = _longest(boxes[part], a, b)
                count += len(found)
                top = int(np.argmax(values))
                if values[top] > best:
                    best, place = float(values[top]), places[top]
            if outcome == "proved" and target is not None and best > target:
                outcome = "refuted"
            if outcome != "proved":
                break
            # `best` never falls, so boxes that were dropped earlier are within the tolerance of the last `best`, too.
            # Written so that a box whose bound is NaN is kept.
            kept = ~(open_ <= (best + tolerance if target is None else target))
            dropped = max(dropped, open_[~kept].max(initial=-np.inf))
            if progress:
                progress(int(kept.sum()))
            boxes, open_ = _cut(problem, boxes[kept], open_[kept], ways[kept])
    except KeyboardInterrupt:
        outcome = "interrupted"
    return Bound(outcome, float(max(dropped, open_.max(initial=-np.inf))), best, place, count)


def _roots(problem: Problem) -> np.ndarray:
    """All boxes of `first` and `second`, without those outside the domain."""
    first = problem.first[~_outside(problem, problem.first)]
    second = problem.second
    return np.concatenate([np.repeat(first, len(second), 0), np.tile(second, (len(first), 1))], axis=1)


def _outside(problem: Problem, cells: np.ndarray) -> np.ndarray:
    """Whether all vectors u of a cell have an image R^T u with a larger component along `POINT`: for cells (n, 5)."""
    away = problem.maps @ POINT - POINT
    return ((opened(cells).corners @ away.T).min(1) > EDGE).any(1)


def _longest(boxes: np.ndarray, a: Cells, b: Cells) -> np.ndarray:
    """The column of the coordinate along which each box is longest: 1, 3, 6 or 8."""
    columns = np.tile([1, 3, 6, 8], (len(boxes), 1))
    if a.corners.shape[1] == 2:
        columns = np.concatenate([np.where(boxes[:, [2]] == THIN, 3, 1), columns[:, 2:]], axis=1)
    longest = np.concatenate([lengths(a), lengths(b)], axis=1).argmax(1)
    return np.take_along_axis(columns, longest[:, None], axis=1)[:, 0]


def _cut(problem: Problem, boxes: np.ndarray, bounds: np.ndarray, ways: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both halves of each box, cut along its column in `ways`, with its bound; without those outside the domain."""
    halves, bounds, ways = cut(boxes, ways), np.repeat(bounds, 2), np.repeat(ways, 2)
    kept = ways > 5
    kept[~kept] = ~_outside(problem, halves[~kept, :5])
    return halves[kept], bounds[kept]
