"""What the scripts share, and what all of them have: a purpose in one sentence, and help for every option."""

import ast
import json
import re
import sys
from pathlib import Path

import common
import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.runs import Ending

SCRIPTS = {
    path.stem: ast.parse(path.read_text())
    for path in sorted((Path(__file__).parents[2] / "scripts").rglob("*.py"))
    if '\nif __name__ == "__main__":' in path.read_text() or path.stem == "worked_experiment"
}


def _calls(tree, name):
    """The calls of a function or method of this name."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    ]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_says_what_it_is_for_and_how_it_is_called(name):
    text = ast.get_docstring(SCRIPTS[name])
    first, empty, *_ = text.splitlines()
    assert first[-1] in ".?"
    assert empty == ""
    assert re.search(rf"^    python scripts/(slurm/)?{name}\.py", text, re.M)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_option_has_its_help(name):
    for call in _calls(SCRIPTS[name], "add_argument"):
        if ast.unparse(call.func) != "options.add_argument":  # of a browser
            assert "help" in {keyword.arg for keyword in call.keywords}, ast.unparse(call)


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) - {"tasks", "worked_experiment", "dask_cluster"}))
def test_every_script_is_left_in_one_way(name):
    assert _calls(SCRIPTS[name], "leave")
    assert _calls(SCRIPTS[name], "parse_args")


class _Found:
    def __init__(self, status):
        self.status = status


def test_what_was_interrupted_is_no_result():
    found = _Found(Ending.TIME_LIMIT)
    assert common.finished(found) is found
    with pytest.raises(KeyboardInterrupt):
        common.finished(_Found(Ending.INTERRUPTED))


def _raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("main", "code", "said"),
    [
        (lambda: None, None, ""),
        (lambda: 1, 1, ""),
        (_raising(jl.InputError("no such thing")), 2, "error: no such thing\n"),
        (_raising(KeyboardInterrupt), 130, "error: interrupted\n"),
        (_raising(SystemExit("in words")), "in words", ""),
    ],
)
def test_exit_codes(main, code, said, capsys):
    with pytest.raises(SystemExit) as end:
        common.leave(main)
    assert end.value.code == code
    assert capsys.readouterr().err == said


def test_the_command_is_that_of_the_script(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["/somewhere/scripts/fuzz.py", "--cases", "3"])
    common.write_meta(tmp_path, seconds=1.5)
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert (meta["command"], meta["seconds"]) == ("python scripts/fuzz.py --cases 3", 1.5)


def test_numbers_may_be_written_with_an_exponent(capsys):
    assert common.count("1e6") == common.count("1000000") == 10**6
    parser = common.parser("Words.")
    parser.add_argument("--samples", type=common.count)
    for wrong in ("1.5", "inf", "nan", "", "many"):
        with pytest.raises(SystemExit):
            parser.parse_args(["--samples", wrong])
        assert f"--samples: invalid count value: {wrong!r}" in capsys.readouterr().err


def test_points_of_other_arguments_are_not_taken(tmp_path):
    file, asked = tmp_path / "points.json", {"points": 3}
    assert common.saved_points(file, asked) == {"asked": asked, "points": {}}
    file.write_text(json.dumps({"asked": asked, "points": {"x": 1}}))
    assert common.saved_points(file, asked)["points"] == {"x": 1}
    assert common.saved_points(file, {"points": 4})["points"] == {}


def test_a_table_takes_the_place_of_the_one_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"One.\n<!-- a -->\n\nold\n\n{common.END}\n<!-- b -->\n\nstays\n\n{common.END}\nEnd.\n")
    common.write_into_page(page, "<!-- a -->", common.markdown_table(["x", "y"], [["1", "2"]]))
    assert page.read_text() == (
        f"One.\n<!-- a -->\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\n{common.END}\n"
        f"<!-- b -->\n\nstays\n\n{common.END}\nEnd.\n"
    )
    before = page.read_text()
    with pytest.raises(ValueError, match="must have the marks"):
        common.write_into_page(page, "<!-- c -->", "text")
    assert page.read_text() == before


def test_random_states_and_vectors(rng):
    assert np.linalg.norm(common.random_units(rng, 2, 5), axis=-1) == pytest.approx(np.ones((2, 5)), abs=1e-15)
    rho = common.random_density_matrix(rng, 2)
    assert rho == pytest.approx(rho.conj().T, abs=1e-16)
    assert np.trace(rho) == pytest.approx(1, abs=1e-15)
    assert np.linalg.eigvalsh(rho)[:2] == pytest.approx([0, 0], abs=1e-15)
    assert np.linalg.eigvalsh(rho)[2] > 1e-3
