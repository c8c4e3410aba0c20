"""`jaxleggett explore`: the interactive page."""

from __future__ import annotations

import json
import sys

import click

from ._shared import epilog


@click.command(
    epilog=epilog("jaxleggett explore --out leggett_page"),
    params=[
        click.Option(["--out"], metavar="DIR", required=True, help="The folder to write index.html and meta.json to."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object and nothing else."),
        click.Option(["--force"], is_flag=True, help="Let --out overwrite another run's data."),
    ],
)
def explore(out: str, as_json: bool, force: bool) -> int:
    """Write an interactive page: one HTML file that any browser opens, without a network.

    It shows the bounds that one pair of settings puts on the correlator, the model's weights and where a probability
    turns negative; the settings of the best inequalities on spheres that turn; and up to which visibility Werner
    states are compatible with each notion.
    """
    from pathlib import Path

    from ..output import folders
    from ..output.explore import FILES, write_page

    with folders.claimed(out, FILES, force) as folder:
        assert folder is not None  # a folder is always named
        write_page(folder, ["jaxleggett", *sys.argv[1:]])
    path = Path(out) / FILES[0]
    if as_json:
        print(json.dumps({"path": str(path)}))
    else:
        print(f"Written: {path}, one file that needs no network. Open it in a browser:\n  {path.resolve().as_uri()}")
    return 0
