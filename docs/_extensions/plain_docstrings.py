"""Docstrings are plain text, made to be read by `help`; here they become what Sphinx reads (reStructuredText).

A block, between empty lines, is one of

    an example      begins with >>>
    a table         a name, two spaces or more, what it is; further lines of that are indented
    a list          items that begin with "- "
    a formula       its lines are indented; it stays as it is
    a paragraph     the rest
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import jaxleggett

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

ROW = re.compile(r"(?P<name>`?\*{0,2}\w+(?:, ?\w+)*`?)(?:  +(?P<text>\S.*))?")
"""The first line of a row of a table."""

SPAN = re.compile(r"`([^`]+)`")


def inline(text: str) -> str:
    """The text with escapes for what reStructuredText would take for marks; a name in backquotes becomes a link."""
    parts = SPAN.split(text)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            part = re.sub(r"([\\*|_])", r"\\\1", part)
            parts[i] = re.sub(r"\bdocs/([A-Z]+)\.md", r":doc:`docs/\1.md </\1>`", part)
        else:
            parts[i] = f"\\ :py:obj:`{part}`\\ " if re.fullmatch(r"[A-Za-z_][\w.]*", part) else f"\\ ``{part}``\\ "
    return "".join(parts)


def is_table(block: list[str]) -> bool:
    """Whether each line that is not indented begins a row."""
    heads = [i for i, line in enumerate(block) if not line.startswith(" ")]
    rows = [ROW.fullmatch(block[i]) for i in heads]
    return (
        bool(heads)
        and heads[0] == 0
        and all(
            row and (row["text"] or (block[i + 1 : i + 2] and block[i + 1].startswith(" ")))
            for i, row in zip(heads, rows, strict=True)
        )
    )


def table(block: list[str]) -> Iterator[str]:
    """A field for each row; an indented line that begins with a name in backquotes and a colon is a paragraph."""
    for line in block:
        if not line.startswith(" "):
            row = ROW.fullmatch(line)
            assert row
            # Without spaces: a first word of two would be taken for a type.
            yield f":param {re.sub('[`* ]', '', row['name'])}: {inline(row['text'] or '')}"
        else:
            if re.match(r" +`[^`]+`: ", line):
                yield ""
            yield f"    {inline(line.strip())}"


def converted(block: list[str]) -> Iterator[str]:
    """The lines of one block."""
    if block[0].lstrip().startswith(">>>"):
        yield from (line.strip() if line.lstrip().startswith(">>>") else line for line in block)
    elif is_table(block):
        yield from table(block)
    elif block[0].startswith("- "):
        yield from map(inline, block)
    else:
        for indented, lines in groupby(block, key=lambda line: line.startswith(" ")):
            if indented:
                yield from ("", ".. code-block:: text", "", *(f"    {line}" for line in lines), "")
            else:
                yield from (re.sub(r"^(\(?\w+[.)])", r"\\\1", inline(line)) for line in lines)


def convert(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """The docstring `lines` of a thing, in place."""
    blocks = [list(block) for filled, block in groupby(lines, key=lambda line: bool(line.strip())) if filled]
    lines[:] = [line for block in blocks for line in (*converted(block), "")]


def stands_elsewhere(app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object) -> bool | None:
    """True for what a folder's door offers and the package itself, too, whose page describes it; else None."""
    door = app.env.current_document.autodoc_module
    missing = object()  # a member may be None
    return True if door != "jaxleggett" and getattr(jaxleggett, name, missing) is thing else None


def punctuate(page: nodes.document) -> None:
    """Put a colon between an argument and what it is, in place of the two hyphens that Sphinx writes."""
    from docutils import nodes

    for field in page.findall(nodes.field_body):
        for dashes in [text for text in field.findall(nodes.Text) if text == " -- "]:
            dashes.parent.replace(dashes, nodes.Text(": "))


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", convert)
    app.connect("autodoc-skip-member", stands_elsewhere)
    app.connect("doctree-resolved", lambda app, page, name: punctuate(page))
    return {"parallel_read_safe": True}
