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

    # Commands set these two; what is set here first is put back after the test, what is only deleted is not.
    for name in ("JAX_PLATFORMS", "MPLBACKEND"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("JAXLEGGETT_CACHE", "off")  # JAX is imported already
    monkeypatch.setattr(os, "_exit", leave)  # how an interrupted command ends
    return call
