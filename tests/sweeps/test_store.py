"""The store: what is finished is whole, and whatever is not whole is found and named."""

import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray

import jaxleggett
from jaxleggett import InputError
from jaxleggett.sweeps import Store, read_config, run
from jaxleggett.sweeps import store as store_module


@pytest.fixture
def store(sweep, tmp_path):
    """A finished store."""
    found = Store.create(tmp_path / "x.zarr", sweep)
    run(found)
    return found


def separable_up_to(theta):
    """Partial transpose of V pure + (1 - V)/4: its least eigenvalue is (1 - V)/4 - V sin(2 theta)/2."""
    return 1 / (1 + 2 * np.sin(2 * theta))


def test_xarray_opens_it_with_names_units_and_the_right_numbers(store):
    with xarray.open_zarr(store.path) as found:
        assert found["lower"].dims == ("theta", "seed")
        np.testing.assert_allclose(found["theta"].values, np.linspace(0.05, 0.75, 10), atol=1e-15)
        assert found["theta"].attrs["units"] == "rad"
        assert found["seed"].values.tolist() == [3, 1]
        assert found["upper"].attrs == {"long_name": "visibility above which an inequality is broken", "units": "1"}
        assert found["status"].attrs["flag_meanings"].split()[found["status"].values[0, 0]] == "converged"
        assert found.attrs["jaxleggett"]["version"] == jaxleggett.__version__
        expected = separable_up_to(found["theta"].values)
        for name in ("lower", "upper"):
            np.testing.assert_allclose(found[name].values, expected[:, None].repeat(2, 1), atol=1e-9)


def test_text_axes_and_points_that_are_no_state(write, tmp_path):
    text = """
        [job]
        command = "threshold"
        state = "bell-diagonal:{t},{t},{t}"
        [axes]
        notion = ["separable", "navascues"]
        t = [-1.0, -0.5, 1.0]
    """
    store = Store.create(tmp_path / "x.zarr", read_config(write(textwrap.dedent(text))))
    summary = run(store)
    assert summary.faulty == 2
    assert summary.faults[0].startswith("notion = separable, t = 1.0: ")
    with xarray.open_zarr(store.path) as found:
        assert found["notion"].values.tolist() == ["separable", "navascues"]
        np.testing.assert_allclose(found["lower"].values[0], [1 / 3, 2 / 3, np.nan], atol=1e-9)
        assert found["status"].attrs["flag_meanings"].split()[found["status"].values[1, 2]] == "bad_input"


def test_a_finished_tile_is_never_computed_again(store, contents):
    before = contents(store.path)
    times = {path: os.stat(path).st_mtime_ns for path in store.path.rglob("c.*")}
    summary = run(store)
    assert (summary.resumed, summary.done, summary.repaired) == (6, 6, 0)
    assert contents(store.path) == before
    assert {path: os.stat(path).st_mtime_ns for path in store.path.rglob("c.*")} == times


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-3])


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"\0")


def empty(path):
    path.write_bytes(b"")


def delete(path):
    path.unlink()


def swap(path):
    """Another tile's chunk, whole in itself."""
    other = path.with_name("c.0.0")
    assert other.read_bytes() != path.read_bytes()
    shutil.copy(other, path)


CHUNK, RECORD = "upper/c.1.1", ".jaxleggett/records/000/3.json"


HARMS = [
    *((CHUNK, harm) for harm in (flip, truncate, lengthen, empty, delete, swap)),
    *((RECORD, harm) for harm in (flip, truncate, lengthen, empty, delete)),
]


@pytest.mark.parametrize(("name", "harm"), HARMS)
def test_damage_is_found_named_and_repaired(store, name, harm, contents):
    before = contents(store.path)
    harm(store.path / name)
    done, damaged = store.finished()
    assert not done[3]
    assert done.sum() == 5
    if name == RECORD and harm is delete:  # then it is a tile that has never been finished
        assert damaged == []
    else:
        assert [damage.tile for damage in damaged] == [3]
        assert name in str(damaged[0])
    summary = run(store)
    assert summary.repaired == len(damaged)
    assert contents(store.path) == before
    assert store.foreign() == []


