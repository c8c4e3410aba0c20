"""The command line: `jaxleggett COMMAND`. Parses, calls the library, prints; knows no physics.

Only click is imported here; JAX and the rest are loaded by the command that needs them, so that
`--help` and `--version` answer at once.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from . import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from .thresholds import Threshold
    from .verification import Verification

MODELS = ("werner", "white-noise", "great-circle", "pr-box", "separable")

INTERRUPTED = 130
"""Exit code of a run that Ctrl-C ended."""

DEFAULT_VISIBILITY = "0.8:0.9:11"

DEFAULT_SETTINGS = {
    "werner": "random:1024",
    "white-noise": "random:1024",
    "great-circle": "equatorial:16",
    "separable": "random:1024",
}


def main() -> NoReturn:
    """Run the command line; exit codes: 0 answered, 2 bad input, 1 anything else, 130 interrupted."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        print("error: interrupted", file=sys.stderr)
        _leave_at_once()
    except Exception as error:
        from ._checks import InputError

        if isinstance(error, InputError):
            _fail(str(error), 2)
        if os.environ.get("JAXLEGGETT_TRACEBACK"):
            raise
        _fail(f"{type(error).__name__}: {error} (JAXLEGGETT_TRACEBACK=1 shows where)", 1)
    if code == INTERRUPTED:
        _leave_at_once()
    sys.exit(code or 0)


def _leave_at_once() -> NoReturn:
    """Exit with code 130, without waiting: JAX may be computing still, and crashes when torn down under way."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _fail(message: str, code: int) -> NoReturn:
    print("error:", " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


class Count(click.ParamType):
    """A whole number from `low` up; integral floats such as 1e6 are whole numbers."""

    name = "number"

    def __init__(self, low: int, high: str) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or a message that names the option."""
        from . import _checks

        if isinstance(value, int):
            return value
        return _checks.integer(f"--{param.name if param else ''}", value, self.low, getattr(_checks, self.high))


class Scan(click.ParamType):
    """V, or START:STOP:NUM with both ends included."""

    name = "V|START:STOP:NUM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """An array of visibilities."""
        import numpy as np

        from ._checks import InputError, integer, quoted, visibilities

        parts = value.split(":")
        if len(parts) not in (1, 3):
            raise InputError(f"--visibility must be V or START:STOP:NUM, but is {quoted(value)}")
        try:
            ends = [float(part) for part in parts[:2]]
        except ValueError:
            raise InputError(f"--visibility must be a number or START:STOP:NUM, but is {quoted(value)}") from None
        fewest = 1 if ends[0] == ends[-1] else 2
        num = integer("NUM of --visibility START:STOP:NUM", parts[2], fewest, 10**6) if len(parts) == 3 else 1
        V = np.linspace(ends[0], ends[-1], num) if all(map(math.isfinite, ends)) else np.array(ends)
        return visibilities(V)


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="jaxleggett", message="%(prog)s %(version)s")
def cli() -> None:
    """Leggett's crypto-nonlocality: what locally pure hidden variables can and cannot reproduce."""


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


