"""What a long run tells: `Progress` while it lasts, `Ending` when it is over; the same for every command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a run ended. Each compares equal to its name in JSON; what was found holds in every case."""

    COMPLETE = "complete"
    CONVERGED = "converged"
    STALLED = "stalled"
    TIME_LIMIT = "time_limit"
    INTERRUPTED = "interrupted"

    @property
    def advice(self) -> str:
        """One sentence for the reader: what this ending means, and what would lead further."""
        return _ADVICE[self]


_ADVICE = {
    Ending.COMPLETE: "All that was asked for has been done.",
    Ending.CONVERGED: "The bounds are as close as asked for; a smaller tolerance brings them closer.",
    Ending.STALLED: "Nothing was found that would bring the bounds closer; another seed may find it.",
    Ending.TIME_LIMIT: "The time limit ended the run before it was done; a longer one leads further.",
    Ending.INTERRUPTED: "The run was interrupted; what was finished by then holds.",
}


@dataclass(frozen=True)
class Progress:
    """One event of a long run, for the function that a caller passes as `progress`.

    `done` is the share of the work that is done, in [0, 1]; it never falls within a run. `lower` and `upper` are the
    best bounds so far of what is looked for, None where the run knows none (a search for inequalities has only
    an upper one, a verification has neither).
    """

    done: float
    lower: float | None = None
    upper: float | None = None