def test_the_record_of_another_tile_is_no_record(store):
    folder = store.path / ".jaxleggett" / "records" / "000"
    shutil.copy(folder / "0.json", folder / "3.json")
    _, damaged = store.finished()
    assert "is another tile's" in str(damaged[0])


def test_every_byte_of_a_tile_counts(store):
    """No single flipped bit of a chunk or of a record passes, or changes what is read."""
    expected = {name: values.copy() for name, values in store.read(3).items()}
    for name in (CHUNK, RECORD):
        path = store.path / name
        content = path.read_bytes()
        for i in range(len(content)):
            path.write_bytes(content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :])
            try:
                found = store.read(3)
            except ValueError:
                continue
            assert name == RECORD, i
            for key, values in expected.items():
                np.testing.assert_array_equal(found[key], values)
        path.write_bytes(content)


def test_values_on_the_disk_that_zarr_reads_are_checked_by_zarr(store):
    flip(store.path / CHUNK)
    with xarray.open_zarr(store.path) as found, pytest.raises(ValueError, match="checksum"):
        found["upper"].load()


@pytest.mark.parametrize("name", ["zarr.json", "theta/zarr.json", "theta/c/0", "point_seed/c/0/0", "upper/zarr.json"])
@pytest.mark.parametrize("harm", [flip, truncate, delete])
def test_damaged_metadata_are_refused(store, name, harm):
    harm(store.path / name)
    with pytest.raises(InputError, match=rf"cannot be used: {name} is (damaged|missing)"):
        Store.open_(store.path)


@pytest.mark.parametrize("harm", [flip, truncate, empty])
def test_a_damaged_list_of_metadata_is_refused(store, harm):
    harm(store.path / ".jaxleggett" / "static.json")
    with pytest.raises(InputError):
        Store.open_(store.path)


def test_foreign_files_are_named(store):
    for name in ("notes.txt", "upper/c.9.9", "upper/c.0.00", "theta/c/7", ".jaxleggett/records/000/77.json", "extra/x"):
        path = store.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    named = [str(damage).split()[0] for damage in store.foreign()]
    assert named == sorted(
        ["notes.txt", "upper/c.9.9", "upper/c.0.00", "theta/c/7", ".jaxleggett/records/000/77.json", "extra"]
    )
    assert run(store).resumed == 6


def test_what_a_killed_run_has_left_is_removed(store):
    left = store.path / "upper" / ".unfinished-abc"
    left.write_text("x")
    run(store)
    assert not left.exists()


def test_another_sweep_another_version_and_other_things_are_refused(store, write, tmp_path, monkeypatch):
    other = read_config(write(write().read_text().replace("num = 10", "num = 11"), "other.toml"))
    with pytest.raises(InputError, match=r"holds another sweep, .*; choose another folder"):
        Store.create(store.path, other)
    with pytest.raises(InputError, match="does not exist"):
        Store.open_(tmp_path / "none.zarr")
    with pytest.raises(InputError, match="must be the store of a sweep, but is another folder"):
        Store.create(tmp_path, other)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="must be the store of a sweep, but is a file"):
        Store.create(tmp_path / "file", other)
    with pytest.raises(InputError, match="cannot be made"):
        Store.create(tmp_path / "file" / "x.zarr", other)
    monkeypatch.setattr(store_module, "__version__", "9.9")
    with pytest.raises(InputError, match=r"must be one of this version \(format 1, jaxleggett 9.9\), but is one of"):
        Store.open_(store.path)


def test_two_runs_at_once(store):
    with store.claimed():
        with pytest.raises(InputError, match="is in use: another run is at work on it"):
            run(store)
        with pytest.raises(InputError, match="is in use"), store.claimed(shared=True):
            pass
    with store.claimed(shared=True), store.claimed(shared=True), pytest.raises(InputError, match="is in use"):
        run(store)
    run(store)