@cli.command()
@click.option(
    "--visibility", type=Scan(), metavar="V|START:STOP:NUM", help=f"One, or a scan [default: {DEFAULT_VISIBILITY}]."
)
@click.option(
    "--settings",
    metavar="SETTINGS",
    help="random:N, grid:N, equatorial:N, icosahedron or a CSV file [default: what the model is made for].",
)
@click.option(
    "--samples", type=Count(1, "MAX_SAMPLES"), default=10**6, show_default=True, help="Hidden vectors to draw."
)
@click.option(
    "--method",
    type=click.Choice(["rqmc", "mc", "exact"]),
    default="rqmc",
    show_default=True,
    help="Randomised low-discrepancy sampling, independent sampling, or quadrature.",
)
@click.option("--model", type=click.Choice(MODELS), default="werner", show_default=True)
@shared_options
def verify(
    visibility: Any,
    settings: str | None,
    samples: int,
    method: Any,
    model: str,
    seed: int,
    as_json: bool,
    out: str | None,
    force: bool,
    platform: str | None,
    precision: Any,
) -> int:
    """Sample a Leggett model and hold it against the statistics it should reproduce.

    Checks that every probability is non-negative and that the averages are right, at each
    visibility V. For the Werner model the answer changes at V_c = (1 + 1/sqrt 2)/2 = 0.853553...
    """
    devices = _devices(platform)
    from . import results, verification
    from ._checks import InputError

    if visibility is not None and model != "werner":
        raise InputError(f"--visibility must be left out for --model {model}, which has none")
    family, pairs, V = _model_and_settings(model, settings, visibility, seed)
    with results.claimed(out, results.VERIFY_FILES, force) as folder:
        with _progress("sampling" if method != "exact" else "integrating") as progress:
            result = verification.verify(
                family,
                pairs,
                V,
                samples=samples,
                method=method,
                seed=seed,
                precision=precision,
                devices=devices,
                progress=progress,
            )
        if folder is not None:
            results.save_verification(result, folder, _command())
    if as_json:
        print(json.dumps(result.to_json(), allow_nan=False))
    else:
        _report(result)
        _say_written(folder, results.VERIFY_FILES)
    return 0 if result.status == "complete" else INTERRUPTED


def _say_written(folder: Path | None, names: Sequence[str]) -> None:
    """Where the files went."""
    if folder is not None:
        print(f"\nWritten to {folder}: {', '.join(name for name in names if (folder / name).exists())}")


class Positive(click.ParamType):
    """A finite number above 0."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a message that names the option."""
        from ._checks import InputError, quoted

        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            option = param.opts[0] if param else "option"
            raise InputError(f"{option} must be a number above 0, but is {quoted(value)}")
        return number


@cli.command()
@click.option(
    "--state",
    metavar="STATE",
    default="werner",
    show_default=True,
    help="werner, bell-diagonal:t1,t2,t3, pure:THETA, or a .npy or .json density matrix.",
)
@click.option(
    "--settings",
    metavar="SETTINGS|all",
    default="all",
    show_default=True,
    help="all (Werner states only), random:N, grid:N, equatorial:N, icosahedron or a CSV file.",
)
@click.option("--tolerance", type=Positive(), default=1e-4, show_default=True, help="Distance of the bounds to reach.")
@click.option("--time-limit", type=Positive(), metavar="SECONDS", help="Return the bracket as it is after this long.")
@shared_options
def threshold(
    state: str,
    settings: str,
    tolerance: float,
    time_limit: float | None,
    seed: int,
    as_json: bool,
    out: str | None,
    force: bool,
    platform: str | None,
    precision: str,
) -> int:
    """Bracket the largest white-noise visibility at which a state has a Leggett model.

    A model proves the lower bound, a Leggett inequality the upper one; both are part of the answer.
    """
    _devices(platform)
    from . import results, states, thresholds
    from ._checks import InputError

    if precision != "double":
        raise InputError("--precision must be double for threshold, whose bounds need it")
    target = states.parse_state(state)
    history: list[tuple[float, float]] = []
    with results.claimed(out, results.THRESHOLD_FILES, force) as folder:
        with _progress("closing the bracket") as progress:

            def closing(lower: float, upper: float) -> None:
                history.append((lower, upper))
                if progress:
                    # From the widest bracket down to the tolerance, by orders of magnitude.
                    share = math.log(max(upper - lower, tolerance)) / math.log(min(tolerance, 0.5))
                    progress(min(1.0, max(0.0, share)))

            result = thresholds.threshold(
                target, settings, tolerance=tolerance, time_limit=time_limit, seed=seed, progress=closing
            )
        answer = {"state": state, **result.to_json(), "seed": seed}
        if folder is not None:
            results.save_threshold(result, answer, history, folder, _command())
    if as_json:
        print(json.dumps(answer, allow_nan=False))
    else:
        _report_threshold(state, result)
        _say_written(folder, results.THRESHOLD_FILES)
    return INTERRUPTED if result.status == "interrupted" else 0


