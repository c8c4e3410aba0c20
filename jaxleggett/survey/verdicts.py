"""Verdicts: is a correlation compatible with a notion, and what was computed to say so?"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ..inequalities.inequality import LeggettInequality
from ..lp.column_generation import Bracket
from ..notions.products import solve as solve_products
from ..notions.run import situation_of
from ..runs import Ending
from ..states import TwoQubitState
from ..thresholds.finite_settings import solve as solve_leggett
from .tables import CorrelationTable

ROUNDING = 1e-8
"""How far a correlation may be beyond a lower bound to count as compatible: what programmes leave."""

TOLERANCE = 1e-6
"""Of the brackets of tables."""

NOTIONS = ("leggett", "bell", "steering", "separable")


class Answer(StrEnum):
    """What is known of a correlation and a notion."""

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """An answer, and in a sentence what was computed for it."""

    answer: Answer
    evidence: str

    @classmethod
    def of(cls, lower: float, upper: float, V: float, what: str) -> Verdict:
        """By a bracket of the largest compatible visibility, for a correlation at visibility `V`."""
        bracket = f"{what}: the largest compatible visibility lies in [{lower:.9f}, {upper:.9f}]"
        if lower + ROUNDING >= V:
            return cls(Answer.COMPATIBLE, f"{bracket}, and a model reaches {V:.6g}")
        if upper < V:
            return cls(Answer.INCOMPATIBLE, f"{bracket}, and an inequality is broken at {V:.6g}")
        return cls(Answer.UNKNOWN, f"{bracket}, which decides nothing at {V:.6g}")


@dataclass(frozen=True)
class Row:
    """A correlation by name, in words, and its verdict for every notion of `NOTIONS`."""

    name: str
    words: str
    verdicts: dict[str, Verdict]

    def to_json(self) -> dict[str, object]:
        """Name, one field a notion, and the evidence."""
        found: dict[str, object] = {"name": self.name}
        found |= {notion: str(verdict.answer) for notion, verdict in self.verdicts.items()}
        return found | {"evidence": {notion: verdict.evidence for notion, verdict in self.verdicts.items()}}


def leggett_of_table(table: CorrelationTable, seed: int = 0) -> Bracket:
    """The largest V at which V (M^A, M^B, C) has a Leggett model at the table's settings, bracketed.

    E[u] = V r_A with r_A.a = M^A(a) at all settings: where no vector r_A has that, no V > 0 has a model, and the
    combination of marginals that shows it is an inequality whose bound is 0. The hidden vectors of the model are those
    of the table, its `target` has no correlators.
    """
    pairs, zero = table.pairs, np.zeros(len(table.pairs))
    r_A, r_B = (np.linalg.lstsq(x, M, rcond=None)[0] for x, M in ((pairs.a, table.M_A), (pairs.b, table.M_B)))
    f, h = table.M_A - pairs.a @ r_A, table.M_B - pairs.b @ r_B
    if max(np.abs(f).max(), np.abs(h).max()) > ROUNDING:
        cut = LeggettInequality(zero, pairs.a, pairs.b, f, h, bound=0.0)
        return Bracket(0.0, 0.0, None, cut, Ending.CONVERGED)
    return solve_leggett(TwoQubitState(r_A, r_B, np.zeros((3, 3))), pairs, TOLERANCE, seed=seed, table=table)


def verdicts_of_table(table: CorrelationTable, seed: int = 0) -> dict[str, Verdict]:
    """Whether a correlation at finitely many settings is compatible with each notion, by linear programmes.

    >>> import jaxleggett as jl
    >>> z, x = [0, 0, 1], [1, 0, 0]
    >>> both = jl.SettingPairs.product([z, x], [z, x])
    >>> found = verdicts_of_table(CorrelationTable(both, [0] * 4, [0] * 4, [1, 1, 1, -1]))  # the PR box
    >>> str(found["leggett"].answer), str(found["bell"].answer)
    ('compatible', 'incompatible')
    """
    where = f"linear programme at {len(table.pairs)} setting pairs"
    found = leggett_of_table(table, seed)
    if found.status == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    verdicts = {"leggett": Verdict.of(found.lower, found.upper, 1.0, where)}
    for notion in NOTIONS[1:]:
        situation = situation_of(notion, table.pairs)
        products = solve_products(situation, (table.M_A, table.M_B, table.C), TOLERANCE, seed=seed)
        if products.status == Ending.INTERRUPTED:
            raise KeyboardInterrupt
        verdicts[notion] = Verdict.of(products.lower, products.upper, 1.0, where)
    return verdicts
