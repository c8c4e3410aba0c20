"""`jaxleggett design`, `simulate` and `analyze`, one after the other, and what is said of bad input."""

import csv
import json

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.experiments import Counts, Trials, design
from jaxleggett.experiments.counts import COUNTS_HEADER

ROW = "0,0,1,0,0,1,"


@pytest.fixture(scope="module")
def plan():
    return design(0.93, 8)


@pytest.fixture
def counts(tmp_path, plan):
    """A file of counts at the settings of the plan."""
    from jaxleggett.experiments import simulate

    path = tmp_path / "counts.csv"
    simulate(jl.werner(0.93), plan.pairs, 2000, 1).to_csv(path)
    return path


@pytest.mark.thorough
def test_design_simulate_analyze(tmp_path, run):
    code, out, err = run(
        *("design", "--visibility", 0.93, "--pairs", 8, "--counts-per-pair", 2000, "--out", tmp_path / "plan", "--json")
    )
    assert (code, err) == (0, "")
    planned = json.loads(out)
    assert planned["detectable"]
    assert planned["expected_z"] > 5
    settings, inequality = tmp_path / "plan" / "settings.csv", tmp_path / "plan" / "inequality.json"
    assert len(jl.SettingPairs.from_csv(settings)) == 8
    with open(tmp_path / "plan" / "apparatus.csv") as file:
        assert len(list(csv.DictReader(file))) == 8
    assert (tmp_path / "plan" / "design.png").stat().st_size > 10_000

    source = ("--state", "werner", "--visibility", 0.93, "--settings", settings, "--seed", 5)
    code, out, err = run("simulate", *source, "--counts", 2000)
    assert (code, err) == (0, "")
    (tmp_path / "counts.csv").write_text(out)
    assert run("simulate", *source, "--counts", 2000)[1] == out
    code, out, err = run(
        "analyze", tmp_path / "counts.csv", "--inequality", inequality, "--json", "--out", tmp_path / "verdict"
    )
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["violated"]
    assert answer["total_counts"] == 16000
    assert answer["bound"] == pytest.approx(planned["bound"], abs=1e-5)
    assert {path.name for path in (tmp_path / "verdict").iterdir()} == {
        *("report.json", "inequality.json", "settings.csv", "counts.csv"),
        *("analysis.png", "analysis.svg", "meta.json"),
    }
    code, out, _ = run("analyze", tmp_path / "counts.csv", "--inequality", inequality, "--resamples", 0)
    assert code == 0
    for text in ("excluded", "Assumed:", "independent", "Fair sampling", "fixed before"):
        assert text in out


@pytest.mark.slow
def test_trials_of_a_leggett_model_are_no_violation(tmp_path, run, plan):
    plan.pairs.to_csv(tmp_path / "settings.csv")
    code, out, _ = run(
        *("simulate", "--model", "leggett", "--settings", tmp_path / "settings.csv", "--trials", 3000),
        *("--out", tmp_path / "made", "--json"),
    )
    assert code == 0
    assert json.loads(out)["visibility"] == pytest.approx(plan.threshold_visibility, abs=1e-5)
    (tmp_path / "inequality.json").write_text(json.dumps(plan.inequality.to_json()))
    trials = Trials.from_csv(tmp_path / "made" / "trials.csv", tmp_path / "made" / "drawn.csv")
    assert len(trials) == 3000
    code, out, _ = run(
        *("analyze", tmp_path / "made" / "trials.csv", "--settings", tmp_path / "made" / "drawn.csv"),
        *("--inequality", tmp_path / "inequality.json", "--resamples", 0, "--json"),
    )
    answer = json.loads(out)
    assert (code, answer["mode"], answer["violated"]) == (0, "trials", False)


@pytest.mark.thorough
def test_what_cannot_be_detected_is_said(run):
    code, out, _ = run("design", "--visibility", 0.9, "--pairs", 7)
    assert code == 0
    assert "Not detectable: visibility 0.9" in out
    assert "known to us" in out
    for few in (("--pairs", 1), ("--settings", "equatorial:3"), ("--state", "bell-diagonal:0,0,0")):
        assert "Not detectable" in run("design", "--visibility", 1, *few)[1]
    code, out, _ = run("design", "--visibility", 0.85, "--pairs", 8, "--json")
    assert (code, json.loads(out)["detectable"], json.loads(out)["counts_per_pair_for_5_sigma"]) == (0, False, None)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([ROW + "0,0,0,0"], [], "counts.csv:2 must have at least one event with both outcomes"),
        ([ROW + "1,-1,0,0"], [], "counts.csv:2 must hold whole numbers of events"),
        ([ROW + "1,1.5,0,0"], [], "counts.csv:2 must hold whole numbers of events"),
        ([ROW + "1,1000000000000,0,0"], [], "counts.csv:2 must hold whole numbers of events"),
        ([ROW + "1,five,0,0"], [], "counts.csv:2 must hold numbers"),
        ([ROW + "1,40,40,1"], [], "must exclude some visibility of the state, but"),
        ([], [], "at least one row"),
        (["0,0,2,0,0,1,1,2,3,4"], [], "counts.csv:2 must hold unit vectors"),
        ([ROW + "1,40,40,1"], ["--settings", "icosahedron"], "settings must be left out"),
        ([ROW + "1,40,40,1"], ["--choose", "counts"], "choose must be settings without a split"),
        ([ROW + "1,40,40,1"], ["--split", "0.5"], "split must be left out"),
        ([ROW + "1,40,40,1"], ["--split", "half"], "--split must be a finite number, but is 'half'"),
        ([ROW + "1,40,40,1"], ["--missing", "all"], "--missing must be one of fair, worst, but is 'all'"),
        ([ROW + "1,40,40,1"], ["--misalignment", "-1"], "misalignment must be an angle from 0 to 90"),
        ([ROW + "1,40,40,1"], ["--inequality", "nowhere.json"], "nowhere.json"),
        ([ROW + "1,40,40,1"], ["--state", "wernr"], "state must be"),
    ],
)
def test_bad_counts_are_one_sentence(tmp_path, run, rows, options, message):
    path = tmp_path / "counts.csv"
    path.write_text("\n".join([COUNTS_HEADER, *rows]) + "\n")
    code, out, err = run("analyze", path, *options, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "hello\n", "[1, 2]", "{}", "\x00\x01", "index,pair\n"])
