"""The correlations that the note discusses, each with its verdicts computed.

White noise, the singlet at all settings and on a great circle, the PR box, the deterministic correlation, separable
states and Werner states: C. Branciard's section on Bell's local causality, footnotes 12 and 16, and the Appendix.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np

from .. import verification
from .._clock import OutOfTime
from ..models import GreatCircleModel, PRBoxModel, SeparableModel, WhiteNoiseModel
from ..models.interface import LeggettModel
from ..notions import threshold
from ..settings import SettingPairs
from ..states import TwoQubitState, werner
from ..thresholds.separable import proved_separable
from .tables import CorrelationTable
from .verdicts import NOTIONS, Answer, Verdict, raise_unfinished, verdicts_of_table

WERNER = (1 / 3, 0.5, 0.68, 0.7, 0.71, 0.8, 0.8535, 0.8536, 0.86, 0.87, 1.0)
"""Visibilities that the note discusses, and one or two between any neighbouring thresholds."""

EQUATOR = "equatorial:8"
"""Settings on a great circle, 22.5 degrees apart: those of CHSH are among them."""

Compute = Callable[[float | None], dict[str, Verdict]]
"""The verdicts of a correlation by notion, given a deadline: seconds of `time.monotonic`, or None.

Raises OutOfTime past the deadline, and KeyboardInterrupt on Ctrl-C: there are all verdicts or none.
"""


def _model_reproduces(model: LeggettModel, pairs: SettingPairs | str, what: str) -> Verdict:
    """By the note's own model, whose probabilities and averages are computed by quadrature."""
    found = verification.verify(model, pairs, method="exact")
    raise_unfinished(found.status)
    smallest = min(row.min_probability for row in found.rows)
    evidence = (
        f"{what}: averages off by {max(row.max_abs_error for row in found.rows):.1e} at {len(found.settings)} pairs"
    )
    answer = Answer.COMPATIBLE if found.reproduces else Answer.UNKNOWN
    return Verdict(answer, f"{evidence}, smallest probability {smallest:.3g}")


_BRACKETS: dict[str, tuple[float, float]] = {}
"""The finished answers of `singlet_bracket`, which are asked for again and again."""


def singlet_bracket(notion: str, deadline: float | None = None) -> tuple[float, float]:
    """Two bounds of the largest visibility at which a Werner state is compatible, all projective measurements."""
    if notion not in _BRACKETS:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise OutOfTime
        found = threshold(werner(), "all", notion=notion, time_limit=left)
        raise_unfinished(found.status)
        _BRACKETS[notion] = found.lower, found.upper
    return _BRACKETS[notion]


def werner_at(V: float, deadline: float | None = None) -> dict[str, Verdict]:
    """A Werner state at all projective measurements."""
    what = "Werner states, all projective measurements"
    return {notion: Verdict.of(*singlet_bracket(notion, deadline), V, what) for notion in NOTIONS}


def _of_separable(state: TwoQubitState, leggett: Verdict) -> dict[str, Verdict]:
    """A separable state is local, and Alice cannot steer Bob with it: its decomposition is the model."""
    if not proved_separable(state):
        raise ArithmeticError("the partial transpose of a separable state must be positive")
    evidence = "positive partial transpose, in exact arithmetic; its decomposition is the model"
    return {"leggett": leggett, **{notion: Verdict(Answer.COMPATIBLE, evidence) for notion in NOTIONS[1:]}}


def white_noise(deadline: float | None = None) -> dict[str, Verdict]:
    """P = 1/4 at all settings."""
    return _of_separable(werner(0.0), _model_reproduces(WhiteNoiseModel(), "random:64", "product model"))


def separable(deadline: float | None = None) -> dict[str, Verdict]:
    """A mixture of four product states, at all settings."""
    rng = np.random.default_rng(0)
    u, v = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.normal(size=(2, 4, 3)))
    # With a little noise, so that it stays separable when it is rounded.
    model = SeparableModel.mixture(np.array([0.4, 0.3, 0.2, 0.1]), 0.999 * u, 0.999 * v)
    return _of_separable(model.target, _model_reproduces(model, "random:64", "the decomposition as a model"))


def _with_model(table: CorrelationTable, model: LeggettModel, what: str, deadline: float | None) -> dict[str, Verdict]:
    """The verdicts of a table, for Leggett's notion by the note's model, and with the CHSH value beside Bell's."""
    found = verdicts_of_table(table, deadline=deadline)
    bell = Verdict(found["bell"].answer, f"CHSH value {table.chsh():.9f}; {found['bell'].evidence}")
    return {**found, "leggett": _model_reproduces(model, table.pairs, what), "bell": bell}


def singlet_equatorial(deadline: float | None = None) -> dict[str, Verdict]:
    """The singlet, settings on a great circle."""
    table = CorrelationTable.of(werner(), SettingPairs.parse(EQUATOR))
    return _with_model(table, GreatCircleModel(), "u = v = +-normal", deadline)


def pr_box(deadline: float | None = None) -> dict[str, Verdict]:
    """The PR box at z and x."""
    box = PRBoxModel()
    table = CorrelationTable(box.pairs, np.zeros(4), np.zeros(4), np.array([1.0, 1.0, 1.0, -1.0]))
    return _with_model(table, box, "u and v orthogonal to both settings", deadline)


def deterministic(deadline: float | None = None) -> dict[str, Verdict]:
    """alpha = beta = 1 at two settings of Alice and one of Bob: Alice's marginals alone exclude it (footnote 12)."""
    z, x = np.eye(3)[[2, 0]]
    table = CorrelationTable(SettingPairs(np.stack([z, x]), np.stack([z, z])), np.ones(2), np.ones(2), np.ones(2))
    found = verdicts_of_table(table, deadline=deadline)
    longest = float(np.linalg.norm(z + x))
    alone = f"M^A(z) + M^A(x) <= |z + x| = {longest:.6f} for every Leggett model, but is 2"
    return {**found, "leggett": Verdict(found["leggett"].answer, f"{alone}; {found['leggett'].evidence}")}


EXAMPLES: dict[str, Compute] = {
    "white_noise": white_noise,
    "singlet_all": functools.partial(werner_at, 1.0),
    "singlet_equatorial": singlet_equatorial,
    "pr_box": pr_box,
    "deterministic": deterministic,
    "separable": separable,
    **{f"werner_{V:.4g}": functools.partial(werner_at, V) for V in WERNER},
}
"""Name -> what computes its verdicts."""

WORDS = {
    "white_noise": "P = 1/4, all settings",
    "singlet_all": "singlet, all settings",
    "singlet_equatorial": "singlet, one great circle",
    "pr_box": "PR box, two settings a side",
    "deterministic": "alpha = beta = 1, two settings of Alice, one of Bob",
    "separable": "mixture of four product states, all settings",
    **{f"werner_{V:.4g}": f"Werner state, V = {V:.4g}" for V in WERNER},
}
"""Name -> a description in words."""
