"""`jaxleggett threshold`: the largest compatible visibility, from both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._shared import PROJECT, STATE, TIME_LIMIT, Choice, Common, Number, command, exit_code, progress_bar, say_ending

if TYPE_CHECKING:
    from ..notions import NotionThreshold
    from ..runs import Progress
    from ..thresholds import Threshold


@command(
    example="jaxleggett threshold --state pure:0.7 --settings random:30",
    options=[
        STATE,
        PROJECT,
        click.Option(
            ["--settings"],
            metavar="SETTINGS|all",
            help="all [default], random:N, grid:N, equatorial:N, icosahedron or a CSV file.",
        ),
        click.Option(
            ["--tolerance"],
            type=Number(above=0),
            default=1e-4,
            show_default=True,
            help="Distance of the bounds to reach.",
        ),
        TIME_LIMIT,
        click.Option(["--certify"], is_flag=True, help="Prove both bounds, rounding included."),
        click.Option(
            ["--notion"],
            type=Choice(["leggett", "bell", "steering", "separable", "navascues"]),
            default="leggett",
            show_default=True,
            help="With what the state is to be compatible: a Leggett model, local hidden variables, no steering of Bob "
            "by Alice, a mixture of product states, or a Leggett model with Navascues' further assumptions.",
        ),
        click.Option(
            ["--inequality"],
            metavar="FILE",
            help="Only bound the inequality of this JSON file (as --out writes it, or --json) anew, and say what it "
            "shows about the state.",
        ),
    ],
)
def threshold(
    common: Common,
    state: str,
    project: bool,
    settings: str | None,
    tolerance: float,
    time_limit: float | None,
    certify: bool,
    notion: str,
    inequality: str | None,
) -> int:
    """Bracket the largest white-noise visibility at which a state has a Leggett model, or a model of another notion.

    A model shows the lower bound, an inequality the upper one; both are part of the answer.
    """
    common.devices()
    from .. import notions, states, thresholds
    from .._checks import InputError, quoted
    from ..inequalities.files import read_inequality
    from ..output import saved

    common.refuse_single("threshold")
    if inequality is not None and settings is not None:
        raise InputError("--settings must be left out with --inequality, which has its own")
    if inequality is not None and notion != "leggett":
        raise InputError(f"--notion must be leggett with --inequality, but is {quoted(notion)}")
    target, distance = states.parse_nearest_state(state) if project else (states.parse_state(state), None)
    given = None if inequality is None else read_inequality(inequality)
    history: list[tuple[float, float]] = []
    with common.folder(saved.THRESHOLD_FILES) as folder:
        with progress_bar("closing the bracket") as show:

            def closing(event: Progress) -> None:
                assert event.lower is not None
                assert event.upper is not None
                history.append((event.lower, event.upper))
                if show:
                    show(event)

            if given is not None:
                result = thresholds.prove(
                    given, target, tolerance=tolerance, time_limit=time_limit, certify=certify, seed=common.seed
                )
            else:
                result = notions.threshold(
                    target,
                    "all" if settings is None else settings,
                    notion=notion,
                    tolerance=tolerance,
                    time_limit=time_limit,
                    certify=certify,
                    seed=common.seed,
                    progress=closing,
                )
        answer = {"state": state, "projection_distance": distance, "notion": notion}
        answer |= {**result.to_json(), "seed": common.seed}
        common.answer(
            answer,
            lambda: _report(state, distance, result),
            folder,
            lambda folder, line: saved.save_threshold(result, answer, history, folder, line),
        )
    common.say_written(saved.THRESHOLD_FILES)
    return exit_code(result.status)


def _report(state: str, distance: float | None, result: Threshold | NotionThreshold) -> None:
    """Print the bracket in words."""
    kind = result.kind
    if distance is not None:
        print(f"The state nearest to {state} is taken, at a distance of {distance:.3g} (Frobenius norm).")
    print(f"{state}: {result}\n")
    if result.inequality is None and result.status != "converged":
        print("No inequality that excludes the state has been found so far.")
    elif result.inequality is None:
        print("The state itself (V = 1) is not excluded: no inequality at these settings is needed.")
    else:
        print(f"Every {kind} obeys an inequality that this state breaks above V = {result.upper:.9f}.")
    if result.model is not None:
        print(f"Below V = {result.lower:.9f} an explicit {kind} reproduces it.")
    say_ending(result.status)
