"""`verify`: whether a Leggett model has no negative probabilities, and the averages that it should reproduce."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, cast

import jax
import numpy as np
from numpy.typing import ArrayLike

from .._checks import MAX_SAMPLES, MAX_SEED, InputError, integer, quoted, visibilities
from .._numerics import double_precision, random_key
from ..kernels.plan import Plan
from ..models.interface import BELONGS_TO, LeggettModel, Target, model_name, offers
from ..models.werner import WernerModel
from ..runs import Ending, Progress
from ..settings import SettingPairs
from .admission import inspect_model
from .montecarlo import Averages, average
from .options import DEFAULT, VerifyOptions
from .report import Method, Row, Verification
from .verdicts import ROUNDING, Judge, judged, targets_of

if TYPE_CHECKING:
    from jaxlib._jax import Device

Family = Callable[[float], LeggettModel]
"""A model as a function of the visibility, such as the class `WernerModel`."""

DTYPES = {"single": np.float32, "double": np.float64}
"""The floating-point type of each precision."""


def verify(
    model: LeggettModel | Family = WernerModel,
    settings: SettingPairs | str = "random:1024",
    visibility: float | Sequence[float] | np.ndarray | None = None,
    *,
    target: Target | Callable[[float], Target] | None = None,
    samples: int = 10**6,
    method: Method | None = None,
    seed: int = 0,
    precision: Literal["single", "double"] = "double",
    devices: Sequence[Device] | None = None,
    chunks_per_call: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    options: VerifyOptions = DEFAULT,
) -> Verification:
    """Check that a model's probabilities are non-negative and average to the target's.   [B13 (1)]

    >>> import jaxleggett as jl
    >>> found = jl.verify(jl.WernerModel, "random:8", [0.5, 1.0], samples=2000)
    >>> [str(row.verdict) for row in found.rows]
    ['reproduces', 'negative_probability']

    model       an object with `sample` and `correlator` (see `jaxleggett.models`), or a function of
                the visibility that returns one, such as the class `WernerModel`; its correlator is
                to be affine in the visibility, its hidden vectors independent of it
    settings    setting pairs, or a name that `SettingPairs.parse` knows
    visibility  one or many, in [-1/3, 1]; only with a model that is a function of it
    target      what to reproduce: an object with `correlation(a, b) -> (M^A, M^B, C)`, such as a
                `TwoQubitState`, or a function of the visibility that returns one (default: the
                model's own `target`)
    samples     number of hidden vectors; rounded up where the method asks for it
    method      `rqmc` (16 randomised low-discrepancy rules), `mc` (independent samples) or `exact`
                (quadrature); default: rqmc if the model offers it, else mc
    seed        integer from 0 to 2^63 - 1; the same seed gives the same bits
    precision   `single` or `double`: the floating-point type in which probabilities are evaluated
    devices     JAX devices among which the pairs are divided (default: all local ones)
    chunks_per_call
                chunks of hidden vectors (at most 4096 each) that are computed in one call; Ctrl-C is
                obeyed between calls (default: as many as take a fraction of a second). It changes no
                bit of the result
    progress    is called with a `Progress`, now and then
    options     constants that are rarely worth changing, see `VerifyOptions`

    A verdict is `negative_probability` where a probability is below zero by more than rounding,
    `wrong_average` where an average is off by more than its standard error allows (Student's t,
    Bonferroni over pairs, outcomes and visibilities: a correct model fails once in 10^7 runs),
    else `reproduces`. `tolerance` is the largest error that would still have passed. After Ctrl-C
    the status is `interrupted`, and the rows are those that were finished, perhaps none. Between
    the ends of a scan, probabilities are evaluated at the hidden vectors at which they were
    smallest at its ends.

    Returns a `Verification`, which has a row for each visibility and prints as a table.

    Raises InputError (a ValueError) for arguments outside what is described here, and for what is
    seen to be no Leggett model: hidden vectors that are no unit vectors, correlators that are no finite
    numbers or not affine in the visibility.
    """
    started = time.perf_counter()
    seed = integer("seed", seed, 0, MAX_SEED)
    samples = integer("samples", samples, 1, MAX_SAMPLES)
    if not (isinstance(precision, str) and precision in DTYPES):
        raise InputError(f"precision must be one of single, double, but is {quoted(precision)}")
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
            progress(Progress(min(1.0, done / ((planned + number) * len(settings)))))

    devices = list(devices or jax.local_devices())
    averages, finished = Averages.of_none(len(ends), plan), settings
    rows: list[Row] = []
    try:
        models = ends if V is None else [cast(Family, model)(visibility) for visibility in V.tolist()]
        inspect_model(models, V, ends)
        targets = targets_of(target, models, ends, V)
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
            options=options,
        )
        finished = settings[: averages.num_pairs]
        judge = Judge.of(averages.plan, 4 * len(finished) * number, ends, ROUNDING[precision], options)
        for some in judged(V, ends, targets, finished, averages, judge, options):
            rows += some
            report(len(some) * len(finished))
    except KeyboardInterrupt:
        # The rows that are finished are returned.
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
        status=Ending.COMPLETE if complete else Ending.INTERRUPTED,
    )


def _ends(model: LeggettModel | Family, visibility: ArrayLike | None) -> tuple[np.ndarray | None, list[LeggettModel]]:
    """The visibilities (None for a model without one), and the models at the lowest and the highest of them."""
    # A class has the attribute `correlator`, too, but is no model before it is called.
    is_family = callable(model) and (isinstance(model, type) or not hasattr(model, "correlator"))
    if not is_family:
        if not (hasattr(model, "sample") and hasattr(model, "correlator")):
            raise InputError(f"model must have the methods sample and correlator, but is {quoted(model)}")
        if visibility is not None:
            raise InputError("visibility must be left out for a model that is no function of it")
        return None, [cast(LeggettModel, model)]
    if visibility is None:
        raise InputError("visibility must be given for a model that is a function of it")
    V = visibilities(visibility)
    # One visibility is a scan whose ends coincide: the same compiled code, at the same cost.
    family = cast(Family, model)
    return V, [family(V.min()), family(V.max())]


def _method(method: Method | None, ends: Sequence[LeggettModel]) -> Method:
    """The method, which the models have to offer; where it is None, rqmc if they offer it, else mc."""
    needs = {"rqmc": "lattice", "exact": "quadrature"}
    if method is None:
        return "rqmc" if all(offers(end, "lattice") for end in ends) else "mc"
    if not (isinstance(method, str) and method in ("mc", *needs)):
        raise InputError(f"method must be one of rqmc, mc, exact, but is {quoted(method)}")
    if method in needs and not all(offers(end, needs[method]) for end in ends):
        made_for = " and the ".join(name for name in BELONGS_TO[needs[method]])
        raise InputError(
            f"method {method} needs a {needs[method]} that belongs to the {made_for} of {model_name(ends[0])}"
        )
    return method
