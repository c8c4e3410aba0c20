"""`jaxleggett analyze`: measured counts against every Leggett model."""

from __future__ import annotations

import click

from ._shared import (
    MISALIGNMENT,
    PROJECT,
    STATE,
    TIME_LIMIT,
    Choice,
    Common,
    Count,
    Number,
    command,
    exit_code,
    progress_bar,
    say_ending,
)


@command(
    example="jaxleggett analyze results/worked_experiment/counts.csv --resamples 20",
    notes="COUNTS is a CSV file with the header ax,ay,az,bx,by,bz,npp,npm,nmp,nmm (np0,nm0,n0p,n0m,n00 may follow: "
    "missing outcomes), a JSON file of Qiskit's or KwiatLab's, or a file of trials with the header "
    "index,pair,alpha,beta, whose pairs are rows of --settings (ax,ay,az,bx,by,bz,probability).",
    options=[
        click.Argument(["counts"]),
        click.Option(
            ["--settings"], metavar="FILE", help="Of trials: the setting pairs, and how likely each is drawn."
        ),
        click.Option(
            ["--inequality"],
            metavar="FILE",
            help="Test the inequality of this JSON file, fixed before the counts were looked at [default: the best at "
            "the settings].",
        ),
        STATE,
        PROJECT,
        click.Option(
            ["--choose"],
            type=Choice(["settings", "counts"]),
            default="settings",
            show_default=True,
            help="What the inequality is chosen from: the settings alone, or a part of the counts (--split).",
        ),
        click.Option(
            ["--split"],
            type=Number(),
            metavar="SHARE",
            help="Choose on this share of the data, of trials the first ones, and test on the rest.",
        ),
        MISALIGNMENT,
        click.Option(
            ["--missing"],
            type=Choice(["fair", "worst"]),
            default="fair",
            show_default=True,
            help="Events with a missing outcome are left out (fair sampling), or counted with the least score.",
        ),
        click.Option(
            ["--alice-bit"],
            type=Choice(["0", "1"]),
            default="1",
            show_default=True,
            help="Of Qiskit's counts: the classical bit that is Alice's; bit 0 stands rightmost.",
        ),
        click.Option(
            ["--resamples"],
            type=Count(0, "MAX_RESTARTS"),
            default=100,
            show_default=True,
            help="Resamples of the bootstrap for the distance of the correlations from the Leggett set.",
        ),
        TIME_LIMIT,
    ],
)
def analyze(
    common: Common,
    counts: str,
    settings: str | None,
    inequality: str | None,
    state: str,
    project: bool,
    choose: str,
    split: float | None,
    misalignment: float,
    missing: str,
    alice_bit: str,
    resamples: int,
    time_limit: float | None,
) -> int:
    """Hold measured counts, or trials, against every Leggett model by an inequality whose bound is proved.

    The p-value is valid for any number of events; what it assumes is printed beside it.
    """
    common.devices()
    from .. import states
    from ..experiments import AnalysisOptions, analyze, read_data
    from ..inequalities.files import read_inequality
    from ..output import saved

    common.refuse_single("analyze")
    data = read_data(counts, settings, alice=int(alice_bit))
    given = None if inequality is None else read_inequality(inequality)
    target = states.parse_nearest_state(state)[0] if project else states.parse_state(state)
    options = AnalysisOptions(
        misalignment=misalignment,
        missing=missing,  # type: ignore[arg-type]
        choose=choose,  # type: ignore[arg-type]
        split=split,
        resamples=resamples,
    )
    with common.folder(saved.ANALYSIS_FILES) as folder:
        with progress_bar("analysing") as show:
            found = analyze(
                data,
                given,
                state=target,
                options=options,
                seed=common.seed,
                time_limit=time_limit,
                progress=show,
            )
        answer = {**found.to_json(), "state": state, "seed": common.seed}

        def report() -> None:
            print(found)
            say_ending(found.status)

        common.answer(
            answer, report, folder, lambda folder, line: saved.save_analysis(found, data, answer, folder, line)
        )
    common.say_written(saved.ANALYSIS_FILES)
    return exit_code(found.status)
