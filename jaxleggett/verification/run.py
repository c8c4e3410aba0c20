"""Hold a Leggett model against the correlations it should reproduce: positivity and averages."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import numpy as np

from .._checks import MAX_SAMPLES, MAX_SEED, InputError, integer, quoted, visibilities
from .._numerics import double_precision, random_key
from ..kernels.plan import Plan
from ..models.interface import BELONGS_TO, LeggettModel, model_name, offers
from ..models.werner import WernerModel
from ..settings import SettingPairs
from .admission import inspect_model
from .montecarlo import Averages, average
from .report import Verification
from .verdicts import ROUNDING, _Judge, _rows, _targets

DTYPES = {"single": np.float32, "double": np.float64}


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
