"""The largest compatible visibility of a state, from both sides: a model below, an inequality above."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._checks import MAX_SEED, InputError, integer, quoted
from .game import solve
from .inequality import LeggettInequality
from .settings import SettingPairs
from .states import TwoQubitState
from .twirl import CRITICAL_ANGLE

ROUNDING = 1e-9
"""How far the two bounds, and the conditions of a model, may be off by the solver's rounding."""


@dataclass(frozen=True, eq=False)
class Model:
    """A finite Leggett model: weights (K,), hidden vectors u, v (K, 3).

    With a `symmetry` (a group such as `SO(3)`) the hidden vectors are averaged over its joint
    rotations. The correlator at settings (a, b) interpolates between the two bounds of [B13 (5)].
    """

    weights: np.ndarray
    u: np.ndarray
    v: np.ndarray
    symmetry: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain lists."""
        return {name: x.tolist() if isinstance(x, np.ndarray) else x for name, x in vars(self).items()}

    def excess(self, state: TwoQubitState, V: float, pairs: SettingPairs) -> float:
        """By how much the model misses the state at visibility V: the largest breach of (P) in `jaxleggett.game`.

        Zero or rounding where it reproduces all correlations at `pairs` with non-negative probabilities.
        """
        M_A, M_B, C = (V * np.asarray(x) for x in state.correlation(pairs.a, pairs.b))
        x, y = self.u @ pairs.a.T, self.v @ pairs.b.T
        breaches = (
            np.abs(self.weights @ x - M_A),
            np.abs(self.weights @ y - M_B),
            self.weights @ np.abs(x + y) - 1 - C,
            self.weights @ np.abs(x - y) - 1 + C,
        )
        return float(max(np.max(breach) for breach in breaches))


@dataclass(frozen=True, eq=False)
class Threshold:
    """lower <= largest compatible visibility <= upper, with the model and the inequality that show it.

    `status` is `converged`, `stalled`, `time_limit` or `interrupted`; the bounds hold in every case. `certified`
    is true only where both are proved by directed rounding or exact arithmetic.
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

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise ArithmeticError(f"the bracket is inverted: lower {self.lower!r} exceeds upper {self.upper!r}")

    def check(self) -> None:
        """Prove both ends again, sharing no code with the solver; ArithmeticError says what fails.

        Below: the model is a probability measure and obeys (P) at `lower`, to 1e-9. Above: 200 000
        random pairs of hidden vectors and climbs from the best of them find none beyond the
        inequality's bound, and the state reaches that bound at `upper`. With all settings (Werner
        states) the proof in ball arithmetic is run again.
        """
        if self.settings is None:
            from .certify import certify_werner

            if (self.lower, self.upper) != certify_werner():
                raise ArithmeticError("the bracket is not the one that is proved")
            return
        if self.model is not None:
            norms = np.linalg.norm(np.concatenate([self.model.u, self.model.v]), axis=1)
            if self.model.weights.min() < 0 or abs(self.model.weights.sum() - 1) > ROUNDING:
                raise ArithmeticError("the model's weights are no probabilities")
            if np.abs(norms - 1).max() > ROUNDING:
                raise ArithmeticError("the model's hidden vectors are no unit vectors")
            excess = self.model.excess(self.state, self.lower, self.settings)
            if excess > ROUNDING:
                raise ArithmeticError(f"the model misses the state at the lower bound by {excess:.3g}")
        if self.inequality is not None:
            highest = _highest(self.inequality)
            if highest > self.inequality.bound:
                raise ArithmeticError(f"hidden vectors reach {highest!r}, beyond the bound {self.inequality.bound!r}")
            if abs(self.inequality.threshold(self.state) - self.upper) > ROUNDING:
                raise ArithmeticError("the state does not reach the inequality's bound at the upper bound")

    def to_json(self) -> dict[str, Any]:
        """The fields of the command line's JSON answer, but for the state's name."""
        symmetry = None if self.settings is not None else "SO(3)"
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
        proved = "proved by directed rounding" if self.certified else "numerical"
        atoms = "none" if self.model is None else f"{len(self.model.weights)} pairs of hidden vectors"
        cut = "none needed" if self.inequality is None else f"{np.count_nonzero(self.inequality.coefficients)} terms"
        return (
            f"largest compatible visibility at {where}\n"
            f"  lower       {self.lower:.17g}  (model: {atoms})\n"
            f"  upper       {self.upper:.17g}  (inequality: {cut})\n"
            f"  status      {self.status}, {proved}, {self.seconds:.1f} s"
        )


