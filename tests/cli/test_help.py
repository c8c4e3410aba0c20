"""What `--help` says, and that its examples work as printed."""

import re
import shlex
import subprocess
import sys

import pytest

from jaxleggett import cli, notions
from jaxleggett.cli._shared import SHARED_OPTIONS, Common
from jaxleggett.models.registry import MODELS

COMMANDS = [(), *((name,) for name in cli.cli.commands)]


def example(text):
    """The command line on the last line of a help."""
    return re.fullmatch(r"  Example: (jaxleggett .+)", text.rstrip("\n").split("\n")[-1])[1]


def test_the_bare_command_shows_its_help(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out == run("--help")[1]
    assert all(f"\n  {name} " in out for name in cli.cli.commands)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "command",
    # The example of `search` is searched for in the tests of the command as well.
    [pytest.param(command, marks=pytest.mark.slow if command == ("search",) else ()) for command in COMMANDS],
)
def test_the_example_that_ends_a_help_works_as_printed(run, command, tmp_path, monkeypatch):
    line = shlex.split(example(run(*command, "--help")[1]))
    if "--out" in line:  # what an example writes stays out of the way
        monkeypatch.chdir(tmp_path)
    assert line[1 : 1 + len(command)] == list(command)
    code, out, err = run(*line[1:])
    assert (code, err) == (0, "")
    assert len(out) > 100


def test_an_example_that_is_wrapped_or_not_last_is_not_accepted():
    for text in ("  Example: jaxleggett verify --seed\n  1\n", "  Example: jaxleggett verify\n\nMore.\n"):
        with pytest.raises(TypeError):
            example(text)


def test_the_help_of_verify_lists_the_models_and_their_defaults(run):
    out = run("verify", "--help")[1]
    for name, entry in MODELS.items():
        assert f"    {name:12}  {entry.summary}\n" in out
    assert f"[default: {MODELS['werner'].visibility}]" in out


def test_every_command_has_the_options_of_all():
    assert [option.name for option in SHARED_OPTIONS] == list(Common.__dataclass_fields__)
    for name, command in cli.cli.commands.items():
        # A check computes nothing by chance, on no device, and writes nothing. A sweep's folder is its store, its seed
        # and its precision stand in its configuration. A page is the same whatever these say.
        assert name in ("check", "explore", "sweep") or command.params[-len(SHARED_OPTIONS) :] == SHARED_OPTIONS
        assert command.help


@pytest.mark.parametrize("arguments", [("--version",), *((*command, "--help") for command in COMMANDS)])
def test_version_and_help_without_jax(arguments):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jaxleggett", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "jaxleggett" in done.stdout
    assert "numpy" not in done.stderr
    assert " jax\n" not in done.stderr


def test_every_notion_can_be_asked_for():
    """The command line lists them itself, so that --help needs no JAX."""
    (option,) = (option for option in cli.cli.commands["threshold"].params if option.name == "notion")
    assert tuple(option.type.choices) == notions.NOTIONS
