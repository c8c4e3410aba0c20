"""The visibilities and the numbers of events that published tests and the records need.

    python scripts/experiment_tables.py

For every published family of axes: the visibility from which its own bound is broken, the one from which the best
inequality at the same settings is broken (its bound proved), and how many events at each pair are called five standard
errors at three visibilities, for both; and the same for the records with as many pairs, and with as many settings.

Writes results/experiment_tables: tables.json, meta.json; and the table of docs/EXPERIMENTS.md. Takes about a minute on
two cores.
"""

from __future__ import annotations

import time
from typing import Any

import common
from threshold_tables import families

import jaxleggett as jl
from jaxleggett.experiments import Design, design
from jaxleggett.experiments.planning import planned
from jaxleggett.inequalities.published import published
from jaxleggett.output import provenance
from jaxleggett.searches.result import rounded_up

FOLDER = common.RESULTS / "experiment_tables"
PAGE = common.ROOT / "docs" / "EXPERIMENTS.md"
BEGIN = "<!-- written by scripts/experiment_tables.py -->"

VISIBILITIES = (0.93, 0.95, 0.98)


def row(name: str, plans: list[Design]) -> dict[str, Any]:
    """One line: threshold, and events a pair at each visibility (None: no number is enough)."""
    first = plans[0]
    return {
        "test": name,
        "pairs": len(first.pairs),
        "settings": list(first.settings),
        "threshold": first.threshold_visibility,
        "events_for_5_sigma": [plan.counts_per_pair_for_5_sigma for plan in plans],
        "events_for_p_value": [plan.counts_per_pair_for_p_value for plan in plans],
    }


def table() -> list[dict[str, Any]]:
    """All lines, family by family."""
    rows = []
    for name, (axes, directions) in families().items():
        form = published(axes, directions)
        pairs = jl.SettingPairs(form.a, form.b)
        own = [planned(form, V, jl.werner(), 1, 0.0) for V in VISIBILITIES]
        rows.append(row(f"{name} axes, published bound", own))
        best = [design(V, settings=pairs) for V in VISIBILITIES]
        rows.append(row(f"{name} axes, best inequality there", best))
        rows.append(row(f"record with {len(pairs)} pairs", [design(V, len(pairs)) for V in VISIBILITIES]))
        sides = (len(axes), len(pairs))
        rows.append(row("record with at most as many settings", [design(V, sides=sides) for V in VISIBILITIES]))
        print(*rows[-4:], sep="\n", flush=True)
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table of docs/EXPERIMENTS.md."""
    head = ["test", "pairs", "settings", "visibility needed", *(f"events a pair at {V:g}" for V in VISIBILITIES)]
    lines = []
    for entry in rows:
        events = ["none is enough" if n is None else f"{n:,}" for n in entry["events_for_5_sigma"]]
        alice, bob = entry["settings"]
        lines.append(
            [entry["test"], str(entry["pairs"]), f"{alice} x {bob}", rounded_up(entry["threshold"], 6), *events]
        )
    return common.markdown_table(head, lines)


def main() -> None:
    """Compute, keep, and put the table into the page."""
    common.parser(__doc__).parse_args()
    started = time.monotonic()
    rows = table()
    FOLDER.mkdir(parents=True, exist_ok=True)
    facts = {"visibilities": VISIBILITIES, "seconds": time.monotonic() - started}
    provenance.write_json(FOLDER / "tables.json", {"visibilities": VISIBILITIES, "rows": rows})
    common.write_meta(FOLDER, **facts)
    common.write_into_page(PAGE, BEGIN, markdown(rows))


if __name__ == "__main__":
    common.leave(main)
