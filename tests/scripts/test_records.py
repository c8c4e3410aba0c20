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
SHARED = ROOT / "results" / "records_shared"
RECORDS = sorted((f.name for f in FOLDER.iterdir() if f.name.isdigit()), key=int)
SHARED_RECORDS = sorted((f.name for f in SHARED.iterdir() if f.is_dir()), key=lambda name: [*map(int, name.split("x"))])
BOTH = [*(FOLDER / name for name in RECORDS), *(SHARED / name for name in SHARED_RECORDS)]


def _record(folder):
    return files.read_inequality(str(folder / "inequality.json"))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "folder",
    [pytest.param(folder, marks=pytest.mark.slow if folder.name == "2x4" else ()) for folder in BOTH],
    ids=lambda folder: folder.name,
)
def test_records_are_proved_again(folder):
    proof = checked(folder / "inequality.json", with_symmetries)
    assert proof.proved
    assert oracles.V_C < proof.visibility
    assert proof.visibility == pytest.approx(_record(folder).threshold(jl.werner()), abs=1e-9)


@pytest.mark.parametrize("folder", BOTH, ids=lambda folder: folder.name)
def test_records_hold_what_they_say(folder):
    cut = _record(folder)
    meta = json.loads((folder / "meta.json").read_text())
    assert len(cut.a) == meta["num_pairs"]
    if folder.parent == FOLDER:
        assert len(cut.a) == int(folder.name)
    else:
        assert [len(np.unique(x, axis=0)) for x in (cut.a, cut.b)] == meta["num_settings"]
        assert (np.array(meta["num_settings"]) <= meta["sides"]).all()
        assert "x".join(map(str, meta["sides"])) == folder.name
    assert meta["certified"]
    assert cut.bound / cut.value(jl.werner()) == pytest.approx(meta["visibility_threshold"], abs=1e-12)
    # no hidden vectors beyond the bound, in plain NumPy
    rng = np.random.default_rng(0)
    u, v = oracles.unit(rng, 20000), oracles.unit(rng, 20000)
    assert oracles.left_side(cut.coefficients, cut.a, cut.b, u, v).max() < cut.bound


def test_the_table_is_that_of_the_records():
    content = json.loads((FOLDER / "records.json").read_text())["records"]
    assert [str(row["pairs"]) for row in content] == RECORDS
    page = (ROOT / "docs" / "RECORDS.md").read_text()
    for row in content:
        assert row["threshold"] == pytest.approx(_record(FOLDER / str(row["pairs"])).threshold(jl.werner()), abs=2e-6)
        assert f"| {row['pairs']} | {rounded_up(row['threshold'], 6)} |" in page


def test_the_table_of_shared_settings_is_that_of_the_records():
    content = json.loads((SHARED / "records.json").read_text())["records"]
    assert ["x".join(map(str, row["sides"])) for row in content] == SHARED_RECORDS
    page = (ROOT / "docs" / "RECORDS.md").read_text()
    for row, name in zip(content, SHARED_RECORDS, strict=True):
        cut = _record(SHARED / name)
        assert row["pairs"] == len(cut.a)
        assert row["threshold"] == pytest.approx(cut.threshold(jl.werner()), abs=2e-6)
        settings = ", ".join(map(str, row["settings"]))
        assert f"| {settings} | {row['pairs']} | {rounded_up(row['threshold'], 6)} |" in page
