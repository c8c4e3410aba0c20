"""What is done to the project, by name: the one list that CI, the hooks of pre-commit and people share.

    python scripts/tasks.py              # lists the tasks
    python scripts/tasks.py lint types   # runs some, one after the other, until one fails

The tasks run with the Python that runs this script, so call it as `.venv/bin/python scripts/tasks.py`. Needs nothing
but the standard library; `tools` installs what the other tasks need.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

PYTHON = sys.executable


class Task(NamedTuple):
    """A line that says what a task is for, and its commands."""

    summary: str
    commands: list[list[str]]


def _python(line: str) -> list[str]:
    """A command of this Python's environment: `ruff check` is run as `python -m ruff check`."""
    return [PYTHON, "-m", *shlex.split(line)]


TASKS = {
    "tools": Task(
        "install the pinned tools of the groups `dev` and `docs` into this environment",
        # Dependency groups are known to pip from 25.1 on; a new environment may have an older one.
        [_python("pip install -q --upgrade pip>=25.1"), _python("pip install -q --group dev --group docs")],
    ),
    "tests": Task("run the tests (minutes)", [_python("pytest")]),
    "thorough": Task("run those that take seconds each (minutes)", [_python("pytest -m 'thorough and not slow'")]),
    "slow": Task("run the tests that take long (an hour)", [_python("pytest -m slow")]),
    "coverage": Task(
        "run the tests, and list the lines that none of them runs",
        [_python("pytest -m 'not slow and not gpu' --cov=jaxleggett --cov-report=term-missing:skip-covered")],
    ),
    "format": Task("write the code as ruff does", [_python("ruff check --fix"), _python("ruff format")]),
    "lint": Task("check the code by ruff's rules", [_python("ruff check"), _python("ruff format --check")]),
    "types": Task("check the types", [_python(f"pyright --pythonpath {shlex.quote(PYTHON)}")]),
    "docs": Task(
        "make the documentation site in build/docs, every warning an error",
        # The tests of its extensions need the tools. All pages are read anew (-E): from those that have not changed
        # Sphinx would not warn again.
        [
            _python("pytest -q -n 0 tests/docs"),
            _python("sphinx -W --keep-going -E -q -d build/doctrees docs build/docs"),
        ],
    ),
    "compatibility": Task(
        "try every supported Python of this machine, and the lowest versions of what the package needs",
        [[PYTHON, "scripts/compatibility.py"]],
    ),
}
"""Name -> task."""


def main(names: list[str]) -> int:
    """Run tasks; the exit code is that of the first command that fails, 2 for a name that is none, else 0."""
    if {"-h", "--help"} & set(names):
        print(__doc__)
        names = []
    if unknown := [name for name in names if name not in TASKS]:
        print(f"error: no task is named {unknown[0]}; there are {', '.join(TASKS)}", file=sys.stderr)
        return 2
    if not names:
        for name, task in TASKS.items():
            print(f"{name:14} {task.summary}")
    for name in names:
        for command in TASKS[name].commands:
            print("+", shlex.join(command), flush=True)
            if code := subprocess.run(command, cwd=ROOT).returncode:
                return code
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