def _report_threshold(state: str, result: Threshold) -> None:
    """The bracket in words."""
    print(f"{state}: {result}\n")
    if result.inequality is None:
        print("The state itself (V = 1) is not excluded: no Leggett inequality at these settings is needed.")
    else:
        print(f"Every Leggett model obeys an inequality that this state breaks above V = {result.upper:.9f}.")
    if result.model is not None:
        print(f"Below V = {result.lower:.9f} an explicit Leggett model reproduces it.")


def _model_and_settings(model: str, settings: str | None, visibility: Any, seed: int) -> tuple[Any, Any, Any]:
    """The model (or family), its setting pairs, and the visibilities (None for a model without)."""
    from . import models
    from .settings import SettingPairs

    pairs = None if settings is None else SettingPairs.parse(settings, seed)
    if model == "pr-box":
        box = models.PRBoxModel() if pairs is None else models.PRBoxModel.at(pairs)
        return box, pairs or box.pairs, None
    pairs = pairs or SettingPairs.parse(DEFAULT_SETTINGS[model], seed)
    if model == "werner":
        V = visibility if visibility is not None else Scan().convert(DEFAULT_VISIBILITY, None, None)
        return models.WernerModel, pairs, V
    others = {
        "white-noise": models.WhiteNoiseModel,
        "great-circle": models.GreatCircleModel,
        "separable": models.SeparableModel,
    }
    return others[model](), pairs, None


def _devices(platform: str | None) -> Any:
    """The local devices to compute on. Called before anything imports JAX, which reads the variable then."""
    if platform == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    from ._checks import InputError

    try:
        return jax.local_devices(backend=platform)
    except RuntimeError as error:
        if platform is None:
            raise
        raise InputError(f"--platform {platform} must name a platform of this machine: {error}") from None


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Callable[[float], None] | None]:
    """A progress bar on stderr while the block runs; None unless stderr is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)


def _command() -> list[str]:
    """The command line as a user would type it again."""
    return ["jaxleggett", *sys.argv[1:]]


def _report(result: Verification) -> None:
    """What was found, in words, then the table."""
    from .models import CRITICAL_VISIBILITY

    how = (
        "integrated exactly over hidden vectors"
        if result.num_samples is None
        else f"averaged over {result.num_samples:,} hidden vectors ({result.method})"
    )
    print(f"Leggett model '{result.model}' at {len(result.settings):,} setting pairs, {how}.")
    if result.status == "interrupted":
        print("Interrupted: the figures are those of the setting pairs that were finished.")
    print(f"{result.seconds:.1f} s on {result.device}, {result.dtype}.\n")
    for line in _findings(result):
        print(line)
    if result.model == "werner":
        print(f"(The note's model is non-negative for 0 <= V <= V_c = {CRITICAL_VISIBILITY:.6f}.)")
    print(f"\n{result}")
    broken = min(result.rows, key=lambda row: row.min_probability)
    if broken.witness:
        w = broken.witness
        at = "" if broken.visibility is None else f" at V = {broken.visibility:.6f}"
        print(f"\nA negative probability to recompute by hand{at}:")
        print(f"  P(alpha = {w.alpha:+d}, beta = {w.beta:+d}) = {w.probability:.17g}")
        for name in "abuv":
            print(f"  {name} = ({', '.join(f'{x:.17g}' for x in getattr(w, name))})")


def _findings(result: Verification) -> Iterator[str]:
    """One sentence per verdict."""
    sentences = {
        "reproduces": "all probabilities are non-negative and the averages agree with the target",
        "negative_probability": "some probabilities are negative, so this is no model there",
        "wrong_average": "the averages miss the target by more than chance allows",
    }
    for verdict, sentence in sentences.items():
        rows = [row for row in result.rows if row.verdict == verdict]
        if not rows:
            continue
        V = sorted(row.visibility for row in rows if row.visibility is not None)
        if not V:
            yield f"{sentence[0].upper()}{sentence[1:]}."
            continue
        span = f"V = {V[0]:.6f}" if len(V) == 1 else f"V = {V[0]:.6f} ... {V[-1]:.6f} ({len(V)} values)"
        yield f"{span}: {sentence}."
