"""`jaxleggett check`: certificates, proved again without JAX."""

from __future__ import annotations

import json

import click

from ._shared import Number, epilog


@click.command(
    epilog=epilog("jaxleggett check results/records/24/inequality.json"),
    params=[
        click.Argument(["files"], nargs=-1, required=True, metavar="FILE..."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON list and nothing else."),
        click.Option(
            ["--time-limit"],
            type=Number(above=0),
            metavar="SECONDS",
            help="Give up the proof of a file after this long.",
        ),
    ],
)
def check(files: tuple[str, ...], as_json: bool, time_limit: float | None) -> int:
    """Prove again what files claim: an inequality, a certificate, a model, or a folder with one of them.

    Says in a line for each file what is proved, by a checker that needs NumPy alone and shares no code with the
    searches and the linear programmes. Exits with 1 where something is not proved, and says where.
    """
    import functools
    import os
    import time
    from pathlib import Path

    from .._checks import InputError
    from .._clock import late
    from ..proofs.checker.files import checked
    from ..proofs.checker.search import bounded
    from ..proofs.symmetries import with_symmetries

    for name in files:
        if not os.path.exists(name):  # Path.exists raises an error for names that are too long
            raise InputError(f"FILE must be a file or a folder, but {name!r} does not exist")
    answers: list[dict[str, object]] = []
    for name in files:
        ends = None if time_limit is None else time.monotonic() + time_limit
        try:
            found = checked(Path(name), with_symmetries, functools.partial(bounded, late=functools.partial(late, ends)))
        except OSError as error:
            raise InputError(f"FILE {name!r} cannot be read: {error.strerror or error}") from None
        answers.append({"file": name, "proved": found.proved, "statement": found.statement})
        answers[-1] |= {key: x for key in ("bound", "visibility") if (x := getattr(found, key)) is not None}
        if not as_json:
            print(f"{name}: {'proved' if found.proved else 'NOT PROVED'}: {found.statement}", flush=True)
    if as_json:
        print(json.dumps(answers, allow_nan=False))
    return 0 if all(answer["proved"] for answer in answers) else 1
