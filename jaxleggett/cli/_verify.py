"""`jaxleggett verify`: sample a Leggett model and hold it against what it should reproduce."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ._shared import INTERRUPTED, Count, answered, command_line, devices, progress_bar, say_written, shared_options

if TYPE_CHECKING:
    from ..verification import Verification

MODELS = ("werner", "white-noise", "great-circle", "pr-box", "separable")

DEFAULT_VISIBILITY = "0.8:0.9:11"

DEFAULT_SETTINGS = {
    "werner": "random:1024",
    "white-noise": "random:1024",
    "great-circle": "equatorial:16",
    "separable": "random:1024",
}


class Scan(click.ParamType):
    """V, or START:STOP:NUM with both ends included."""

    name = "V|START:STOP:NUM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """An array of visibilities."""
        import numpy as np

        from .._checks import InputError, integer, quoted, visibilities

        parts = value.split(":")
        if len(parts) not in (1, 3):
            raise InputError(f"--visibility must be V or START:STOP:NUM, but is {quoted(value)}")
        try:
            ends = [float(part) for part in parts[:2]]
        except ValueError:
            raise InputError(f"--visibility must be a number or START:STOP:NUM, but is {quoted(value)}") from None
        fewest = 1 if ends[0] == ends[-1] else 2
        num = integer("NUM of --visibility START:STOP:NUM", parts[2], fewest, 10**6) if len(parts) == 3 else 1
        V = np.linspace(ends[0], ends[-1], num) if all(map(math.isfinite, ends)) else np.array(ends)
        return visibilities(V)


@click.command()
@click.option(
    "--visibility", type=Scan(), metavar="V|START:STOP:NUM", help=f"One, or a scan [default: {DEFAULT_VISIBILITY}]."
)
@click.option(
    "--settings",
    metavar="SETTINGS",
    help="random:N, grid:N, equatorial:N, icosahedron or a CSV file [default: what the model is made for].",
)
@click.option(
    "--samples", type=Count(1, "MAX_SAMPLES"), default=10**6, show_default=True, help="Hidden vectors to draw."
)
@click.option(
    "--method",
    type=click.Choice(["rqmc", "mc", "exact"]),
    default="rqmc",
    show_default=True,
    help="Randomised low-discrepancy sampling, independent sampling, or quadrature.",
)
@click.option("--model", type=click.Choice(MODELS), default="werner", show_default=True)
@shared_options
def verify(
    visibility: Any,
    settings: str | None,
    samples: int,
    method: Any,
    model: str,
    seed: int,
    as_json: bool,
    out: str | None,
    force: bool,
    platform: str | None,
    precision: Any,
) -> int:
    """Sample a Leggett model and hold it against the statistics it should reproduce.

    Checks that every probability is non-negative and that the averages are right, at each
    visibility V. For the Werner model the answer changes at V_c = (1 + 1/sqrt 2)/2 = 0.853553...
    """
    chosen = devices(platform)
    from .. import verification
    from .._checks import InputError
    from ..output import folders, saved

    if visibility is not None and model != "werner":
        raise InputError(f"--visibility must be left out for --model {model}, which has none")
    family, pairs, V = _model_and_settings(model, settings, visibility, seed)
    with folders.claimed(out, saved.VERIFY_FILES, force) as folder:
        with progress_bar("sampling" if method != "exact" else "integrating") as progress:
            result = verification.verify(
                family,
                pairs,
                V,
                samples=samples,
                method=method,
                seed=seed,
                precision=precision,
                devices=chosen,
                progress=progress and (lambda event: progress(event.done)),
            )
        answered(
            result.to_json(),
            as_json,
            lambda: _report(result),
            folder if result.rows else None,
            lambda folder: saved.save_verification(result, folder, command_line()),
        )
    if result.rows:
        say_written(out, saved.VERIFY_FILES, as_json)
    return 0 if result.status == "complete" else INTERRUPTED


def _model_and_settings(model: str, settings: str | None, visibility: Any, seed: int) -> tuple[Any, Any, Any]:
    """The model (or family), its setting pairs, and the visibilities (None for a model without)."""
    from .. import models
    from ..settings import SettingPairs

    pairs = None if settings is None else SettingPairs.parse(settings, seed)
    if model == "pr-box":
        box = models.PRBoxModel() if pairs is None else models.PRBoxModel.at(pairs)
        return box, pairs or box.pairs, None
    pairs = pairs or SettingPairs.parse(DEFAULT_SETTINGS[model], seed)
    if model == "werner":
        V = visibility if visibility is not None else Scan().convert(DEFAULT_VISIBILITY, None, None)
        return models.WernerModel, pairs, V
    others = {
        "white-noise": models.WhiteNoiseModel,
        "great-circle": models.GreatCircleModel,
        "separable": models.SeparableModel,
    }
    return others[model](), pairs, None


def _report(result: Verification) -> None:
    """What was found, in words, then the table."""
    from ..models import CRITICAL_VISIBILITY

    if not result.rows:
        print("Interrupted before anything was finished.")
        return
    how = (
        "integrated exactly over hidden vectors"
        if result.num_samples is None
        else f"averaged over {result.num_samples:,} hidden vectors ({result.method})"
    )
    print(f"Leggett model '{result.model}' at {len(result.settings):,} setting pairs, {how}.")
    if result.status == "interrupted":
        print("Interrupted: the figures are those of what was finished.")
    print(f"{result.seconds:.1f} s on {result.device}, {result.dtype}.\n")
    for line in _findings(result):
        print(line)
    if any(row.tolerance is None and row.verdict == "reproduces" for row in result.rows):
        print("Too few samples: no error of the averages could have failed.")
    if result.model == "werner":
        print(f"(The note's model is non-negative for 0 <= V <= V_c = {CRITICAL_VISIBILITY:.6f}.)")
    print(f"\n{result}")
    broken = min(result.rows, key=lambda row: row.min_probability)
    if broken.witness:
        at = "" if broken.visibility is None else f" at V = {broken.visibility:.6f}"
        print(f"\nA negative probability to recompute by hand{at}:")
        print(broken.witness)


def _findings(result: Verification) -> Iterator[str]:
    """One sentence per verdict."""
    sentences = {
        "reproduces": "all probabilities are non-negative and the averages agree with the target",
        "negative_probability": "some probabilities are negative, so this is no model there",
        "wrong_average": "the averages miss the target by more than chance allows",
    }
    for verdict, sentence in sentences.items():
        rows = [row for row in result.rows if row.verdict == verdict]
        if not rows:
            continue
        V = sorted(row.visibility for row in rows if row.visibility is not None)
        if not V:
            yield f"{sentence[0].upper()}{sentence[1:]}."
            continue
        span = f"V = {V[0]:.6f}" if len(V) == 1 else f"V = {V[0]:.6f} ... {V[-1]:.6f} ({len(V)} values)"
        yield f"{span}: {sentence}."
