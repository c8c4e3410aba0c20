"""The largest compatible visibility of a state, from both sides: a model below, an inequality above."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import _checks
from ._checks import MAX_SEED, InputError, integer, quoted
from ._clock import OutOfTime, late
from .continuum import solve_everywhere
from .finite_model import Axis, Model, Symmetry, correlation, mean_modulus
from .game import exact_span, solve
from .inequality import LeggettInequality
from .master import Bracket
from .separable import decomposition, proved_separable, separable_visibility
from .settings import SettingPairs
from .states import TwoQubitState
from .symmetry import CanonicalForm
from .twirl import CRITICAL_ANGLE

UNIT_ROUNDOFF = 2.0**-53

ROUNDING = 1e-9
"""How far the two bounds, and the conditions of a model, may be off by the solver's rounding."""


@dataclass(frozen=True, eq=False)
class Threshold:
    """lower <= largest compatible visibility <= upper, with the model and the inequality that show it.

    `status` is `converged` (as close as asked for), or what prevented it: `stalled`, `time_limit` or
    `interrupted`; the bounds hold in every case. `certified`
    is true only where both are proved: by directed rounding, or in floating point with a proved rounding bound.
    """

    state: TwoQubitState
    settings: SettingPairs | None
    lower: float
    upper: float
    model: Model | None
    inequality: LeggettInequality | None
    status: str
    certified: bool
    seconds: float
    symmetry: Symmetry = None
    """With all settings: what the model's hidden vectors, and the inequality's pairs, are averaged over."""

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise ArithmeticError(f"the bracket is inverted: lower {self.lower!r} exceeds upper {self.upper!r}")

    def check(self) -> None:
        """Prove both ends again, sharing no code with the solver; ArithmeticError says what fails.

        Below: the model is a probability measure and obeys (P) at `lower`, to 1e-9: at every pair, or with all
        settings at 20 000 random pairs and wherever climbs from the worst of them end. Above: 200 000
        random pairs of hidden vectors (20 000 with all settings) and climbs from the best of them find none
        beyond the inequality's bound, and the state reaches that bound at `upper`. For Werner states the
        proof in ball arithmetic is run again instead.
        """
        if self.symmetry == "SO(3)":
            from .certify import certify_werner

            lower, upper = certify_werner()
            s = np.linalg.norm(np.asarray(self.state.T), 2)
            wrong = (self.lower, self.upper) != (lower, upper) if self.certified else False
            if wrong or (self.inequality is not None and not (self.lower * s <= lower and self.upper * s >= upper)):
                raise ArithmeticError("the bracket is not the one that is proved")
            return
        axis = self.symmetry if isinstance(self.symmetry, Axis) else None
        tries = 200_000 if self.settings is not None else 20_000
        if self.model is not None:
            norms = np.linalg.norm(np.concatenate([self.model.u, self.model.v]), axis=1)
            if self.model.weights.min() < 0 or abs(self.model.weights.sum() - 1) > ROUNDING:
                raise ArithmeticError("the model's weights are no probabilities")
            if np.abs(norms - 1).max() > ROUNDING:
                raise ArithmeticError("the model's hidden vectors are no unit vectors")
            if self.settings is not None:
                excess = self.model.excess(self.state, self.lower, self.settings)
            else:
                excess = self.model.excess(self.state, self.lower, SettingPairs(np.eye(3), np.eye(3)))
                excess = max(excess, _highest(self._breach, tries))
            if excess > ROUNDING:
                raise ArithmeticError(f"the model misses the state at the lower bound by {excess:.3g}")
        if self.inequality is not None:
            cut = self.inequality
            highest = _highest(lambda u, v: cut.at(u, v, axis), tries)
            if highest > cut.bound:
                raise ArithmeticError(f"hidden vectors reach {highest!r}, beyond the bound {cut.bound!r}")
            if abs(min(cut.threshold(self.state), 1.0) - self.upper) > ROUNDING:
                raise ArithmeticError("the state does not reach the inequality's bound at the upper bound")

    def _breach(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """E|u.a + v.b| - 1 - V C(a, b) of the model at settings a, b (N, 3): what must not be positive."""
        assert self.model is not None
        axis = self.symmetry if isinstance(self.symmetry, Axis) else None
        C = np.einsum("ni,ij,nj->n", a, np.asarray(self.state.T), b)
        return self.model.weights @ mean_modulus(self.model.u, self.model.v, a, b, axis) - 1 - self.lower * C

    def to_json(self) -> dict[str, Any]:
        """The fields of the command line's JSON answer, but for the state's name."""
        symmetry = None if self.symmetry is None else str(self.symmetry)
        return {
            "num_pairs": None if self.settings is None else len(self.settings),
            "lower": self.lower,
            "upper": self.upper,
            "status": self.status,
            "certified": self.certified,
            "seconds": self.seconds,
            "model": self.model and self.model.to_json(),
            "inequality": self.inequality and {**self.inequality.to_json(), "symmetry": symmetry},
        }

    def __str__(self) -> str:
        where = "all settings" if self.settings is None else f"{len(self.settings)} setting pairs"
        proved = "proved, rounding included" if self.certified else "numerical"
        atoms = "none" if self.model is None else f"{len(self.model.weights)} pairs of hidden vectors"
        cut = "none needed" if self.inequality is None else f"{np.count_nonzero(self.inequality.coefficients)} terms"
        return (
            f"largest compatible visibility at {where}\n"
            f"  lower       {self.lower:.17g}  (model: {atoms})\n"
            f"  upper       {self.upper:.17g}  (inequality: {cut})\n"
            f"  status      {self.status}, {proved}, {self.seconds:.1f} s"
        )


def _highest(function: Callable[[np.ndarray, np.ndarray], np.ndarray], tries: int, seed: int = 1) -> float:
    """The largest value over pairs of unit vectors that random ones, and Nelder-Mead climbs from the best, reach."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(seed)
    best: list[tuple[float, np.ndarray]] = []
    for _ in range(20):
        points = rng.normal(size=(tries // 20, 6))
        values = function(_unit(points[:, :3]), _unit(points[:, 3:]))
        top = np.argsort(-values)[:3]
        best += [(float(values[i]), points[i]) for i in top]
    best = sorted(best, key=lambda found: -found[0])[:8]

    def down(x: np.ndarray) -> float:
        return -float(function(_unit(x[None, :3]), _unit(x[None, 3:]))[0])

    climbs = [minimize(down, x, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12}).fun for _, x in best]
    return max(best[0][0], -min(climbs))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def threshold(
    state: TwoQubitState,
    settings: SettingPairs | str = "all",
    *,
    tolerance: float = 1e-4,
    time_limit: float | None = None,
    seed: int = 0,
    certify: bool = False,
    progress: Callable[[float, float], None] | None = None,
) -> Threshold:
    """The largest V for which V (r_A, r_B, T) has a Leggett model at `settings`, bracketed.

    settings    setting pairs, a name that `SettingPairs.parse` knows, or `all` projective
                measurements (proved for Werner states, docs/WERNER.md; else numerical)
    tolerance   upper - lower to reach, above 0
    time_limit  seconds after which the bracket is returned as it is
    certify     prove both bounds at finitely many settings (docs/CERTIFICATES.md); they move apart by a
                fraction of the tolerance
    progress    is called with (lower, upper)

    V = 1 is the state itself: both bounds are at most 1. A separable state reaches it, with its decomposition as the
    model, which is proved where its partial transpose is positive in exact arithmetic. Raises InputError for bad
    arguments, and `master.SolverError` if the linear programme fails.
    """
    started = time.monotonic()
    seed = integer("seed", seed, 0, MAX_SEED)
    _check_effort(tolerance, time_limit)
    deadline = None if time_limit is None else started + time_limit
    everywhere = isinstance(settings, str) and settings == "all"
    pairs = None if everywhere else SettingPairs.parse(settings, seed) if isinstance(settings, str) else settings
    found, certified = _separable(state, tolerance)
    symmetry: Symmetry = None
    if certify and everywhere and not certified and CanonicalForm.of(state).kind != "SO(3)":
        raise InputError("certify needs finitely many settings, or the state werner: elsewhere nothing is proved")
    try:
        if pairs is None and found is None:
            found, certified, symmetry = _all_settings(state, tolerance, deadline, seed, progress)
        elif pairs is not None and found is None:
            # Half the tolerance is left to the proof.
            found = solve(state, pairs, tolerance / 2 if certify else tolerance, deadline, seed, progress)
        if found and pairs is not None and certify and not certified and found.status != "interrupted":
            found, certified = _certified(state, pairs, found, tolerance, deadline, seed), True
    except KeyboardInterrupt:
        found = Bracket(0.0, 1.0, None, None, "interrupted") if found is None else replace(found, status="interrupted")
    assert found is not None
    return Threshold(
        state=state,
        settings=pairs,
        lower=found.lower,
        upper=found.upper,
        model=found.model,
        inequality=found.inequality,
        status=_ending(found, tolerance, deadline),
        certified=certified,
        seconds=time.monotonic() - started,
        symmetry=symmetry,
    )


def _ending(found: Bracket, tolerance: float, deadline: float | None) -> str:
    """How it ended: `converged` is what the bracket itself says, after all that was done to it."""
    if found.status == "interrupted":
        return "interrupted"
    if found.upper - found.lower <= tolerance:
        return "converged"
    return "time_limit" if late(deadline) or found.status == "time_limit" else "stalled"


def _check_effort(tolerance: float, time_limit: float | None) -> None:
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise InputError(f"tolerance must be a number above 0, but is {quoted(tolerance)}")
    _checks.time_limit(time_limit)


def _certified(
    state: TwoQubitState, pairs: SettingPairs, found: Bracket, tolerance: float, deadline: float | None, seed: int
) -> Bracket:
    """The bracket with both ends proved, as docs/CERTIFICATES.md describes."""
    lower, model, status = _repaired(state, pairs, found), found.model, found.status
    if found.lower - lower > tolerance / 4:
        # The model knows nothing of directions that only the last digits of settings have: one that does.
        again = solve(state, pairs, tolerance / 2, deadline, seed, exact=True)
        lower, model = max((lower, model), (_repaired(state, pairs, again), again.model), key=lambda end: end[0])
        status = again.status
    cut, upper = None, 1.0
    if found.inequality is not None and status != "interrupted":
        cut, upper, status = _proved(found.inequality, state, tolerance / 4, deadline)
    return Bracket(lower, min(upper, 1.0), model, cut if upper < 1 else None, status)


def _repaired(state: TwoQubitState, pairs: SettingPairs, found: Bracket) -> float:
    """The visibility that the model of a bracket reaches once it is mixed with what makes it obey (P) exactly."""
    model = found.model
    if model is None:
        return 0.0
    rounding = 4 * (len(model.weights) + 40) * UNIT_ROUNDOFF
    breach, miss = max(model.excess(state, found.lower, pairs), 0.0), 0.0
    for vectors, r, settings in ((model.u, state.r_A, pairs.a), (model.v, state.r_B, pairs.b)):
        # Only the part in the span of the settings is ever measured.
        off = exact_span(settings) @ (model.weights @ vectors - found.lower * np.asarray(r))
        miss = max(miss, float(np.linalg.norm(off)))
    miss += rounding
    return max(0.0, found.lower * (1 - 3 * (breach + rounding + miss) - miss))


def _proved(
    inequality: LeggettInequality, state: TwoQubitState, tolerance: float, deadline: float | None
) -> tuple[LeggettInequality, float, str]:
    """The inequality with a proved bound, and a visibility above which the state is proved to break it.

    Infinite if the state never breaks it. Last, how it ended: `converged` within `tolerance` of the best.
    """
    from .bounds import enclose

    scaled, k = inequality.normalised()
    total = sum(np.abs(x).sum() for x in (scaled.coefficients, scaled.alice, scaled.bob))
    M_A, M_B, C = correlation(state, scaled.a, scaled.b)
    # A sum of N terms of three products: off by less than this.
    rounding = 4 * (len(C) + 10) * UNIT_ROUNDOFF * total
    value = float(scaled.coefficients @ C + scaled.alice @ M_A + scaled.bob @ M_B - rounding)
    limit = None if deadline is None else max(deadline - time.monotonic(), 0.0)
    # Of zeros, the total is 0.
    found = enclose(inequality, tolerance * max(value / max(total, 1.0), 1e-3), time_limit=limit)
    upper = math.nextafter(math.ldexp(found.bound, -k) / value, math.inf) if value > 0 else math.inf
    return replace(inequality, bound=found.bound), upper, found.status


def prove(
    inequality: LeggettInequality,
    state: TwoQubitState,
    *,
    tolerance: float = 1e-5,
    time_limit: float | None = None,
    certify: bool = True,
    seed: int = 0,
) -> Threshold:
    """What an inequality shows about a state: the visibility above which it is broken, its bound computed anew.

    With `certify` the bound is proved, otherwise it is what a search from many starts finds. The
    `lower` bound of the result is 0: an inequality alone gives none; `converged` says that the bound is
    within `tolerance` of the best.
    """
    started = time.monotonic()
    _check_effort(tolerance, time_limit)
    pairs = SettingPairs(inequality.a, inequality.b)
    deadline = None if time_limit is None else started + time_limit
    cut, upper = inequality, math.inf
    try:
        if certify:
            cut, upper, status = _proved(inequality, state, tolerance, deadline)
        else:
            i = inequality
            cut = LeggettInequality.of(i.coefficients, i.a, i.b, i.alice, i.bob, seed, deadline)
            upper, status = cut.threshold(state), "converged"
    except OutOfTime:
        status = "time_limit"
    except KeyboardInterrupt:
        status = "interrupted"
    return Threshold(
        state=state,
        settings=pairs,
        lower=0.0,
        upper=min(upper, 1.0),
        model=None,
        inequality=cut if upper < 1 else None,
        status=status,
        certified=certify,
        seconds=time.monotonic() - started,
    )


def _separable(state: TwoQubitState, tolerance: float) -> tuple[Bracket | None, bool]:
    """The bracket of a state that is separable to `tolerance`, and whether it is proved; None for others."""
    lower = separable_visibility(state)
    if 1 - lower > tolerance:
        return None, False
    proved = proved_separable(state)
    lower = 1.0 if proved else lower
    return Bracket(lower, 1.0, decomposition(state.with_visibility(lower)), None, "converged"), proved


def _all_settings(
    state: TwoQubitState,
    tolerance: float,
    deadline: float | None,
    seed: int,
    progress: Callable[[float, float], None] | None,
) -> tuple[Bracket, bool, Symmetry]:
    """The bracket for all settings, whether it is proved, and what its model and inequality are averaged over."""
    form = CanonicalForm.of(state)
    if form.kind != "SO(3)":
        return solve_everywhere(form, tolerance, deadline, seed, progress), False, form.symmetry
    return *_isotropic(form), "SO(3)"


def _isotropic(form: CanonicalForm) -> tuple[Bracket, bool]:
    """T = -s times a rotation: as the singlet (s = 1), whose interval is proved, at visibility s V.

    For s < 1 the quotient is rounded outwards, but the state's own entries may be rounded: no proof.
    """
    from .certify import certify_werner

    lower, upper = certify_werner()
    s = float(form.s.mean())
    T = form.frame_A @ form.frame_B.T
    proved = bool((T == -np.eye(3)).all() and (form.s == 1).all())
    if not proved:
        lower, upper = lower / s * (1 - ROUNDING), upper / s * (1 + ROUNDING)
    if np.linalg.det(T) > 0:
        # T = +s is a state only up to s = 1/3, where it is separable.
        lower = upper = 1.0
    z = np.array([[0.0, 0.0, 1.0]])
    b = np.array([[-np.sin(CRITICAL_ANGLE), 0.0, -np.cos(CRITICAL_ANGLE)]]) @ T
    bound = float(1 - np.sin(CRITICAL_ANGLE / 2))
    cut = LeggettInequality(-np.ones(1), z, b, np.zeros(1), np.zeros(1), bound) if upper < 1 else None
    return Bracket(min(lower, 1.0), min(upper, 1.0), Model(np.ones(1), z, z @ T, "SO(3)"), cut, "converged"), proved
