"""What the scripts share: how they are called and ended, what they keep in results/, and tables on the pages."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

import jaxleggett as jl
from jaxleggett.output import provenance
from jaxleggett.runs import Ending

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"

END = "<!-- end -->"
"""The mark behind what a script has written into a page."""


def parser(text: str | None, *, draws: bool = False) -> argparse.ArgumentParser:
    """A parser whose help is the docstring of a script, as it is written; with `draws` it has the option `--draw`."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    if draws:
        made.add_argument("--draw", action="store_true", help="compute nothing, only draw again what is saved")
    return made


def count(text: str) -> int:
    """An integer from the command line, which may be written as 1e6; for `type` of an option."""
    number = float(text)
    if not number.is_integer():
        raise ValueError(text)
    return int(number)


def command() -> list[str]:
    """The command line of the script that is running."""
    return ["python", f"scripts/{Path(sys.argv[0]).name}", *sys.argv[1:]]


def write_meta(folder: Path, **facts: object) -> None:
    """Write meta.json into a folder of results: the command line of the running script, versions, and `facts`."""
    provenance.write_json(folder / provenance.META, provenance.provenance(command(), **facts))


class _Ended(Protocol):
    @property
    def status(self) -> str: ...


Found = TypeVar("Found", bound=_Ended)


def finished(found: Found) -> Found:
    """What a function of the package has found; raises KeyboardInterrupt where Ctrl-C ended it.

    The package answers Ctrl-C with what it has until then. A script must not keep that as a result, nor go on.
    """
    if found.status == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    return found


def leave(main: Callable[[], int | None]) -> NoReturn:
    """Call `main` and leave with its exit code, with 2 for bad input and with 130 after Ctrl-C, without a traceback."""
    try:
        sys.exit(main())
    except jl.InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)


def saved_points(file: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """The points that an earlier run with the same arguments has saved in `file`, or none yet."""
    content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return content if content.get("asked") == asked else {"asked": asked, "points": {}}


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def write_into_page(page: Path, begin: str, text: str) -> None:
    """Put `text` between the mark `begin` and the next mark `END` of a page, in the place of what stands there."""
    head, begun, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, tail = rest.partition(END)
    if not (begun and ended):
        raise ValueError(f"{page} must have the marks {begin} and {END}")
    page.write_text(f"{head}{begin}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


def random_units(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Uniform unit vectors (*shape, 3)."""
    x = rng.normal(size=(*shape, 3))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def random_density_matrix(rng: np.random.Generator, rank: int) -> NDArray[np.complex128]:
    """G G^+ / tr (4, 4) with a complex Gaussian G (4, rank); of rank 4 it has the Hilbert-Schmidt measure."""
    G = rng.normal(size=(4, rank)) + 1j * rng.normal(size=(4, rank))
    rho = G @ G.conj().T
    return rho / np.trace(rho).real
