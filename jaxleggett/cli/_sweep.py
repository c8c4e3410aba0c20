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

from ._shared import Common, Count, Positive, epilog

if TYPE_CHECKING:
    from ..sweeps import Engine, Store, Summary, Sweep

SIGNALLED = 128
"""What is added to the number of the signal that ended a run."""

EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""


@click.command(
    epilog=epilog("jaxleggett sweep scripts/sweep_example.toml --store example.zarr --dry-run"),
    params=[
        click.Argument(["config"], required=False, metavar="[CONFIG.toml]"),
        click.Option(["--store"], required=True, metavar="DIR.zarr", help="Where the results are, or go."),
        click.Option(["--workers"], type=Count(1, "MAX_WORKERS"), help="So many processes on this machine."),
        click.Option(["--scheduler"], metavar="ADDRESS", help="A running Dask scheduler, as tcp://host:8786."),
        click.Option(["--tls-ca"], metavar="FILE", help="With --scheduler: the authority's certificate (PEM),"),
        click.Option(["--tls-cert"], metavar="FILE", help="this client's certificate,"),
        click.Option(["--tls-key"], metavar="FILE", help="and its key."),
        click.Option(["--array-task"], metavar="I/N", help="Every N-th tile, as task I (1 to N) of a job array."),
        click.Option(["--grace"], type=Positive(), metavar="SECONDS", help="For tiles in hand when stopped [25]."),
        click.Option(["--dry-run"], is_flag=True, help="How many tiles, how long and how large; saves nothing."),
        click.Option(["--status"], is_flag=True, help="How many tiles are finished; also of a run under way."),
        click.Option(["--check"], is_flag=True, help="Hold every tile against its record; exit 1 if one is damaged."),
        click.Option(["--plot"], is_flag=True, help="Draw what is there, to DIR.png and DIR.svg."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object and nothing else."),
        click.Option(["--platform"], type=click.Choice(["cpu", "gpu"]), help="Where to compute [what JAX finds]."),
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

    _need_extra()
    asked = [name for name, given in (("--dry-run", dry_run), ("--status", status), ("--check", check)) if given]
    asked += ["--plot"] if plot else []
    engines = {"--workers": workers, "--scheduler": scheduler, "--array-task": array_task}
    chosen = [name for name, value in engines.items() if value is not None]
    if len(asked) > 1 or len(chosen) > 1 or (asked and chosen and not dry_run):
        raise InputError(f"{' and '.join([*asked, *chosen])} must not be given together")
    if scheduler is None and (tls_ca or tls_cert or tls_key):
        raise InputError("--tls-ca, --tls-cert and --tls-key must be given with --scheduler only")
    if len({name is None for name in (tls_ca, tls_cert, tls_key)}) > 1:
        raise InputError("--tls-ca, --tls-cert and --tls-key must be given together")
    elsewhere = scheduler is not None or workers is not None
    if elsewhere and platform == "gpu":
        raise InputError("--platform must be cpu, or left out, with --workers and --scheduler, but is gpu")
    given = os.environ.get("JAX_PLATFORMS", "")
    if elsewhere or platform == "cpu":
        # JAX reads it when it is imported. Where workers compute they would lack a GPU that this process takes.
        os.environ["JAX_PLATFORMS"] = "cpu"
    from ..sweeps import Store, read_config

    described = None if config is None else read_config(config)
    if dry_run:
        _ask_for_devices(platform, as_json)
        return _dry_run(described or Store.open_(store).sweep, store, workers or 1, as_json)
    if asked:
        found = Store.open_(store)
        if described is not None and found.digest != described.digest:
            raise InputError(f"--store {store} must be the store of {config}, but holds another sweep")
        return {"--status": _status, "--check": _check, "--plot": _plot}[asked[0]](found, as_json)
    engine = _engine(workers, scheduler, (tls_ca, tls_cert, tls_key), array_task, given if platform is None else "cpu")
    if not elsewhere:
        _ask_for_devices(platform, as_json)
    found = Store.open_(store) if described is None else Store.create(store, described)
    return _run(found, engine, grace, as_json)


def _need_extra() -> None:
    """InputError where what the extra `cluster` installs is missing."""
    import importlib.util

    from .._checks import InputError

    missing = [name for name in ("msgspec", "zarr", "xarray", "distributed") if not importlib.util.find_spec(name)]
    if missing:
        raise InputError(f"sweep needs {', '.join(missing)}: pip install 'jaxleggett[cluster]'")


def _ask_for_devices(platform: Literal["cpu", "gpu"] | None, as_json: bool) -> None:
    """Refuse a platform that is not there, and a compiler that is known to be wrong, as every command does."""
    Common(0, as_json, None, False, platform, "double").devices()


def _engine(
    workers: int | None, scheduler: str | None, tls: tuple[str | None, ...], array_task: str | None, platforms: str
) -> Engine:
    """What is to compute tiles."""
    from ..sweeps import ArrayTask, Cluster, InProcess, Scheduler

    if workers is not None:
        return Cluster(workers, platforms)
    if scheduler is not None:
        return Scheduler(scheduler, *(None if name is None else Path(name) for name in tls))
    return InProcess() if array_task is None else ArrayTask.parse(array_task)


def _run(store: Store, engine: Engine, grace: float | None, as_json: bool) -> int:
    """Compute what is missing, and say where that leads."""
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
    """A bar on a terminal; elsewhere a line now and then, for the logs of jobs; nothing beside JSON."""
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
        left = (summary.tiles - summary.done) / rate if rate else float("inf")
        with contextlib.suppress(OSError):  # nobody need read it
            print(
                f"{summary.done:,} of {summary.tiles:,} tiles, {60 * rate:.3g} a minute, about {_duration(left)} left",
                flush=True,
            )

    yield line


def _duration(seconds: float) -> str:
    """A time in words that are short."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172800 else f"{seconds / 86400:.1f} days"


def _dry_run(sweep: Sweep, store: str, workers: int, as_json: bool) -> int:
    """How much a sweep is; its middle tile is computed twice, for the time with and without compiling."""
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
    """How many tiles have a record."""
    done, tiles = store.num_recorded(), store.sweep.num_tiles
    if as_json:
        print(json.dumps({"store": str(store.path), "tiles": tiles, "tiles_done": done}))
    else:
        print(f"{store.sweep}\n  {done:,} finished, {tiles - done:,} missing (--check reads them all)")
    return 0


def _check(store: Store, as_json: bool) -> int:
    """Read every tile against its record."""
    started = time.monotonic()
    finished, damaged = store.finished()
    foreign = store.foreign()
    if not store.in_use:  # else a tile may be between its chunks and its record
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
    from ..output.plots import plot_sweep

    picture = store.path.resolve().with_suffix(".png")
    plot_sweep(store.path, picture)
    svg = picture.with_suffix(".svg")
    answer = {"store": str(store.path), "picture": str(picture), "svg": str(svg)}
    print(json.dumps(answer) if as_json else f"Drawn: {picture} and {svg}")
    return 0
