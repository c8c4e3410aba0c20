"""Verdicts: averages are compared with what they should be, allowing for rounding and chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import jax
import numpy as np
from jax.typing import ArrayLike

from .._checks import InputError
from ..correlation import OUTCOMES, probabilities
from ..kernels.plan import Plan
from ..kernels.points import one_point
from ..models.arguments import Packed, as_pytree
from ..models.interface import LeggettModel, Target, TargetedModel, model_name, offers
from ..settings import SettingPairs
from .admission import between, lattice_error, of_each, shares
from .montecarlo import Averages
from .options import DEFAULT, VerifyOptions
from .report import Row, Verdict, Witness

ROUNDING = {"single": np.finfo(np.float32).eps, "double": 8 * np.finfo(np.float64).eps}
"""The error that rounding alone can make: the least standard error, and the unit of the other tolerances."""


@dataclass(frozen=True)
class Targets:
    """What is to be reproduced at each visibility of a scan."""

    of: Callable[..., jax.Array]
    """`of(item, a, b)`: P of shape (P, 4) at settings a, b of shape (P, 3)."""
    items: Sequence[Target] | Sequence[LeggettModel]
    """The arguments from which `of` computes P: one item for each visibility, or a single one for all."""

    def at(self, part: slice, most: int, settings: SettingPairs) -> np.ndarray:
        """P at `part` of the visibilities, which are at most `most`: (number, 4, pairs), or (1, 4, pairs) for all."""
        items = self.items[part] if len(self.items) > 1 else self.items
        return np.moveaxis(of_each(self.of, items, most, settings.a, settings.b), -1, 1)


def probabilities_of(target: Target, a: ArrayLike, b: ArrayLike) -> jax.Array:
    """P (P, 4) of a target, at settings a, b of shape (P, 3)."""
    return probabilities(*target.correlation(a, b))


def _probabilities_of_own(model: TargetedModel, a: ArrayLike, b: ArrayLike) -> jax.Array:
    """P (P, 4) of a model's own target."""
    return probabilities_of(model.target, a, b)


def targets_of(
    target: Target | Callable[[float], Target] | None,
    models: Sequence[LeggettModel],
    ends: Sequence[LeggettModel],
    V: np.ndarray | None,
) -> Targets:
    """What `models` are to reproduce at the visibilities `V`, or one model where V is None.

    `target` is as `verify` takes it: None for the models' own targets, one object for all visibilities, or a function
    of the visibility. Raises InputError where that leaves a visibility without a target.
    """
    if target is None:
        # The target of a model comes from the same class at every visibility, so the ends show whether there is one.
        found, some = Targets(_probabilities_of_own, models), [getattr(end, "target", None) for end in ends]
    elif hasattr(target, "correlation"):
        return Targets(probabilities_of, [cast(Target, target)])
    elif callable(target) and V is not None:
        some = [target(visibility) for visibility in V.tolist()]
        found = Targets(probabilities_of, some)
    else:
        found, some = None, []
    if found is None or not all(hasattr(one, "correlation") for one in some):
        raise InputError(
            f"target must be given for the model {model_name(ends[0])}: an object with correlation(a, b), "
            "or a function of the visibility that returns one"
        )
    return found


