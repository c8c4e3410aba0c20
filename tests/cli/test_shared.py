"""What the commands share: progress, endings, numbers with their nouns."""

import io
import sys

import pytest

from jaxleggett._checks import counted
from jaxleggett.cli import _shared
from jaxleggett.runs import Ending, Progress


def test_a_number_stands_with_its_noun_in_the_right_form():
    assert [counted(n, "pair") for n in (0, 1, 2, 1024)] == ["0 pairs", "1 pair", "2 pairs", "1,024 pairs"]
    assert [counted(n, "search", "searches") for n in (1, 2)] == ["1 search", "2 searches"]


@pytest.mark.parametrize("ending", Ending)
def test_what_ended_early_says_what_leads_further(capsys, ending):
    _shared.say_ending(ending.value)
    early = ending not in (Ending.COMPLETE, Ending.CONVERGED)
    assert capsys.readouterr().out == (f"{ending.advice}\n" if early else "")
    assert _shared.exit_code(ending.value) == (130 if ending == Ending.INTERRUPTED else 0)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Progress(0.5), "sampling"),
        (Progress(0.5, upper=0.9), "sampling: V <= 0.900000000"),
        (Progress(0.5, lower=0.8), "sampling: 0.800000000 <= V"),
        (Progress(0.5, 0.8, 0.9), "sampling: 0.800000000 <= V <= 0.900000000"),
    ],
)
def test_an_event_in_words(event, text):
    assert _shared.described("sampling", event) == text


def test_progress_is_shown_on_a_terminal_only(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    with _shared.progress_bar("searching") as show:
        assert show is None
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with _shared.progress_bar("searching") as show:
        show(Progress(0.25, upper=0.9))
        show(Progress(1.0, upper=0.875))
    assert "searching: V <= 0.875000000" in sys.stderr.getvalue()
    assert "100%" in sys.stderr.getvalue()
