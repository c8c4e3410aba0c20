"""Branch and bound over pairs of cells, which are cut until a bound is proved on each (A. H. Land, A. G. Doig 1960).

Nothing of what was found elsewhere is taken over, no box and no cut: whoever hands in a claim cannot leave one out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from .cells import THIN, Cells, cut, lengths, opened

POINT = np.array([0.61, 0.35, 0.71]) / np.linalg.norm([0.61, 0.35, 0.71])
"""Of the images of a vector under a group, that with the largest component along this point is looked at."""

EDGE = 1e-8
"""How far images must lie outside that domain to be dropped; more than three times what `symmetry` lets maps be off."""

DEEPEST = 26
"""Most cuts of one coordinate; below, rounding is no longer what the proof takes it for."""

TOGETHER = 2**21
"""Numbers that are worked on together: a fraction of a second, after which the clock is looked at."""

MOST = 20_000_000
"""Boxes after which a proof is given up."""

Outcome = Literal["proved", "refuted", "given up", "out of time", "interrupted"]


class Problem(Protocol):
    """A function of two unit vectors that is to be bounded above."""

    @property
    def first(self) -> np.ndarray:
        """Cells that the first vector is looked for in."""
        ...

    @property
    def second(self) -> np.ndarray:
        """Cells that the second vector is looked for in."""
        ...

    @property
    def maps(self) -> np.ndarray:
        """Orthogonal matrices (group, 3, 3) under which the function stays as it is, acting on both vectors."""
        ...

    @property
    def work(self) -> int:
        """How many numbers a box takes."""
        ...

    @property
    def trivial(self) -> float:
        """A bound that holds everywhere."""
        ...

    def bounds(self, a: Cells, b: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Upper bounds (n,) of the function on boxes, rounding included; values (n,) in them, and where (n, 2, 3)."""
        ...


@dataclass(frozen=True)
class Bound:
    """What a search found: `bound` is proved for all vectors, however it ended.

    `reached` is the largest value that was seen, at the vectors `place` (2, 3); `boxes` is how many were bounded.
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
    """Prove that `problem` stays below `target`, or without one, below what it reaches plus `tolerance`.

    `refuted` where a larger value than the target was met. The bound of what is left when the search is stopped,
    by `late`, Ctrl-C or too many boxes, is still proved. `progress` is told how many boxes are open.
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
                # fmin: NaN lowers no bound.
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
            # The goal never falls, so the last one holds for all boxes that were dropped.
            kept = ~(open_ <= (best + tolerance if target is None else target))
            dropped = max(dropped, open_[~kept].max(initial=-np.inf))
            if progress:
                progress(int(kept.sum()))
            boxes, open_ = _cut(problem, boxes[kept], open_[kept], ways[kept])
    except KeyboardInterrupt:
        outcome = "interrupted"
    return Bound(outcome, float(max(dropped, open_.max(initial=-np.inf))), best, place, count)


def _roots(problem: Problem) -> np.ndarray:
    """All boxes of `first` and `second`, but for those outside the domain."""
    first = problem.first[~_outside(problem, problem.first)]
    second = problem.second
    return np.concatenate([np.repeat(first, len(second), 0), np.tile(second, (len(first), 1))], axis=1)


def _outside(problem: Problem, cells: np.ndarray) -> np.ndarray:
    """Whether each u of cells (n, 5) has an image R^T u with a larger component along `POINT`."""
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
