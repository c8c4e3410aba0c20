"""`jaxleggett search`: Leggett inequalities, and where the explicit model breaks, by gradients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._shared import (
    INTERRUPTED,
    Count,
    Positive,
    answered,
    command_line,
    devices,
    progress_bar,
    refuse_single,
    say_written,
    shared_options,
)

if TYPE_CHECKING:
    from ..runs import Progress


@click.command()
@click.option(
    "--pairs",
    type=Count(1, "MAX_SEARCHED_PAIRS"),
    help="Setting pairs of the inequality [default: 6, one orbit, or --start's].",
)
@click.option(
    "--restarts",
    type=Count(1, "MAX_RESTARTS"),
    help="Random beginnings [default: 64 for an inequality, 4096 for the model].",
)
@click.option(
    "--symmetry", metavar="none|T|O|I|Dn", help="Let the pairs be orbits of a rotation group [default: none]."
)
@click.option(
    "--start",
    metavar="FILE",
    help="Begin with the inequality of this JSON file (as --out writes it, or --json), and with perturbed copies.",
)
@click.option(
    "--target",
    type=click.Choice(["inequality", "model"]),
    default="inequality",
    show_default=True,
    help="model: the smallest visibility at which the explicit model has a negative probability.",
)
@click.option("--time-limit", type=Positive(), metavar="SECONDS", help="Return the best so far after this long.")
@click.option("--certify", is_flag=True, help="Prove the inequality's bound, rounding included.")
@shared_options
def search(
    pairs: int | None,
    restarts: int | None,
    symmetry: str | None,
    start: str | None,
    target: str,
    time_limit: float | None,
    certify: bool,
    seed: int,
    as_json: bool,
    out: str | None,
    force: bool,
    platform: str | None,
    precision: str,
) -> int:
    """Look for Leggett inequalities that exclude Werner states from a low visibility on.

    Settings and coefficients are improved by gradients from many random beginnings at once, and the
    best are polished. Ctrl-C returns the best found so far.
    """
    devices(platform)
    from .._checks import InputError
    from ..inequalities.files import read_inequality
    from ..output import folders, saved
    from ..searches import search as search_for
    from ..searches.run import RESTARTS

    refuse_single(precision, "search")
    if target == "model":
        other = {"--pairs": pairs, "--symmetry": symmetry, "--start": start, "--time-limit": time_limit}
        if given := [name for name, value in other.items() if value is not None] + ["--certify"] * certify:
            raise InputError(f"{given[0]} must be left out with --target model")
        return _break(restarts, seed, as_json, out, force)
    first = None if start is None else read_inequality(start)
    with folders.claimed(out, saved.SEARCH_FILES, force) as folder:
        with progress_bar("searching") as progress:

            def tell(event: Progress) -> None:
                if progress:
                    best = 1.0 if event.upper is None else event.upper
                    progress(event.done, "no violation yet" if best >= 1 else f"best so far {best:.6f}")

            found = search_for(
                pairs,
                restarts=restarts or RESTARTS,
                seed=seed,
                symmetry="none" if symmetry is None else symmetry,
                start=first,
                time_limit=time_limit,
                certify=certify,
                progress=tell,
            )
        answer: dict[str, Any] = {**found.to_json(), "symmetry": "none" if symmetry is None else symmetry, "seed": seed}

        def report() -> None:
            print(found)
            if found.inequality is not None:
                print(f"\n{found.inequality}")

        def save(folder: Path) -> None:
            saved.save_search(found, answer, folder, command_line())

        answered(answer, as_json, report, folder, save)
    say_written(out, saved.SEARCH_FILES, as_json)
    return INTERRUPTED if found.status == "interrupted" else 0


def _break(restarts: int | None, seed: int, as_json: bool, out: str | None, force: bool) -> int:
    """`--target model`."""
    from ..output import folders, saved
    from ..searches.explicit_model import STARTS, break_model

    with folders.claimed(out, saved.SEARCH_FILES, force) as folder:
        with progress_bar("searching") as progress:

            def tell(event: Progress) -> None:
                if progress:
                    progress(event.done, f"best so far {event.upper:.12f}")

            found = break_model(restarts or STARTS, seed, progress=tell)
        answer = {"target": "model", **found.to_json(), "seed": seed}

        def report() -> None:
            print(found)
            if found.witness is not None:
                print(f"\nA negative probability to recompute by hand at V = {found.witness_visibility:.9f}:")
                print(found.witness)

        answered(answer, as_json, report, folder, lambda folder: saved.save_break(answer, folder, command_line()))
    say_written(out, saved.SEARCH_FILES, as_json)
    return INTERRUPTED if found.status == "interrupted" else 0
