"""Files with claims, and what is proved: inequalities, certificates, models, and the theorem on Werner states.

What a file claims is proved from the numbers in it alone, or not at all. A statement says what is proved, and is
silent about whatever else stands in the file.
"""

from __future__ import annotations

import csv
import json
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from .certificate import Certificate, Taken, arrays_of, down, require, shaped, up
from .claims import (
    Effort,
    Inequality,
    Model,
    Refused,
    State,
    at_pairs,
    ceiling,
    normalised,
    unit_to_rounding,
    upper,
)
from .isotropic import IsotropicCertificate
from .search import bounded

SHORT = 1e-9
"""How much less than its report says a model may be proved to reach, since reports are right to rounding only."""

DAMAGED = (
    *(ValueError, LookupError, TypeError, ArithmeticError, AttributeError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError),
)
"""What NumPy and the standard library raise when they read a damaged file."""

HEADER = "ax,ay,az,bx,by,bz"
"""The header of settings.csv, which is beside a model."""

Finder = Callable[[Inequality], Inequality]
"""Gives an inequality its `maps`, so that the proof is short. The checker verifies them: they are not trusted."""


@dataclass(frozen=True)
class Statement:
    """Whether what a file claims is `proved`, and a sentence that says what is proved, or what is not and where.

    `bound` is what is proved about an inequality. `visibility` is the lower end of a bracket, or its upper end where
    the lower one is 0; for a model, what it reaches; for an inequality, what Werner states break it above. None where
    there is no such number.
    """

    proved: bool
    statement: str
    bound: float | None = None
    visibility: float | None = None


def checked(path: Path, finder: Finder, effort: Effort = bounded) -> Statement:
    """What is proved about a file; for a folder, about the file in it that claims most. OSError where it is unreadable.

    Whatever else is wrong with a file makes a statement of what is not proved.
    """
    if path.is_dir():
        names = (Certificate.FILE, IsotropicCertificate.FILE, "inequality.json", "model.npz")
        found = next((path / name for name in names if (path / name).exists()), None)
        if found is None:
            raise FileNotFoundError(f"a folder must hold one of {', '.join(names)}, but {path} does not")
        path = found
    if not stat.S_ISREG(path.stat().st_mode):
        raise FileNotFoundError(f"{path} is no regular file")
    try:
        if path.suffix == ".json":
            with open(path, "rb") as file:
                return _json(_loaded(file), finder, effort)
        if "version" in (arrays := arrays_of(path)):
            certificate = Certificate.of(arrays)
            return Statement(True, certificate.check(effort), visibility=certificate.lower or certificate.upper)
        return _model(path, arrays)
    except Refused as error:
        return Statement(False, str(error))
    except DAMAGED as error:
        return Statement(False, f"the file is damaged, or of another kind: {' '.join(str(error).split())[:200]}")


