"""`jaxleggett simulate`: counts as a source would give them."""

from __future__ import annotations

import click

from ._shared import STATE, Choice, Common, Count, Number, command


@command(
    example="jaxleggett simulate --visibility 0.93 --settings random:12 --counts 1000",
    notes="Without --out the counts are printed as a CSV file, so that they can go to one: > counts.csv",
    options=[
        STATE,
        click.Option(
            ["--visibility"],
            type=Number(),
            metavar="V",
            default=1.0,
            show_default=True,
            help="White-noise visibility; a Leggett model has at most that of its boundary.",
        ),
        click.Option(
            ["--settings"],
            metavar="SETTINGS",
            required=True,
            help="random:N, grid:N, equatorial:N, icosahedron or a CSV file; for --trials also with probabilities.",
        ),
        click.Option(["--counts"], type=Count(1, "MAX_COUNTS"), help="Events at each pair [default: 1000]."),
        click.Option(["--trials"], type=Count(1, "MAX_TRIALS"), help="Trials at pairs drawn at random instead."),
        click.Option(
            ["--model"],
            type=Choice(["quantum", "leggett"]),
            default="quantum",
            show_default=True,
            help="quantum statistics, or events of the Leggett model that goes farthest at these settings.",
        ),
    ],
)
def simulate(
    common: Common,
    state: str,
    visibility: float,
    settings: str,
    counts: int | None,
    trials: int | None,
    model: str,
) -> int:
    """Draw detection events of a quantum source, or of a Leggett model at its boundary, as counts or as trials."""
    common.devices()
    from .. import states
    from .._checks import InputError, counted
    from ..experiments import Counts, read_settings, simulate, simulate_trials, source_of
    from ..output import saved

    common.refuse_single("simulate")
    if counts is not None and trials is not None:
        raise InputError("--counts must be left out with --trials")
    if trials is not None and common.out is None and not common.as_json:
        raise InputError("--out must name a folder with --trials, which makes two files: trials and settings")
    pairs, probabilities = read_settings(settings, common.seed)
    target = states.parse_state(state)
    source, reached = source_of(target, visibility, pairs, model, common.seed)
    with common.folder(saved.SIMULATION_FILES) as folder:
        answer = {"state": state, "visibility": reached, "model": model, "num_pairs": len(pairs), "seed": common.seed}
        if trials is not None:
            made = simulate_trials(source, pairs, trials, probabilities, common.seed)
            answer |= {"trials": len(made)}
        else:
            made = simulate(source, pairs, counts or 1000, common.seed)
            answer |= {"counts": made.counts.tolist(), "settings": {"a": pairs.a.tolist(), "b": pairs.b.tolist()}}

        def report() -> None:
            if folder is None and isinstance(made, Counts):
                print(made.as_csv(), end="")
            else:
                number = counted(len(pairs), "setting pair")
                print(f"Events of {state} at visibility {reached:.9f} ({model}), {number}.")

        common.answer(answer, report, folder, lambda folder, line: saved.save_simulation(made, answer, folder, line))
    common.say_written(saved.SIMULATION_FILES)
    return 0
