"""`jaxleggett sweep`: a parameter scan that can be stopped, resumed and shared among machines."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from ._shared import Choice, Count, Number, epilog, local_devices

if TYPE_CHECKING:
    from ..sweeps import Engine, Store, Summary, Sweep

SIGNALLED = 128
"""What is added to the number of the signal that ended a run."""

EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""

EXTRA = ("msgspec", "zarr", "xarray", "distributed", "google_crc32c")
"""The modules of the extra `cluster` that a sweep imports."""


@click.command(
    epilog=epilog("jaxleggett sweep scripts/sweep_example.toml --store example.zarr --dry-run"),
    params=[
        click.Argument(["config"], required=False, metavar="[CONFIG.toml]"),
        click.Option(["--store"], required=True, metavar="DIR.zarr", help="Where the results are, or go."),
        click.Option(["--workers"], type=Count(1, "MAX_WORKERS"), help="So many processes on this machine."),
        click.Option(["--scheduler"], metavar="ADDRESS", help="A running Dask scheduler, as tcp://host:8786."),
        click.Option(["--tls-ca"], metavar="FILE", help="For --scheduler: the authority's certificate (PEM)."),
        click.Option(["--tls-cert"], metavar="FILE", help="For --scheduler: the certificate of this client (PEM)."),
        click.Option(["--tls-key"], metavar="FILE", help="For --scheduler: the key of that certificate (PEM)."),
        click.Option(["--array-task"], metavar="I/N", help="Every N-th tile, as task I (1 to N) of a job array."),
        click.Option(
            ["--grace"],
            type=Number(above=0),
            metavar="SECONDS",
            help="Time to finish the tiles in hand when stopped [default: 25].",
        ),
        click.Option(["--dry-run"], is_flag=True, help="How many tiles, how long and how large; saves nothing."),
        click.Option(["--status"], is_flag=True, help="How many tiles are finished; also during a run."),
        click.Option(["--check"], is_flag=True, help="Hold every tile against its record; exit 1 if one is damaged."),
        click.Option(["--plot"], is_flag=True, help="Draw what is there, to DIR.png and DIR.svg."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object and nothing else."),
        click.Option(["--platform"], type=Choice(["cpu", "gpu"]), help="Where to compute [default: what JAX finds]."),
    ],
)
def sweep(
    config: str | None,
    store: str,
    workers: int | None,
    scheduler: str | None,
    tls_ca: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    array_task: str | None,
    grace: float | None,
    dry_run: bool,
    status: bool,
    check: bool,
    plot: bool,
    as_json: bool,
    platform: Literal["cpu", "gpu"] | None,
) -> int:
    """Compute a command at every point of a grid, tile by tile, into a store that xarray opens.

    What is finished is never computed again: the same command goes on where it was stopped, whatever stopped it.
    Ctrl-C and SIGTERM finish the tiles in hand. Without CONFIG.toml the store's own configuration is taken.
    """
    from .._checks import InputError
    from .._files import read_bytes

    _need_extra()
    questions = {"--dry-run": dry_run, "--status": status, "--check": check, "--plot": plot}
    asked = [name for name, given in questions.items() if given]
    engines = {"--workers": workers, "--scheduler": scheduler, "--array-task": array_task}
    chosen = [name for name, value in engines.items() if value is not None]
    if len(asked) > 1 or len(chosen) > 1 or (asked and chosen and not dry_run):
        raise InputError(f"{' and '.join([*asked, *chosen])} must not be given together")
    tls = {"--tls-ca": tls_ca, "--tls-cert": tls_cert, "--tls-key": tls_key}
    files = {name: file for name, file in tls.items() if file is not None}
    if files and scheduler is None:
        raise InputError(f"{', '.join(files)} must be left out without --scheduler")
    if files and (missing := [name for name in tls if name not in files]):
        raise InputError(f"{', '.join(tls)} must be given together, but {missing[0]} is missing")
    for name, file in files.items():
        read_bytes(name, file)
    elsewhere = scheduler is not None or workers is not None
    if elsewhere and platform == "gpu":
        raise InputError("--platform must be cpu, or left out, with --workers and --scheduler, but is 'gpu'")
    given = os.environ.get("JAX_PLATFORMS", "")
    if elsewhere or platform == "cpu":
        # JAX reads it when it is imported. Where workers compute, this process must not take a GPU away from them.
        os.environ["JAX_PLATFORMS"] = "cpu"
    if dry_run or not (elsewhere or asked):
        local_devices(platform)
    from ..sweeps import Store, read_config

    engine = _engine(workers, scheduler, list(files.values()), array_task, given if platform is None else "cpu")
    described = None if config is None else read_config(config)
    if dry_run:
        return _dry_run(described or Store.open_(store).sweep, store, workers or 1, as_json)
    if asked:
        found = Store.open_(store)
        if described is not None and found.digest != described.digest:
            raise InputError(f"--store {store} must be the store of {config}, but holds another sweep")
        return {"--status": _status, "--check": _check, "--plot": _plot}[asked[0]](found, as_json)
    found = Store.open_(store) if described is None else Store.create(store, described)
    return _run(found, engine, grace, as_json)


def _need_extra() -> None:
    """Raise InputError where a package of the extra `cluster` is missing."""
    import importlib.util

    from .._checks import InputError

    missing = [name for name in EXTRA if not importlib.util.find_spec(name)]
    if missing:
        raise InputError(
            f"sweep needs {', '.join(missing)}, which the extra 'cluster' of jaxleggett installs: in a checkout, "
            "pip install -e '.[cluster]'"
        )


def _engine(
    workers: int | None, scheduler: str | None, tls: list[str], array_task: str | None, platforms: str
) -> Engine:
    """The engine that is to compute tiles; `tls` has the three files, or none."""
    from ..sweeps import ArrayTask, Cluster, InProcess, Scheduler

    if workers is not None:
        return Cluster(workers, platforms)
    if scheduler is not None:
        return Scheduler(scheduler, *map(Path, tls))
    return InProcess() if array_task is None else ArrayTask.parse(array_task)


def _run(store: Store, engine: Engine, grace: float | None, as_json: bool) -> int:
    """Compute what is missing and print where the sweep stands then; the exit code."""
    from ..sweeps import Stopping, Summary, run
    from ..sweeps.run import GRACE

    last = Summary(str(store.path), store.sweep.num_tiles, 0, 0)

    def answer(summary: Summary) -> None:
        print(json.dumps(summary.to_json(), allow_nan=False) if as_json else summary, flush=True)

    def give_up(number: int) -> NoReturn:
        try:
            answer(replace(last, done=store.num_recorded()))
        finally:  # whatever became of the terminal
            os._exit(SIGNALLED + number)

    stopping = Stopping(give_up, grace or GRACE)
    with stopping.heeded(), _progress(store.sweep, as_json) as show:

        def report(summary: Summary) -> None:
            nonlocal last
            last = summary
            show(summary)

        found = run(store, engine, report, stopping)
    answer(found)
    if stopping.signal is None or found.status == "complete":
        return 0
    sys.stdout.flush()
    # JAX, or a cluster that is being closed, may have threads at work that would keep the process.
    os._exit(SIGNALLED + stopping.signal)


@contextlib.contextmanager
def _progress(sweep: Sweep, as_json: bool) -> Iterator[Callable[[Summary], None]]:
    """A progress bar on stderr if it is a terminal; else, without --json, a line now and then for the logs of jobs."""
    if sys.stderr.isatty():
        from rich import progress
        from rich.console import Console

        columns = (
            progress.TextColumn("tiles"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("tiles", total=sweep.num_tiles)
            yield lambda summary: bar.update(task, completed=summary.done)
        return
    started = printed = time.monotonic()

    def line(summary: Summary) -> None:
        nonlocal printed
        now = time.monotonic()
        if now - printed < EVERY or as_json:
            return
        printed = now
        rate = (summary.done - summary.resumed) / (now - started)
        text = f"{summary.done:,} of {summary.tiles:,} tiles"
        if rate:
            left = (summary.tiles - summary.done) / rate
            text += f", {60 * rate:.3g} a minute, about {_duration(left)} left"
        with contextlib.suppress(OSError):  # a log that is closed, or full, does not end the sweep
            print(text, flush=True)

    yield line


def _duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172800 else f"{seconds / 86400:.1f} days"


def _dry_run(sweep: Sweep, store: str, workers: int, as_json: bool) -> int:
    """Print how long and how large a sweep is; its middle tile is computed twice, with compiling and without."""
    from ..sweeps.skeleton import size_of_tile
    from ..sweeps.tiles import compute

    seconds = []
    for _ in range(2):
        started = time.monotonic()
        compute(sweep, sweep.num_tiles // 2)
        seconds.append(time.monotonic() - started)
    size = sweep.num_tiles * size_of_tile(sweep)
    total = seconds[0] + (sweep.num_tiles - 1) * seconds[1] / workers
    if as_json:
        print(json.dumps({"store": store, "tiles": sweep.num_tiles, "seconds": total, "bytes": size}))
        return 0
    print(sweep)
    by = "one after the other" if workers == 1 else f"by {workers} workers"
    print(
        f"  its middle tile takes {seconds[1]:.2g} s, {seconds[0]:.2g} s with compiling; all {by} about "
        f"{_duration(total)}"
    )
    print(f"  about {size / 1e6:.3g} MB on disk")
    return 0


def _status(store: Store, as_json: bool) -> int:
    """Print how many tiles have a record."""
    done, tiles = store.num_recorded(), store.sweep.num_tiles
    if as_json:
        print(json.dumps({"store": str(store.path), "tiles": tiles, "tiles_done": done}))
    else:
        print(f"{store.sweep}\n  {done:,} finished, {tiles - done:,} missing (--check reads them all)")
    return 0


def _check(store: Store, as_json: bool) -> int:
    """Hold every tile against its record, and print what is damaged; the exit code is 1 if anything is."""
    started = time.monotonic()
    finished, damaged = store.finished()
    foreign = store.foreign()
    if not store.in_use:  # else a run may have written the chunks of a tile, and not yet its record
        damaged += store.unrecorded()
    done, tiles = int(finished.sum()), store.sweep.num_tiles
    if as_json:
        content = {"store": str(store.path), "tiles": tiles, "tiles_done": done}
        content |= {
            "damaged": [{"tile": d.tile, "what": d.what} for d in damaged],
            "foreign": [d.what for d in foreign],
        }
        print(json.dumps({**content, "seconds": time.monotonic() - started}))
    else:
        for damage in (*damaged, *foreign):
            print(damage)
        print(
            f"{store.path}: {done:,} of {tiles:,} tiles finished and whole, {len(damaged):,} damaged"
            + (" (the next run computes them again)" if damaged else "")
        )
    return 1 if damaged or foreign else 0


def _plot(store: Store, as_json: bool) -> int:
    """Draw what is there, beside the store."""
    from .._checks import InputError
    from ..output.plots import plot_sweep

    place = store.path.resolve()
    # A name such as run.2 keeps what follows its dot, so that it has another picture than run.1.
    picture = place.with_name(f"{place.name.removesuffix('.zarr')}.png")
    svg = picture.with_suffix(".svg")
    try:
        plot_sweep(store.path, picture)
    except OSError as error:
        raise InputError(f"--plot cannot be drawn to {picture}: {error.strerror or error}") from None
    answer = {"store": str(store.path), "picture": str(picture), "svg": str(svg)}
    print(json.dumps(answer) if as_json else f"Drawn: {picture} and {svg}")
    return 0