def _loaded(file: BinaryIO) -> object:
    """The content of a JSON file; Refused where a field is there twice, since readers differ in which they take."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        fields: dict[str, object] = {}
        for name, value in pairs:
            if name in fields:
                raise Refused(f"the field {name[:60]!r} must not be there twice")
            fields[name] = value
        return fields

    return json.load(file, object_pairs_hook=once)


def _json(content: object, finder: Finder, effort: Effort) -> Statement:
    """What is proved about the content of a JSON file: the theorem, or an inequality, perhaps within a report."""
    content = _fields(content)
    if "theorem" in content:
        return _werner(content)
    if "inequality" in content:
        content = _fields(content["inequality"])
    if content.get("notion", "leggett") != "leggett":
        raise Refused("an inequality of another notion is not one for Leggett models")
    if content.get("symmetry") is not None:
        raise Refused("an inequality that is averaged over a symmetry is proved by its certificate.npz")
    g, f, h = (_numbers(content, name, None) for name in ("coefficients", "alice", "bob"))
    a, b = (normalised(_numbers(content, name, None, 3), name) for name in ("a", "b"))
    bound = float(_numbers(content, "bound"))
    if not len(a) == len(b) == len(g) == len(f) == len(h) > 0:
        raise Refused("coefficients, a, b, alice and bob must be of one length, at least 1")
    # Divided by a power of two, which is exact, so that no coefficient is too small or too large to compute with.
    power = -int(np.frexp(max(np.abs(x).max() for x in (g, f, h)))[1])
    g, f, h, scaled = (np.ldexp(x, power) for x in (g, f, h, bound))
    inequality = finder(Inequality.of(g, a, b, f, h))
    found = ceiling(inequality, effort, bound=float(scaled))
    found = replace(found, reached=float(np.ldexp(found.reached, -power)))
    require(found, f"the left side is at most {bound!r}", "u, v")
    singlet = upper(inequality, State.own(np.zeros(3), np.zeros(3), -np.eye(3)), float(scaled))
    broken = f"; Werner states break it above V = {up(singlet)}" if singlet < 1 else ""
    terms = f"{len(g)} setting pairs" if len(g) > 1 else "1 setting pair"
    return Statement(
        True,
        f"every Leggett model obeys the inequality of {terms} with the bound {bound!r}{broken}",
        bound=bound,
        visibility=singlet if singlet < 1 else None,
    )


def _fields(content: object) -> dict[str, object]:
    """A JSON object; Refused where it is something else."""
    if not isinstance(content, dict):
        raise Refused("the file must hold a JSON object with an inequality")
    return cast("dict[str, object]", content)


def _numbers(content: dict[str, object], name: str, *shape: int | None) -> np.ndarray:
    """A field that holds finite numbers in an array of this shape, None for any length; a number without a shape."""
    if name not in content:
        raise Refused(f"{name} is missing")
    x = np.asarray(content[name])
    if x.dtype.kind not in "iuf":
        raise Refused(f"{name} must be numbers")
    x = x.astype(float)
    if not np.isfinite(x).all():
        raise Refused(f"{name} must be finite numbers")
    return shaped(x, name, *shape)


def _model(path: Path, arrays: dict[str, np.ndarray]) -> Statement:
    """What a model reaches at the settings beside it, for the state in its file; Refused where its report says more."""
    take = Taken({name: arrays[name] for name in ("weights", "u", "v", "r_A", "r_B", "T")})
    with open(path.with_name("report.json"), "rb") as file:
        report = _fields(_loaded(file))
    if report["num_pairs"] is None:
        raise Refused(
            "a model for all settings is proved by its certificate.npz, which threshold --certify --out writes"
        )
    with open(path.with_name("settings.csv"), newline="") as file:
        head, *rows = [row for row in csv.reader(file) if row]
    if ",".join(head) != HEADER or not rows:
        raise Refused(f"settings.csv must have the header {HEADER} and at least one row")
    settings = np.array([[float(x) for x in row] for row in rows])
    if settings.ndim != 2 or settings.shape[1] != 6:
        raise Refused("settings.csv must have six numbers a row")
    a, b = (unit_to_rounding(part, "the settings in settings.csv") for part in (settings[:, :3], settings[:, 3:]))
    x = np.concatenate([normalised(take(name, None, 3), name) for name in ("u", "v")], axis=1)
    w = take.weights("weights", len(x))
    V = float(_numbers(report, "lower"))
    if not 0 <= V <= 1:
        raise Refused(f"lower must lie between 0 and 1, but is {V!r}")
    state = State.own(take("r_A", 3), take("r_B", 3), take("T", 3, 3))
    found = at_pairs(Model(x, w, V, np.ones(len(w))), state, a, b)
    if not found >= V - SHORT:
        raise Refused(f"the model is proved to reach {found!r}, not {V!r}")
    return Statement(
        True,
        f"a Leggett model reproduces the state at the visibility {down(found)}, at these {len(a)} setting pairs",
        visibility=found,
    )


def _werner(content: dict[str, object]) -> Statement:
    """What the theorem of docs/WERNER.md proves about a state."""
    if content["theorem"] != "werner":
        raise Refused("the theorem must be werner")
    r_A, r_B = (_numbers(content, name, 3) for name in ("r_A", "r_B"))
    T, Q = (_numbers(content, name, 3, 3) for name in ("T", "Q"))
    s, least, most = (float(_numbers(content, name)) for name in ("s", "lower", "upper"))
    certificate = IsotropicCertificate(r_A, r_B, T, s, Q, least, most)
    return Statement(True, certificate.check(), visibility=certificate.lower or certificate.upper)
