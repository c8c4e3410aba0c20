"""The interactive page as one text: HTML, style, scripts and data put together, so that no network is needed.

Nothing here imports JAX. The formulas are those of `formulas.js`, which the tests hold against the package's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from ... import __version__
from ...proofs.werner import certify_werner
from ...survey.cited import LITERATURE, LOCAL, NONLOCAL, Cited
from ..provenance import META, provenance, write_json

FILES = ("index.html", META)
"""What `write_page` writes."""

SCRIPTS = ("formulas", "drawing", "pair", "records", "axis", "page")
"""The scripts in their order: each uses those before it, and the last one starts the page."""

PARTIAL_TRANSPOSE = "partial transpose: M., P. and R. Horodecki, Phys. Lett. A 223, 1 (1996)"
STEERING = "H. M. Wiseman, S. J. Jones, A. C. Doherty, Phys. Rev. Lett. 98, 140402 (2007)"
CHSH = "R., P. and M. Horodecki, Phys. Lett. A 200, 340 (1995)"
OURS = "ball arithmetic, when this page was written: model [B13 (9)] below, docs/WERNER.md above"


def page() -> str:
    """The page: HTML with everything that it needs inside.

    >>> from jaxleggett.output.explore import page
    >>> page().startswith("<!doctype html>")
    True
    """
    data = page_data()
    parts = {
        "/*{css}*/": _source("page.css"),
        "/*{js}*/": '"use strict";\n' + "\n".join(_source(f"{name}.js") for name in SCRIPTS),
        # "<" is the only character that could end the element too early.
        "/*{data}*/": json.dumps(data, allow_nan=False).replace("<", "\\u003c"),
        "<!--{version}-->": __version__,
        "<!--{critical}-->": f"<i>V</i><sub>c</sub> = {data['V_c']:.4f}",
    }
    text = _source("page.html")
    for place, content in parts.items():
        before, after = text.split(place)
        text = before + content + after
    return text


def page_data() -> dict[str, object]:
    """The data that the page does not compute itself.

    V_c           the critical visibility of Werner states: the lower one of the two doubles that enclose it
    records       the inequalities of the package, in the order of its file
    published     the published families: number of pairs (None for the limit of infinitely many), threshold
    notions       for each notion: up to which visibility Werner states have a model, and from which on they violate an
                  inequality
    known         the visibilities above and those of the literature, ascending, with their sources
    """
    critical, above = certify_werner()
    packed = json.loads(resources.files("jaxleggett").joinpath("experiments", "records.json").read_text("utf-8"))
    records = [
        {
            **{key: record[key] for key in ("pairs", "settings", "threshold")},
            **{key: record["inequality"][key] for key in ("coefficients", "a", "b")},
        }
        for record in packed["records"]
    ]
    notions = [
        _notion("separable", "separable", "a mixture of product states", 1 / 3, 1 / 3),
        _notion("steering", "unsteerable", "no measurement of Alice steers Bob", 1 / 2, 1 / 2),
        _notion("bell", "local (Bell)", "a local hidden-variable model", LOCAL.visibility, NONLOCAL.visibility),
        _notion("leggett", "crypto-nonlocal (Leggett)", "a Leggett model", critical, above),
    ]
    best = min(records, key=lambda record: record["threshold"])
    own = [
        Cited(1 / 3, "entangled above", PARTIAL_TRANSPOSE),
        Cited(1 / 2, "Alice can steer Bob above, not below", STEERING),
        Cited(2**-0.5, "CHSH inequality", CHSH),
        Cited(critical, "critical visibility: Leggett model below, inequality above", OURS),
        Cited(best["threshold"], f"Leggett inequality of {best['pairs']} pairs, the best one here", "docs/RECORDS.md"),
    ]
    return {
        "V_c": critical,
        "records": records,
        "published": packed["published"],
        "notions": notions,
        "known": [entry._asdict() for entry in sorted([*own, *LITERATURE])],
    }


def _notion(name: str, title: str, meaning: str, model: float, broken: float) -> dict[str, object]:
    return {"name": name, "title": title, "meaning": meaning, "model": model, "broken": broken}


def _source(name: str) -> str:
    return resources.files("jaxleggett.output.explore").joinpath(name).read_text("utf-8")


def write_page(folder: Path, command: Sequence[str]) -> None:
    """Write the files `FILES` to a folder that exists; `command` is the command line for `meta.json`."""
    text = page()
    (folder / FILES[0]).write_text(text, encoding="utf-8")
    write_json(folder / META, provenance(command, bytes=len(text.encode())))
