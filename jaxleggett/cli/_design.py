"""`jaxleggett design`: plan a test before there are counts."""

from __future__ import annotations

import click

from ._shared import MISALIGNMENT, PROJECT, STATE, TIME_LIMIT, Common, Count, Number, command


@command(
    example="jaxleggett design --visibility 0.93 --pairs 8 --counts-per-pair 2000",
    options=[
        click.Option(
            ["--visibility"],
            type=Number(above=0),
            required=True,
            metavar="V",
            help="Visibility that the source should have.",
        ),
        click.Option(
            ["--pairs"],
            type=Count(1, "MAX_SEARCHED_PAIRS"),
            help="Most setting pairs [default: few pairs that need few events].",
        ),
        click.Option(["--sides"], metavar="MxN", help="Most settings of Alice and of Bob, as 4x6, instead."),
        click.Option(
            ["--settings"],
            metavar="SETTINGS",
            help="The settings, where they are given: random:N, grid:N, equatorial:N, icosahedron or a CSV file.",
        ),
        click.Option(
            ["--counts-per-pair"],
            type=Count(1, "MAX_COUNTS"),
            default=1000,
            show_default=True,
            help="Planned number of events at each pair.",
        ),
        STATE,
        PROJECT,
        MISALIGNMENT,
        TIME_LIMIT,
    ],
)
def design(
    common: Common,
    visibility: float,
    pairs: int | None,
    sides: str | None,
    settings: str | None,
    counts_per_pair: int,
    state: str,
    project: bool,
    misalignment: float,
    time_limit: float | None,
) -> int:
    """Plan a test of Leggett's models: settings, an inequality with a proved bound, and how many events it takes.

    --out also writes the settings with the angles of wave plates and of gates that measure them.
    """
    common.devices()
    from .. import states
    from ..experiments import design
    from ..output import saved
    from ..settings import SettingPairs

    common.refuse_single("design")
    given = None if settings is None else SettingPairs.parse(settings, common.seed)
    target = states.parse_nearest_state(state)[0] if project else states.parse_state(state)
    with common.folder(saved.DESIGN_FILES) as folder:
        found = design(
            visibility,
            pairs,
            sides=sides,
            settings=given,
            counts_per_pair=counts_per_pair,
            state=target,
            misalignment=misalignment,
            seed=common.seed,
            time_limit=time_limit,
        )
        answer = {"state": state, **found.to_json(), "seed": common.seed}
        common.answer(
            answer, lambda: print(found), folder, lambda folder, line: saved.save_design(found, answer, folder, line)
        )
    common.say_written(saved.DESIGN_FILES)
    return 0
