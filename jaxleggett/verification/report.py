"""What a verification found: a verdict a visibility, and a witness of every negative probability."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from ..settings import SettingPairs
from .montecarlo import Averages

Verdict = Literal["reproduces", "negative_probability", "wrong_average"]


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
