"""Running a command line in the process of the test."""

import os
import sys

import pytest

from jaxleggett import cli


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command line in this process: exit code, stdout, stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["jaxleggett", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    def leave(code):
        raise SystemExit(code)

    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("JAXLEGGETT_CACHE", "off")  # JAX is imported already
    monkeypatch.setattr(os, "_exit", leave)  # how an interrupted command ends
    return call