def test_the_lock_of_a_dead_process_does_not_count(store):
    code = (
        "import os, sys\nfrom jaxleggett.sweeps import Store\n"
        "with Store.open_(sys.argv[1]).claimed():\n    print('held', flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(store.path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-9, "held\n")
    assert (store.path / ".jaxleggett" / "lock").exists()
    run(store)


def test_a_full_disk_loses_nothing(sweep, tmp_path, monkeypatch):
    store = Store.create(tmp_path / "x.zarr", sweep)
    real, written = os.fsync, []

    def full(handle):
        written.append(handle)
        if len(written) > 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*x\.zarr'"):
        run(store)
    monkeypatch.undo()
    done, damaged = store.finished()
    assert 0 < done.sum() < 6
    assert damaged == []
    assert run(store).resumed == done.sum()
    assert store.finished()[0].all()
    assert store.foreign() == []


def test_a_store_that_cannot_be_written_is_refused(store, monkeypatch):
    def read_only(path, flags, *rest):
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return opened(path, flags, *rest)

    opened = os.open
    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(InputError, match="cannot be written: Read-only file system"):
        run(store)


def test_no_record_before_the_chunks_are_on_the_disk(sweep, tmp_path, monkeypatch):
    """The order of what is flushed: chunks, their folders, the record, its folder."""
    store = Store.create(tmp_path / "x.zarr", sweep)
    flushed, real = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (flushed.append(os.readlink(f"/proc/self/fd/{handle}")), real(handle))
    )
    run(store, stopping=iter([False, True]).__next__)
    names = [os.path.relpath(path, store.path) for path in flushed]
    folders = [os.path.dirname(name) for name in names]
    variables = list(store.variables)
    assert folders[: len(variables)] == variables
    assert names[len(variables) : 2 * len(variables)] == variables
    assert names[2 * len(variables)] == ".jaxleggett/records"
    assert folders[-2] == ".jaxleggett/records/000"
    assert names[-1] == ".jaxleggett/records/000"


def test_records_hold_what_they_say(store):
    outer = json.loads((store.path / RECORD).read_text())
    body = json.loads(outer["record"])
    assert body["tile"] == 3
    assert body["sweep"] == store.sweep.digest
    assert set(body["sha256"]) == set(store.variables)
    assert body["versions"]["jaxleggett"] == jaxleggett.__version__


def test_a_lost_record_is_named(store):
    (store.path / RECORD).unlink()
    assert [str(damage) for damage in store.unrecorded()] == [
        "tile 3: it has chunks but no record, and counts as not finished"
    ]
    run(store)
    assert store.unrecorded() == []


def test_a_record_that_is_written_meanwhile_is_not_foreign(sweep, tmp_path, monkeypatch):
    store = Store.create(tmp_path / "x.zarr", sweep)
    run(store, stopping=iter([False, True]).__next__)
    real = store_module.files_beneath

    def slowly(folder, root):
        run(store)
        return real(folder, root)

    monkeypatch.setattr(store_module, "files_beneath", slowly)
    assert store.foreign() == []


def test_odd_things_in_place_of_files(store):
    shutil.rmtree(store.path / ".jaxleggett" / "records")
    assert store.num_recorded() == 0
    assert store.foreign() == []
    assert run(store).resumed == 0
    chunk = store.path / CHUNK
    chunk.unlink()
    os.mkfifo(chunk)
    assert [str(damage) for damage in store.finished()[1]] == [f"tile 3: its chunk {CHUNK} is no file"]
    assert run(store).repaired == 1
    assert store.finished()[0].all()


def test_a_list_of_metadata_that_was_shortened_is_refused(store):
    from jaxleggett.sweeps.disk import sealed

    static = store.path / ".jaxleggett" / "static.json"
    listed = json.loads(json.loads(static.read_bytes())["record"])["files"]
    for lacking in (listed, ["zarr.json"], ["theta/zarr.json"], ["upper/zarr.json"]):
        kept = {name: digest for name, digest in listed.items() if name not in lacking}
        static.write_bytes(sealed({"files": kept}))
        with pytest.raises(InputError, match=r"static\.json is damaged"):
            Store.open_(store.path)


def test_a_store_that_cannot_be_read_is_refused(store, monkeypatch):
    def denied(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(store_module, "read", denied)
    with pytest.raises(InputError, match=r"x\.zarr cannot be read: Permission denied"):
        Store.open_(store.path)


def test_an_axis_of_time_limits_is_in_seconds(write, tmp_path):
    text = '[job]\ncommand = "threshold"\nnotion = "separable"\n[axes]\ntime_limit = [1, 10]\n'
    store = Store.create(tmp_path / "x.zarr", read_config(write(text)))
    with xarray.open_zarr(store.path) as found:
        assert found["time_limit"].attrs["units"] == "s"
