"""The tasks, the pins of their tools, and the versions that are tried."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import compatibility
import pytest
import tasks

ROOT = Path(__file__).parent.parent.parent

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_tools_are_pinned_and_cover_the_tasks():
    pins = dict(line.split("==") for group in PROJECT["dependency-groups"].values() for line in group)
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in pins.values())
    modules = {command[2] for task in tasks.TASKS.values() for command in task.commands if command[1] == "-m"}
    assert modules - {"pip"} <= set(pins)
    tests = set(PROJECT["project"]["optional-dependencies"]["test"]) - {"jaxleggett[cluster]"}
    assert {line.partition(">")[0] for line in tests} <= set(pins)


@pytest.mark.parametrize("path", [".ci/run", ".pre-commit-config.yaml", "CONTRIBUTING.md"])
def test_only_tasks_that_exist_are_called(path):
    calls = re.findall(r"scripts/tasks\.py((?: [a-z]+)+)", (ROOT / path).read_text())
    assert calls
    assert {name for call in calls for name in call.split()} <= set(tasks.TASKS)


def test_a_task_that_fails_ends_the_run_with_its_code(monkeypatch, capfd):
    def python(program):
        return [sys.executable, "-c", program]

    monkeypatch.setattr(
        tasks,
        "TASKS",
        {
            "good": tasks.Task("works", [python("print('done')")]),
            "bad": tasks.Task("fails", [python("raise SystemExit(5)"), python("print('never')")]),
        },
    )
    assert tasks.main(["good"]) == 0
    assert tasks.main(["good", "bad", "good"]) == 5
    assert capfd.readouterr().out.splitlines().count("done") == 2
    assert tasks.main([]) == 0
    assert "bad            fails" in capfd.readouterr().out
    assert tasks.main(["good", "nonsense"]) == 2
    assert capfd.readouterr().err == "error: no task is named nonsense; there are good, bad\n"


def test_every_requirement_has_a_lowest_version_and_none_a_highest():
    assert compatibility.lowest("jaxlib>=0.8,!=0.10.2") == "jaxlib==0.8"
    names = {compatibility.lowest(one).partition("==")[0] for one in compatibility.requirements()}
    assert names >= {"jax", "pytest", "zarr"}
    for wrong in ("jax", "jax<1", "jax>=0.8,<1"):
        with pytest.raises(ValueError, match="has no lower bound"):
            compatibility.lowest(wrong)


def test_the_pythons_that_are_tried_are_those_that_are_promised():
    promised = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if " :: 3." in line]
    assert promised == list(compatibility.PYTHONS)
    assert PROJECT["project"]["requires-python"] == f">={compatibility.PYTHONS[0]}"


def test_this_python_is_found_and_no_other_is_taken_for_it():
    here = "{}.{}".format(*sys.version_info)
    found = compatibility.interpreter(here)
    said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    assert said.startswith(f"Python {here}.")
    assert compatibility.interpreter("3.0") is None


def test_a_report_of_pytest_is_counted():
    suite = '<testsuite tests="9" failures="1" errors="2" skipped="3"/>'
    assert compatibility.counts(f"<testsuites>{suite}</testsuites>") == (3, 3, 3)
    row = compatibility.Row(
        python="3.11", versions="lowest", installed={"jax": "0.8"}, passed=3, failed=3, skipped=3, seconds=1, problem=""
    )
    assert compatibility.table([row]).splitlines()[1].split() == [
        "3.11", "lowest", "0.8", "-", "-", "-", "-", "3", "3", "3", "1.0",
    ]  # fmt: skip
