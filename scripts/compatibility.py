"""Does the package work with every Python, and with the lowest versions, that it says it works with?

    python scripts/compatibility.py [--pythons 3.11,3.12,3.13] [--tests "tests/models tests/lp"]

For each of these Pythons that the machine has: a new environment, the package as it is committed with its extra `test`,
and a selection of the tests (one process; `--tests` names another). The first of them is tried twice: with the newest
versions that pip finds, and with the lowest that pyproject.toml allows of everything that it names. Prints a table, and
writes results/compatibility: table.json, meta.json. Exits with 1 where an environment cannot be made, where a test
fails, and where none ran.
"""

from __future__ import annotations

import glob
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple, TypedDict
from xml.etree import ElementTree

import common

from jaxleggett.output import provenance

FOLDER = common.RESULTS / "compatibility"

PYTHONS = ("3.11", "3.12", "3.13")

WHICH = "not slow and not gpu"
"""Marks of the tests that are run."""

SELECTION = (
    "tests/test_correlation.py tests/test_settings.py tests/test_sphere.py tests/test_states.py "
    "tests/test_state_files.py tests/test_imports.py tests/models tests/kernels tests/inequalities tests/proofs "
    "tests/lp tests/output tests/cli/test_help.py tests/cli/test_shared.py"
)
"""Tests that touch every library the package needs, without those whose time goes to searches."""

SHOWN = ("jax", "jaxlib", "numpy", "scipy", "highspy")


class Case(NamedTuple):
    """A Python, and whether it is tried with the `newest` or the `lowest` versions of what the package needs."""

    python: str
    versions: str


class Row(TypedDict):
    """What came of a case. `problem` says in a line why there are no tests; else it is empty."""

    python: str
    versions: str
    installed: dict[str, str]
    passed: int
    failed: int
    skipped: int
    seconds: float
    problem: str


def lowest(requirement: str) -> str:
    """The lowest version that a requirement allows, as a constraint for pip; ValueError where it names none.

    >>> lowest("jaxlib>=0.8,!=0.10.2")
    'jaxlib==0.8'
    """
    found = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)(?:,!=[\d.]+)*", requirement)
    if not found:
        raise ValueError(f"{requirement!r} has no lower bound")
    return f"{found[1]}=={found[2]}"


def requirements() -> list[str]:
    """What the package and its tests need, as pyproject.toml says it."""
    project = tomllib.loads((common.ROOT / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    found: list[str] = [*project["dependencies"]]
    for line in extras["test"]:
        # An extra may stand for another one of this package.
        own = re.fullmatch(r"jaxleggett\[(\w+)\]", line)
        found += extras[own[1]] if own else [line]
    return found


def interpreter(version: str) -> str | None:
    """The path of a Python of this version, on PATH or in pyenv's folder; None where there is none."""
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    kept = sorted(glob.glob(f"{pyenv}/versions/{version}.*/bin/python"))
    for path in (shutil.which(f"python{version}"), *kept):
        # A shim of pyenv is on PATH for versions that it refuses to run.
        if path and _said(path, "-c", "import sys; print('{}.{}'.format(*sys.version_info))") == version:
            return path
    return None


def tried(case: Case, python: str, tests: list[str], source: Path) -> Row:
    """Make the environment of a case in a folder of its own, and run the tests of the tree `source` there."""
    row = Row(
        python=case.python, versions=case.versions, installed={}, passed=0, failed=0, skipped=0, seconds=0, problem=""
    )
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "bin" / "python"
        constraints, junit = Path(folder) / "constraints.txt", Path(folder) / "junit.xml"
        bounds = map(lowest, requirements()) if case.versions == "lowest" else ()
        subprocess.run([python, "-m", "venv", folder], check=True)
        constraints.write_text("".join(f"{bound}\n" for bound in bounds))
        install = [own, "-m", "pip", "install", "-q", "-c", constraints, "-e", f"{source}[test]"]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            row["problem"] = (errors or ["pip failed"])[0]
            return row
        listed = json.loads(_said(own, "-m", "pip", "list", "--format=json"))
        row["installed"] = {one["name"]: one["version"] for one in listed if one["name"] != "jaxleggett"}
        began = time.monotonic()
        command = [own, "-m", "pytest", "-q", "-n", "0", "-m", WHICH, f"--junitxml={junit}", *tests]
        # Nothing of the tree's own environment may be seen.
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, cwd=source, env=clean, capture_output=True, text=True)
        row["seconds"] = round(time.monotonic() - began, 1)
        if junit.exists():
            row["passed"], row["failed"], row["skipped"] = counts(junit.read_text())
        if done.returncode:
            print(done.stdout[-4000:], file=sys.stderr)
        if done.returncode not in (0, 1) or not row["passed"]:
            row["problem"] = f"pytest ended with exit code {done.returncode}"
    return row


def counts(junit: str) -> tuple[int, int, int]:
    """How many tests of a JUnit report passed, failed and were skipped."""
    suites = ElementTree.fromstring(junit).iter("testsuite")
    sums = {name: 0 for name in ("tests", "failures", "errors", "skipped")}
    for suite, name in itertools.product(list(suites), sums):
        sums[name] += int(suite.attrib[name])
    failed = sums["failures"] + sums["errors"]
    return sums["tests"] - failed - sums["skipped"], failed, sums["skipped"]


def table(rows: list[Row]) -> str:
    """The rows, for a reader."""
    lines = [f"python  versions  {'  '.join(f'{name:8}' for name in SHOWN)}  passed  failed  skipped  seconds"]
    for row in rows:
        versions = "  ".join(f"{row['installed'].get(name, '-'):8}" for name in SHOWN)
        figures = f"{row['passed']:6}  {row['failed']:6}  {row['skipped']:7}  {row['seconds']:7.1f}"
        lines.append(f"{row['python']:6}  {row['versions']:8}  {versions}  {figures}  {row['problem']}".rstrip())
    return "\n".join(lines)


def _said(*command: str | Path) -> str:
    """What a command prints; nothing where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def main() -> int:
    """Try all cases, print the table, keep it; 1 where something does not work."""
    parser = common.parser(__doc__)
    parser.add_argument("--pythons", default=",".join(PYTHONS), help="versions of Python, the lowest first")
    parser.add_argument("--tests", default=SELECTION, help="what pytest is to run")
    asked = parser.parse_args()
    found = {version: interpreter(version) for version in asked.pythons.split(",")}
    missing = [version for version, path in found.items() if path is None]
    present = {version: path for version, path in found.items() if path is not None}
    if not present:
        parser.error(f"--pythons must name one that is on this machine, but is {asked.pythons!r}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        # What is committed: files that change, or lie about, while this runs must not matter.
        subprocess.run(["git", "clone", "-q", common.ROOT, folder], check=True)
        for case in [Case(next(iter(present)), "lowest"), *(Case(version, "newest") for version in present)]:
            rows.append(tried(case, present[case.python], shlex.split(asked.tests), Path(folder)))
            print(table(rows[-1:]), flush=True)
    print(f"\n{table(rows)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    provenance.write_json(FOLDER / "table.json", rows)
    common.write_meta(FOLDER, tests=asked.tests, not_on_this_machine=missing)
    return int(any(row["failed"] or row["problem"] for row in rows))


if __name__ == "__main__":
    common.leave(main)
