"""The command line: in process where the answer is quick, as a real process where it must be."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett import searches, verification
from jaxleggett.models.registry import MODELS
from jaxleggett.output import saved
from jaxleggett.verification import montecarlo

SETTINGS = "ax,ay,az,bx,by,bz\n1,0,0,0,0.6,0.8\n1,0,0,0.8284271247461900976,0.5600969,0\n"


def test_the_main_job_tells_a_newcomer_what_was_found(run):
    code, out, err = run("verify", "--samples", 20000)
    assert (code, err) == (0, "")
    assert "V = 0.800000 ... 0.850000 (6 values): all probabilities are non-negative" in out
    assert "V = 0.860000 ... 0.900000 (5 values): some probabilities are negative" in out
    assert "V_c = 0.853553" in out
    assert "A negative probability to recompute by hand at V = 0.900000" in out


def test_json_answers_with_one_object(run):
    code, out, err = run(
        "verify", "--json", "--visibility", "-0.1:1:12", "--samples", "1e3", "--settings", "grid:5", "--seed", 7
    )
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert out.count("\n") == 1
    assert answer["num_pairs"] == 25
    assert answer["num_samples"] == 1008
    assert (answer["seed"], answer["dtype"], answer["method"]) == (7, "float64", "rqmc")
    V = [row["visibility"] for row in answer["visibilities"]]
    np.testing.assert_allclose(V, np.linspace(-0.1, 1, 12))
    assert answer["visibilities"][0]["verdict"] == "negative_probability"
    assert answer["visibilities"][1]["verdict"] == "reproduces"


@pytest.mark.thorough
def test_exact_answers_with_nulls(run):
    answer = json.loads(run("verify", "--json", "--method", "exact", "--visibility", 0.5)[1])
    assert answer["num_samples"] is None
    assert answer["seed"] is None
    row = answer["visibilities"][0]
    assert (row["max_standard_error"], row["max_z"], row["witness"]) == (None, None, None)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "model",
    [
        pytest.param(model, marks=pytest.mark.slow if model in ("great-circle", "separable", "white-noise") else ())
        for model in MODELS
    ],
)
def test_every_model_has_settings_of_its_own(run, model):
    code, out, _ = run("verify", "--json", "--model", model, "--samples", 2000, "--precision", "single")
    answer = json.loads(out)
    assert code == 0
    assert (answer["model"], answer["dtype"]) == (model, "float32")
    if model != "werner":
        assert [(row["visibility"], row["verdict"]) for row in answer["visibilities"]] == [(None, "reproduces")]


@pytest.mark.thorough
def test_out_holds_everything(run, tmp_path):
    folder = tmp_path / "new" / "run"
    arguments = ("verify", "--samples", 2000, "--settings", "random:7", "--out", folder, "--json")
    code, out, _ = run(*arguments)
    assert code == 0
    assert {p.name for p in folder.iterdir()} == {
        "report.json", "averages.npz", "settings.csv", "verification.png", "verification.svg", "meta.json",
    }  # fmt: skip
    assert json.loads((folder / "report.json").read_text()) == json.loads(out)
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["command"].startswith("jaxleggett verify --samples 2000")
    assert {"versions", "commit", "seed", "num_pairs", "num_samples", "dtype", "device", "seconds"} <= set(meta)
    assert (folder / "verification.png").read_bytes()[:4] == b"\x89PNG"
    pairs = jl.SettingPairs.from_csv(folder / "settings.csv")
    with np.load(folder / "averages.npz") as data:
        np.testing.assert_allclose(data["a"], pairs.a, atol=1e-15)
        assert data["mean"].shape == (2, 4, 7)
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "already holds report.json" in err
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before
    assert run(*arguments, "--force")[0] == 0


def test_a_settings_file_by_name(run, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text(SETTINGS)
    answer = json.loads(run("verify", "--json", "--settings", path, "--method", "exact", "--visibility", 0.8536)[1])
    row = answer["visibilities"][0]
    assert row["verdict"] == "negative_probability"
    a, b = np.array([1.0, 0, 0]), np.array([2 * np.sqrt(2) - 2, 0.5600969, 0])
    exact = oracles.smallest_werner_probability(0.8536, a, b / np.linalg.norm(b))
    assert row["min_probability"] == pytest.approx(exact, abs=1e-12)


BAD = [
    (("--visibility", "1.01"), "visibility must lie in [-1/3, 1], but is 1.01"),
    (("--visibility", "-0.5:1:10"), "but is -0.5"),
    (("--visibility", "0:1"), "--visibility must be a number or START:STOP:NUM, but is '0:1'"),
    (("--visibility", "0:1:0"), "must lie between 2 and"),
    (("--visibility", "0:1:1"), "must lie between 2 and"),
    (("--visibility", "0:1:2.5"), "must be an integer, but is '2.5'"),
    (("--visibility", "0:nan:3"), "visibility must lie in"),
    (("--visibility", "inf"), "but is inf"),
    (("--visibility", "high"), "--visibility must be a number or START:STOP:NUM, but is 'high'"),
    (("--samples", "0"), "--samples must lie between 1 and"),
    (("--samples", "-5"), "--samples must lie between 1 and"),
    (("--samples", "1e300"), "--samples must lie between 1 and"),
    (("--samples", "nan"), "--samples must be an integer, but is 'nan'"),
    (("--samples", "1.5"), "--samples must be an integer, but is '1.5'"),
    (("--seed", "-1"), "--seed must lie between 0 and 9223372036854775807"),
    (("--seed", "9223372036854775808"), "--seed must lie between"),
    (
        ("--model", "leggett"),
        "--model must be one of werner, white-noise, great-circle, pr-box, separable, povm, but is",
    ),
    (("--method", "qmc"), "--method must be one of rqmc, mc, exact, but is 'qmc'"),
    (("--precision", "half"), "--precision must be one of single, double, but is 'half'"),
    (("--precision", ""), "--precision must be one of single, double, but is ''"),
    (("--settings", "random:0"), "settings random:N must lie between 1 and"),
    (("--settings", "nowhere.csv"), "settings 'nowhere.csv' cannot be read: No such file or directory"),
    (("--platform", "gpu"), "--platform gpu must name a platform of this machine"),
    (("--model", "white-noise", "--visibility", "0.5"), "--visibility must be left out for --model white-noise"),
    (("--model", "pr-box", "--settings", "random:9"), "settings of the pr-box must be two for Alice"),
    (("--frequency", "3"), "No such option"),
    (("extra",), "unexpected extra argument"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_sentence_and_nothing_is_written(run, tmp_path, arguments, message):
    folder = tmp_path / "out"
    code, out, err = run("verify", *arguments, "--out", folder)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not folder.exists()


def test_a_bad_row_of_a_file_is_named(run, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(SETTINGS + "1,1,0,0,0,1\n")
    code, _, err = run("verify", "--settings", path)
    assert code == 2
    assert f"{path}:4 must hold unit vectors (to 1e-06), but the norm of a is 1.41421356" in err


def test_a_folder_that_cannot_be_made(run, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run("verify", "--out", tmp_path / "file" / "deep", "--samples", 100)
    assert code == 2
    assert "cannot be written: Not a directory" in err
    assert (tmp_path / "file").read_text() == ""


def test_folders_that_cannot_be_used(run, tmp_path):
    (tmp_path / "meta.json").mkdir()
    for arguments, message in (
        (("--out", tmp_path, "--force"), "must not hold a folder named meta.json"),
        (("--out", ""), "--out must name a folder"),
        (("--out", "a" * 5000), "cannot be written: File name too long"),
        (("--settings", "a" * 5000), "is none of them"),
        (("--settings", ""), "but '' is none of them"),
        (("--settings", "/dev/null"), "/dev/null must be a regular file"),
    ):
        code, out, err = run("verify", "--samples", 100, *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_a_save_that_fails_still_prints_the_answer(run, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saved, "save_verification", full)
    code, out, err = run(
        *("verify", "--method", "exact", "--settings", "random:4"), *("--json", "--out", tmp_path / "out")
    )
    assert (code, json.loads(out)["num_pairs"], err.count("\n")) == (1, 4, 1)
    assert "No space left on device" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.thorough
def test_the_largest_seed(run):
    code, out, _ = run("verify", "--json", "--seed", 2**63 - 1, "--settings", "random:2", "--samples", 2000)
    assert (code, json.loads(out)["seed"]) == (0, 2**63 - 1)


def test_an_unknown_command(run):
    code, _, err = run("verfiy")
    assert (code, err.count("\n")) == (2, 1)
    assert "No such command" in err


def test_what_is_no_fault_of_the_input_exits_with_1(run, monkeypatch):
    monkeypatch.setattr(montecarlo, "_run_group", lambda *a: 1 / 0)
    code, out, err = run("verify", "--samples", 100)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "ZeroDivisionError" in err


@pytest.mark.thorough
def test_an_interruption_reports_what_was_finished(run, monkeypatch, tmp_path):
    in_small_blocks = functools.partial(verification.verify, options=verification.VerifyOptions(block=8))
    monkeypatch.setattr(verification, "verify", in_small_blocks)
    whole, calls = montecarlo._run_group, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(montecarlo, "_run_group", interrupted)
    code, out, _ = run("verify", "--json", "--samples", 2000, "--settings", "random:100", "--platform", "cpu")
    answer = json.loads(out)
    assert code == 130
    assert answer["status"] == "interrupted"
    assert answer["num_pairs"] == 32  # two rounds of one block a device
    calls[:] = [1, 1]
    folder = tmp_path / "a" / "b"
    nothing = ("verify", "--samples", 2000, "--settings", "random:100", "--out", folder)
    code, out, err = run(*nothing, "--json")
    answer = json.loads(out)
    assert (code, err) == (130, "")
    assert (answer["status"], answer["visibilities"], answer["evaluations"]) == ("interrupted", [], 0)
    assert set(answer) == set(json.loads(run("verify", "--json", "--samples", 2000, "--settings", "random:1")[1]))
    assert not (tmp_path / "a").exists()
    calls[:] = [1, 1]
    assert run(*nothing) == (130, "Interrupted before anything was finished.\n", "")
    assert not (tmp_path / "a").exists()


def test_threshold_of_werner_states_is_proved(run):
    code, out, err = run("threshold", "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert (answer["lower"], answer["upper"]) == (0.8535533905932737, 0.8535533905932738)
    assert (answer["state"], answer["num_pairs"], answer["certified"]) == ("werner", None, True)
    assert "proved, rounding included" in run("threshold")[1]


def test_threshold_at_finitely_many_settings(run, tmp_path):
    folder = tmp_path / "out"
    code, out, err = run(
        "threshold", "--state", "pure:0.7", "--settings", "random:12", "--json", "--out", folder, "--tolerance", "1e-5"
    )
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert (answer["num_pairs"], answer["status"], answer["certified"]) == (12, "converged", False)
    assert 0 <= answer["upper"] - answer["lower"] <= 1e-5
    assert set(answer["model"]) == {"weights", "u", "v", "symmetry"}
    assert json.loads((folder / "report.json").read_text()) == answer
    assert (folder / "threshold.png").exists()
    assert (folder / "meta.json").exists()
    assert run("threshold", "--out", folder)[0] == 2


@pytest.mark.slow
def test_an_inequality_is_proved_again_from_its_file(run, tmp_path):
    folder = tmp_path / "out"
    roughly = ("--tolerance", "1e-3", "--json")
    code, out, _ = run("threshold", "--settings", "random:20", "--certify", *roughly, "--out", folder)
    first = json.loads(out)
    assert (code, first["certified"]) == (0, True)
    file = folder / "inequality.json"
    code, out, _ = run("threshold", "--inequality", file, "--certify", *roughly)
    again = json.loads(out)
    assert (code, again["certified"], again["lower"], again["model"]) == (0, True, 0.0, None)
    assert again["upper"] == pytest.approx(first["upper"], abs=1e-3)  # worst seen 0
    code, out, _ = run("threshold", "--inequality", file)
    assert code == 0
    assert "an inequality that this state breaks above" in out
    for text, message in (
        ("{", "must be JSON, but is not"),
        ("{}", "an inequality must have the field coefficients"),
        (json.dumps({**first["inequality"], "symmetry": "SO(3)"}), "is averaged over 'SO(3)'"),
    ):
        file.write_text(text)
        code, out, err = run("threshold", "--inequality", file)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err


def _inequality(**changes):
    content = {"coefficients": [-1.0], "a": [[0, 0, 1]], "b": [[0, 0, 1]], "alice": [0], "bob": [0], "bound": 1.0}
    return {**content, **changes}


@pytest.mark.thorough
def test_a_report_is_read_as_the_inequality_that_it_holds(run, tmp_path):
    file = tmp_path / "report.json"
    answers = []
    for text in (json.dumps(_inequality()), json.dumps({"lower": 0, "inequality": _inequality(), "symmetry": "O"})):
        file.write_text("\ufeff" + text)
        code, out, _ = run("threshold", "--inequality", file, "--json")
        assert code == 0
        answers.append({**json.loads(out), "seconds": 0})
    assert answers[0] == answers[1]
    file.write_text(json.dumps({"lower": 0, "inequality": None}))
    for arguments in (("threshold", "--inequality", file), ("search", "--start", file)):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "must be a report with an inequality, but this one found none (null)" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 10**5, "must be JSON, but is nested too deeply"),
        ('{"inequality": ' * 10**5, "must be JSON, but is nested too deeply"),
        (json.dumps(_inequality()).replace("-1.0", "9" * 400), "coefficients of an inequality must be 1 finite"),
        (json.dumps(_inequality()).replace("-1.0", "9" * 5000), "must be JSON, but is not: Exceeds the limit"),
        (json.dumps(_inequality()).replace('"bound": 1.0', '"bound": ' + "9" * 400), "must be a finite number"),
        (json.dumps(_inequality(a=[[10**400, 0, 0]])), "a must be an array of 3-vectors"),
        (json.dumps(_inequality(coefficients=[1e308], alice=[1e308])), "must have a finite sum of moduli"),
        (json.dumps(_inequality(inequality=[])), "an inequality must be a JSON object, but is []"),
    ],
)
def test_files_of_no_inequality_are_refused(run, tmp_path, text, message):
    file = tmp_path / "cut.json"
    file.write_text(text)
    for arguments in (("threshold", "--inequality", file), ("search", "--start", file)):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_no_command_opens_a_fifo(run, tmp_path):
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    for arguments in (
        ("verify", "--settings", fifo),
        ("threshold", "--settings", fifo),
        ("threshold", "--state", fifo),
        ("threshold", "--inequality", fifo),
        ("search", "--start", fifo),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert err.endswith("fifo.json must be a regular file, but is a device or a pipe\n")


def test_a_measured_state_is_projected_on_demand(run, tmp_path):
    file = tmp_path / "rho.json"
    file.write_text(json.dumps(np.diag([0.6, 0.5, 0.05, -0.15]).tolist()))
    code, out, err = run("threshold", "--state", file, "--settings", "random:3", "--json")
    assert (code, out) == (2, "")
    assert "must be positive, but has the eigenvalue -0.15; nearest=True (--project) takes the nearest state" in err
    answer = json.loads(run("threshold", "--state", file, "--settings", "random:3", "--json", "--project")[1])
    assert answer["projection_distance"] == pytest.approx(np.linalg.norm([0.05, 0.05, 0.05, 0.15]))
    file.write_text(json.dumps(np.diag([0.55, 0.45, 0, 0]).tolist()))
    nearest = json.loads(run("threshold", "--state", file, "--settings", "random:3", "--json")[1])
    assert nearest["projection_distance"] is None
    assert (answer["lower"], answer["upper"]) == pytest.approx((nearest["lower"], nearest["upper"]), abs=1e-4)
    out = run("threshold", "--state", file, "--settings", "random:3", "--project")[1]
    assert "rho.json is taken, at a distance of" in out
    assert "at a distance" not in run("threshold", "--state", file, "--settings", "random:3")[1]


@pytest.mark.slow
def test_a_rerun_from_the_settings_of_a_run_writes_the_same_bytes(run, tmp_path):
    settings = "random:1024"
    for name in ("one", "two"):
        code, _, _ = run("verify", "--settings", settings, "--samples", 20000, "--out", tmp_path / name)
        assert code == 0
        settings = tmp_path / name / "settings.csv"
    assert settings.read_bytes() == (tmp_path / "one" / "settings.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tolerance", "0"), "--tolerance must be a number above 0, but is 0"),
        (("--tolerance", "nan"), "--tolerance must be a number above 0, but is nan"),
        (("--tolerance", "x"), "--tolerance must be a number above 0, but is 'x'"),
        (("--time-limit", "-1"), "--time-limit must be a number above 0, but is -1"),
        (("--settings", ""), "settings must be random:N"),
        (("--notion", "bel"), "--notion must be one of leggett, bell, steering, separable, navascues, but is 'bel'"),
        (("--notion", "bell", "--inequality", "x"), "--notion must be leggett with --inequality, but is 'bell'"),
        (("--state", "wernr"), "state must be werner, bell-diagonal"),
        (("--inequality", "nowhere.json"), "inequality 'nowhere.json' cannot be read: No such file"),
        (("--inequality", "x", "--settings", "all"), "--settings must be left out with --inequality"),
        (("--precision", "single"), "--precision must be double"),
    ],
)
def test_bad_input_of_threshold(run, tmp_path, arguments, message):
    code, out, err = run("threshold", *arguments, "--out", tmp_path / "out")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "out").exists()


@pytest.mark.thorough
@pytest.mark.usefixtures("briefly")
def test_search_writes_an_inequality_that_threshold_reads(run, tmp_path):
    code, out, err = run("search", "--pairs", 6, "--restarts", 2, "--seed", 3, "--json", "--out", tmp_path / "s")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert (answer["num_pairs"], answer["restarts"], answer["certified"], answer["seed"]) == (6, 2, False, 3)
    assert oracles.V_C < answer["visibility_threshold"] < 0.9428
    file = tmp_path / "s" / "inequality.json"
    assert json.loads(file.read_text()) == answer["inequality"]
    names = {"report.json", "inequality.json", "settings.csv", "search.png", "search.svg", "meta.json"}
    assert {f.name for f in file.parent.iterdir()} == names
    meta = json.loads((tmp_path / "s" / "meta.json").read_text())
    assert meta["symmetry"] == "none"
    assert "inequality" not in meta
    code, out, _ = run("threshold", "--inequality", file, "--certify", "--json")
    assert code == 0
    assert json.loads(out)["upper"] == pytest.approx(answer["visibility_threshold"], abs=1.1e-4)
    code, out, err = run("search", "--start", file, "--restarts", 2, "--out", tmp_path / "s")
    assert code == 2
    assert "already holds" in err
    code, out, _ = run("search", "--start", file, "--restarts", 2)
    assert code == 0
    assert "Leggett inequalities with 6 setting pairs" in out


@pytest.mark.slow
@pytest.mark.usefixtures("briefly")
def test_search_says_so_when_nothing_is_found(run, tmp_path):
    code, out, _ = run("search", "--pairs", 1, "--restarts", 2, "--out", tmp_path / "s")
    assert code == 0
    assert "none was found that excludes any Werner state: threshold 1" in out
    assert {f.name for f in (tmp_path / "s").iterdir()} == {"report.json", "meta.json"}


@pytest.mark.thorough
def test_search_for_where_the_model_breaks(run, tmp_path):
    code, out, err = run("search", "--target", "model", "--restarts", 64, "--json", "--out", tmp_path / "m")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["critical_visibility"] == pytest.approx(oracles.V_C, abs=1e-12)
    assert answer["witness"]["probability"] < 0
    assert json.loads((tmp_path / "m" / "report.json").read_text()) == answer
    code, out, _ = run("search", "--target", "model", "--restarts", 64)
    assert code == 0
    assert "0.85355339059" in out
    assert "to recompute by hand" in out


@pytest.mark.slow
def test_ctrl_c_in_a_search_of_the_model_keeps_the_best(run, monkeypatch):
    from jaxleggett.searches import explicit_model

    real = explicit_model.break_model

    def stop(*arguments, progress, **options):
        def tell(event):
            raise KeyboardInterrupt

        return real(*arguments, progress=tell, **options)

    monkeypatch.setattr(explicit_model, "break_model", stop)
    code, out, err = run("search", "--target", "model", "--restarts", 300, "--json")
    assert (code, err) == (130, "")
    answer = json.loads(out)
    assert (answer["status"], answer["starts"]) == ("interrupted", 256)
    assert answer["critical_visibility"] == pytest.approx(oracles.V_C, abs=1e-9)


@pytest.mark.thorough
@pytest.mark.usefixtures("briefly")
def test_ctrl_c_in_a_search_keeps_the_best(run, monkeypatch):
    real = searches.search

    def stop(*arguments, progress, **options):
        def tell(event):
            if event.done > 0.4:
                raise KeyboardInterrupt

        return real(*arguments, progress=tell, **options)

    monkeypatch.setattr("jaxleggett.searches.search", stop)
    code, out, _ = run("search", "--pairs", 6, "--restarts", 2, "--json")
    assert code == 130
    answer = json.loads(out)
    assert answer["status"] == "interrupted"
    assert oracles.V_C < answer["visibility_threshold"] < 1
    assert answer["inequality"]["bound"] == pytest.approx(answer["visibility_threshold"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pairs", 0), "--pairs must lie between 1 and"),
        (("--pairs", "six"), "--pairs must be"),
        (("--restarts", 0), "--restarts must lie between 1 and"),
        (("--symmetry", "Q"), "symmetry must be none, T, O, I or D2"),
        (("--symmetry", ""), "symmetry must be none, T, O, I or D2"),
        (("--symmetry", "I", "--pairs", 20), "pairs must be a multiple of 30"),
        (("--sides", "4"), "sides must be the numbers of Alice's and of Bob's settings, as 3x4, from 1 on and with"),
        (("--sides", "4x4", "--pairs", 6), "pairs must be left out with sides 4x4"),
        (("--sides", "4x4", "--symmetry", "T"), "symmetry must be none with sides 4x4, but is 'T'"),
        (("--target", "model", "--sides", "4x4"), "--sides must be left out with --target model"),
        (("--start", "nowhere.json"), "inequality 'nowhere.json' cannot be read"),
        (("--time-limit", 0), "--time-limit must be a number above 0"),
        (("--precision", "single"), "--precision must be double for search"),
        (("--target", "model", "--pairs", 5), "--pairs must be left out with --target model"),
        (("--target", "model", "--certify"), "--certify must be left out with --target model"),
    ],
)
def test_bad_input_of_search(run, tmp_path, arguments, message):
    code, out, err = run("search", *arguments, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "out").exists()


def _process(*arguments, **environment):
    environment = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-m", "jaxleggett", *arguments], capture_output=True, text=True, env=environment
    )


@pytest.mark.thorough
def test_ctrl_c_in_the_middle_of_a_long_run():
    command = [sys.executable, "-m", "jaxleggett", "verify", "--samples", "1e11", "--json"]
    # Tests that run in the background ignore Ctrl-C, and would pass that on.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        signal.signal(signal.SIGINT, before)
        time.sleep(9)  # well into the sampling; there is no progress to wait for without a terminal
        try:
            process.send_signal(signal.SIGINT)
            try:
                out, _ = process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                # On a busy machine it may still be compiling, where Python can lose a signal; a user presses again.
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert json.loads(out)["status"] == "interrupted"


def test_import_changes_no_setting_and_names_what_there_is():
    program = (
        "import jax; before = dict(jax.config.values); import jaxleggett as jl\n"
        "[getattr(jl, name) for name in jl.__all__]\n"
        "assert dict(jax.config.values) == before\n"
        "assert set(jl.__all__) <= set(dir(jl)) and sorted(jl._HOMES) == jl.__all__"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = jl.nonsense


ANSWERS_ANYWAY = (
    "JAX_DEFAULT_PRNG_IMPL=rbg",
    "JAX_THREEFRY_PARTITIONABLE=0",
    "JAX_RANDOM_SEED_OFFSET=5",
    "JAX_DEFAULT_MATMUL_PRECISION=bfloat16",
    "JAX_DEFAULT_DTYPE_BITS=32",
    "JAX_NUMPY_DTYPE_PROMOTION=strict",
    "JAX_NUMPY_RANK_PROMOTION=raise",
    "JAX_ENABLE_X64=1",
    "JAX_DEBUG_NANS=1",
    "JAX_LEGACY_PRNG_KEY=error",
)


@functools.cache
def _answer(**environment):
    """What one command prints in an environment; each is a process that compiles anew."""
    done = _process("verify", "--json", "--samples", "2000", "--settings", "random:8", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def _figures(**environment):
    return _answer(**environment)["visibilities"]


DEVICES = "--xla_force_host_platform_device_count="


@pytest.mark.slow
def test_as_a_process_on_one_device_and_on_two():
    one, two = (_answer(XLA_FLAGS=DEVICES + n) for n in "12")
    assert one["visibilities"] == two["visibilities"]
    assert (one["device"], two["device"]) == ("cpu", "2 x cpu")


@pytest.mark.slow
def test_the_seed_fixes_the_bits_whatever_the_environment_says():
    """All variables at once; one by one, in the slow test below, they take minutes."""
    usual, changed = DEVICES + "1", dict(setting.split("=") for setting in ANSWERS_ANYWAY)
    assert _figures(XLA_FLAGS=usual, **changed) == _figures(XLA_FLAGS=usual)


@pytest.mark.slow
@pytest.mark.parametrize("setting", ANSWERS_ANYWAY)
def test_the_seed_fixes_the_bits_whatever_one_variable_says(setting):
    usual = DEVICES + "1"
    assert _figures(XLA_FLAGS=usual, **dict([setting.split("=")])) == _figures(XLA_FLAGS=usual)


@pytest.mark.slow
def test_too_few_samples_are_said_to_be_too_few(run):
    few = ("verify", "--model", "white-noise", "--settings", "icosahedron", "--samples", 16)
    code, out, _ = run(*few)
    assert code == 0
    assert "Too few samples: no error of the averages could have failed." in out
    assert "none fails" in out
    assert json.loads(run(*few, "--json")[1])["visibilities"][0]["tolerance"] is None
    more = run(*few[:-1], 10**4)[1]
    assert "Too few" not in more
    assert "none fails" not in more


def test_an_inequality_that_is_averaged_over_a_symmetry_says_so_in_its_file(run, tmp_path):
    assert run("threshold", "--out", tmp_path / "all")[0] == 0
    file = tmp_path / "all" / "inequality.json"
    assert json.loads(file.read_text())["symmetry"] == "SO(3)"
    code, out, _ = run("check", file)
    assert code == 1
    assert "averaged over a symmetry is proved by its certificate" in out
    assert run("check", tmp_path / "all")[0] == 0
