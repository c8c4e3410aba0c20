"""`jaxleggett map`: a correlation of one's own, and what is said of bad ones."""

import json

import pytest

from jaxleggett.survey import CorrelationTable

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
        (TABLE.replace("0,0,1,1,0,0,0,0,1", "0,0,1,1,0,0,0.2,0.2,1"), "M_A must be the same wherever"),
        (TABLE + "0,0,1,0,0,1,0,0,-1\n", "C must be one number for a pair"),
        (TABLE + 140_000 * "x" + "\n", "at most 10000000 rows"),
    ],
)
def test_bad_tables_are_one_sentence(text, message, tmp_path, run):
    path = tmp_path / "table.csv"
    path.write_text(text)
    code, out, err = run("map", "--correlation", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
