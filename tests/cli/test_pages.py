"""Every command and every session of Python on the pages, run in the order of the page: they answer what is shown."""

from pathlib import Path

import pytest
import transcripts

PAGES = {page.stem: page.read_text() for page in (Path(__file__).parents[2] / "docs").rglob("*.md")}
RUN = sorted(name for name, text in PAGES.items() if transcripts.blocks(text))


@pytest.mark.thorough
@pytest.mark.parametrize("name", RUN)
def test_what_a_page_shows_is_what_happens(name, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = transcripts.differences(run, PAGES[name])
    assert not found, "\n".join(found)


def test_the_pages_that_promise_it_are_run():
    assert {"tutorial", "how_to_add"} <= set(RUN)


def test_another_answer_is_noticed(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    console = "```console\n$ echo one > file\n$ cat file\n{}\n```\n"
    python = "Words.\n\n```pycon\n>>> x = 1\n```\n\n```pycon\n>>> x + 1\n{}\n```\n"
    assert not transcripts.differences(run, console.format("o...e"))
    assert not transcripts.differences(run, python.format(2))
    assert "shows\ntwo\n\nand prints\none" in transcripts.differences(run, console.format("two"))[0]
    assert "Got:\n    2" in transcripts.differences(run, python.format(3))[0]
    refused = "```console\n$ jaxleggett verify --visibility 2\nerror: ...\n```\n"
    assert not transcripts.differences(run, refused)
    with pytest.raises(AssertionError, match="exit code 1"):
        transcripts.differences(run, "```console\n$ false\n```\n")
    with pytest.raises(AssertionError, match="no command begins"):
        transcripts.differences(run, "```console\njaxleggett\n```\n")