def test_other_files_are_one_sentence(tmp_path, run, text):
    path = tmp_path / "counts.csv"
    path.write_text(text)
    code, out, err = run("analyze", path)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_bad_trials_are_one_sentence(tmp_path, run):
    trials, settings = tmp_path / "trials.csv", tmp_path / "settings.csv"
    head = "ax,ay,az,bx,by,bz,probability\n"
    good = "index,pair,alpha,beta\n0,0,1,1\n"
    for text, drawn, message in (
        (good, head + "0,0,1,0,0,1,0.9\n", "probabilities must sum to 1"),
        (good.replace("0,0,1,1", "0,1,1,1"), head + "0,0,1,0,0,1,1\n", "trials.csv:2: pair must be a row of"),
        (good, None, "settings must name the file"),
    ):
        trials.write_text(text)
        options = []
        if drawn is not None:
            settings.write_text(drawn)
            options = ["--settings", settings]
        code, out, err = run("analyze", trials, *options)
        assert (code, out) == (2, "")
        assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["design", "--visibility", "1.1"], "visibility must lie in"),
        (["design", "--visibility", "0"], "--visibility must be a number above 0"),
        (["design"], "--visibility must be given"),
        (["design", "--visibility", "0.9", "--pairs", "0"], "--pairs must lie between 1"),
        (
            ["design", "--visibility", "0.9", "--sides", "4"],
            "sides must be the numbers of Alice's and of Bob's settings, as 3x4",
        ),
        (["design", "--visibility", "0.9", "--sides", "4x4", "--pairs", "4"], "pairs must be left out"),
        (["design", "--visibility", "0.9", "--counts-per-pair", "1e12"], "--counts-per-pair must lie between"),
        (["design", "--visibility", "0.9", "--precision", "single"], "--precision must be double"),
        (["simulate", "--settings", "random:3", "--counts", "1e12"], "--counts must lie between"),
        (["simulate", "--settings", "random:3", "--counts", "10", "--trials", "10"], "--counts must be left out"),
        (["simulate", "--settings", "random:3", "--trials", "10"], "--out must name a folder"),
        (["simulate", "--settings", "random:3", "--visibility", "2"], "visibility must lie in"),
        (
            ["simulate", "--settings", "random:3", "--visibility", "inf"],
            "--visibility must be a finite number, but is inf",
        ),
        (["simulate"], "--settings must be given"),
        (["analyze"], "COUNTS must be given"),
        (["check"], "FILE... must be given"),
        (["check", "a" * 300], "FILE must be a file or a folder, but 'aaa"),
        (["simulate", "--settings", "rndom:3"], "settings must be"),
    ],
)
def test_bad_options_are_one_sentence(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.thorough
def test_repeated_pairs_are_merged_with_a_note(run, counts, tmp_path, plan):
    twice = tmp_path / "twice.csv"
    lines = counts.read_text().splitlines()
    twice.write_text("\n".join([*lines, lines[1]]) + "\n")
    inequality = tmp_path / "inequality.json"
    inequality.write_text(json.dumps(plan.inequality.to_json()))
    code, out, _ = run("analyze", twice, "--inequality", inequality, "--resamples", 0, "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["num_pairs"], answer["total_counts"]) == (8, 18000)
    assert "1 row " in answer["notes"][0]


@pytest.mark.thorough
def test_qiskit_dictionaries_are_read(run, counts, tmp_path, plan):
    read = Counts.from_csv(counts)
    inequality = tmp_path / "inequality.json"
    inequality.write_text(json.dumps(plan.inequality.to_json()))
    keys = ["00", "01", "10", "11"]
    content = {
        "a": read.pairs.a.tolist(),
        "b": read.pairs.b.tolist(),
        "counts": [dict(zip(keys, row, strict=True)) for row in read.counts.tolist()],
    }
    (tmp_path / "counts.json").write_text(json.dumps(content))
    options = ("--inequality", inequality, "--resamples", 0, "--json")
    same = [json.loads(run("analyze", path, *options)[1]) for path in (counts, tmp_path / "counts.json")]
    assert same[0]["p_value"] == same[1]["p_value"]
    assert np.isclose(same[0]["value"], same[1]["value"])
