"""The answer of `analyze`."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from typing import Literal

from .._checks import counted
from ..inequalities.inequality import LeggettInequality
from ..runs import Ending
from ..states import TwoQubitState
from .leggett_set import Compatibility
from .scores import Estimate
from .signalling import NoSignalling

VIOLATED = 1e-3
"""The p-value below which an inequality counts as violated."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """What counts, or trials, say about all Leggett models.

    mode              `counts` or `trials`
    state             what the source should make, at visibility 1
    num_pairs         setting pairs of the data
    total_counts      events that were tested
    missing           events of which an outcome is missing, whether they were tested or left out
    inequality        the one that was tested, at the measured settings, with its proved bound
    bound             that bound, and what misalignment adds to it
    excess            by how much the proved bound may be above the least one that holds
    allowance         what misalignment adds
    estimate          the measured left side and its standard error
    log_p_value       natural logarithm of the p-value, which is at most p with a probability of at most p under every
                      Leggett model, for any number of events, if the `assumptions` hold
    ideal             the left side at visibility 1 of the state
    compatibility     where the measured correlators are relative to the Leggett set; None where it was not computed
    signalling        the test of no signalling; None where a pair has no trial with both outcomes
    drawn_p_value     of trials: the p-value of how often each pair was drawn, if it was drawn with the stated
                      probability; None of counts
    split             how data were divided between choosing the inequality and testing it; None where they were not
    assumptions       what the p-value rests on, in sentences
    notes             what was done to the data, in sentences
    status            `complete`, `time_limit` or `interrupted`; the verdict holds in every case
    seconds           how long it took
    """

    mode: Literal["counts", "trials"]
    state: TwoQubitState
    num_pairs: int
    total_counts: int
    missing: int
    inequality: LeggettInequality
    bound: float
    excess: float
    allowance: float
    estimate: Estimate
    log_p_value: float
    ideal: float
    compatibility: Compatibility | None
    signalling: NoSignalling | None
    drawn_p_value: float | None
    split: dict[str, object] | None
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    status: Ending
    seconds: float

    @property
    def z(self) -> float:
        """(value - bound)/standard error."""
        return (self.estimate.value - self.bound) / self.estimate.standard_error

    @property
    def p_value(self) -> float:
        """The p-value; where it is too small for a double, the smallest normal one."""
        return max(math.exp(self.log_p_value), sys.float_info.min)

    @property
    def _shown_p_value(self) -> str:
        exponent = self.log_p_value / math.log(10)
        return f"{self.p_value:.3g}" if exponent > -300 else f"10^{math.ceil(exponent)}"

    @property
    def violated(self) -> bool:
        """Whether the p-value is below 10^-3."""
        return self.p_value < VIOLATED

    @property
    def visibility_estimate(self) -> float | None:
        """The white-noise visibility of the expected state that the value corresponds to."""
        return self.estimate.value / self.ideal if self.ideal > 0 else None

    @property
    def threshold_visibility(self) -> float | None:
        """The visibility above which the expected state breaks the inequality."""
        return self.bound / self.ideal if self.ideal > 0 else None

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer."""
        return {
            "mode": self.mode,
            "num_pairs": self.num_pairs,
            "total_counts": self.total_counts,
            "missing_counts": self.missing,
            "value": self.estimate.value,
            "bound": self.bound,
            "bound_excess": self.excess,
            "misalignment_allowance": self.allowance,
            "standard_error": self.estimate.standard_error,
            "z": self.z,
            "p_value": self.p_value,
            "log10_p_value": self.log_p_value / math.log(10),
            "violated": self.violated,
            "visibility_estimate": self.visibility_estimate,
            "threshold_visibility": self.threshold_visibility,
            "certified": True,
            "inequality": self.inequality.to_json(),
            "compatibility": self.compatibility and asdict(self.compatibility),
            "no_signalling": self.signalling and asdict(self.signalling),
            "drawn_p_value": self.drawn_p_value,
            "split": self.split,
            "assumptions": list(self.assumptions),
            "notes": list(self.notes),
            "status": self.status,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        verdict = (
            f"Leggett's models are excluded (p = {self._shown_p_value})."
            if self.violated
            else f"No violation is shown (p = {self._shown_p_value}, not below {VIOLATED:g})."
        )
        rows = [
            f"{counted(self.total_counts, self.mode[:-1])} at {counted(self.num_pairs, 'setting pair')}: {verdict}",
            "",
            f"  value       {self.estimate.value:.6f} +- {self.estimate.standard_error:.6f}",
            f"  bound       {self.bound:.6f} for every Leggett model, proved",
            f"  z           {self.z:.2f} standard errors above the bound",
            f"  p-value     {self._shown_p_value}, valid for any number of {self.mode}",
        ]
        if self.visibility_estimate is not None and self.threshold_visibility is not None:
            rows.append(
                f"  visibility  {self.visibility_estimate:.4f} estimated, {self.threshold_visibility:.4f} needed"
            )
        if (c := self.compatibility) is not None:
            interval = "" if c.visibility_interval is None else " ({:.4f} to {:.4f})".format(*c.visibility_interval)
            rows.append(f"  compatible  {c.visibility:.4f}{interval} of the measured correlators has a Leggett model")
            interval = "" if c.distance_interval is None else " ({:.4f} to {:.4f})".format(*c.distance_interval)
            rows.append(f"  distance    {c.distance:.4f}{interval} is the least error of every correlator for one")
        if (s := self.signalling) is not None and s.comparisons:
            rows.append(f"  signalling  p = {s.p_value:.3g} ({counted(s.comparisons, 'comparison')})")
        if self.drawn_p_value is not None:
            rows.append(f"  drawing     p = {self.drawn_p_value:.3g} if pairs were drawn with the stated probabilities")
        rows += ["", "Assumed:", *(f"  - {text}" for text in self.assumptions)]
        if self.notes:
            rows += ["", "Noted:", *(f"  - {text}" for text in self.notes)]
        return "\n".join(rows)
