"""What the commands share: option types, the options all of them have, progress, where files went."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

INTERRUPTED = 130
"""Exit code of a run that Ctrl-C ended."""


class Count(click.ParamType):
    """A whole number from `low` up; integral floats such as 1e6 are whole numbers."""

    name = "number"

    def __init__(self, low: int, high: str) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or a message that names the option."""
        from .. import _checks

        if isinstance(value, int):
            return value
        return _checks.integer(f"--{param.name if param else ''}", value, self.low, getattr(_checks, self.high))


class Positive(click.ParamType):
    """A finite number above 0."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a message that names the option."""
        from .._checks import InputError, quoted

        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            option = param.opts[0] if param else "option"
            raise InputError(f"{option} must be a number above 0, but is {quoted(value)}")
        return number


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has."""
    for option in (
        click.option(
            "--seed", type=Count(0, "MAX_SEED"), default=0, show_default=True, help="Seed of everything random."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."),
        click.option("--out", metavar="DIR", help="Also write data, meta.json and a picture to this folder."),
        click.option("--force", is_flag=True, help="Let --out overwrite another run's data."),
        click.option(
            "--platform", type=click.Choice(["cpu", "gpu"]), help="Where to compute [default: what JAX finds]."
        ),
        click.option("--precision", type=click.Choice(["single", "double"]), default="double", show_default=True),
    ):
        command = option(command)
    return command


def answered(
    answer: dict[str, Any],
    as_json: bool,
    report: Callable[[], None],
    folder: Path | None,
    save: Callable[[Path], None],
) -> None:
    """Print an answer, and save it where there is a folder: neither is lost where the other fails."""
    try:
        if as_json:
            print(json.dumps(answer, allow_nan=False))
        else:
            report()
        sys.stdout.flush()
    finally:
        if folder is not None:
            save(folder)


def say_written(out: str | None, names: Sequence[str], as_json: bool) -> None:
    """Where the files went."""
    if out is not None and not as_json:
        print(f"\nWritten to {out}: {', '.join(name for name in names if (Path(out) / name).exists())}")


def refuse_single(precision: str, command: str) -> None:
    """InputError unless `precision` is double."""
    from .._checks import InputError

    if precision != "double":
        raise InputError(f"--precision must be double for {command}, whose bounds need it")


def devices(platform: str | None) -> Any:
    """The local devices to compute on. Called before anything imports JAX, which reads the variable then.

    Raises InputError where there are none of that platform, and RuntimeError where they are CPUs for which the
    installed compiler is known to be wrong.
    """
    if platform == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    from .._checks import InputError
    from .._compiler import compiler_fault

    asked = f"--platform {platform}" if platform else f"JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS', '')}"
    try:
        found = jax.local_devices(backend=platform)
    except (RuntimeError, AssertionError) as error:  # the latter where a plugin is missing
        why = str(error) or "JAX finds none"
        raise InputError(f"{asked} must name a platform of this machine: {why}") from None
    if found[0].platform == "cpu" and (fault := compiler_fault()):
        raise RuntimeError(fault)
    return found


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Callable[..., None] | None]:
    """A progress bar on stderr while the block runs, told the share that is done, and perhaps what to say of it.

    None unless stderr is a terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda fraction, said=what: bar.update(task, completed=fraction, description=said)


def command_line() -> list[str]:
    """The command line as a user would type it again."""
    return ["jaxleggett", *sys.argv[1:]]
