"""The answer of `search`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import numpy as np

from .._checks import counted
from ..inequalities.inequality import LeggettInequality
from ..models.werner import CRITICAL_VISIBILITY
from ..runs import Ending


@dataclass(frozen=True, eq=False)
class Search:
    """The best inequality that a search has found, and how the search ended.

    num_pairs             number of setting pairs that was asked for; with `sides`, of those that are used
    visibility_threshold  the visibility above which Werner states break the inequality; 1 where there is none
    certified             whether its bound is proved (docs/CERTIFICATES.md) or only numerical
    inequality            scaled to the value 1 at the singlet; None where none was found that excludes the singlet
    restarts              number of random beginnings that were finished
    status                `complete`, `time_limit` or `interrupted`; `stalled` where the proof was given up before it
                          came as close to the bound as asked for
    seconds               time that the search took, with the proof
    history               numerical thresholds of all inequalities that were compared, in that order
    sides                 (m, n), where pairs of m settings of Alice and n of Bob were asked for
    """

    num_pairs: int
    visibility_threshold: float
    certified: bool
    inequality: LeggettInequality | None
    restarts: int
    status: Ending
    seconds: float
    history: tuple[float, ...] = ()
    sides: tuple[int, int] | None = None

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer."""
        return {
            "num_pairs": self.num_pairs,
            "visibility_threshold": self.visibility_threshold,
            "certified": self.certified,
            "inequality": self.inequality and self.inequality.to_json(),
            "num_settings": None if self.inequality is None else list(count_settings(self.inequality)),
            "sides": self.sides and list(self.sides),
            "restarts": self.restarts,
            "status": self.status,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        asked = counted(self.num_pairs, "setting pair")
        if self.sides is not None:
            asked = f"{counted(self.sides[0], 'setting')} of Alice and {self.sides[1]} of Bob"
        head = f"Leggett inequalities with {asked}, {counted(self.restarts, 'restart')} ({self.status})"
        if self.inequality is None:
            return f"{head}\n  none was found that excludes any Werner state: threshold 1"
        alice, bob = count_settings(self.inequality)
        proved = "proved, rounding included" if self.certified else "numerical"
        return (
            f"{head}\n"
            f"  threshold   {rounded_up(self.visibility_threshold, 9)} for Werner states, {proved}"
            f" (all settings: {CRITICAL_VISIBILITY:.9f})\n"
            f"  settings    {alice} of Alice, {bob} of Bob, in {counted(self.num_pairs, 'pair')}\n"
            f"  time        {self.seconds:.1f} s"
        )


def count_settings(inequality: LeggettInequality) -> tuple[int, int]:
    """How many different settings Alice and Bob have in an inequality, to 1e-6 (a and -a are one measurement)."""
    used = inequality.coefficients != 0
    # The cosine of an angle of 1.4e-6 is 1 - 1e-12. A setting counts where no setting before it is the same.
    same = (np.abs(x[used] @ x[used].T) > 1 - 1e-12 for x in (inequality.a, inequality.b))
    alice, bob = (int((np.triu(x).sum(0) == 1).sum()) for x in same)
    return alice, bob


def rounded_up(threshold: float, digits: int) -> str:
    """A threshold as a decimal number, rounded up, so that what is proved of the threshold holds for the number, too.

    >>> from jaxleggett.searches.result import rounded_up
    >>> rounded_up(0.9246781, 4)
    '0.9247'
    """
    return str(Decimal(threshold).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_CEILING))
