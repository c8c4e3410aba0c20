"""Leggett inequalities in files."""

from __future__ import annotations

from typing import cast

from .._checks import InputError, quoted
from .._files import read_json
from .inequality import LeggettInequality


def read_inequality(path: str) -> LeggettInequality:
    """The inequality of a JSON file that a command wrote: inequality.json, or the report.json that holds it.

    Raises InputError, which names the file, where there is none, where a field of it is wrong, and for an inequality
    that is averaged over a symmetry or is about another notion than Leggett's.
    """
    content = read_json("inequality", path)
    if "inequality" in (report := _fields(content)):
        content = report["inequality"]
        if content is None:
            raise InputError(f"inequality {path} must be a report with an inequality, but this one found none (null)")
    if (symmetry := _fields(content).get("symmetry")) is not None:
        symmetry = quoted(symmetry)
        raise InputError(f"inequality {path} must have finitely many pairs, but is averaged over {symmetry}")
    if (notion := _fields(content).get("notion", "leggett")) != "leggett":
        raise InputError(f"inequality {path} must be one that Leggett models obey, but is about {quoted(notion)}")
    try:
        return LeggettInequality.from_json(content)
    except InputError as error:
        raise InputError(f"inequality {path} cannot be used: {error}") from None


def _fields(content: object) -> dict[str, object]:
    """The fields of a JSON object; an empty dictionary for anything else."""
    return cast("dict[str, object]", content) if isinstance(content, dict) else {}
