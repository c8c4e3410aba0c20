"""Leggett inequalities in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._checks import InputError, quoted
from .._files import read_json
from .inequality import LeggettInequality

if TYPE_CHECKING:
    pass


def read_inequality(path: str) -> LeggettInequality:
    """The inequality of a JSON file that a command wrote: inequality.json, or the report.json that holds it.

    InputError where there is none, or one that is averaged over a symmetry.
    """
    content = read_json("inequality", path)
    if isinstance(content, dict) and "inequality" in content:
        content = content["inequality"]
        if content is None:
            raise InputError(f"inequality {path} must be a report with an inequality, but this one found none (null)")
    if isinstance(content, dict) and content.get("symmetry") is not None:
        symmetry = quoted(content["symmetry"])
        raise InputError(f"inequality {path} must have finitely many pairs, but is averaged over {symmetry}")
    return LeggettInequality.from_json(content)
