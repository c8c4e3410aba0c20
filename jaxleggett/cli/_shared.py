"""What the commands share: how a command is built, the types and options of its parameters, progress, and answers."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, Protocol

import click

from ..runs import Ending, Progress
from ._cache import use_cache

INTERRUPTED = 130
"""Exit code of a run that Ctrl-C ended."""

Own = ParamSpec("Own")
"""The options of one command."""


class Device(Protocol):
    """The part of a JAX device that is used here; JAX's own class has no type annotations."""

    platform: str


class Count(click.ParamType):
    """A whole number from `low` up to the constant `high` of `_checks`; integral floats such as 1e6 are whole numbers.

    The constant is named rather than given, because `_checks` imports NumPy, which `--help` must not wait for.
    """

    name = "number"

    def __init__(self, low: int, high: str) -> None:
        self.low, self.high = low, high

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; InputError, which names the option, for any other text."""
        from .. import _checks

        if isinstance(value, int):
            return value
        return _checks.integer(named(param), value, self.low, getattr(_checks, self.high))


class Number(click.ParamType):
    """A finite number, which must lie above `above` if that is given."""

    name = "number"

    def __init__(self, above: float | None = None) -> None:
        self.above = above

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; InputError, which names the option, for any other text."""
        from .._checks import InputError, quoted

        allowed = "a finite number" if self.above is None else f"a number above {self.above:g}"
        try:
            number = float(value)
        except ValueError:
            raise InputError(f"{named(param)} must be {allowed}, but is {quoted(value)}") from None
        if not math.isfinite(number) or (self.above is not None and number <= self.above):
            raise InputError(f"{named(param)} must be {allowed}, but is {number:g}")
        return number


class Choice(click.Choice):
    """One of several words."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word; InputError, which names the option, for any other text."""
        if value not in self.choices:
            from .._checks import InputError, quoted

            raise InputError(f"{named(param)} must be one of {', '.join(self.choices)}, but is {quoted(value)}")
        return value


def named(parameter: click.Parameter | None) -> str:
    """A parameter as the command line has it, such as `--counts-per-pair` or `COUNTS`."""
    if parameter is None:
        return "value"
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name


@dataclass(frozen=True)
class Common:
    """The values of the options that every command has, and what a command does with them."""

    seed: int
    as_json: bool
    out: str | None
    force: bool
    platform: Literal["cpu", "gpu"] | None
    precision: Literal["single", "double"]

    def devices(self) -> list[Device]:
        """The local devices to compute on, see `local_devices`."""
        return local_devices(self.platform)

    def refuse_single(self, command: str) -> None:
        """InputError unless the precision is double."""
        from .._checks import InputError

        if self.precision != "double":
            raise InputError(f"--precision must be double for {command}, whose bounds need it")

    def folder(self, names: Sequence[str]) -> contextlib.AbstractContextManager[Path | None]:
        """The place to write the files `names` to, claimed for this run while the block lasts; None without --out."""
        from ..output import folders

        return folders.claimed(self.out, names, self.force)

    def answer(
        self,
        content: Mapping[str, object],
        report: Callable[[], None],
        folder: Path | None,
        save: Callable[[Path, list[str]], None],
    ) -> None:
        """Print an answer, as JSON or by `report`, and `save` it where there is a folder.

        Neither is lost where the other fails: a full disk still leaves the answer on the terminal, a closed pipe
        still leaves the files. `save` is given the folder and the command line for meta.json.
        """
        try:
            if self.as_json:
                print(json.dumps(content, allow_nan=False))
            else:
                report()
            sys.stdout.flush()
        finally:
            if folder is not None:
                save(folder, ["jaxleggett", *sys.argv[1:]])

    def say_written(self, names: Sequence[str]) -> None:
        """Print where the files went; called once the folder is no longer claimed, so that they are there."""
        if self.out is not None and not self.as_json:
            written = [name for name in names if (Path(self.out) / name).exists()]
            print(f"\nWritten to {self.out}: {', '.join(written)}")


