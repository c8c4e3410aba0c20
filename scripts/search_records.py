"""Search for the Leggett inequality of N pairs, or of MxN settings, with the lowest threshold; keep it as a record.

    python scripts/search_records.py --pairs 24 [--symmetry O] [--restarts 256] [--seed 1] [--from-record]
    python scripts/search_records.py --sides 4x4 [--restarts 256] [--seed 1]

What is found is kept where it is better than the record so far, in results/records/N or results/records_shared/MxN:
inequality.json, with the bound that was proved, scaled to the value 1 at the singlet; and meta.json, with the command
that found it. `reproduce_records.py` proves all records again and writes the tables.
"""

from __future__ import annotations

import json

import common

import jaxleggett as jl
from jaxleggett.inequalities import files
from jaxleggett.output import provenance

ENOUGH = 1e-7
"""What a new record has to gain."""


def main() -> None:
    """Search, compare, keep."""
    parser = common.parser(__doc__)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--pairs", type=int, help="number of setting pairs")
    size.add_argument("--sides", metavar="MxN", help="numbers of settings of Alice and of Bob, shared by the pairs")
    parser.add_argument("--symmetry", default="none", help="rotation group of the pairs: none, T, O, I or Dn [none]")
    parser.add_argument("--restarts", type=int, default=64, help="random beginnings [64]")
    parser.add_argument("--seed", type=int, default=0, help="of the random beginnings [0]")
    parser.add_argument("--from-record", action="store_true", help="begin with the record so far, perturbed")
    asked = parser.parse_args()
    if asked.sides is None:
        name, folder = f"{asked.pairs} pairs", common.RESULTS / "records" / str(asked.pairs)
    else:
        name, folder = f"{asked.sides} settings", common.RESULTS / "records_shared" / asked.sides
    file = folder / "inequality.json"
    record = files.read_inequality(str(file)) if file.exists() else None
    if asked.from_record and record is None:
        parser.error(f"--from-record: there is no record of {name} yet")
    found = common.finished(
        jl.search(
            asked.pairs,
            sides=asked.sides,
            restarts=asked.restarts,
            seed=asked.seed,
            symmetry=asked.symmetry,
            start=record if asked.from_record else None,
            certify=True,
        )
    )
    best = 1.0 if record is None else record.threshold(jl.werner())
    print(
        f"{name}, symmetry {asked.symmetry}, seed {asked.seed}: "
        f"{found.visibility_threshold:.9f} (record {best:.9f}), {found.seconds:.0f} s",
        flush=True,
    )
    if found.inequality is None or found.visibility_threshold > best - ENOUGH:
        return
    facts = {name: value for name, value in found.to_json().items() if name != "inequality"}
    if asked.from_record:
        # The record that this one grew from, so that its history is not lost.
        facts["previous"] = json.loads((folder / provenance.META).read_text())
    folder.mkdir(parents=True, exist_ok=True)
    provenance.write_json(file, found.inequality.to_json())
    common.write_meta(folder, **facts, seed=asked.seed)


if __name__ == "__main__":
    common.leave(main)
