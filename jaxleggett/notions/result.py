"""The answer of `threshold` for another notion than Leggett's, and an independent check of it."""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._checks import counted
from .._doubles import unit
from ..inequalities.inequality import LinearInequality
from ..runs import Ending
from ..settings import SettingPairs
from ..states import TwoQubitState, correlation_in_numpy
from .models import HiddenStates, LocalModel, TurnedHiddenStates

ROUNDING = 1e-8
"""By how much a model may miss the state, and a hidden variable exceed a bound, for the rounding of solvers."""

TRIES = 20_000
"""Random hidden variables, or random (z0, z) of the steering conditions, that a check tries."""

DIRECTIONS = 200_000
"""Random directions, with their opposites, by which a check averages over the sphere."""

NAMES = {
    "bell": "local hidden variable model",
    "steering": "local hidden state model",
    "separable": "separable state",
    "navascues": "model with Navascues' assumptions",
}
"""Notion -> what shows the lower bound, in words."""


@dataclass(frozen=True, eq=False)
class NotionThreshold:
    """lower <= largest visibility that is compatible with a `notion` <= upper, with what shows it.

    `model` may be None where `lower` is 0, and `inequality` is None where `upper` is 1. `status`, `certified` and
    `seconds` are as in `thresholds.Threshold`. If `searched` is true, the upper bound rests on a search for the best
    hidden variables, which can miss them. Raises ArithmeticError for an inverted bracket.
    """

    state: TwoQubitState
    settings: SettingPairs | None
    notion: str
    lower: float
    upper: float
    model: LocalModel | HiddenStates | TurnedHiddenStates | None
    inequality: LinearInequality | None
    status: Ending
    certified: bool
    searched: bool
    seconds: float

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise ArithmeticError(f"the bracket is inverted: lower {self.lower!r} exceeds upper {self.upper!r}")

    @property
    def kind(self) -> str:
        """The kind of model that is asked for, in words."""
        return NAMES[self.notion]

    def check(self) -> None:
        """Check both bounds again, by code that the solver does not use; raises ArithmeticError, which says what fails.

        Below: the model has the correlators and marginals of the state at visibility `lower`, at the settings of the
        answer, or at the model's own or random ones. Above: no hidden variable of the notion that is found from many
        random starts breaks the inequality, and the state breaks it above `upper`, or at most a thousandth above.
        """
        if self.model is not None:
            self._check_model()
        if self.inequality is not None:
            reached = _most(self.notion, self.inequality)
            if reached > self.inequality.bound + ROUNDING * max(abs(self.inequality.bound), 1):
                raise ArithmeticError(
                    f"a hidden variable reaches {reached!r}, beyond the bound {self.inequality.bound!r}"
                )
            if self.inequality.threshold(self.state) > self.upper * (1 + 1e-3):
                raise ArithmeticError("the state does not reach the inequality's bound at the upper bound")

    def _check_model(self) -> None:
        """Compare the model with the state at visibility `lower`."""
        rng = np.random.default_rng(0)
        target = self.state.with_visibility(self.lower)
        r_A, r_B, T = (np.asarray(x, np.float64) for x in (target.r_A, target.r_B, target.T))
        if isinstance(self.model, TurnedHiddenStates):
            a, b = unit(rng.normal(size=(2, 20, 3)))
            m = unit(rng.normal(size=(DIRECTIONS, 3)))
            m = np.concatenate([m, -m])
            image = m @ self.model.T
            lengths = np.linalg.norm(image, axis=1)
            found = np.einsum("nk,ni->ki", np.sign(m @ a.T), image) / lengths.sum()
            off = np.abs((found - a @ T) * b).sum(1).max()
            allowed = 6 / np.sqrt(len(m))
        elif isinstance(self.model, HiddenStates):
            z = unit(rng.normal(size=(TRIES, 4)))
            off = self.model.excess(z[:, 0], z[:, 1:], r_A, T).max()
            off = max(off, np.abs(self.model.weights @ self.model.states - r_B).max())
            allowed = ROUNDING
        else:
            assert self.model is not None
            a, b, r = self.model.a, self.model.b, self.model.radius
            if self.settings is not None:
                pairs = self.settings
            elif a is not None and b is not None:
                pairs = SettingPairs.product(a, b)
            else:
                pairs = SettingPairs.random(200)
            found = self.model.correlation(pairs.a, pairs.b)
            expected = correlation_in_numpy(TwoQubitState(r_A / r, r_B / r, T / r**2), pairs.a, pairs.b)
            off = max(float(np.abs(x - y).max()) for x, y in zip(found, expected, strict=True))
            allowed = ROUNDING
        weights = getattr(self.model, "weights", np.ones(1))
        if weights.min() < 0 or abs(weights.sum() - 1) > ROUNDING:
            raise ArithmeticError("the model's weights are no probabilities")
        if off > allowed:
            raise ArithmeticError(f"the model misses the state at the lower bound by {off:.3g}")

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer, without the state's name."""
        return {
            "notion": self.notion,
            "num_pairs": None if self.settings is None else len(self.settings),
            "lower": self.lower,
            "upper": self.upper,
            "status": self.status,
            "certified": self.certified,
            "searched": self.searched,
            "seconds": self.seconds,
            "model": self.model and self.model.to_json(),
            "inequality": self.inequality and {**self.inequality.to_json(), "symmetry": None, "notion": self.notion},
        }

    def __str__(self) -> str:
        where = "all settings" if self.settings is None else counted(len(self.settings), "setting pair")
        proved = "proved, rounding included" if self.certified else "numerical"
        by_search = ", the upper end by a search" if self.searched else ""
        cut = "none needed" if self.inequality is None else counted(len(self.inequality.a), "term")
        return (
            f"largest visibility at {where} with a {self.kind}\n"
            f"  lower       {self.lower:.17g}\n"
            f"  upper       {self.upper:.17g}  (inequality: {cut})\n"
            f"  status      {self.status}, {proved}{by_search}, {self.seconds:.1f} s"
        )


def _most(notion: str, cut: LinearInequality) -> float:
    """The largest left side that is found from many random starts, each party in turn responding to the other."""
    rng = np.random.default_rng(1)
    (A, i), (B, j) = (np.unique(x, axis=0, return_inverse=True) for x in (cut.a, cut.b))
    G = np.zeros((len(A), len(B)))
    np.add.at(G, (i.ravel(), j.ravel()), cut.coefficients)
    F, H = np.bincount(i.ravel(), cut.alice, len(A)), np.bincount(j.ravel(), cut.bob, len(B))

    def answer(gain: np.ndarray, settings: np.ndarray, deterministic: bool) -> np.ndarray:
        if deterministic:
            return np.where(gain < 0, -1.0, 1.0)
        along = gain @ settings
        return unit(np.where(np.abs(along).max(1, keepdims=True) > 0, along, 1.0)) @ settings.T

    alice, bob = notion in ("bell", "steering"), notion == "bell"
    x = answer(rng.normal(size=(TRIES // max(len(A) // 20, 1), len(A))), A, alice)
    y = answer(x @ G + H, B, bob)
    for _ in range(20):
        x = answer(y @ G.T + F, A, alice)
        y = answer(x @ G + H, B, bob)
    return float((((x @ G + H) * y).sum(1) + x @ F).max())
