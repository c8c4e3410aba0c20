"""Every committed record: its bound proved again, its threshold above what models reach, its table up to date."""

import json
from pathlib import Path

import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett.inequalities import files
from jaxleggett.proofs.checker.files import checked
from jaxleggett.proofs.symmetries import with_symmetries
from jaxleggett.searches.result import rounded_up

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "results" / "records"
RECORDS = sorted((f.name for f in FOLDER.iterdir() if f.name.isdigit()), key=int)


def _record(name):
    return files.read_inequality(str(FOLDER / name / "inequality.json"))


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_proved_again(name):
    proof = checked(FOLDER / name / "inequality.json", with_symmetries)
    assert proof.proved
    assert oracles.V_C < proof.visibility
    assert proof.visibility == pytest.approx(_record(name).threshold(jl.werner()), abs=1e-9)


@pytest.mark.parametrize("name", RECORDS)
def test_records_hold_what_they_say(name):
    cut = _record(name)
    meta = json.loads((FOLDER / name / "meta.json").read_text())
    assert len(cut.a) == int(name) == meta["num_pairs"]
    assert meta["certified"]
    assert cut.bound / cut.value(jl.werner()) == pytest.approx(meta["visibility_threshold"], abs=1e-12)
    # no hidden vectors beyond the bound, in plain NumPy
    rng = np.random.default_rng(0)
    u, v = oracles.unit(rng, 20000), oracles.unit(rng, 20000)
    g = cut.coefficients
    left = np.abs(g).sum() - np.abs(u @ cut.a.T - np.sign(g) * (v @ cut.b.T)) @ np.abs(g)
    assert left.max() < cut.bound


def test_the_table_is_that_of_the_records():
    content = json.loads((FOLDER / "records.json").read_text())["records"]
    assert [str(row["pairs"]) for row in content] == RECORDS
    page = (ROOT / "docs" / "RECORDS.md").read_text()
    for row in content:
        assert row["threshold"] == pytest.approx(_record(str(row["pairs"])).threshold(jl.werner()), abs=2e-6)
        assert f"| {row['pairs']} | {rounded_up(row['threshold'], 6)} |" in page
