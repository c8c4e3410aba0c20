"""The map: every correlation of the note with its verdicts, and the thresholds of Werner states on one axis."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..runs import Ending, Progress
from .cited import LITERATURE
from .examples import EXAMPLES, WORDS, singlet_bracket
from .tables import CorrelationTable
from .verdicts import NOTIONS, Row, verdicts_of_table

MARKS = {"compatible": "yes", "incompatible": "no", "unknown": "?"}


@dataclass(frozen=True, eq=False)
class Survey:
    """Correlations with their verdicts, in the order of the note, and the brackets of Werner states for each notion."""

    rows: tuple[Row, ...]
    brackets: dict[str, tuple[float, float]]
    status: Ending
    seconds: float

    def to_json(self) -> dict[str, object]:
        """`correlations`, `werner` (the brackets), `cited`."""
        return {
            "correlations": [row.to_json() for row in self.rows],
            "werner": {notion: list(bracket) for notion, bracket in self.brackets.items()},
            "cited": [entry._asdict() for entry in LITERATURE],
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
        return "\n".join([head, *lines, *title, *brackets])


def survey(
    table: CorrelationTable | None = None, seed: int = 0, progress: Callable[[Progress], None] | None = None
) -> Survey:
    """The verdicts of the note's correlations, each computed now; or those of a table of one's own.

    `progress` is called after every correlation. After Ctrl-C the rows that are finished are returned.

    >>> import numpy as np
    >>> import jaxleggett as jl
    >>> pairs = jl.SettingPairs.parse("equatorial:2")
    >>> found = survey(CorrelationTable(pairs, np.zeros(4), np.zeros(4), np.zeros(4)))
    >>> {notion: str(verdict.answer) for notion, verdict in found.rows[0].verdicts.items()}["separable"]
    'compatible'
    """
    started = time.monotonic()
    rows: list[Row] = []
    status, brackets = Ending.COMPLETE, {}
    try:
        if table is not None:
            rows.append(Row("table", f"table of {len(table.pairs)} setting pairs", verdicts_of_table(table, seed)))
        for number, (name, compute) in enumerate(EXAMPLES.items() if table is None else (), 1):
            rows.append(Row(name, WORDS.get(name, f"Werner state, V = {name[7:]}"), compute()))
            if progress:
                progress(Progress(number / len(EXAMPLES)))
        if table is None:
            brackets = {notion: singlet_bracket(notion) for notion in NOTIONS}
    except KeyboardInterrupt:
        status = Ending.INTERRUPTED
    return Survey(tuple(rows), brackets, status, time.monotonic() - started)
