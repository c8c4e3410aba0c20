"""What a long run reports: `Progress` while it lasts, `Ending` when it is over; the same for every command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a run ended: each member is the string that JSON has. What was found is valid in every case."""

    COMPLETE = "complete"
    CONVERGED = "converged"
    STALLED = "stalled"
    TIME_LIMIT = "time_limit"
    INTERRUPTED = "interrupted"

    @property
    def advice(self) -> str:
        """One sentence for the user: what this ending means, and what would lead further."""
        return _ADVICE[self]


_ADVICE = {
    Ending.COMPLETE: "All that was asked for has been done.",
    Ending.CONVERGED: "The bounds are as close as asked for; a smaller tolerance brings them closer.",
    Ending.STALLED: "Nothing was found that would bring the bounds closer; another seed may help.",
    Ending.TIME_LIMIT: "The time limit ended the run before it was done; a longer one leads further.",
    Ending.INTERRUPTED: "The run was interrupted; what was finished by then holds.",
}


@dataclass(frozen=True)
class Progress:
    """The state of a long run, with which it calls the function that is passed as `progress`.

    `done` is the completed share of the work, in [0, 1]; it never decreases within a run. `lower` and `upper` are the
    best bounds so far on the quantity that is computed, None where there are none (a search for inequalities has only
    an upper bound, a verification neither).
    """

    done: float
    lower: float | None = None
    upper: float | None = None
