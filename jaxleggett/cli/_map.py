"""`jaxleggett map`: every correlation of the note with its verdicts."""

from __future__ import annotations

import click

from ._shared import TIME_LIMIT, Common, command, exit_code, progress_bar, say_ending


@command(
    example="jaxleggett map --json",
    options=[
        click.Option(
            ["--correlation"],
            metavar="FILE",
            help="The verdicts of this correlation instead: a CSV file with the header ax,ay,az,bx,by,bz,MA,MB,C, or "
            "JSON with the fields a, b, M_A, M_B, C.",
        ),
        TIME_LIMIT,
    ],
)
def map_(common: Common, correlation: str | None, time_limit: float | None) -> int:
    """Say which correlations of Branciard's note have a Leggett, a local, an unsteerable or a separable model.

    Each verdict is computed now, by a model or by an inequality; --json says by which. After a time limit, or
    Ctrl-C, the correlations that are finished have their verdicts, and the others are named.
    """
    common.devices()
    from ..output import saved
    from ..survey import CorrelationTable, survey

    common.refuse_single("map")
    table = None if correlation is None else CorrelationTable.read(correlation)
    with common.folder(saved.MAP_FILES) as folder:
        with progress_bar("computing verdicts") as show:
            found = survey(table, common.seed, show, time_limit)
        answer = {**found.to_json(), "seed": common.seed}

        def report() -> None:
            print(found)
            say_ending(found.status)

        common.answer(answer, report, folder, lambda folder, line: saved.save_survey(found, answer, folder, line))
    common.say_written(saved.MAP_FILES)
    return exit_code(found.status)
