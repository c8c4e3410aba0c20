"""Output folders and streams: one run a folder, nothing computed is lost, nothing but the answer is printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

import jaxleggett as jl
from jaxleggett._checks import InputError
from jaxleggett.output import folders, provenance

# Quadrature: what is compiled soonest.
RUN = [sys.executable, "-m", "jaxleggett", "verify", "--method", "exact", "--settings", "random:4"]


def _process(*arguments, **options):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **options.pop("environment", {})}
    return subprocess.run([*RUN, *arguments], capture_output=True, text=True, env=environment, **options)


def _write(folder, text):
    for name in ("report.json", provenance.META):
        (folder / name).write_text(text)


def _fail_with(error, _):
    raise error


NAMES = ("report.json", "inequality.json", provenance.META)


def test_of_two_runs_one_has_the_folder(tmp_path):
    out = str(tmp_path / "deep" / "out")
    with folders.claimed(out, NAMES, False) as first:
        for force in (False, True):
            with pytest.raises(InputError, match="is being written by another run"), folders.claimed(out, NAMES, force):
                pass
        _write(first, "first")
    assert (tmp_path / "deep" / "out" / "report.json").read_text() == "first"
    with pytest.raises(InputError, match=r"already holds report\.json"), folders.claimed(out, NAMES, False):
        pass
    assert sorted(os.listdir(out)) == ["meta.json", "report.json"]


def test_a_run_that_ended_without_a_word_blocks_nothing(tmp_path):
    """A lock belongs to a process, not to its file; what it had written is no result."""
    (tmp_path / folders.LOCK).touch()
    (tmp_path / folders.UNFINISHED).mkdir()
    (tmp_path / folders.UNFINISHED / "inequality.json").touch()
    with folders.claimed(str(tmp_path), NAMES, False) as folder:
        _write(folder, "new")
    assert sorted(os.listdir(tmp_path)) == ["meta.json", "report.json"]


def test_what_fails_leaves_what_was_there(tmp_path):
    out = tmp_path / "out"
    with folders.claimed(str(out), NAMES, False) as folder:
        _write(folder, "old")
        (folder / "inequality.json").write_text("old")
    with pytest.raises(OSError, match="disk full"), folders.claimed(str(out), NAMES, True) as folder:
        _fail_with(OSError("disk full"), (folder / "report.json").write_text("half"))
    assert (out / "report.json").read_text() == "old"
    # Files that a second run does not have do not stay behind; a complete one stays whatever fails after it.
    with pytest.raises(OSError, match="stdout"), folders.claimed(str(out), NAMES, True) as folder:
        _fail_with(OSError("stdout"), _write(folder, "new"))
    assert sorted(os.listdir(out)) == ["meta.json", "report.json"]
    assert (out / "report.json").read_text() == "new"
    with pytest.raises(KeyboardInterrupt), folders.claimed(str(tmp_path / "a" / "b"), NAMES, False):
        raise KeyboardInterrupt
    assert not (tmp_path / "a").exists()


def test_a_disk_that_is_full_at_the_last_file_leaves_what_was_there(tmp_path, monkeypatch):
    with folders.claimed(str(tmp_path), NAMES, False) as folder:
        _write(folder, "old")

    def half(path, text, **_):
        path.write_bytes(text[:3].encode())
        raise OSError("disk full")

    def write(folder):
        (folder / "report.json").write_text("new")
        monkeypatch.setattr(Path, "write_text", half)
        provenance.write_json(folder / provenance.META, {"seed": 1})

    with pytest.raises(OSError, match="disk full"), folders.claimed(str(tmp_path), NAMES, True) as folder:
        write(folder)
    assert [(tmp_path / name).read_text() for name in ("report.json", provenance.META)] == ["old", "old"]
    assert sorted(os.listdir(tmp_path)) == ["meta.json", "report.json"]


@pytest.mark.thorough
def test_locked_by_another_process(tmp_path):
    with FileLock(tmp_path / folders.LOCK):
        done = _process("--out", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --out")
    assert "is being written by another run" in done.stderr


@pytest.mark.slow
def test_an_answer_that_cannot_be_printed_is_still_saved(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*RUN, "--out", str(tmp_path / "out")], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert (tmp_path / "out" / "meta.json").exists()


@pytest.mark.slow
def test_the_backend_of_a_notebook_and_a_home_that_cannot_be_written(tmp_path):
    environment = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "HOME": "/proc/1/nowhere"}
    environment |= {"PYTHONIOENCODING": "ascii"}
    out = tmp_path / "Ausgabe-\u00e4"
    done = _process("--out", str(out), environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "verification.png").exists()
    assert "Ausgabe-\\xe4" in done.stdout


def test_a_closed_stderr_leaves_stdout_alone():
    command = " ".join([*RUN, "--json", "--visibility", "3", "2>&-"])
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("platforms", ["cuda", "nonsense"])
def test_platforms_that_are_not_there(platforms):
    done = _process(environment={"JAX_PLATFORMS": platforms})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"error: JAX_PLATFORMS={platforms} must name a platform of this machine: " in done.stderr


def test_provenance_knows_the_commit():
    # It was None for months: the module had moved one folder down.
    root = Path(jl.__file__).parent.parent
    if not (root / ".git").exists():
        pytest.skip("these are not the tests of a checkout")
    head = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert provenance.provenance(["jaxleggett"])["commit"].rstrip("+") == head.stdout.strip()
