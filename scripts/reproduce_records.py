"""Prove every record again from its inequality alone, by the checker, and write the tables.

    python scripts/reproduce_records.py [--draw]

One record alone is proved by `jaxleggett check results/records/24/inequality.json`.

Writes results/records: records.json, records.png and .svg, meta.json; results/records_shared, of the records whose
pairs share settings: records.json, meta.json; the tables of docs/RECORDS.md; and jaxleggett/experiments/records.json,
which the package brings along for `design` and `explore`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import common
import numpy as np

import jaxleggett as jl
from jaxleggett.inequalities import files
from jaxleggett.output import provenance
from jaxleggett.output.plots import PowerLaw, Record, plot_records
from jaxleggett.proofs.checker.files import checked
from jaxleggett.proofs.symmetries import count_symmetries, with_symmetries
from jaxleggett.searches.result import count_settings, rounded_up

FOLDER = common.RESULTS / "records"
SHARED = common.RESULTS / "records_shared"
PACKED = common.ROOT / "jaxleggett" / "experiments" / "records.json"
PUBLISHED = common.RESULTS / "threshold_tables" / "tables.json"
PAGE = common.ROOT / "docs" / "RECORDS.md"
BEGIN = "<!-- written by scripts/reproduce_records.py -->"
BEGIN_SHARED = "<!-- written by scripts/reproduce_records.py, of pairs that share settings -->"


def rows(published: list[tuple[int, float]]) -> list[dict[str, Any]]:
    """One row per record, proved here, beside the best that is published with at most as many pairs."""
    found = []
    for folder in sorted((f for f in FOLDER.iterdir() if f.name.isdigit()), key=lambda f: int(f.name)):
        pairs = int(folder.name)
        earlier = [threshold for number, threshold in published if number <= pairs]
        found.append({"pairs": pairs, **proved(folder), "published": min(earlier, default=None)})
    return found


def shared_rows(published: list[tuple[int, float]]) -> list[dict[str, Any]]:
    """One row per record of m x n settings, beside the best that is published with at most as many of each party.

    The published inequality with N pairs takes N/2 settings of one party and N of the other.
    """
    found = []
    for file in sorted(SHARED.glob("*x*/inequality.json"), key=lambda file: _sides(file.parent)):
        few, many = sorted(_sides(file.parent))
        earlier = [threshold for pairs, threshold in published if pairs <= 2 * few and pairs <= many]
        row = {"sides": _sides(file.parent), **proved(file.parent), "published": min(earlier, default=None)}
        found.append({"pairs": row.pop("pairs_used"), **row})
    return found


def _sides(folder: Path) -> list[int]:
    """m and n of the record in a folder mxn."""
    return [int(number) for number in folder.name.split("x")]


def proved(folder: Path) -> dict[str, Any]:
    """What is proved here of the record in a folder, and how it was found."""
    file = folder / "inequality.json"
    cut = files.read_inequality(str(file))
    meta = json.loads((folder / provenance.META).read_text())
    started = time.monotonic()
    proof = checked(file, with_symmetries)
    if proof.visibility is None:
        sys.exit(f"{file}: {proof.statement}")
    row = {
        "pairs_used": int(np.count_nonzero(cut.coefficients)),
        "threshold": proof.visibility,
        "certified": proof.proved,
        "excess": proof.visibility - float(jl.CRITICAL_VISIBILITY),
        "settings": list(count_settings(cut)),
        "rotations": count_symmetries(cut),
        "found_by": meta["command"],
        "seconds": time.monotonic() - started,
    }
    print(f"{folder.name:>5}  {row['threshold']:.9f}  {row['rotations']}  proved in {row['seconds']:.1f} s", flush=True)
    return row


def fit(found: list[dict[str, Any]]) -> PowerLaw:
    """excess = factor * pairs^-power, by least squares on logarithms."""
    N, excess = (np.log([row[name] for row in found]) for name in ("pairs", "excess"))
    slope, intercept = np.polyfit(N, excess, 1)
    return {"factor": float(np.exp(intercept)), "power": float(-slope)}


def table(found: list[dict[str, Any]], law: PowerLaw) -> str:
    """The table of the records by their numbers of pairs, in Markdown, and the law that they follow."""
    head = [
        *("N pairs", "threshold, proved", "above V_c", "settings of Alice, Bob", "rotations"),
        "published, at most N pairs",
    ]
    lines = []
    for row in found:
        threshold, excess, settings, published = _cells(row)
        lines.append([str(row["pairs"]), threshold, excess, settings, str(row["rotations"]), published])
    return (
        f"{common.markdown_table(head, lines)}\n\nThe excess over V_c falls like {law['factor']:.3g} "
        f"N^-{law['power']:.2f} (least squares on logarithms)."
    )


def shared_table(found: list[dict[str, Any]]) -> str:
    """The table of the records whose pairs share settings, in Markdown."""
    head = [
        *("settings of Alice, Bob", "pairs used", "threshold, proved", "above V_c"),
        "published, at most as many settings",
    ]
    lines = []
    for row in found:
        threshold, excess, settings, published = _cells(row)
        lines.append([settings, str(row["pairs"]), threshold, excess, published])
    return common.markdown_table(head, lines)


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    """Threshold, its excess over V_c, settings, and the published threshold, as both tables show them."""
    published = "none" if row["published"] is None else f"{row['published']:.6f}"
    threshold, excess = (rounded_up(row[name], 6) for name in ("threshold", "excess"))
    return threshold, excess, ", ".join(map(str, row["settings"])), published


def pack(published: list[tuple[int | None, float]]) -> None:
    """Put all records into one file of the package, by their numbers of pairs; a line each; and what is published."""
    lines = []
    for file in [*FOLDER.glob("*/inequality.json"), *SHARED.glob("*/inequality.json")]:
        cut = files.read_inequality(str(file))
        pairs = int(np.count_nonzero(cut.coefficients))
        entry = {"pairs": pairs, "settings": count_settings(cut), "threshold": cut.threshold(jl.werner())}
        lines.append((pairs, entry["threshold"], json.dumps({**entry, "inequality": cut.to_json()})))
    text = ",\n".join(line for *_, line in sorted(lines))
    families = json.dumps([{"pairs": pairs, "threshold": threshold} for pairs, threshold in published])
    PACKED.write_text(f'{{"records": [\n{text}\n],\n"published": {families}}}\n', encoding="utf-8")


def published_thresholds() -> list[tuple[int | None, float]]:
    """Numbers of pairs and thresholds of the published inequalities; None for infinitely many pairs."""
    tables = json.loads(PUBLISHED.read_text())["inequalities"]
    return [(row["pairs"], row["published_form"]) for row in tables]


def finitely_many() -> list[tuple[int, float]]:
    """Those of them that have finitely many pairs."""
    return [(pairs, threshold) for pairs, threshold in published_thresholds() if pairs]


def draw() -> None:
    """Draw what is saved."""
    content = json.loads((FOLDER / "records.json").read_text())
    drawn: list[Record] = [{"pairs": row["pairs"], "threshold": row["threshold"]} for row in content["records"]]
    plot_records(drawn, content["fit"], finitely_many(), FOLDER / "records.png")


def main() -> None:
    """Prove, draw, write."""
    if common.parser(__doc__, draws=True).parse_args().draw:
        return draw()
    started = time.time()
    published = finitely_many()
    found = rows(published)
    law = fit(found)
    content = {"records": found, "fit": law}
    provenance.write_json(FOLDER / "records.json", content)
    draw()
    common.write_into_page(PAGE, BEGIN, table(found, law))
    common.write_meta(FOLDER, seconds=time.time() - started)
    started = time.time()
    shared = shared_rows(published)
    provenance.write_json(SHARED / "records.json", {"records": shared})
    pack(published_thresholds())
    common.write_into_page(PAGE, BEGIN_SHARED, shared_table(shared))
    common.write_meta(SHARED, seconds=time.time() - started)


if __name__ == "__main__":
    common.leave(main)
