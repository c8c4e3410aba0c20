"""`jaxleggett sweep` as it is typed."""

import ast
import json
import sys
from pathlib import Path

import pytest

from jaxleggett import sweeps
from jaxleggett.cli import _sweep
from jaxleggett.cli._sweep import EXTRA
from jaxleggett.sweeps import Summary, Sweep

CONFIG = """
title = "pure states"
[job]
command = "threshold"
state = "pure:{theta}"
notion = "separable"
[axes]
theta = [0.1, 0.2, 0.3]
settings = ["all"]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(CONFIG)
    return path


def test_a_sweep_from_its_plan_to_its_picture(run, config, tmp_path):
    store = tmp_path / "x.zarr"
    code, out, err = run("sweep", config, "--store", store, "--dry-run", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["tiles"] == 3
    assert not store.exists()
    code, out, _ = run("sweep", config, "--store", store, "--dry-run")
    assert out.startswith("pure states: theta (3) x settings (1), 3 tiles\n  its middle tile takes ")
    code, out, err = run("sweep", config, "--store", store, "--array-task", "1/2", "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer.pop("seconds") >= 0
    assert answer == {
        "store": str(store),
        "tiles": 3,
        "tiles_done": 2,
        "tiles_resumed": 0,
        "tiles_repaired": 0,
        "status": "complete",
        "faulty_tiles": 0,
        "faults": [],
    }
    code, out, err = run("sweep", "--store", store, "--status")
    assert "2 finished, 1 missing" in out
    code, out, err = run("sweep", "--store", store)  # its own configuration
    assert (code, err) == (0, "")
    assert f"{store}: 3 of 3 tiles finished (complete)\n  2 before, 1 in this run" in out
    code, out, err = run("sweep", "--store", store, "--check")
    assert code == 0
    assert out == f"{store}: 3 of 3 tiles finished and whole, 0 damaged\n"
    code, out, err = run("sweep", "--store", store, "--plot")
    assert (code, err) == (0, "")
    assert store.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert out == f"Drawn: {store.with_suffix('.png')} and {store.with_suffix('.svg')}\n"
    assert "<svg" in store.with_suffix(".svg").read_text(encoding="utf-8")


def test_damage_is_named_and_repaired(run, config, tmp_path):
    store = tmp_path / "x.zarr"
    run("sweep", config, "--store", store, "--json")
    chunk = store / "upper" / "c.1.0"
    chunk.write_bytes(chunk.read_bytes()[:-1])
    (store / "notes.txt").write_text("x")
    code, out, _ = run("sweep", "--store", store, "--check")
    assert code == 1
    assert "tile 1: its chunk upper/c.1.0 is torn or changed\nnotes.txt is no file of this store\n" in out
    code, out, _ = run("sweep", "--store", store, "--check", "--json")
    answer = json.loads(out)
    assert code == 1
    assert answer["damaged"] == [{"tile": 1, "what": "its chunk upper/c.1.0 is torn or changed"}]
    assert answer["foreign"] == ["notes.txt is no file of this store"]
    code, out, _ = run("sweep", config, "--store", store, "--json")
    assert json.loads(out)["tiles_repaired"] == 1
    (store / "notes.txt").unlink()
    assert run("sweep", "--store", store, "--check")[0] == 0


TLS = ("--tls-ca", "no.pem", "--tls-cert", "no.pem", "--tls-key", "no.pem")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", 2, "--array-task", "1/2"], "--workers and --array-task must not be given together"),
        (["--check", "--plot"], "--check and --plot must not be given together"),
        (["--check", "--workers", 2], "--check and --workers must not be given together"),
        (["--workers", 0], "--workers must lie between 1 and 1024, but is"),
        (["--array-task", "3/2"], "--array-task must be I/N with 1 <= I <= N, such as 1/8, but is '3/2'"),
        (["--tls-ca", "x"], "--tls-ca must be left out without --scheduler"),
        (["--tls-ca", ""], "--tls-ca must be left out without --scheduler"),
        (["--scheduler", "tcp://x:1", "--tls-ca", "x"], "must be given together, but --tls-cert is missing"),
        ([*TLS, "--scheduler", "tcp://x:1"], "--tls-ca 'no.pem' cannot be read: No such file or directory"),
        (["--dry-run", "--array-task", "3/2"], "--array-task must be I/N"),
        (["--scheduler", ""], "--scheduler must be an address such as tcp://host:8786, but is ''"),
        (["--scheduler", "tcp://host"], "--scheduler must be an address such as tcp://host:8786, but is 'tcp://host'"),
        (
            ["--scheduler", "foo://host:1"],
            "--scheduler must be an address such as tcp://host:8786, but is 'foo://host:1'",
        ),
        (["--status"], "must be the store of a sweep, but does not exist"),
        (["--grace", 0], "--grace must be a number above 0, but is 0"),
    ],
)
def test_bad_options(run, config, tmp_path, options, message):
    code, out, err = run("sweep", config, "--store", tmp_path / "x.zarr", *options)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert not (tmp_path / "x.zarr").exists()


def test_bad_configurations_name_the_line(run, config, tmp_path):
    config.write_text(CONFIG.replace("0.2", "'x'"))
    code, out, err = run("sweep", config, "--store", tmp_path / "x.zarr")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {config}:8: axes.theta must hold only numbers, only texts or only booleans")
    assert run("sweep", "--store", tmp_path / "x.zarr")[0] == 2
    assert run("sweep", tmp_path / "no.toml", "--store", tmp_path / "x.zarr")[0] == 2
    assert run("sweep", config)[0] == 2


def test_another_configuration_is_refused(run, config, tmp_path):
    store = tmp_path / "x.zarr"
    run("sweep", config, "--store", store)
    config.write_text(CONFIG.replace("0.3]", "0.4]"))
    for options in ([], ["--check"]):
        code, _, err = run("sweep", config, "--store", store, *options)
        assert code == 2
        assert "holds another sweep" in err


def test_without_the_extra_one_sentence_says_so(run, config, tmp_path, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("zarr", "msgspec") else found(name))
    code, out, err = run("sweep", config, "--store", tmp_path / "x.zarr")
    assert (code, out) == (2, "")
    assert err == (
        "error: sweep needs msgspec, zarr, which the extra 'cluster' of jaxleggett installs: in a checkout, "
        "pip install -e '.[cluster]'\n"
    )


def test_the_extra_has_what_a_sweep_imports():
    """So that the sentence above, and no traceback, is what somebody without the extra sees."""
    names = set()
    for path in Path(sweeps.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module)
    packages = {name.partition(".")[0] for name in names}
    comes_anyway = {"numpy", "jax", "dask"}  # the last one with distributed
    assert packages - sys.stdlib_module_names - comes_anyway <= set(EXTRA)


def test_places_that_cannot_be_stores(run, config, tmp_path):
    for store, message in (
        ("", "--store must name a folder, but is ''"),
        ("a" * 300, "cannot be made: File name too long"),
        (config, "must be the store of a sweep, but is a file"),
        (tmp_path, "must be the store of a sweep, but is another folder"),
    ):
        code, out, err = run("sweep", config, "--store", store)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
    code, out, err = run("sweep", "--store", "a" * 300, "--status")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "cannot be read: File name too long" in err


def test_pictures_of_stores_whose_names_have_dots(run, config, tmp_path):
    for name in ("run.1", "run.2"):
        run("sweep", config, "--store", tmp_path / name)
        assert run("sweep", "--store", tmp_path / name, "--plot")[0] == 0
    assert {file.name for file in tmp_path.glob("*.png")} == {"run.1.png", "run.2.png"}
    (tmp_path / "run.1.svg").unlink()
    (tmp_path / "run.1.svg").mkdir()
    code, _, err = run("sweep", "--store", tmp_path / "run.1", "--plot")
    assert (code, err) == (2, f"error: --plot cannot be drawn to {tmp_path}/run.1.png: Is a directory\n")


def test_progress_without_a_terminal_says_how_long_only_once_it_knows(capsys, monkeypatch):
    sweep = Sweep({"command": "search"}, {"seed": [0, 1]}, {"seed": 1}, "shared", "", {})
    monkeypatch.setattr(_sweep, "EVERY", 0.0)
    with _sweep._progress(sweep, as_json=False) as show:
        show(Summary("x.zarr", 2, 0, 0))
        show(Summary("x.zarr", 2, 1, 0))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "0 of 2 tiles"
    assert second.startswith("1 of 2 tiles, ")
    assert second.endswith(" left")
