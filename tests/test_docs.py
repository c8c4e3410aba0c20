"""The documents against the code, so that neither can drift."""

import importlib.util
import re
from pathlib import Path

import pytest

import jaxleggett

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "docs" / "EQUATIONS.md").read_text()
TAG = re.compile(r"\[B13 \((\d)\)\]")


def _rows():
    for line in TABLE.splitlines():
        if line.startswith("| `[B13"):
            tag, _, _, functions, test, *_ = (cell.strip() for cell in line.strip("| ").split(" | "))
            yield TAG.search(tag)[1], re.findall(r"`([\w.]+)`", functions), re.search(r"`(.+)`", test)[1]


def test_every_equation_of_the_note_has_one_row():
    assert [number for number, _, _ in _rows()] == list("123456789")


def test_tags_in_the_code_and_in_the_table_agree():
    in_code = {n for path in (ROOT / "jaxleggett").rglob("*.py") for n in TAG.findall(path.read_text())}
    assert in_code == {number for number, _, _ in _rows()}


def _found(name):
    """The module that a name of the table begins with, and what the name names."""
    thing, place = jaxleggett, "jaxleggett"
    for part in name.split("."):
        place = f"{place}.{part}"
        if hasattr(thing, "__path__") and importlib.util.find_spec(place):
            module = thing = importlib.import_module(place)
        else:
            thing = getattr(thing, part)
    return module, thing


@pytest.mark.parametrize(("number", "functions", "test"), list(_rows()))
def test_functions_and_tests_of_the_table_exist(number, functions, test):
    for name in functions:
        module, thing = _found(name)
        assert f"[B13 ({number})]" in Path(module.__file__).read_text(), f"{module} never mentions equation ({number})"
        assert thing.__doc__
    file, _, function = test.partition("::")
    assert f"def {function}(" in (ROOT / "tests" / file).read_text()


def test_the_readme_gives_the_two_commands_of_the_set_up():
    readme = (ROOT / "README.md").read_text()
    assert "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/jaxleggett verify" in readme
    assert ".venv/bin/pip install -e '.[test]' && .venv/bin/pytest" in readme


@pytest.mark.parametrize("program", re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S))
def test_the_programs_of_the_readme_run(program):
    exec(program, {})


def test_every_script_is_listed():
    listed = (ROOT / "docs" / "SCRIPTS.md").read_text()
    assert [path.name for path in (ROOT / "scripts").glob("*.py") if f"`{path.name}`" not in listed] == []


def test_links_between_documents_lead_somewhere():
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if not link.startswith("http"):
                assert (path.parent / link).exists(), f"{path.name} links to {link}"
