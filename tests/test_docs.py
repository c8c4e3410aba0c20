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


@pytest.mark.thorough
@pytest.mark.parametrize("program", re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S))
def test_the_programs_of_the_readme_run(program):
    exec(program, {})


def test_every_script_is_listed():
    listed = (ROOT / "docs" / "SCRIPTS.md").read_text()
    assert [path.name for path in (ROOT / "scripts").glob("*.py") if f"`{path.name}`" not in listed] == []


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def _headings(path):
    """The anchors of a document's headings, as GitHub and the site make them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", path.read_text(), flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for link, anchor in re.findall(
        r"\]\(([^)#]*)(?:#([^)]+))?\)", re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    ):
        if not link.startswith("http"):
            target = path.parent / link if link else path
            assert target.exists(), f"{path.name} links to {link}"
            assert not anchor or anchor in _headings(target), f"{path.name} links to {link}#{anchor}"


def _contents(path):
    """The pages that the contents of a page name, and those that theirs name."""
    for block in re.findall(r"```{toctree}\n(.*?)```", path.read_text(), re.S):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                page = path.parent / f"{(re.search(r'<(.+)>', line) or [line, line])[1]}.md"
                yield page
                yield from _contents(page)


def test_every_page_stands_in_the_contents_once():
    index = ROOT / "docs" / "index.md"
    assert sorted([index, *_contents(index)]) == sorted((ROOT / "docs").rglob("*.md"))


def _described(path):
    return re.findall(r"^\.\. (?:auto\w+|py:data):: (jaxleggett[\w.]*)$", path.read_text(), re.M)


def test_the_reference_describes_what_is_offered():
    reference = ROOT / "docs" / "reference"
    assert sorted(_described(reference / "jaxleggett.md")) == sorted(
        f"jaxleggett.{name}" for name in jaxleggett.__all__
    )
    doors = [path for path in (ROOT / "jaxleggett").glob("*/__init__.py") if "\n__all__ = " in path.read_text()]
    folders = {f"jaxleggett.{path.parent.name}" for path in doors} - {"jaxleggett.kernels"}  # for the package itself
    assert folders <= {name for path in reference.glob("*.md") for name in _described(path)}
