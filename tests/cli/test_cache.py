"""Programs that are kept between runs: used, made again where they are damaged, and left alone where they must be."""

import json
import os
import stat
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from jaxleggett.cli import _cache

PACKED = zlib.compress(b"a program" * 100)

COMMAND = ["verify", "--settings", "random:8", "--samples", "2000", "--json"]


def run(home, **variables):
    """A command line in a process of its own, with this cache folder."""
    kept = {x: y for x, y in os.environ.items() if not x.startswith(("JAX", "XDG", "TF_CPP"))}
    environment = {**kept, "XDG_CACHE_HOME": str(home), **variables}
    done = subprocess.run(
        [sys.executable, "-m", "jaxleggett", *COMMAND], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    return {name: x for name, x in answer.items() if name not in ("seconds", "evaluations_per_second")}


def entries(home):
    return sorted(home.glob("jaxleggett/*/*-cache"))


@pytest.mark.slow
def test_programs_are_kept_and_damaged_ones_made_again(tmp_path):
    first = run(tmp_path)
    made = entries(tmp_path)
    assert len(made) > 10
    assert all(stat.S_IMODE(p.stat().st_mode) & 0o077 == 0 for p in (tmp_path / "jaxleggett", made[0].parent))
    times = {path: path.stat().st_mtime_ns for path in made}
    content = made[0].read_bytes()
    made[0].write_bytes(content[: len(content) // 2])  # cut short
    damaged = bytearray(made[1].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    made[1].write_bytes(damaged)
    assert run(tmp_path) == first
    assert entries(tmp_path) == made
    changed = [path for path in made if path.stat().st_mtime_ns != times[path]]
    assert changed == made[:2]
    assert made[0].read_bytes() != content[: len(content) // 2]


@pytest.mark.slow
def test_a_folder_of_ones_own_is_used_as_quietly(tmp_path):
    first = run(tmp_path / "none", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own"))
    assert run(tmp_path / "none", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own")) == first
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_it_can_be_switched_off_and_is_no_condition(tmp_path):
    first = run(tmp_path / "off", JAXLEGGETT_CACHE="off")
    assert not (tmp_path / "off").exists()
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert run(blocked) == first


def prepared(monkeypatch, home):
    """What JAX would be told."""
    for name in (_cache.FOLDER, _cache.SWITCH):
        monkeypatch.setenv(name, "")  # put back after the test
        del os.environ[name]
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.setattr(_cache.atexit, "register", lambda *a: None)
    for name in (
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
        "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES",
        "TF_CPP_MIN_LOG_LEVEL",
    ):
        monkeypatch.setenv(name, "0")
    _cache.use_cache()
    return os.environ.pop(_cache.FOLDER, None)


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "jaxleggett").mkdir(mode=0o700)
    assert prepared(monkeypatch, tmp_path) is not None
    (tmp_path / "jaxleggett").chmod(0o777)
    assert prepared(monkeypatch, tmp_path) is None
    assert prepared(monkeypatch, "relative") is None


def test_another_processor_or_release_has_its_own(tmp_path, monkeypatch):
    here = prepared(monkeypatch, tmp_path)
    assert prepared(monkeypatch, tmp_path) == here
    monkeypatch.setattr(_cache, "_machine", lambda: "another")
    assert prepared(monkeypatch, tmp_path) != here


def test_the_oldest_go_first(tmp_path, monkeypatch):
    for number in range(4):
        entry = tmp_path / f"{number}-cache"
        entry.write_bytes(PACKED)
        os.utime(entry, (number, number))
    _cache._seal(tmp_path)
    (tmp_path / "4-cache").write_bytes(PACKED * 100)  # not sealed: it takes no other's place
    monkeypatch.setattr(_cache, "MOST_BYTES", 2.5 * len(PACKED))
    _cache._remove_what_is_not_sealed(tmp_path)
    assert [path.name for path in sorted(tmp_path.glob("*-cache"))] == ["2-cache", "3-cache"]


def test_what_was_cut_short_gets_no_seal_and_what_was_left_behind_goes(tmp_path):
    for name, content in (("whole", PACKED), ("stump", PACKED[:-3]), ("foreign", _cache.ZSTD + b"and no more")):
        (tmp_path / f"{name}-cache").write_bytes(content)
    (tmp_path / "gone-cache.sha256").write_text("0")
    (tmp_path / "whole-cache.sha256.123").write_text("half")
    _cache._seal(tmp_path)
    _cache._remove_what_is_not_sealed(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole-cache", "whole-cache.sha256"]


def test_a_folder_within_is_looked_at_as_closely(tmp_path, monkeypatch):
    folder = Path(prepared(monkeypatch, tmp_path))
    folder.chmod(0o777)
    assert prepared(monkeypatch, tmp_path) is None
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert prepared(monkeypatch, tmp_path) is None


@pytest.mark.parametrize("name", ["JAX_COMPILATION_CACHE_DIR", "JAXLEGGETT_CACHE"])
def test_who_chose_otherwise_is_left_alone(tmp_path, monkeypatch, name):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.setenv(_cache.FOLDER, "")
    del os.environ[_cache.FOLDER]
    monkeypatch.setenv(name, "off")
    _cache.use_cache()
    assert os.environ.get(_cache.FOLDER) == (None if name == _cache.SWITCH else "off")
    assert not (tmp_path / "jaxleggett").exists()
