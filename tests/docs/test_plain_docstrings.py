"""Docstrings as reStructuredText: each kind of block, and what is no mark although it looks like one."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

import jaxleggett as jl

PLACE = Path(__file__).parents[2] / "docs" / "_extensions" / "plain_docstrings.py"
SPEC = importlib.util.spec_from_file_location("plain_docstrings", PLACE)
plain = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(plain)


def _converted(text):
    """A docstring as Sphinx reads it."""
    lines = text.split("\n")
    plain.convert(None, "function", "name", None, None, lines)
    return "\n".join(lines).rstrip("\n")


def test_a_paragraph_keeps_its_words():
    assert _converted("One sentence.\nAnother one.") == "One sentence.\nAnother one."
    assert _converted("") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("|u.a - v.b| <= 1", r"\|u.a - v.b\| <= 1"),
        ("p * q_1", r"p \* q\_1"),
        (r"a\b", r"a\\b"),
        ("a `name` of it", r"a \ :py:obj:`name`\  of it"),
        ("the call `f(x_1)`", r"the call \ ``f(x_1)``\ "),
        ("see docs/PURE.md.", "see :doc:`docs/PURE.md </PURE>`."),
        ("`docs/PURE.md`", r"\ ``docs/PURE.md``\ "),
    ],
)
def test_marks_are_escaped_and_names_become_links(text, expected):
    assert plain.inline(text) == expected


@pytest.mark.parametrize("begin", ["(1) holds", "1. is first", "a) is meant", "V. is a roman number"])
def test_a_paragraph_does_not_become_an_enumeration(begin):
    assert _converted(begin) == f"\\{begin}"


def test_formulas_stay_as_they_are():
    assert _converted("It is\n    p * |q|\nin all.") == ("It is\n\n.. code-block:: text\n\n        p * |q|\n\nin all.")


def test_a_table_becomes_fields():
    text = "u, v     hidden vectors\n**rest   what is left\n`seed`   an integer\nlong_name\n         on its own line"
    assert _converted(text).splitlines() == [
        ":param u,v: hidden vectors",
        ":param rest: what is left",
        ":param seed: an integer",
        ":param long_name: ",
        "    on its own line",
    ]


def test_what_a_row_lists_by_name_stands_apart():
    assert _converted("notion  one of\n        `bell`: local models").splitlines() == [
        ":param notion: one of",
        "",
        r"    \ :py:obj:`bell`\ : local models",
    ]


@pytest.mark.parametrize("text", ["word", "one word", "word  and a text\nthen no row", "word\nanother"])
def test_what_is_no_table(text):
    assert not plain.is_table(text.split("\n"))
    assert ":param" not in _converted(text)


def test_an_example_is_not_escaped():
    text = ">>> f(p * q)\n'a_b'"
    assert _converted(text) == text


def test_a_list_stays_one():
    assert _converted("- p * q\n  and more\n- r") == "- p \\* q\n  and more\n- r"


def test_blocks_stay_apart():
    assert _converted("One sentence.\n\n\n- two\n\n>>> 3\n3") == "One sentence.\n\n- two\n\n>>> 3\n3"


def _skipped(door, name, thing):
    app = SimpleNamespace(env=SimpleNamespace(current_document=SimpleNamespace(autodoc_module=door)))
    return plain.stands_elsewhere(app, "module", name, thing, False, None)


def test_a_thing_is_described_once():
    assert _skipped("jaxleggett.models", "WernerModel", jl.WernerModel) is True
    assert _skipped("jaxleggett", "WernerModel", jl.WernerModel) is None
    assert _skipped("jaxleggett.models", "FiniteModel", jl.WernerModel) is None
    assert _skipped("jaxleggett.notions", "threshold", object()) is None, "another thing of the same name"


def test_a_member_that_is_none_is_described():
    assert _skipped("jaxleggett.models", "no_name_of_the_package", None) is None


def test_a_colon_stands_between_an_argument_and_what_it_is():
    nodes = pytest.importorskip("docutils.nodes", reason="docutils comes with the tools of the site")
    paragraph = nodes.paragraph("", "", nodes.literal("", "seed"), nodes.Text(" -- "), nodes.Text("a -- b"))
    page = nodes.section("", nodes.field("", nodes.field_name("", "x"), nodes.field_body("", paragraph)))
    page += nodes.paragraph("", " -- ")
    plain.punctuate(page)
    assert [part.astext() for part in page.findall(nodes.paragraph)] == ["seed: a -- b", " -- "]
