"""The command line: `jaxleggett COMMAND`. Parses, calls the library, prints; knows no physics.

Only click is imported here; JAX and the rest are loaded by the command that needs them, so that
`--help` and `--version` answer at once.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import NoReturn

import click

from .. import __version__
from .._clock import goes_on
from ._analyze import analyze
from ._cache import seal
from ._check import check
from ._design import design
from ._explore import explore
from ._map import map_
from ._search import search
from ._shared import INTERRUPTED, epilog, named
from ._simulate import simulate
from ._sweep import sweep
from ._threshold import threshold
from ._verify import verify


def main() -> NoReturn:
    """Run the command line; exit codes: 0 answered, 2 bad input, 1 anything else, 130 interrupted."""
    _prepare_process()
    try:
        code = cli.main(standalone_mode=False)
    except click.MissingParameter as error:
        _fail(f"{named(error.param)} must be given", 2)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        print("error: interrupted", file=sys.stderr)
        _leave_at_once(INTERRUPTED)
    except Exception as error:
        from .._checks import InputError

        if isinstance(error, InputError):
            _fail(str(error), 2)
        if os.environ.get("JAXLEGGETT_TRACEBACK"):
            raise
        _fail(f"{type(error).__name__}: {error} (JAXLEGGETT_TRACEBACK=1 shows where)", 1)
    if code == INTERRUPTED or goes_on():
        _leave_at_once(code or 0)
    sys.exit(code or 0)


def _prepare_process() -> None:
    """Set the process up so that libraries neither fail on its streams nor print beside an answer or an error."""
    # A stream that was closed by the caller is None; print would then write to stdout instead.
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An answer must not be lost because of a character, of a file name say, that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    if not sys.stderr.isatty():
        # Without a handler, Python would print the warnings that libraries log to stderr.
        logging.getLogger().addHandler(logging.NullHandler())
    # Pictures need no display, and matplotlib fails where this variable names a backend that is not installed.
    os.environ["MPLBACKEND"] = "agg"


def _leave_at_once(code: int) -> NoReturn:
    """Exit at once: JAX may still be computing, and crashes if the interpreter shuts down meanwhile."""
    sys.stdout.flush()
    sys.stderr.flush()
    seal()
    os._exit(code)


def _fail(message: str, code: int) -> NoReturn:
    print("error:", " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=epilog("jaxleggett verify --visibility 0.86 --settings icosahedron --samples 1e4"),
)
@click.version_option(__version__, prog_name="jaxleggett", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Leggett's crypto-nonlocality: what locally pure hidden variables can and cannot reproduce."""
    if context.invoked_subcommand is None:
        # Somebody who types the bare name asks what there is: no error, and exit code 0.
        print(context.get_help())


cli.add_command(verify)
cli.add_command(threshold)
cli.add_command(search)
cli.add_command(map_, "map")
cli.add_command(design)
cli.add_command(simulate)
cli.add_command(analyze)
cli.add_command(check)
cli.add_command(explore)
cli.add_command(sweep)
