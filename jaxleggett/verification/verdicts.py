"""Verdicts: averages against what they should be, with what rounding and chance can do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import InputError
from ..correlation import OUTCOMES, probabilities
from ..kernels.plan import Plan
from ..kernels.points import one_point
from ..models.arguments import as_pytree
from ..models.interface import model_name, offers
from ..settings import SettingPairs
from .admission import between, lattice_error, of_each, shares
from .montecarlo import Averages
from .report import Row, Verdict, Witness

PAIRS_AT_ONCE = 65536
"""Pairs whose averages are judged together, so that the tables stay small beside the averages."""

AVERAGES_AT_ONCE = 2**18
"""Averages (pairs x visibilities) that are judged together, likewise."""

FALSE_REJECTIONS = 1e-7
"""Chance that a run rejects a correct model, over all its pairs, outcomes and visibilities together."""

ROUNDING = {"single": np.finfo(np.float32).eps, "double": 8 * np.finfo(np.float64).eps}
"""Floor of every standard error, and unit of the other tolerances: what rounding alone can do."""


@dataclass(frozen=True)
class _Targets:
    """What is to be reproduced: `of(item, a, b)` is P of shape (P, 4), with an item a visibility, or one for all."""

    of: Callable[..., Any]
    items: Sequence[Any]

    def at(self, part: slice, most: int, settings: SettingPairs) -> np.ndarray:
        """P at `part` of the visibilities, at most `most`: (number or 1, 4, pairs)."""
        items = self.items[part] if len(self.items) > 1 else self.items
        return np.moveaxis(of_each(self.of, items, most, settings.a, settings.b), -1, 1)


def _of_target(target: Any, a: Any, b: Any) -> Any:
    return probabilities(*target.correlation(a, b))


def _of_model(model: Any, a: Any, b: Any) -> Any:
    return _of_target(model.target, a, b)


def _targets(target: Any, models: Sequence[Any], ends: Sequence[Any], V: np.ndarray | None) -> _Targets:
    """What is to be reproduced at each visibility (one item for a model without)."""
    if target is None:
        found, some = _Targets(_of_model, models), [getattr(end, "target", None) for end in ends]
    elif hasattr(target, "correlation"):
        return _Targets(_of_target, [target])
    elif callable(target) and V is not None:
        some = [target(visibility) for visibility in V.tolist()]
        found = _Targets(_of_target, some)
    else:
        found, some = None, []
    if found is None or not all(hasattr(one, "correlation") for one in some):
        raise InputError(
            f"target must be given for the model {model_name(ends[0])}: an object with correlation(a, b), "
            "or a function of the visibility that returns one"
        )
    return found


def _rows(
    V: np.ndarray | None,
    ends: Sequence[Any],
    targets: _Targets,
    settings: SettingPairs,
    averages: Averages,
    judge: _Judge,
) -> Iterator[list[Row]]:
    """The rows, some visibilities at a time: everything is affine in V between the ends of the scan."""
    ends = [as_pytree(end) for end in ends]
    number = 1 if V is None else len(V)
    most = max(1, AVERAGES_AT_ONCE // min(len(settings), PAIRS_AT_ONCE))
    for first in range(0, number, most):
        some = slice(first, first + most)
        share = shares(V, None if V is None else V[some])
        found: _Found | None = None
        for start in range(0, len(settings), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            goal = targets.at(some, most, settings[part])
            block = _found(share, ends, goal, settings[part], averages.pairs(part), judge)
            found = block if found is None else found.merged(block)
        assert found is not None
        yield found.rows([None] if V is None else V[some].tolist(), judge)


@dataclass(frozen=True)
class _Found:
    """What some pairs say at B visibilities: arrays along these."""

    smallest: np.ndarray
    """(B,): smallest probability at the hidden vectors worth a look, infinite where all are NaN."""
    where: np.ndarray
    """(B, 4, 3): a, b, u, v at which it is found."""
    outcome: np.ndarray
    """(B,): its outcome."""
    right: np.ndarray
    """(B,): whether every average is within its tolerance."""
    largest: dict[str, np.ndarray | None]
    """(B,): the largest error, standard error and z by the names of `Row`, None where there are none; NaN prevails."""
    tolerance: np.ndarray
    """(2, B): the smallest and the largest tolerance; NaN does not count."""

    def merged(self, other: _Found) -> _Found:
        """What two sets of pairs say together."""
        worse = other.smallest < self.smallest
        pairs = {name: (x, other.largest[name]) for name, x in self.largest.items()}
        return _Found(
            smallest=np.where(worse, other.smallest, self.smallest),
            where=np.where(worse[:, None, None], other.where, self.where),
            outcome=np.where(worse, other.outcome, self.outcome),
            right=self.right & other.right,
            largest={name: None if x is None or y is None else np.maximum(x, y) for name, (x, y) in pairs.items()},
            tolerance=np.stack(
                [f(x, y) for f, x, y in zip((np.fmin, np.fmax), self.tolerance, other.tolerance, strict=True)]
            ),
        )

    def rows(self, V: Sequence[float | None], judge: _Judge) -> list[Row]:
        """A row for each visibility."""
        return [self._row(i, visibility, judge) for i, visibility in enumerate(V)]

    def _row(self, i: int, visibility: float | None, judge: _Judge) -> Row:
        smallest, (least, most) = float(self.smallest[i]), self.tolerance[:, i].tolist()
        negative = judge.negative(smallest)
        right: Verdict = "reproduces" if self.right[i] else "wrong_average"
        return Row(
            visibility=visibility,
            verdict="negative_probability" if negative else right,
            min_probability=smallest,
            witness=self._witness(i) if negative else None,
            tolerance=most if least < 1 else None,
            **{name: None if x is None else float(x[i]) for name, x in self.largest.items()},  # type: ignore[arg-type]
        )

    def _witness(self, i: int) -> Witness:
        alpha, beta = OUTCOMES[self.outcome[i]]
        vectors = (tuple(x) for x in self.where[i].tolist())
        return Witness(*vectors, alpha=alpha, beta=beta, probability=float(self.smallest[i]))


def _found(
    share: np.ndarray,
    ends: Sequence[Any],
    goal: np.ndarray,
    settings: SettingPairs,
    averages: Averages,
    judge: _Judge,
) -> _Found:
    """What these pairs say, at visibilities a `share` of the way through the scan."""
    # Hidden vectors worth a look: for every pair, those of the smallest probability at each end.
    u, v = (averages.witness[:, :, i].reshape(-1, 3) for i in (0, 1))
    a, b = (np.tile(x, (len(ends), 1)) for x in (settings.a, settings.b))
    extreme = np.stack([one_point(end, u, v, a, b) for end in ends])
    # A model's own NaNs and infinities are figures like others.
    with np.errstate(invalid="ignore", over="ignore"):
        probability = between(share, extreme).reshape(len(share), -1)
        probability = np.where(np.isnan(probability), np.inf, probability)
        index = probability.argmin(1)
        point, outcome = np.divmod(index, len(OUTCOMES))

        error = np.abs(between(share, averages.mean) - goal)
        spread = None
        if averages.covariance is not None:
            half = np.stack([between(share, row) for row in averages.covariance])
            spread = np.sqrt(np.maximum(between(share, half), judge.rounding**2))
        tolerance = np.broadcast_to(judge.tolerance(spread), error.shape)
        each = (1, 2)
        return _Found(
            smallest=np.take_along_axis(probability, index[:, None], 1)[:, 0],
            where=np.stack([x[point] for x in (a, b, u, v)], axis=1),
            outcome=outcome,
            right=np.all(error <= tolerance, axis=each),
            largest={
                "max_abs_error": error.max(each),
                "max_standard_error": None if spread is None else spread.max(each),
                "max_z": None if spread is None else (error / spread).max(each),
            },
            tolerance=np.stack([np.fmin.reduce(tolerance, each), np.fmax.reduce(tolerance, each)]),
        )


class _Judge:
    """Where rounding and chance end: the thresholds of a run with `tests` two-sided tests.

    Standard errors are estimated, so z follows Student's t with one degree of freedom less than
    there are batches; but no average is nearer to a normal one than sqrt(2 ln(2/level)) grants. An
    allowance covers what batches cannot show: an event of probability up to ln(1/level)/n may be
    missing from all n samples, which the second term of the empirical Bernstein bound covers
    (A. Maurer and M. Pontil, COLT 2009), and a region that all rotations of a lattice miss is no
    likelier. A model's own `lattice_error` can only lower it.
    """

    def __init__(self, plan: Plan | None, tests: int, ends: Sequence[Any], rounding: float) -> None:
        self.rounding, self.critical, self.allowance = rounding, 0.0, 0.0
        if plan is None:
            self.allowance = 32 * rounding
            return
        # Not at the head of the module: the package is importable where only jax and numpy are.
        from scipy.special import stdtrit

        level = FALSE_REJECTIONS / (2 * tests)
        few = float(np.log(2 / level))
        self.critical = max(-float(stdtrit(plan.batches - 1, level)), math.sqrt(2 * few))
        self.allowance = 7 * few / (3 * (plan.num_samples - 1))
        if plan.method == "rqmc" and all(offers(end, "lattice_error") for end in ends):
            self.allowance = min(self.allowance, max(lattice_error(end, plan.batch_size) for end in ends))

    def negative(self, smallest: float) -> bool:
        """Whether a probability is below zero by more than rounding."""
        return smallest < -16 * self.rounding

    def tolerance(self, spread: np.ndarray | None) -> Any:
        """The largest errors that pass for averages with standard errors `spread`."""
        return self.allowance + (0.0 if spread is None else self.critical * spread)
