"""Hold a Leggett model against the correlations it should reproduce: positivity and averages."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np

from ._checks import MAX_SAMPLES, MAX_SEED, InputError, integer, quoted, visibilities
from ._numerics import double_precision
from .correlation import OUTCOMES, probabilities
from .inspection import at_visibility, has_even_correlator, inspect_model, model_name, offers
from .kernels import Plan, one_point
from .models import LeggettModel, WernerModel
from .montecarlo import Averages, average
from .settings import SettingPairs

Verdict = Literal["reproduces", "negative_probability", "wrong_average"]

SEVERITY: tuple[Verdict, ...] = ("reproduces", "wrong_average", "negative_probability")

PAIRS_AT_ONCE = 65536
"""Pairs whose averages are judged together, so that the tables stay small beside the averages."""

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
        return {name: list(x) if isinstance(x, tuple) else x for name, x in vars(self).items()}

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

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {**vars(self), "witness": self.witness and self.witness.to_json()}

    def merged(self, other: Row) -> Row:
        """The row of two sets of pairs together."""
        worse = min(self, other, key=lambda row: row.min_probability)
        return Row(
            visibility=self.visibility,
            verdict=SEVERITY[max(map(SEVERITY.index, (self.verdict, other.verdict)))],
            min_probability=worse.min_probability,
            witness=worse.witness,
            max_abs_error=max(self.max_abs_error, other.max_abs_error),
            max_standard_error=_larger(self.max_standard_error, other.max_standard_error),
            max_z=_larger(self.max_z, other.max_z),
        )


def _larger(x: float | None, y: float | None) -> float | None:
    return None if x is None or y is None else max(x, y)


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
        return all(row.verdict == "reproduces" for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """The fields of the command line's JSON answer, all finite."""
        return {
            "model": self.model,
            "method": self.method,
            "num_pairs": len(self.settings),
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
        head = "visibility  verdict               smallest P  largest |error|  standard error"
        lines = [head]
        for row in self.rows:
            V = "       -  " if row.visibility is None else f"{row.visibility:10.6f}"
            error = "      exact" if row.max_standard_error is None else f"{row.max_standard_error:11.2e}"
            lines.append(f"{V}  {row.verdict:20}  {row.min_probability:10.2e}  {row.max_abs_error:15.2e}  {error:>14}")
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
    else `reproduces`. Probabilities between the ends of a scan are evaluated at the hidden vectors
    that gave the smallest ones at its ends.

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
    inspect_model(model, V, ends)
    way = _method(method, ends[0])
    targets = _targets(target, model, ends, V)

    half = way == "rqmc" and offers(ends[0], "half_lattice", "lattice") and all(map(has_even_correlator, ends))
    plan = None if way == "exact" else Plan.of(samples, way, half)
    points = 0 if plan is None else plan.num_samples
    done = 0

    def report(evaluations: int) -> None:
        nonlocal done
        done += evaluations
        if progress:
            progress(min(1.0, done / (points * len(settings))))

    with double_precision():
        # Settings drawn from the seed used the key itself; sampling takes another branch of it.
        key = jax.random.fold_in(jax.random.key(seed), 1)
    devices = list(devices or jax.local_devices())
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
    finished = settings[: averages.mean.shape[-1]]
    planned, points = points, averages.plan.num_samples if averages.plan else 0
    rows = _rows(V, ends, targets, finished, averages, precision)
    return Verification(
        model=model_name(ends[0]),
        method=way,
        rows=rows,
        settings=finished,
        averages=averages,
        num_samples=None if plan is None else points,
        seed=seed,
        dtype=np.dtype(DTYPES[precision]).name,
        device=f"{len(devices)} x {devices[0].device_kind}" if len(devices) > 1 else devices[0].device_kind,
        seconds=time.perf_counter() - started,
        evaluations=points * len(finished),
        status="complete" if (len(finished), points) == (len(settings), planned) else "interrupted",
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


def _method(method: str | None, model: Any) -> Literal["rqmc", "mc", "exact"]:
    """The method, checked against what the model offers; None is the best sampling it has."""
    needs = {"rqmc": "lattice", "mc": "sample", "exact": "quadrature"}
    if method is None:
        return "rqmc" if offers(model, "lattice", "sample") else "mc"
    if method not in needs:
        raise InputError(f"method must be rqmc, mc or exact, but is {quoted(method)}")
    if not offers(model, needs[method], "sample"):
        raise InputError(f"method {method} needs a {needs[method]} that belongs to the sample of {model_name(model)}")
    return method  # type: ignore[return-value]


def _targets(target: Any, model: Any, ends: Sequence[Any], V: np.ndarray | None) -> list[Any]:
    """What is to be reproduced at each visibility (one entry for a model without)."""
    models = ends[:1] if V is None else [model(visibility) for visibility in V.tolist()]
    if target is None:
        targets = [getattr(one, "target", None) for one in models]
    elif hasattr(target, "correlation"):
        targets = [target] * len(models)
    elif callable(target) and V is not None:
        targets = [target(visibility) for visibility in V.tolist()]
    else:
        targets = [None]
    if not all(hasattr(t, "correlation") for t in targets):
        raise InputError(
            f"target must be given for the model {model_name(ends[0])}: an object with correlation(a, b), "
            "or a function of the visibility that returns one"
        )
    return targets


def _rows(
    V: np.ndarray | None,
    ends: Sequence[Any],
    targets: Sequence[Any],
    settings: SettingPairs,
    averages: Averages,
    precision: str,
) -> tuple[Row, ...]:
    """One row per visibility: everything is affine in V between the ends of the scan."""
    tests = 4 * len(settings) * (1 if V is None else len(V))
    judge = _Judge(averages.plan, tests, ends[0], ROUNDING[precision])
    rows: list[Row] | None = None
    for start in range(0, len(settings), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        found = _rows_of_block(V, ends, targets, settings[part], averages.pairs(part), judge)
        rows = found if rows is None else [x.merged(y) for x, y in zip(rows, found, strict=True)]
    assert rows is not None
    return tuple(rows)


def _rows_of_block(
    V: np.ndarray | None,
    ends: Sequence[Any],
    targets: Sequence[Any],
    settings: SettingPairs,
    averages: Averages,
    judge: _Judge,
) -> list[Row]:
    """The rows as these pairs alone decide them."""
    # Hidden vectors worth a look: for every pair, those of the smallest probability at each end.
    u, v = (averages.witness[:, :, i].reshape(-1, 3) for i in (0, 1))
    a, b = (np.tile(x, (len(ends), 1)) for x in (settings.a, settings.b))
    extreme = np.stack([one_point(end, u, v, a, b) for end in ends])

    rows = []
    for visibility, target in zip([None] if V is None else V.tolist(), targets, strict=True):
        goal = np.asarray(probabilities(*target.correlation(settings.a, settings.b))).T
        error = np.abs(at_visibility(V, visibility, averages.mean) - goal)
        spread = None
        if averages.covariance is not None:
            half = np.stack([at_visibility(V, visibility, row) for row in averages.covariance])
            variance = at_visibility(V, visibility, half)
            spread = np.sqrt(np.maximum(variance, judge.rounding**2))
        probability = at_visibility(V, visibility, extreme)
        smallest = float(probability.min())
        negative = judge.negative(smallest)
        verdict: Verdict = "negative_probability" if negative else judge.averages(error, spread)
        row = Row(
            visibility=visibility,
            verdict=verdict,
            min_probability=smallest,
            witness=_witness(probability, u, v, a, b) if negative else None,
            max_abs_error=float(error.max()),
            max_standard_error=None if spread is None else float(spread.max()),
            max_z=None if spread is None else float((error / spread).max()),
        )
        rows.append(row)
    return rows


class _Judge:
    """Where rounding and chance end: the thresholds of a run with `tests` two-sided tests.

    Standard errors are estimated, so z follows Student's t with one degree of freedom less than
    there are batches. An allowance covers what batches cannot show. For mc, an event of probability
    up to ln(1/level)/n may be missing from all n independent samples, which the second term of the
    empirical Bernstein bound covers (A. Maurer and M. Pontil, COLT 2009); for rqmc it is the
    model's own `lattice_error`.
    """

    def __init__(self, plan: Plan | None, tests: int, model: Any, rounding: float) -> None:
        self.rounding, self.critical, self.allowance = rounding, 0.0, 0.0
        if plan is None:
            self.allowance = 32 * rounding
            return
        # Not at the head of the module: the package is importable where only jax and numpy are.
        from scipy.special import stdtrit

        level = FALSE_REJECTIONS / (2 * tests)
        self.critical = -float(stdtrit(plan.batches - 1, level))
        if plan.method == "mc":
            self.allowance = 7 * float(np.log(2 / level)) / (3 * (plan.num_samples - 1))
        elif hasattr(model, "lattice_error"):
            self.allowance = model.lattice_error(plan.batch_size)

    def negative(self, smallest: float) -> bool:
        """Whether a probability is below zero by more than rounding."""
        return smallest < -16 * self.rounding

    def averages(self, error: np.ndarray, spread: np.ndarray | None) -> Verdict:
        """The verdict on averages that are off by `error`, with standard errors `spread`."""
        tolerance = self.allowance + (0.0 if spread is None else self.critical * spread)
        return "reproduces" if (error <= tolerance).all() else "wrong_average"


def _witness(probability: np.ndarray, u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray) -> Witness:
    row, outcome = np.unravel_index(np.argmin(probability), probability.shape)
    alpha, beta = OUTCOMES[outcome]
    vectors = (tuple(x[row].tolist()) for x in (a, b, u, v))
    return Witness(*vectors, alpha=alpha, beta=beta, probability=float(probability[row, outcome]))