def local_devices(platform: Literal["cpu", "gpu"] | None) -> list[Device]:
    """The local devices of a platform [that which JAX finds]. Called before anything is imported that imports JAX.

    Raises InputError where there are no such devices, and RuntimeError where they are CPUs for which the installed
    compiler is known to be wrong.
    """
    if platform == "cpu":
        # JAX reads the variable when it is imported, and then never starts a GPU, which would take its memory.
        os.environ["JAX_PLATFORMS"] = "cpu"
    use_cache()
    import jax

    from .._checks import InputError
    from .._compiler import compiler_fault

    given = os.environ.get("JAX_PLATFORMS", "")
    asked = f"--platform {platform}" if platform else f"JAX_PLATFORMS={given}"
    try:
        found = jax.local_devices(backend=platform)
    except (RuntimeError, AssertionError) as error:  # the latter where a plugin is missing
        why = str(error) or "JAX finds none"
        raise InputError(f"{asked} must name a platform of this machine: {why}") from None
    if found[0].platform == "cpu" and (fault := compiler_fault()):
        raise RuntimeError(fault)
    return found


def command(
    *, options: Sequence[click.Parameter], example: str, notes: str = ""
) -> Callable[[Callable[Concatenate[Common, Own], int]], click.Command]:
    """Make a command of a function: it is given a `Common`, and the values of its own options by their names.

    options     its own options; in the help they stand before those that all commands have
    example     a command line that ends the help, and that works as printed (a test runs each)
    notes       paragraphs before the example; one that begins with a line `\\b` keeps its line breaks (click's mark)

    The function returns the exit code, and its docstring is the help.
    """

    def make(function: Callable[Concatenate[Common, Own], int]) -> click.Command:
        @functools.wraps(function)
        def run(*args: Own.args, **kwargs: Own.kwargs) -> int:
            shared = {option.name: kwargs.pop(str(option.name)) for option in SHARED_OPTIONS}
            return function(Common(**shared), *args, **kwargs)  # type: ignore[arg-type]

        return click.command(params=[*options, *SHARED_OPTIONS], epilog=epilog(example, notes))(run)

    return make


def epilog(example: str, notes: str = "") -> str:
    """The end of a help text: notes, and the example on a line of its own."""
    return f"{notes}\n\n\b\nExample: {example}"


SHARED_OPTIONS: list[click.Parameter] = [
    click.Option(
        ["--seed"], type=Count(0, "MAX_SEED"), default=0, show_default=True, help="Seed of everything random."
    ),
    click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object and nothing else."),
    click.Option(["--out"], metavar="DIR", help="Also write data, meta.json and a picture to this folder."),
    click.Option(["--force"], is_flag=True, help="Let --out overwrite another run's data."),
    click.Option(["--platform"], type=Choice(["cpu", "gpu"]), help="Where to compute [default: what JAX finds]."),
    click.Option(["--precision"], type=Choice(["single", "double"]), default="double", show_default=True),
]
"""The options of every command, one for each field of `Common`."""

STATE = click.Option(
    ["--state"],
    metavar="STATE",
    default="werner",
    show_default=True,
    help="werner, bell-diagonal:t1,t2,t3, pure:THETA, or a density matrix in a .npy, .npz, .mat or .json file.",
)

PROJECT = click.Option(
    ["--project"], is_flag=True, help="Take the state nearest to a measured density matrix, and say how far."
)

MISALIGNMENT = click.Option(
    ["--misalignment"],
    type=Number(),
    metavar="DEGREES",
    default=0.0,
    show_default=True,
    help="Angle by which settings may be off; the bound is enlarged by what that can do.",
)

TIME_LIMIT = click.Option(
    ["--time-limit"], type=Number(above=0), metavar="SECONDS", help="Return what there is after this long."
)


def say_ending(status: str) -> None:
    """Print why a run ended early and what would lead further; print nothing where it did not end early."""
    ending = Ending(status)
    if ending not in (Ending.COMPLETE, Ending.CONVERGED):
        print(ending.advice)


def exit_code(status: str) -> int:
    """The exit code of a command whose answer has this status."""
    return INTERRUPTED if status == Ending.INTERRUPTED else 0


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Callable[[Progress], None] | None]:
    """A progress bar on stderr while the block runs, for the events of a run; None unless stderr is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda event: bar.update(task, completed=event.done, description=described(what, event))


def described(what: str, event: Progress) -> str:
    """An event in words: what is being done, and the bounds so far of the visibility that is looked for."""
    lower = "" if event.lower is None else f"{event.lower:.9f} <= "
    upper = "" if event.upper is None else f" <= {event.upper:.9f}"
    return f"{what}: {lower}V{upper}" if lower or upper else what