def judged(
    V: np.ndarray | None,
    ends: Sequence[LeggettModel],
    targets: Targets,
    settings: SettingPairs,
    averages: Averages,
    judge: Judge,
    options: VerifyOptions = DEFAULT,
) -> Iterator[list[Row]]:
    """The rows of a run in the order of `V`, some visibilities at a time.

    Probabilities and averages are affine in V, so the averages at the two ends of the scan are all that is needed.
    The table of all pairs and visibilities may be far larger than the memory: some visibilities are taken at a time,
    and for these some pairs at a time.
    """
    packed = [as_pytree(end) for end in ends]
    number = 1 if V is None else len(V)
    most = max(1, options.averages_at_once // min(len(settings), options.pairs_at_once))
    for first in range(0, number, most):
        some = slice(first, first + most)
        share = shares(V, None if V is None else V[some])
        found: _Figures | None = None
        for start in range(0, len(settings), options.pairs_at_once):
            part = slice(start, start + options.pairs_at_once)
            goal = targets.at(some, most, settings[part])
            block = _figures_of(share, packed, goal, settings[part], averages.pairs(part), judge)
            found = block if found is None else found.merged(block)
        assert found is not None
        yield found.rows([None] if V is None else V[some].tolist(), judge)


@dataclass(frozen=True)
class _Figures:
    """The figures of some pairs at B visibilities, from which the rows are made.

    The figures of two sets of pairs can be `merged` into those of both together, in any order, so that a row does not
    depend on how the pairs were divided.
    """

    smallest: np.ndarray
    """(B,): the smallest probability at the hidden vectors that are looked at; infinite where all are NaN."""
    where: np.ndarray
    """(B, 4, 3): a, b, u, v at which it is found; without meaning where it is infinite."""
    outcome: np.ndarray
    """(B,): its outcome, an index into `OUTCOMES`."""
    right: np.ndarray
    """(B,): whether every average is within its tolerance; an average that is NaN is not."""
    largest: dict[str, np.ndarray | None]
    """(B,) each: the largest error, standard error and z, by the names of `Row`; None where there are none. Where one
    of the pairs has a NaN, it is NaN."""
    tolerance: np.ndarray
    """(2, B): the smallest and the largest tolerance of an average; those that are NaN do not count."""

    def merged(self, other: _Figures) -> _Figures:
        """The figures of two sets of pairs together."""
        worse = other.smallest < self.smallest
        pairs = {name: (x, other.largest[name]) for name, x in self.largest.items()}
        return _Figures(
            smallest=np.where(worse, other.smallest, self.smallest),
            where=np.where(worse[:, None, None], other.where, self.where),
            outcome=np.where(worse, other.outcome, self.outcome),
            right=self.right & other.right,
            largest={name: None if x is None or y is None else np.maximum(x, y) for name, (x, y) in pairs.items()},
            tolerance=np.stack(
                [f(x, y) for f, x, y in zip((np.fmin, np.fmax), self.tolerance, other.tolerance, strict=True)]
            ),
        )

    def rows(self, V: Sequence[float | None], judge: Judge) -> list[Row]:
        """A row for each visibility."""
        return [self._row(i, visibility, judge) for i, visibility in enumerate(V)]

    def _row(self, i: int, visibility: float | None, judge: Judge) -> Row:
        """The row of visibility number `i`."""
        smallest, (least, most) = float(self.smallest[i]), self.tolerance[:, i].tolist()
        negative = judge.negative(smallest)
        right = Verdict.REPRODUCES if self.right[i] else Verdict.WRONG_AVERAGE
        return Row(
            visibility=visibility,
            verdict=Verdict.NEGATIVE_PROBABILITY if negative else right,
            min_probability=smallest,
            witness=self._witness(i) if negative else None,
            # A probability is off by less than 1, so where every tolerance is 1 or more no error could have failed.
            tolerance=most if least < 1 else None,
            **{name: None if x is None else float(x[i]) for name, x in self.largest.items()},  # type: ignore[arg-type]
        )

    def _witness(self, i: int) -> Witness:
        """Where the smallest probability of visibility number `i` is found."""
        alpha, beta = OUTCOMES[self.outcome[i]]
        vectors = (tuple(x) for x in self.where[i].tolist())
        return Witness(*vectors, alpha=alpha, beta=beta, probability=float(self.smallest[i]))


def _figures_of(
    share: np.ndarray,
    ends: Sequence[Packed],
    goal: np.ndarray,
    settings: SettingPairs,
    averages: Averages,
    judge: Judge,
) -> _Figures:
    """The figures of these pairs at B visibilities.

    `share` (B, 1, 1) says where the visibilities lie between the ends of the scan, `goal` (B or 1, 4, P) what the
    averages should be.
    """
    # The hidden vectors that are looked at: for every pair, those of the smallest probability at each end.
    u, v = (averages.witness[:, :, i].reshape(-1, 3) for i in (0, 1))
    a, b = (np.tile(x, (len(ends), 1)) for x in (settings.a, settings.b))
    extreme = np.stack([one_point(end, u, v, a, b) for end in ends])
    # NaN and infinities come from the model, and are reported like other figures, without warnings.
    with np.errstate(invalid="ignore", over="ignore"):
        probability = between(share, extreme).reshape(len(share), -1)
        # A NaN is replaced, so that `argmin` does not return it and a negative probability elsewhere is seen.
        probability = np.where(np.isnan(probability), np.inf, probability)
        index = probability.argmin(1)
        point, outcome = np.divmod(index, len(OUTCOMES))

        error = np.abs(between(share, averages.mean) - goal)
        spread = None
        if averages.covariance is not None:
            # The variance of (1 - s) x + s y is a quadratic form in (1 - s, s): `between` is applied along both axes.
            half = np.stack([between(share, row) for row in averages.covariance])
            spread = np.sqrt(np.maximum(between(share, half), judge.rounding**2))
        tolerance = np.broadcast_to(judge.tolerance(spread), error.shape)
        each = (1, 2)
        return _Figures(
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


@dataclass(frozen=True)
class Judge:
    """By how much an average may miss its target, and how far a probability may be below 0."""

    rounding: float
    """The least standard error, and the unit of the other tolerances: an entry of `ROUNDING`."""
    critical: float
    """How many standard errors an average may be off; 0 by quadrature."""
    allowance: float
    """How much it may be off in addition to that."""

    @classmethod
    def of(
        cls,
        plan: Plan | None,
        tests: int,
        ends: Sequence[LeggettModel],
        rounding: float,
        options: VerifyOptions = DEFAULT,
    ) -> Judge:
        """The judge of a run by `plan` (None: quadrature) with `tests` two-sided tests.

        The level of a test, one-sided, is `options.false_rejections` divided by twice their number (Bonferroni).
        Standard errors are estimated, so z follows Student's t with one degree of freedom less than there are
        batches; `critical` is its quantile, and at least the sqrt(2 ln(2/level)) of the empirical Bernstein bound
        (A. Maurer and M. Pontil, COLT 2009). The `allowance` is the second term of that bound. It covers what the
        scatter of batches cannot show: an event of probability up to ln(1/level)/n may be missing from all n samples,
        and a region that all rotations of a lattice miss is no likelier. The models' own `lattice_error` can only lower
        the allowance. Raises InputError for a `lattice_error` that is no number from 0 up.
        """
        if plan is None:
            return cls(rounding, critical=0.0, allowance=32 * rounding)
        # Imported here, so that the package can be imported where there are only jax and numpy.
        from scipy.special import stdtrit

        level = options.false_rejections / (2 * tests)
        few = float(np.log(2 / level))
        critical = max(-float(stdtrit(plan.batches - 1, level)), math.sqrt(2 * few))
        allowance = 7 * few / (3 * (plan.num_samples - 1))
        known = [end for end in ends if offers(end, "lattice_error")]
        if plan.method == "rqmc" and len(known) == len(ends):
            allowance = min(allowance, max(lattice_error(end, plan.batch_size) for end in known))
        return cls(rounding, critical, allowance)

    def negative(self, smallest: float) -> bool:
        """Whether a probability is below zero by more than rounding."""
        return smallest < -16 * self.rounding

    def tolerance(self, spread: np.ndarray | None) -> np.ndarray:
        """The largest errors that pass for averages with standard errors `spread` (None by quadrature)."""
        return np.asarray(self.allowance if spread is None else self.allowance + self.critical * spread)
