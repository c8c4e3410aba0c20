"""The answer of `threshold`, and a numerical test of it by other code than the solver's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import counted
from ..inequalities.inequality import LeggettInequality
from ..joint_rotations import Axis, Symmetry, mean_modulus
from ..models.interpolated import InterpolatedModel
from ..models.mixtures import SeparableModel
from ..proofs.checker.certificate import Certificate
from ..proofs.checker.isotropic import IsotropicCertificate
from ..runs import Ending
from ..settings import SettingPairs
from ..states import TwoQubitState

ROUNDING = 1e-9
"""How far the two bounds, and the conditions of a model, may be off by the solver's rounding."""


@dataclass(frozen=True, eq=False)
class Threshold:
    """lower <= largest compatible visibility <= upper, with the model and the inequality that show it.

    `status` is `converged` (as close as asked for), or what prevented it: `stalled`, `time_limit` or `interrupted`.
    `certified` is true only where both bounds are proved: in exact arithmetic, in ball arithmetic, or in floating point
    with proved bounds on rounding. Otherwise the upper bound, and with all settings the lower one too, rests on
    searches from many starts.
    """

    state: TwoQubitState
    settings: SettingPairs | None
    lower: float
    upper: float
    model: InterpolatedModel | SeparableModel | None
    inequality: LeggettInequality | None
    status: Ending
    certified: bool
    seconds: float
    symmetry: Symmetry = None
    """With all settings: the continuous group over which hidden vectors, and the inequality's pairs, are averaged."""
    certificate: Certificate | IsotropicCertificate | None = None
    """The certificate of both bounds, if the checker proves them; `certificate.check()` proves them again."""

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise ArithmeticError(f"the bracket is inverted: lower {self.lower!r} exceeds upper {self.upper!r}")

    @property
    def kind(self) -> str:
        """What the state has up to this visibility, in words."""
        return "Leggett model"

    def check(self) -> None:
        """Test both bounds again, by other code than the solver's; ArithmeticError says what fails. It is no proof.

        Below: the model is a probability measure and obeys (P) at `lower`, to 1e-9: at every pair, or with all
        settings at 20 000 random pairs and where climbs from the worst of them end. Above: among 200 000
        random pairs of hidden vectors (20 000 with all settings), and where climbs from the best of them end, none is
        beyond the inequality's bound, and the state reaches that bound at `upper`, to 1e-9. Where T is a multiple of an
        orthogonal matrix and there are no marginals, the bounds are compared with V_c, which is enclosed again in ball
        arithmetic.
        """
        unlike = "the bracket is not the one that is proved"
        if self.certificate is not None and (self.lower, self.upper) != (
            self.certificate.lower,
            self.certificate.upper,
        ):
            raise ArithmeticError(unlike)
        if self.symmetry == "SO(3)":
            from ..proofs.werner import certify_werner

            lower, upper = certify_werner()
            s = np.linalg.norm(np.asarray(self.state.T), 2)
            if not (self.lower * s <= lower and (self.upper == 1 or self.upper * s >= upper)):
                raise ArithmeticError(unlike)
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
        """E|u.a + v.b| - 1 - V C(a, b) of the model at settings a, b (N, 3), (N,); a positive value breaks (P)."""
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
        where = "all settings" if self.settings is None else counted(len(self.settings), "setting pair")
        proved = "proved, rounding included" if self.certified else "numerical"
        atoms = "none" if self.model is None else f"{counted(len(self.model.weights), 'pair')} of hidden vectors"
        cut = (
            "none needed"
            if self.inequality is None
            else counted(int(np.count_nonzero(self.inequality.coefficients)), "term")
        )
        return (
            f"largest compatible visibility at {where}\n"
            f"  lower       {self.lower:.17g}  (model: {atoms})\n"
            f"  upper       {self.upper:.17g}  (inequality: {cut})\n"
            f"  status      {self.status}, {proved}, {self.seconds:.1f} s"
        )


def _highest(function: Callable[[np.ndarray, np.ndarray], np.ndarray], tries: int, seed: int = 1) -> float:
    """The largest value at random pairs of unit vectors, and where Nelder-Mead climbs from the best of them end."""
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
