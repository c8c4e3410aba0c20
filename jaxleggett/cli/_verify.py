"""`jaxleggett verify`: sample a Leggett model and hold it against what it should reproduce."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import click

from ..models.registry import MODELS
from ._shared import Choice, Common, Count, command, exit_code, progress_bar, say_ending

if TYPE_CHECKING:
    import numpy as np

    from ..verification import Verification

DEFAULT_MODEL = "werner"

POVM = "povm"
"""The one model that is not in `MODELS`: it is for POVMs, so that its measurements are no setting vectors."""

SUMMARIES = {
    **{name: entry.summary for name, entry in MODELS.items()},
    POVM: "Werner states, for any two POVMs (--povms): V = 0.66, or V_c and more if one has two outcomes.",
}
"""The names that --model takes, and a line on each."""


class Scan(click.ParamType):
    """V, or START:STOP:NUM with both ends included."""

    name = "V|START:STOP:NUM"

    def convert(self, value: str | np.ndarray, param: click.Parameter | None, ctx: click.Context | None) -> np.ndarray:
        """An array of visibilities; InputError, which names the option, for any other text."""
        return scan(value) if isinstance(value, str) else value


def scan(text: str) -> np.ndarray:
    """The visibilities that V or START:STOP:NUM stands for; InputError for any other text.

    >>> scan("0:1:3")
    array([0. , 0.5, 1. ])
    """
    import numpy as np

    from .._checks import InputError, integer, quoted, visibilities

    parts = text.split(":")
    try:
        ends = [float(part) for part in parts[:2]]
    except ValueError:
        ends = []
    if len(parts) not in (1, 3) or not ends:
        raise InputError(f"--visibility must be a number or START:STOP:NUM, but is {quoted(text)}")
    # A scan has both its ends, so that one visibility is enough only where they are the same.
    fewest = 1 if ends[0] == ends[-1] else 2
    num = integer("NUM of --visibility START:STOP:NUM", parts[2], fewest, 10**6) if len(parts) == 3 else 1
    # linspace would warn of ends that are not finite; `visibilities` refuses them.
    return visibilities(np.linspace(ends[0], ends[-1], num) if all(map(math.isfinite, ends)) else np.array(ends))


@command(
    example="jaxleggett verify --settings random:64 --samples 1e4",
    notes="\n".join(["\b", "Models:", *(f"  {name:12}  {summary}" for name, summary in SUMMARIES.items())]),
    options=[
        click.Option(
            ["--visibility"],
            type=Scan(),
            metavar="V|START:STOP:NUM",
            help=f"One, or a scan [default: {MODELS[DEFAULT_MODEL].visibility}].",
        ),
        click.Option(
            ["--settings"],
            metavar="SETTINGS",
            help="random:N, grid:N, equatorial:N, icosahedron or a CSV file [default: what the model is made for].",
        ),
        click.Option(
            ["--samples"],
            type=Count(1, "MAX_SAMPLES"),
            default=10**6,
            show_default=True,
            help="Hidden vectors to draw.",
        ),
        click.Option(
            ["--method"],
            type=Choice(["rqmc", "mc", "exact"]),
            default="rqmc",
            show_default=True,
            help="Randomised low-discrepancy sampling, independent sampling, or quadrature.",
        ),
        click.Option(["--model"], type=Choice(list(SUMMARIES)), default=DEFAULT_MODEL, show_default=True),
        click.Option(
            ["--povms"],
            metavar="FILE",
            help="The measurements of --model povm: JSON with the fields alice and bob, each with the weights m and "
            "the vectors r of effects m (1 + r.sigma).",
        ),
    ],
)
def verify(
    common: Common,
    visibility: np.ndarray | None,
    settings: str | None,
    samples: int,
    method: Literal["rqmc", "mc", "exact"],
    model: str,
    povms: str | None,
) -> int:
    """Sample a Leggett model and hold it against the statistics it should reproduce.

    Checks that every probability is non-negative and that the averages are right, at each
    visibility V. For the Werner model the answer changes at V_c = (1 + 1/sqrt 2)/2 = 0.853553...
    """
    devices = common.devices()
    from .. import verification
    from .._checks import InputError
    from ..output import saved

    if model == POVM:
        for name, given in (("--visibility", visibility), ("--settings", settings)):
            if given is not None:
                raise InputError(f"{name} must be left out with --model povm")
        if method == "exact":
            raise InputError("--method must not be exact with --model povm, which is sampled")
        return _verify_povms(common, povms, samples)
    if povms is not None:
        raise InputError(f"--povms must be left out for --model {model}")
    entry = MODELS[model]
    if visibility is not None and entry.visibility is None:
        raise InputError(f"--visibility must be left out for --model {model}, which has none")
    family, pairs = entry.build(settings, common.seed)
    if visibility is None and entry.visibility is not None:
        visibility = scan(entry.visibility)
    with common.folder(saved.VERIFY_FILES) as folder:
        with progress_bar("sampling" if method != "exact" else "integrating") as show:
            result = verification.verify(
                family,
                pairs,
                visibility,
                samples=samples,
                method=method,
                seed=common.seed,
                precision=common.precision,
                devices=devices,
                progress=show,
            )
        common.answer(
            result.to_json(),
            lambda: _report(result, entry.remark),
            # Where nothing was finished there is nothing to write.
            folder if result.rows else None,
            lambda folder, line: saved.save_verification(result, folder, line),
        )
    if result.rows:
        common.say_written(saved.VERIFY_FILES)
    return exit_code(result.status)


def _verify_povms(common: Common, file: str | None, samples: int) -> int:
    """`--model povm`: sample the model of docs/POVMS.md, independently, for the two measurements of a file."""
    import time

    from .._checks import InputError
    from ..output import saved
    from ..povms import best_model, verify_povms
    from ..povms.measurement import read_povms

    common.refuse_single("--model povm")
    if file is None:
        raise InputError("--povms must name a JSON file with --model povm")
    started = time.monotonic()
    model = best_model(*read_povms(file))
    with common.folder(saved.REPORT_FILES) as folder:
        with progress_bar("sampling") as show:
            found = verify_povms(model, samples, common.seed, progress=show)
        answer = {"model": POVM, "method": "mc", **found.to_json(), "visibility": float(model.visibility)}
        answer |= {"seed": common.seed, "seconds": time.monotonic() - started}

        def report() -> None:
            print(f"Leggett model 'povm' at V = {float(model.visibility):.6f}: {found}")
            say_ending(found.status)

        common.answer(answer, report, folder, lambda folder, line: saved.save_report(answer, folder, line))
    common.say_written(saved.REPORT_FILES)
    return exit_code(found.status)


def _report(result: Verification, remark: str) -> None:
    """Print what was found: in words, with the model's `remark`, and then as a table."""
    from .._checks import counted

    if not result.rows:
        print("Interrupted before anything was finished.")
        return
    how = (
        "integrated exactly over hidden vectors"
        if result.num_samples is None
        else f"averaged over {counted(result.num_samples, 'hidden vector')} ({result.method})"
    )
    print(f"Leggett model '{result.model}' at {counted(len(result.settings), 'setting pair')}, {how}.")
    say_ending(result.status)
    print(f"{result.seconds:.1f} s on {result.device}, {result.dtype}.\n")
    for line in _findings(result):
        print(line)
    if any(row.tolerance is None and row.verdict == "reproduces" for row in result.rows):
        print("Too few samples: no error of the averages could have failed.")
    if remark:
        print(remark)
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
