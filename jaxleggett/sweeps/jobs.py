"""What can be swept: for each command a class with its options, what it finds, and how one point is computed.

What a job finds is a function of its options alone.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from .._checks import MAX_RESTARTS, MAX_SAMPLES, MAX_SEARCHED_PAIRS, MAX_SEED, InputError
from ..runs import Ending

Positive = Annotated[float, Meta(gt=0)]
Seed = Annotated[int, Meta(ge=0, le=MAX_SEED)]


class Variable(NamedTuple):
    """A variable of the store: one of the things that a job finds at every point."""

    long_name: str
    flags: tuple[str, ...] = ()
    """What the integers 0, 1, ... stand for; empty for numbers, which have no unit."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """8-bit integers for flags, else doubles."""
        return np.dtype("<i1" if self.flags else "<f8")

    @property
    def fill(self) -> float | int:
        """What stands where nothing has been computed."""
        return -1 if self.flags else float("nan")


BAD_INPUT = "bad_input"
"""The last flag of every job: its options are bad at this point of the grid, because there is no such state, say."""

NO_YES = ("no", "yes")
"""The flags of a variable that answers a question."""


class Verify(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="verify", tag_field="command", kw_only=True):
    """`jaxleggett verify`. All visibilities are computed from the same samples."""

    model: Literal["werner", "white-noise", "great-circle", "pr-box", "separable"] = "werner"
    visibility: Annotated[float, Meta(ge=-1 / 3, le=1)] | None = None
    settings: str | None = None
    samples: Annotated[int, Meta(ge=2, le=MAX_SAMPLES)] = 10**6
    method: Literal["rqmc", "mc", "exact"] | None = None
    precision: Literal["single", "double"] = "double"
    seed: Seed = 0

    inner: ClassVar[str | None] = "visibility"
    """The axis whose points are computed together, and so lie in one tile."""
    variables: ClassVar[dict[str, Variable]] = {
        "verdict": Variable("verdict", ("reproduces", "negative_probability", "wrong_average", BAD_INPUT)),
        "min_probability": Variable("smallest probability found"),
        "max_abs_error": Variable("largest error of an average"),
        "max_standard_error": Variable("largest standard error of an average"),
        "max_z": Variable("largest error in standard errors"),
        "tolerance": Variable("largest error that would have passed"),
    }

    def check(self) -> None:
        """Raise InputError where the options do not go together, or the settings are none."""
        from ..models.registry import MODELS

        entry = MODELS[self.model]
        if (entry.visibility is None) != (self.visibility is None):
            rule = "must be left out" if entry.visibility is None else "must be given, or be an axis,"
            raise InputError(f"visibility {rule} for the model {self.model}")
        entry.build(self.settings, self.seed)

    def compute(self, inner: list[float] | None) -> dict[str, list[float]]:
        """The variables at each of the visibilities `inner`."""
        from ..models.registry import MODELS
        from ..verification import verify

        model, pairs = MODELS[self.model].build(self.settings, self.seed)
        found = verify(
            model,
            pairs,
            self.visibility if inner is None else inner,
            samples=self.samples,
            method=self.method,
            seed=self.seed,
            precision=self.precision,
        )
        _raise_if_interrupted(found.status)
        return _columns([_numbers(self.variables, vars(row)) for row in found.rows])


class Threshold(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="threshold", tag_field="command", kw_only=True
):
    """`jaxleggett threshold`. With a time limit what is found depends on the machine."""

    state: str = "werner"
    settings: str = "all"
    tolerance: Positive = 1e-4
    time_limit: Positive | None = None
    certify: bool = False
    notion: Literal["leggett", "bell", "steering", "separable", "navascues"] = "leggett"
    seed: Seed = 0

    inner: ClassVar[str | None] = None
    variables: ClassVar[dict[str, Variable]] = {
        "lower": Variable("largest visibility that a model reaches"),
        "upper": Variable("visibility above which an inequality is broken"),
        "status": Variable("how the run ended", (*Ending, BAD_INPUT)),
        "certified": Variable("whether both ends are proved", NO_YES),
    }

    def check(self) -> None:
        """Raise InputError where there is no such state, or there are no such settings."""
        from ..settings import SettingPairs
        from ..states import named_matrix

        named_matrix(self.state)
        if self.settings != "all":
            SettingPairs.parse(self.settings, self.seed)

    def compute(self, inner: list[float] | None) -> dict[str, list[float]]:
        """The variables at this point."""
        from ..notions import threshold
        from ..states import parse_state

        found = threshold(
            parse_state(self.state),
            self.settings,
            notion=self.notion,
            tolerance=self.tolerance,
            time_limit=self.time_limit,
            certify=self.certify,
            seed=self.seed,
        )
        _raise_if_interrupted(found.status)
        return _columns([_numbers(self.variables, {name: getattr(found, name) for name in self.variables})])


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="search", tag_field="command", kw_only=True):
    """`jaxleggett search`. With a time limit what is found depends on the machine."""

    pairs: Annotated[int, Meta(ge=1, le=MAX_SEARCHED_PAIRS)] | None = None
    restarts: Annotated[int, Meta(ge=1, le=MAX_RESTARTS)] = 64
    symmetry: str = "none"
    time_limit: Positive | None = None
    certify: bool = False
    seed: Seed = 0

    inner: ClassVar[str | None] = None
    variables: ClassVar[dict[str, Variable]] = {
        "visibility_threshold": Variable("visibility above which Werner states break the best inequality found"),
        "status": Variable("how the run ended", (*Ending, BAD_INPUT)),
        "certified": Variable("whether its bound is proved", NO_YES),
    }

    def check(self) -> None:
        """Raise InputError where there is no such symmetry."""
        from ..searches.orbits import rotation_group

        rotation_group(self.symmetry)

    def compute(self, inner: list[float] | None) -> dict[str, list[float]]:
        """The variables at this point."""
        from ..searches import search

        found = search(
            self.pairs,
            restarts=self.restarts,
            symmetry=self.symmetry,
            time_limit=self.time_limit,
            certify=self.certify,
            seed=self.seed,
        )
        _raise_if_interrupted(found.status)
        return _columns([_numbers(self.variables, vars(found))])


Job = Verify | Threshold | Search

JOBS: dict[str, type[Job]] = {"verify": Verify, "threshold": Threshold, "search": Search}
"""The jobs by their commands."""


def bad_input(variables: dict[str, Variable]) -> dict[str, float]:
    """The values of the variables where the input is bad."""
    return {
        name: variable.flags.index(BAD_INPUT) if BAD_INPUT in variable.flags else variable.fill
        for name, variable in variables.items()
    }


def _raise_if_interrupted(status: Ending) -> None:
    """Raise KeyboardInterrupt if Ctrl-C ended the computation of a point, so that the unfinished point is not saved."""
    if status == Ending.INTERRUPTED:
        raise KeyboardInterrupt


def _numbers(variables: dict[str, Variable], found: dict[str, Any]) -> dict[str, float]:
    """The variables as numbers: flags by their place among the flags, NaN for None."""
    row: dict[str, float] = {}
    for name, variable in variables.items():
        value = found[name]
        if variable.flags:
            row[name] = int(value) if isinstance(value, bool) else variable.flags.index(value)
        else:
            row[name] = float("nan") if value is None else float(value)
    return row


def _columns(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    """For each variable the list of its values in the rows."""
    return {name: [row[name] for row in rows] for name in rows[0]}
