"""Hold a Leggett model against the correlations it should reproduce: positivity and averages."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np

from ._checks import MAX_SAMPLES, MAX_SEED, InputError, integer, quoted, visibilities
from ._numerics import double_precision, random_key
from .correlation import OUTCOMES, probabilities
from .inspection import BELONGS_TO, between, inspect_model, lattice_error, model_name, of_each, offers, shares
from .kernels import Plan, as_pytree, one_point
from .models import LeggettModel, WernerModel
from .montecarlo import Averages, average
from .settings import SettingPairs

Verdict = Literal["reproduces", "negative_probability", "wrong_average"]

PAIRS_AT_ONCE = 65536
"""Pairs whose averages are judged together, so that the tables stay small beside the averages."""

AVERAGES_AT_ONCE = 2**18
"""Averages (pairs x visibilities) that are judged together, likewise."""

FALSE_REJECTIONS = 1e-7
"""Chance that a run rejects a correct model, over all its pairs, outcomes and visibilities together."""

ROUNDING = {"single": np.finfo(np.float32).eps, "double": 8 * np.finfo(np.float64).eps}
"""Floor of every standard error, and unit of the other tolerances: what rounding alone can do."""

DTYPES = {"single": np.float32, "double": np.float64}


@dataclass(frozen=True)
class Witness:
    """A negative probability that anyone can recompute: settings, hidden vectors, outcomes."""

    a: tuple[float, ...]
    b: tuple[float, ...]
    u: tuple[float, ...]
    v: tuple[float, ...]
    alpha: int
    beta: int
    probability: float

    def to_json(self) -> dict[str, Any]:
        """As plain lists and numbers."""
        return {name: list(x) if isinstance(x, tuple) else x for name, x in _finite(vars(self)).items()}

    def __str__(self) -> str:
        vectors = (f"  {name} = ({', '.join(f'{x:.17g}' for x in getattr(self, name))})" for name in "abuv")
        head = f"  P(alpha = {self.alpha:+d}, beta = {self.beta:+d}) = {self.probability:.17g}"
        return "\n".join([head, *vectors])


@dataclass(frozen=True)
class Row:
    """What was found at one visibility (None for a model without one)."""

    visibility: float | None
    verdict: Verdict
    min_probability: float
    witness: Witness | None
    max_abs_error: float
    max_standard_error: float | None
    max_z: float | None
    tolerance: float | None
    """The largest error of an average that would still have passed; None where no error could fail."""

    def to_json(self) -> dict[str, Any]:
        """The fields by name; null where a figure is not finite, because the model's own are not."""
        return {**_finite(vars(self)), "witness": self.witness and self.witness.to_json()}


def _finite(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(x, float) and not math.isfinite(x) else x for name, x in fields.items()}


