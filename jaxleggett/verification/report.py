"""What a verification found: a verdict for each visibility, with a witness where a probability is negative."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from ..runs import Ending
from ..settings import SettingPairs
from .montecarlo import Averages

Method = Literal["rqmc", "mc", "exact"]
"""How averages are taken: randomised low-discrepancy rules, independent samples, or quadrature."""


class Verdict(StrEnum):
    """What a verification says of a model at one visibility. Each compares equal to its name in JSON."""

    REPRODUCES = "reproduces"
    """No probability is negative, and every average is what it should be."""
    NEGATIVE_PROBABILITY = "negative_probability"
    """A probability is below zero by more than rounding: this is no model, whatever its averages are."""
    WRONG_AVERAGE = "wrong_average"
    """No probability is negative, but an average is off by more than chance and rounding allow."""


@dataclass(frozen=True)
class Witness:
    """A negative probability that anyone can recompute."""

    a: tuple[float, ...]
    """Alice's setting, three components."""
    b: tuple[float, ...]
    """Bob's setting."""
    u: tuple[float, ...]
    """Alice's hidden vector."""
    v: tuple[float, ...]
    """Bob's hidden vector."""
    alpha: int
    """Alice's outcome, +1 or -1."""
    beta: int
    """Bob's outcome."""
    probability: float
    """P_{u,v}(alpha, beta) at these settings.   [B13 (4)]"""

    def to_json(self) -> dict[str, Any]:
        """As plain lists and numbers."""
        return {name: list(x) if isinstance(x, tuple) else x for name, x in _finite(vars(self)).items()}

    def __str__(self) -> str:
        vectors = (f"  {name} = ({', '.join(f'{x:.17g}' for x in getattr(self, name))})" for name in "abuv")
        head = f"  P(alpha = {self.alpha:+d}, beta = {self.beta:+d}) = {self.probability:.17g}"
        return "\n".join([head, *vectors])


@dataclass(frozen=True)
class Row:
    """What was found at one visibility. The maxima are over all pairs and outcomes."""

    visibility: float | None
    """V; None for a model without one."""
    verdict: Verdict
    """What follows from the figures below."""
    min_probability: float
    """The smallest probability at the hidden vectors that gave the smallest ones at the ends of the scan."""
    witness: Witness | None
    """Where `min_probability` was found, if that is negative by more than rounding."""
    max_abs_error: float
    """The largest |averaged P - target|."""
    max_standard_error: float | None
    """The largest standard error of an average; None by quadrature."""
    max_z: float | None
    """The largest error in standard errors; None by quadrature."""
    tolerance: float | None
    """The largest error of an average that would still have passed; None where no error could fail."""

    def to_json(self) -> dict[str, Any]:
        """The fields by name; None where a figure is not finite, because the model's own are not."""
        return {**_finite(vars(self)), "witness": self.witness and self.witness.to_json()}


def _finite(fields: dict[str, Any]) -> dict[str, Any]:
    """`fields` with None in place of numbers that are not finite, which JSON cannot hold."""
    return {name: None if isinstance(x, float) and not math.isfinite(x) else x for name, x in fields.items()}


@dataclass(frozen=True, eq=False)
class Verification:
    """The outcome of `verify`: a verdict for each visibility, and the averages on which they rest."""

    model: str
    """The model's name."""
    method: Method
    """How the averages were taken."""
    rows: tuple[Row, ...]
    """What was found at each visibility that was finished, in the order in which they were given."""
    settings: SettingPairs
    """The pairs that were finished."""
    averages: Averages
    """The averages at these pairs, at the lowest and highest visibility."""
    num_samples: int | None
    """Hidden vectors that were drawn; None by quadrature."""
    seed: int
    """The seed of everything random."""
    dtype: str
    """The floating-point type in which probabilities were evaluated."""
    device: str
    """The device, or how many of which, on which they were evaluated."""
    seconds: float
    """How long the run took, compilation included."""
    evaluations: int
    """Hidden vectors times pairs."""
    status: Ending
    """`COMPLETE`, or `INTERRUPTED` by Ctrl-C."""

    @property
    def reproduces(self) -> bool:
        """Whether the model reproduces its target at every visibility that was asked for."""
        complete = self.status is Ending.COMPLETE
        return complete and all(row.verdict is Verdict.REPRODUCES for row in self.rows)

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
