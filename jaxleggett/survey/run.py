"""The map: every correlation of the note with its verdicts, and the thresholds of Werner states for each notion."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

from .. import _checks
from .._checks import MAX_SEED, counted, integer
from .._clock import OutOfTime, late
from ..runs import Ending, Progress
from .cited import LITERATURE
from .examples import EXAMPLES, WORDS, Compute, singlet_bracket
from .tables import CorrelationTable
from .verdicts import NOTIONS, Row, verdicts_of_table

MARKS = {"compatible": "yes", "incompatible": "no", "unknown": "?"}
"""How the verdicts are printed."""


@dataclass(frozen=True, eq=False)
class Survey:
    """Correlations with their verdicts, in the order of the note, and the brackets of Werner states for each notion.

    `unfinished` names the correlations that a time limit or Ctrl-C left without verdicts; `rows` has the others.
    """

    rows: tuple[Row, ...]
    brackets: dict[str, tuple[float, float]]
    unfinished: tuple[str, ...]
    status: Ending
    seconds: float

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer; `werner` are the brackets, `cited` is what is not computed."""
        return {
            "correlations": [row.to_json() for row in self.rows],
            "werner": {notion: list(bracket) for notion, bracket in self.brackets.items()},
            "cited": [entry._asdict() for entry in LITERATURE],
            "unfinished": list(self.unfinished),
            "status": self.status,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        width = max(len(row.words) for row in self.rows) if self.rows else 0
        head = f"{'compatible with':{width}}  {'  '.join(f'{notion:>9}' for notion in NOTIONS)}"
        lines = [
            f"{row.words:{width}}  {'  '.join(f'{MARKS[row.verdicts[notion].answer]:>9}' for notion in NOTIONS)}"
            for row in self.rows
        ]
        brackets = [f"  {notion:9}  [{low:.9f}, {high:.9f}]" for notion, (low, high) in self.brackets.items()]
        title = ["", "Werner states, all projective measurements: largest visibility"] if brackets else []
        missing = [f"Not finished: {', '.join(self.unfinished)}."] if self.unfinished else []
        return "\n".join([head, *lines, *title, *brackets, *missing])


def survey(
    table: CorrelationTable | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    time_limit: float | None = None,
) -> Survey:
    """The verdicts of the note's correlations, each computed now; or those of a table of one's own.

    table       the correlation that is asked about instead of those of the note
    seed        of the searches for a table; those for the note's correlations always have the seed 0
    progress    is called after every correlation
    time_limit  seconds after which the survey ends with what is finished

    After `time_limit`, or Ctrl-C, the correlations that have all of their verdicts are returned, and the others are
    named. Raises InputError for bad arguments.

    >>> import numpy as np
    >>> import jaxleggett as jl
    >>> pairs = jl.SettingPairs.parse("equatorial:2")
    >>> found = survey(CorrelationTable(pairs, np.zeros(4), np.zeros(4), np.zeros(4)))
    >>> {notion: str(verdict.answer) for notion, verdict in found.rows[0].verdicts.items()}["separable"]
    'compatible'
    """
    started = time.monotonic()
    seed = integer("seed", seed, 0, MAX_SEED)
    _checks.time_limit(time_limit)
    deadline = None if time_limit is None else started + time_limit
    todo: dict[str, Compute] = EXAMPLES
    words = WORDS
    if table is not None:
        todo = {"table": functools.partial(verdicts_of_table, table, seed)}
        words = {"table": f"table of {counted(len(table.pairs), 'setting pair')}"}
    rows: list[Row] = []
    brackets: dict[str, tuple[float, float]] = {}
    status = Ending.COMPLETE
    try:
        for number, (name, compute) in enumerate(todo.items(), 1):
            if late(deadline):
                raise OutOfTime
            rows.append(Row(name, words[name], compute(deadline)))
            if progress:
                progress(Progress(number / len(todo)))
        if table is None:
            # They were computed for the rows of Werner states.
            brackets = {notion: singlet_bracket(notion) for notion in NOTIONS}
    except OutOfTime:
        status = Ending.TIME_LIMIT
    except KeyboardInterrupt:
        status = Ending.INTERRUPTED
    unfinished = tuple(list(todo)[len(rows) :])
    return Survey(tuple(rows), brackets, unfinished, status, time.monotonic() - started)