def _highest(inequality: LeggettInequality, tries: int = 200_000, seed: int = 1) -> float:
    """The largest left side that random hidden vectors and Nelder-Mead climbs from the best of them reach."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(seed)
    best: list[tuple[float, np.ndarray]] = []
    for _ in range(20):
        points = rng.normal(size=(tries // 20, 6))
        values = inequality.at(_unit(points[:, :3]), _unit(points[:, 3:]))
        top = np.argsort(-values)[:3]
        best += [(float(values[i]), points[i]) for i in top]
    best = sorted(best, key=lambda found: -found[0])[:8]

    def down(x: np.ndarray) -> float:
        return -float(inequality.at(_unit(x[None, :3]), _unit(x[None, 3:]))[0])

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
    progress: Callable[[float, float], None] | None = None,
) -> Threshold:
    """The largest V for which V (r_A, r_B, T) has a Leggett model at `settings`, bracketed.

    settings    setting pairs, a name that `SettingPairs.parse` knows, or `all` projective
                measurements (Werner states: proved, docs/WERNER.md)
    tolerance   upper - lower to reach, above 0
    time_limit  seconds after which the bracket is returned as it is
    progress    is called with (lower, upper)

    V = 1 is the state itself: both bounds are at most 1. Raises InputError for bad arguments, and
    `game.SolverError` if the linear programme fails.
    """
    started = time.monotonic()
    seed = integer("seed", seed, 0, MAX_SEED)
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise InputError(f"tolerance must be a number above 0, but is {quoted(tolerance)}")
    if time_limit is not None and not time_limit > 0:
        raise InputError(f"time_limit must be a number of seconds above 0, but is {quoted(time_limit)}")
    if isinstance(settings, str) and settings == "all":
        return replace(_all_settings(state), seconds=time.monotonic() - started)
    pairs = SettingPairs.parse(settings, seed) if isinstance(settings, str) else settings
    found = solve(state, pairs, tolerance, None if time_limit is None else started + time_limit, seed, progress)
    return Threshold(
        state=state,
        settings=pairs,
        lower=found.lower,
        upper=found.upper,
        model=Model(found.weights, found.u, found.v) if found.lower > 0 else None,
        inequality=found.inequality,
        status=found.status,
        certified=False,
        seconds=time.monotonic() - started,
    )


def _all_settings(state: TwoQubitState) -> Threshold:
    """Werner states, all projective measurements: the interval proved in ball arithmetic."""
    singlet = max(np.abs(state.r_A).max(), np.abs(state.r_B).max(), np.abs(state.T + np.eye(3)).max()) < 1e-12
    if not singlet:
        raise InputError("settings all is known for the state werner alone; give setting pairs for any other state")
    from .certify import certify_werner

    lower, upper = certify_werner()
    z = np.array([[0.0, 0.0, 1.0]])
    b = np.array([[np.sin(CRITICAL_ANGLE), 0.0, np.cos(CRITICAL_ANGLE)]])
    bound = 1 - np.sin(CRITICAL_ANGLE / 2)
    return Threshold(
        state=state,
        settings=None,
        lower=lower,
        upper=upper,
        model=Model(np.ones(1), z, -z, symmetry="SO(3)"),
        inequality=LeggettInequality(-np.ones(1), z, b, np.zeros(1), np.zeros(1), float(bound)),
        status="converged",
        certified=True,
        seconds=0.0,
    )
