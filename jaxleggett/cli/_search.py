"""`jaxleggett search`: Leggett inequalities, and where the explicit model breaks, by gradients."""

from __future__ import annotations

import click

from ._shared import TIME_LIMIT, Choice, Common, Count, command, exit_code, progress_bar, say_ending


@command(
    example="jaxleggett search --target model --restarts 256",
    options=[
        click.Option(
            ["--pairs"],
            type=Count(1, "MAX_SEARCHED_PAIRS"),
            help="Setting pairs of the inequality [default: 6, one orbit, or --start's].",
        ),
        click.Option(
            ["--sides"],
            metavar="MxN",
            help="Let the pairs share M settings of Alice and N of Bob, as 4x4 [default: every pair has its own].",
        ),
        click.Option(
            ["--restarts"],
            type=Count(1, "MAX_RESTARTS"),
            help="Random beginnings [default: 64 for an inequality, 4096 for the model].",
        ),
        click.Option(
            ["--symmetry"], metavar="none|T|O|I|Dn", help="Let the pairs be orbits of a rotation group [default: none]."
        ),
        click.Option(
            ["--start"],
            metavar="FILE",
            help="Begin with the inequality of this JSON file (as --out writes it, or --json), and with perturbed "
            "copies.",
        ),
        click.Option(
            ["--target"],
            type=Choice(["inequality", "model"]),
            default="inequality",
            show_default=True,
            help="model: the smallest visibility at which the explicit model has a negative probability.",
        ),
        TIME_LIMIT,
        click.Option(["--certify"], is_flag=True, help="Prove the inequality's bound, rounding included."),
    ],
)
def search(
    common: Common,
    pairs: int | None,
    sides: str | None,
    restarts: int | None,
    symmetry: str | None,
    start: str | None,
    target: str,
    time_limit: float | None,
    certify: bool,
) -> int:
    """Look for Leggett inequalities that exclude Werner states from a low visibility on.

    Settings and coefficients are improved by gradients from many random beginnings at once, and the
    best are polished. Ctrl-C returns the best found so far.
    """
    common.devices()
    from .._checks import InputError
    from ..inequalities.files import read_inequality
    from ..output import saved
    from ..searches import search as search_for
    from ..searches.run import RESTARTS

    common.refuse_single("search")
    if target == "model":
        other = {"--pairs": pairs, "--sides": sides, "--symmetry": symmetry, "--start": start}
        other["--time-limit"] = time_limit
        if given := [name for name, value in other.items() if value is not None] + ["--certify"] * certify:
            raise InputError(f"{given[0]} must be left out with --target model")
        return _search_model(common, restarts)
    first = None if start is None else read_inequality(start)
    with common.folder(saved.SEARCH_FILES) as folder:
        with progress_bar("searching") as show:
            found = search_for(
                pairs,
                sides=sides,
                restarts=restarts or RESTARTS,
                seed=common.seed,
                symmetry="none" if symmetry is None else symmetry,
                start=first,
                time_limit=time_limit,
                certify=certify,
                progress=show,
            )
        answer = {**found.to_json(), "symmetry": "none" if symmetry is None else symmetry, "seed": common.seed}

        def report() -> None:
            print(found)
            say_ending(found.status)
            if found.inequality is not None:
                print(f"\n{found.inequality}")

        common.answer(answer, report, folder, lambda folder, line: saved.save_search(found, answer, folder, line))
    common.say_written(saved.SEARCH_FILES)
    return exit_code(found.status)


def _search_model(common: Common, restarts: int | None) -> int:
    """`--target model`: the smallest visibility at which the explicit model breaks."""
    from ..output import saved
    from ..searches.explicit_model import STARTS, break_model

    with common.folder(saved.SEARCH_FILES) as folder:
        with progress_bar("searching") as show:
            found = break_model(restarts or STARTS, common.seed, progress=show)
        answer = {"target": "model", **found.to_json(), "seed": common.seed}

        def report() -> None:
            print(found)
            say_ending(found.status)
            if found.witness is not None:
                print(f"\nA negative probability to recompute by hand at V = {found.witness_visibility:.9f}:")
                print(found.witness)

        common.answer(answer, report, folder, lambda folder, line: saved.save_report(answer, folder, line))
    common.say_written(saved.SEARCH_FILES)
    return exit_code(found.status)
