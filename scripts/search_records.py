"""Search for the Leggett inequality of N pairs, or of MxN settings, with the lowest threshold; keep it if a record.

    python scripts/search_records.py --pairs 24 [--symmetry O] [--restarts 256] [--seed 1] [--from-record]
    python scripts/search_records.py --sides 4x4 [--restarts 256] [--seed 1]

`--from-record` begins with the record itself and perturbs it. A record is kept in results/records/N, or in
results/records_shared/MxN: the inequality with its proved bound, scaled to the value 1 at the singlet, and meta.json
with the command that found it. `reproduce_records.py` proves all of them again and writes the tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import jaxleggett as jl
from jaxleggett.inequalities import files
from jaxleggett.output import provenance

RESULTS = Path(__file__).parent.parent / "results"

ENOUGH = 1e-7
"""What a new record has to gain."""


def main() -> None:
    """Search, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--pairs", type=int)
    size.add_argument("--sides", metavar="MxN")
    parser.add_argument("--symmetry", default="none")
    parser.add_argument("--restarts", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--from-record", action="store_true")
    arguments = parser.parse_args()
    if arguments.sides is None:
        name, folder = f"{arguments.pairs} pairs", RESULTS / "records" / str(arguments.pairs)
    else:
        name, folder = f"{arguments.sides} settings", RESULTS / "records_shared" / arguments.sides
    file = folder / "inequality.json"
    record = files.read_inequality(str(file)) if file.exists() else None
    if arguments.from_record and record is None:
        parser.error(f"--from-record: there is no record of {name} yet")
    found = jl.search(
        arguments.pairs,
        sides=arguments.sides,
        restarts=arguments.restarts,
        seed=arguments.seed,
        symmetry=arguments.symmetry,
        start=record if arguments.from_record else None,
        certify=True,
    )
    best = 1.0 if record is None else record.threshold(jl.werner())
    print(
        f"{name}, symmetry {arguments.symmetry}, seed {arguments.seed}: "
        f"{found.visibility_threshold:.9f} (record {best:.9f}), {found.seconds:.0f} s",
        flush=True,
    )
    if found.inequality is None or found.visibility_threshold > best - ENOUGH:
        return
    facts = {name: value for name, value in found.to_json().items() if name != "inequality"}
    if arguments.from_record:
        # The record that this one grew from, so that its history is not lost.
        facts["previous"] = json.loads((folder / provenance.META).read_text())
    meta = provenance.provenance(["python", "scripts/search_records.py", *sys.argv[1:]], **facts, seed=arguments.seed)
    folder.mkdir(parents=True, exist_ok=True)
    provenance.write_json(file, found.inequality.to_json())
    provenance.write_json(folder / provenance.META, meta)


if __name__ == "__main__":
    main()