@dataclass(frozen=True, eq=False)
class Verification:
    """The outcome of `verify`: a verdict per visibility, and the averages it rests on."""

    model: str
    method: str
    rows: tuple[Row, ...]
    settings: SettingPairs
    averages: Averages
    num_samples: int | None
    seed: int
    dtype: str
    device: str
    seconds: float
    evaluations: int
    status: Literal["complete", "interrupted"]

    @property
    def reproduces(self) -> bool:
        """Whether the model reproduces its target at every visibility that was asked for."""
        return self.status == "complete" and all(row.verdict == "reproduces" for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """The fields of the command line's JSON answer, all finite."""
        return {
            "model": self.model,
            "method": self.method,
            "num_pairs": self.averages.num_pairs,
            "num_samples": self.num_samples,
            "seed": None if self.num_samples is None else self.seed,
            "dtype": self.dtype,
            "device": self.device,
            "seconds": self.seconds,
            "evaluations": self.evaluations,
            "evaluations_per_second": self.evaluations / max(self.seconds, 1e-9),
            "status": self.status,
            "visibilities": [row.to_json() for row in self.rows],
        }

    def __str__(self) -> str:
        head = "visibility  verdict               smallest P  largest |error|  standard error   tolerance"
        lines = [head]
        for row in self.rows:
            V = "       -  " if row.visibility is None else f"{row.visibility:10.6f}"
            error = "      exact" if row.max_standard_error is None else f"{row.max_standard_error:11.2e}"
            allowed = "none fails" if row.tolerance is None else f"{row.tolerance:10.2e}"
            figures = f"{row.min_probability:10.2e}  {row.max_abs_error:15.2e}  {error:>14}  {allowed}"
            lines.append(f"{V}  {row.verdict:20}  {figures}")
        return "\n".join(lines)


def verify(
    model: LeggettModel | Callable[[float], LeggettModel] = WernerModel,
    settings: SettingPairs | str = "random:1024",
    visibility: float | Sequence[float] | np.ndarray | None = None,
    *,
    target: Any = None,
    samples: int = 10**6,
    method: Literal["rqmc", "mc", "exact"] | None = None,
    seed: int = 0,
    precision: Literal["single", "double"] = "double",
    devices: Sequence[Any] | None = None,
    chunks_per_call: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Verification:
    """Check that a model's probabilities are non-negative and average to the target's.   [B13 (1)]

    model       an object with `sample` and `correlator` (see `jaxleggett.models`), or a function of
                the visibility that returns one (`WernerModel`): its correlator affine in the
                visibility, its hidden vectors independent of it
    settings    setting pairs, or a name that `SettingPairs.parse` knows
    visibility  one or many, in [-1/3, 1]; only with a model that is a function of it
    target      what to reproduce: an object with `correlation(a, b) -> (M^A, M^B, C)`, such as a
                `TwoQubitState`, or a function of the visibility that returns one (default: the
                model's own `target`)
    samples     number of hidden vectors; rounded up where the method asks for it
    method      `rqmc` 16 randomised low-discrepancy rules, `mc` independent samples, `exact`
                quadrature; default: rqmc if the model offers it, else mc
    devices     JAX devices among which the pairs are divided (default: all local ones)
    progress    is called with the fraction done

    A verdict is `negative_probability` where a probability is below zero by more than rounding,
    `wrong_average` where an average is off by more than its standard error allows (Student's t,
    Bonferroni over pairs, outcomes and visibilities: a correct model fails once in 10^7 runs),
    else `reproduces`. `tolerance` is the largest error that would still have passed. Ctrl-C ends
    the run with status `interrupted` and what is finished, if anything. Probabilities between the
    ends of a scan are evaluated at the hidden vectors that gave the smallest ones at its ends.

    Raises InputError (a ValueError) for arguments outside what is described here.
    """
    started = time.perf_counter()
    seed = integer("seed", seed, 0, MAX_SEED)
    samples = integer("samples", samples, 1, MAX_SAMPLES)
    if precision not in DTYPES:
        raise InputError(f"precision must be single or double, but is {quoted(precision)}")
    if isinstance(settings, str):
        settings = SettingPairs.parse(settings, seed)
    elif not isinstance(settings, SettingPairs):
        raise InputError(f"settings must be SettingPairs or a name, but are {quoted(settings)}")
    V, ends = _ends(model, visibility)
    way = _method(method, ends)
    half = way == "rqmc" and all(offers(end, "half_lattice") for end in ends)
    plan = None if way == "exact" else Plan.of(samples, way, half)
    number = 1 if V is None else len(V)
    planned = 0 if plan is None else plan.num_samples
    done = 0

    def report(evaluations: int) -> None:
        nonlocal done
        done += evaluations
        if progress:
            progress(min(1.0, done / ((planned + number) * len(settings))))

    devices = list(devices or jax.local_devices())
    averages, rows, finished = Averages.of_none(len(ends), plan), [], settings
    try:
        models = ends if V is None else [model(visibility) for visibility in V.tolist()]  # type: ignore[operator]
        inspect_model(models, V, ends)
        targets = _targets(target, models, ends, V)
        with double_precision():
            # Settings drawn from the seed used the key itself; sampling takes another branch of it.
            key = jax.random.fold_in(random_key(seed), 1)
        averages = average(
            key,
            ends,
            settings.a,
            settings.b,
            plan,
            dtype=DTYPES[precision],
            devices=devices,
            chunks_per_call=chunks_per_call,
            progress=report,
        )
        finished = settings[: averages.num_pairs]
        judge = _Judge(averages.plan, 4 * len(finished) * number, ends, ROUNDING[precision])
        for some in _rows(V, ends, targets, finished, averages, judge):
            rows += some
            report(len(some) * len(finished))
    except KeyboardInterrupt:
        # What is finished is kept; that may be nothing.
        pass
    points = averages.plan.num_samples if averages.plan else 0
    complete = (averages.num_pairs, points, len(rows)) == (len(settings), planned, number)
    return Verification(
        model=model_name(ends[0]),
        method=way,
        rows=tuple(rows),
        settings=finished,
        averages=averages,
        num_samples=None if plan is None else points,
        seed=seed,
        dtype=np.dtype(DTYPES[precision]).name,
        device=f"{len(devices)} x {devices[0].device_kind}" if len(devices) > 1 else devices[0].device_kind,
        seconds=time.perf_counter() - started,
        evaluations=points * averages.num_pairs,
        status="complete" if complete else "interrupted",
    )


def _ends(model: Any, visibility: Any) -> tuple[np.ndarray | None, list[Any]]:
    """The visibilities (None without one), and the models at the lowest and the highest of them."""
    is_family = callable(model) and (isinstance(model, type) or not hasattr(model, "correlator"))
    if not is_family:
        if not (hasattr(model, "sample") and hasattr(model, "correlator")):
            raise InputError(f"model must have the methods sample and correlator, but is {quoted(model)}")
        if visibility is not None:
            raise InputError("visibility must be left out for a model that is no function of it")
        return None, [model]
    if visibility is None:
        raise InputError("visibility must be given for a model that is a function of it")
    V = visibilities(visibility)
    # One visibility is a scan whose ends coincide: the same compiled code, at the same cost.
    return V, [model(V.min()), model(V.max())]


def _method(method: str | None, ends: Sequence[Any]) -> Literal["rqmc", "mc", "exact"]:
    """The method, checked against what the models offer; None is the best sampling they have."""
    needs = {"rqmc": "lattice", "exact": "quadrature"}
    if method is None:
        return "rqmc" if all(offers(end, "lattice") for end in ends) else "mc"
    if method not in ("mc", *needs):
        raise InputError(f"method must be rqmc, mc or exact, but is {quoted(method)}")
    if method in needs and not all(offers(end, needs[method]) for end in ends):
        made_for = " and the ".join(name for name in BELONGS_TO[needs[method]])
        raise InputError(
            f"method {method} needs a {needs[method]} that belongs to the {made_for} of {model_name(ends[0])}"
        )
    return method  # type: ignore[return-value]


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
