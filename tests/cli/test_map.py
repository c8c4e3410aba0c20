"""`jaxleggett map`: a correlation of one's own, and what is said of bad ones."""

import json

import pytest

from jaxleggett.survey import CorrelationTable
from jaxleggett.survey.examples import EXAMPLES

YES, NO = "compatible", "incompatible"
TABLE = "ax,ay,az,bx,by,bz,MA,MB,C\n0,0,1,0,0,1,0,0,1\n0,0,1,1,0,0,0,0,1\n1,0,0,0,0,1,0,0,1\n1,0,0,1,0,0,0,0,-1\n"


@pytest.mark.thorough
def test_tables_from_files(tmp_path, run):
    path = tmp_path / "box.csv"
    path.write_bytes(("\ufeff" + TABLE.replace("\n", "\r") + "\r").encode())
    table = CorrelationTable.read(str(path))
    assert table.chsh() == 4
    content = {"a": table.pairs.a.tolist(), "b": table.pairs.b.tolist()}
    content |= {"M_A": [0] * 4, "M_B": [0] * 4, "C": [1, 1, 1, -1]}
    (tmp_path / "box.json").write_text(json.dumps(content))
    for name in ("box.csv", "box.json"):
        code, out, err = run("map", "--correlation", tmp_path / name, "--json")
        assert (code, err) == (0, "")
        (row,) = json.loads(out)["correlations"]
        assert (row["leggett"], row["bell"]) == (YES, NO)
    assert "PR" not in run("map", "--correlation", path)[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", ":1 must be the header ax,ay"),
        ("", ":1 must be the header ax,ay"),
        (TABLE.split("\n", 1)[0] + "\n", "at least one row"),
        (TABLE.replace("0,0,1,1,0,0,0,0,1", "0,0,1,1,0,0,0,1"), ":3 must have 9 columns"),
        (TABLE.replace("0,0,1,1,0,0,0,0,1", "0,0,1,1,0,0,0,x,1"), ":3 must hold numbers"),
        (TABLE.replace("0,0,1,1,0,0,0,0,1", "0,0,1,1,0,0,0,nan,1"), "M_B must be 4 finite numbers"),
        (TABLE.replace("0,0,1,1,0,0,0,0,1", "0,0,2,1,0,0,0,0,1"), "unit vectors"),
        (TABLE.replace("0,0,1,1,0,0,0,0,1", "0,0,1,1,0,0,0,0,1.1"), "must not be negative"),
        (TABLE.replace("0,0,1,1,0,0,0,0,1", "0,0,1,1,0,0,1.5,0,1"), "must not be negative"),
        (TABLE.replace("0,0,1,1,0,0,0,0,1", "0,0,1,1,0,0,1.7e308,1.7e308,1.7e308"), "must not be negative"),
        (
            TABLE.replace("0,0,1,1,0,0,0,0,1", "0,0,1,1,0,0,0.2,0.2,1"),
            "same setting of Alice, but differs by 0.2 in the rows 0 and 1",
        ),
        (
            TABLE + "0,0,1,0,0,1,0,0,-1\n",
            "same pair of settings, but differs by 2 in the rows 0 and 4",
        ),
        (TABLE + 140_000 * "x" + "\n", "at most 10000000 rows"),
    ],
)
def test_bad_tables_are_one_sentence(text, message, tmp_path, run):
    path = tmp_path / "table.csv"
    path.write_text(text)
    code, out, err = run("map", "--correlation", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_time_limit_says_what_is_not_finished(tmp_path, run):
    code, out, err = run("map", "--time-limit", "1e-9", "--json", "--out", tmp_path / "map")
    answer = json.loads(out)
    assert (code, err, answer["status"], answer["correlations"]) == (0, "", "time_limit", [])
    assert answer["unfinished"] == list(EXAMPLES)
    assert json.loads((tmp_path / "map" / "meta.json").read_text())["unfinished"] == list(EXAMPLES)
    code, out, err = run("map", "--time-limit", "1e-9")
    assert (code, err) == (0, "")
    assert "Not finished: white_noise, singlet_all" in out
    assert "The time limit ended the run" in out
    assert run("map", "--time-limit", "-1") == (2, "", "error: --time-limit must be a number above 0, but is -1\n")


def test_ctrl_c_says_what_is_not_finished(monkeypatch, run):
    def stop(deadline):
        raise KeyboardInterrupt

    monkeypatch.setitem(EXAMPLES, "white_noise", stop)
    code, out, err = run("map", "--json")
    answer = json.loads(out)
    assert (code, err, answer["status"], answer["correlations"]) == (130, "", "interrupted", [])
    assert answer["unfinished"] == list(EXAMPLES)
