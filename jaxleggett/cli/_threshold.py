"""`jaxleggett threshold`: the largest compatible visibility, from both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._shared import (
    INTERRUPTED,
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
    from ..thresholds import Threshold


@click.command()
@click.option(
    "--state",
    metavar="STATE",
    default="werner",
    show_default=True,
    help="werner, bell-diagonal:t1,t2,t3, pure:THETA, or a density matrix in a .npy, .npz, .mat or .json file.",
)
@click.option("--project", is_flag=True, help="Take the state nearest to a measured density matrix, and say how far.")
@click.option(
    "--settings",
    metavar="SETTINGS|all",
    help="all [default], random:N, grid:N, equatorial:N, icosahedron or a CSV file.",
)
@click.option("--tolerance", type=Positive(), default=1e-4, show_default=True, help="Distance of the bounds to reach.")
@click.option("--time-limit", type=Positive(), metavar="SECONDS", help="Return the bracket as it is after this long.")
@click.option("--certify", is_flag=True, help="Prove both bounds at finitely many settings, rounding included.")
@click.option(
    "--inequality",
    metavar="FILE",
    help="Only bound the inequality of this JSON file (as --out writes it, or --json) anew, and say what it shows "
    "about the state.",
)
@shared_options
def threshold(
    state: str,
    project: bool,
    settings: str | None,
    tolerance: float,
    time_limit: float | None,
    certify: bool,
    inequality: str | None,
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
    devices(platform)
    from .. import states, thresholds
    from .._checks import InputError
    from ..inequalities.files import read_inequality
    from ..output import folders, saved

    refuse_single(precision, "threshold")
    if inequality is not None and settings is not None:
        raise InputError("--settings must be left out with --inequality, which has its own")
    target, distance = states.parse_nearest_state(state) if project else (states.parse_state(state), None)
    given = None if inequality is None else read_inequality(inequality)
    history: list[tuple[float, float]] = []
    with folders.claimed(out, saved.THRESHOLD_FILES, force) as folder:
        with progress_bar("closing the bracket") as progress:

            def closing(event: Progress) -> None:
                assert event.lower is not None
                assert event.upper is not None
                history.append((event.lower, event.upper))
                if progress:
                    progress(event.done)

            effort = {"tolerance": tolerance, "time_limit": time_limit, "certify": certify, "seed": seed}
            if given is not None:
                result = thresholds.prove(given, target, **effort)
            else:
                result = thresholds.threshold(target, settings or "all", **effort, progress=closing)
        answer = {"state": state, "projection_distance": distance, **result.to_json(), "seed": seed}
        answered(
            answer,
            as_json,
            lambda: _report_threshold(state, distance, result),
            folder,
            lambda folder: saved.save_threshold(result, answer, history, folder, command_line()),
        )
    say_written(out, saved.THRESHOLD_FILES, as_json)
    return INTERRUPTED if result.status == "interrupted" else 0


def _report_threshold(state: str, distance: float | None, result: Threshold) -> None:
    """The bracket in words."""
    if distance is not None:
        print(f"The state nearest to {state} is taken, at a distance of {distance:.3g} (Frobenius norm).")
    print(f"{state}: {result}\n")
    if result.inequality is None:
        print("The state itself (V = 1) is not excluded: no Leggett inequality at these settings is needed.")
    else:
        print(f"Every Leggett model obeys an inequality that this state breaks above V = {result.upper:.9f}.")
    if result.model is not None:
        print(f"Below V = {result.lower:.9f} an explicit Leggett model reproduces it.")
