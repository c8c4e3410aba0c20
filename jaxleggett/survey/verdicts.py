"""Verdicts: is a correlation compatible with a notion, and what was computed to say so?"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .._checks import counted
from .._clock import OutOfTime
from ..inequalities.inequality import LeggettInequality
from ..lp.column_generation import Bracket
from ..notions.products import solve as solve_products
from ..notions.run import situation_of
from ..runs import Ending
from ..states import TwoQubitState
from ..thresholds.finite_settings import DEPENDENT
from ..thresholds.finite_settings import solve as solve_leggett
from .tables import CorrelationTable

ROUNDING = 1e-8
"""How far a visibility may be above a lower bound to count as compatible: the rounding of linear programmes."""

TOLERANCE = 1e-6
"""The width of the brackets of tables that is asked for."""

NOTIONS = ("leggett", "bell", "steering", "separable")


class Answer(StrEnum):
    """Whether a correlation is compatible with a notion; `unknown` where the bounds leave it open."""

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """An answer, and in words what was computed for it."""

    answer: Answer
    evidence: str

    @classmethod
    def of(cls, lower: float, upper: float, V: float, what: str) -> Verdict:
        """The verdict on a correlation at visibility `V`, by bounds of the largest compatible visibility.

        `what` says, for the evidence, of what and how these bounds were computed.
        """
        bracket = f"{what}: the largest compatible visibility lies in [{lower:.9f}, {upper:.9f}]"
        if lower + ROUNDING >= V:
            return cls(Answer.COMPATIBLE, f"{bracket}, and a model reaches {V:.6g}")
        if upper < V:
            return cls(Answer.INCOMPATIBLE, f"{bracket}, and an inequality is broken at {V:.6g}")
        return cls(Answer.UNKNOWN, f"{bracket}, which decides nothing at {V:.6g}")


@dataclass(frozen=True)
class Row:
    """A correlation: its name, a description in words, and its verdict for every notion of `NOTIONS`."""

    name: str
    words: str
    verdicts: dict[str, Verdict]

    def to_json(self) -> dict[str, object]:
        """The name, a field with the answer for each notion, and `evidence` with what was computed for each."""
        found: dict[str, object] = {"name": self.name}
        found |= {notion: str(verdict.answer) for notion, verdict in self.verdicts.items()}
        return found | {"evidence": {notion: verdict.evidence for notion, verdict in self.verdicts.items()}}


def raise_unfinished(status: Ending) -> None:
    """Raise KeyboardInterrupt or OutOfTime where one of them ended a computation: its bounds are no verdict yet."""
    if status == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    if status == Ending.TIME_LIMIT:
        raise OutOfTime


def leggett_of_table(table: CorrelationTable, seed: int = 0, deadline: float | None = None) -> Bracket:
    """Bounds of the largest V at which V (M^A, M^B, C) has a Leggett model at the table's settings.

    Every model has E[u.a] = V M^A(a), so that M^A(a) = r_A.a with one vector r_A for all settings a. Where there is no
    such vector, no V > 0 has a model; the combination of marginals that shows it is an inequality with the bound 0.
    The same holds for Bob. The model that is returned reproduces the table, but its field `target` lacks the
    correlators. `deadline` is in seconds of `time.monotonic`; the status says whether it was reached.
    """
    pairs, zero = table.pairs, np.zeros(len(table.pairs))
    # Directions in which settings hardly differ are left out, as in the programme: a vector that fits marginals there
    # would be very long.
    r_A, r_B = (np.linalg.lstsq(x, M, rcond=DEPENDENT)[0] for x, M in ((pairs.a, table.M_A), (pairs.b, table.M_B)))
    f, h = table.M_A - pairs.a @ r_A, table.M_B - pairs.b @ r_B
    if max(np.abs(f).max(), np.abs(h).max()) > ROUNDING:
        cut = LeggettInequality(zero, pairs.a, pairs.b, f, h, bound=0.0)
        return Bracket(0.0, 0.0, None, cut, Ending.CONVERGED)
    state = TwoQubitState(r_A, r_B, np.zeros((3, 3)))
    return solve_leggett(state, pairs, TOLERANCE, deadline, seed, table=table)


def verdicts_of_table(table: CorrelationTable, seed: int = 0, deadline: float | None = None) -> dict[str, Verdict]:
    """Whether a correlation at finitely many settings is compatible with each notion, by linear programmes.

    Raises OutOfTime past `deadline` (seconds of `time.monotonic`), KeyboardInterrupt on Ctrl-C, and InputError for
    more settings of a party than a programme can have.

    >>> import jaxleggett as jl
    >>> z, x = [0, 0, 1], [1, 0, 0]
    >>> both = jl.SettingPairs.product([z, x], [z, x])
    >>> found = verdicts_of_table(CorrelationTable(both, [0] * 4, [0] * 4, [1, 1, 1, -1]))  # the PR box
    >>> str(found["leggett"].answer), str(found["bell"].answer)
    ('compatible', 'incompatible')
    """
    # First, so that a table that is too large is refused at once.
    situations = {notion: situation_of(notion, table.pairs) for notion in NOTIONS[1:]}
    where = f"linear programme at {counted(len(table.pairs), 'setting pair')}"
    found = leggett_of_table(table, seed, deadline)
    raise_unfinished(found.status)
    verdicts = {"leggett": Verdict.of(found.lower, found.upper, 1.0, where)}
    for notion, situation in situations.items():
        products = solve_products(situation, (table.M_A, table.M_B, table.C), TOLERANCE, deadline, seed)
        raise_unfinished(products.status)
        verdicts[notion] = Verdict.of(products.lower, products.upper, 1.0, where)
    return verdicts
