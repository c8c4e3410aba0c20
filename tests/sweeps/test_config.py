"""Configurations of sweeps: what they mean, and that an error names its file, line, key, value and what is allowed."""

import re
import time
import typing

import numpy as np
import pytest

from jaxleggett import InputError
from jaxleggett.models.registry import MODELS
from jaxleggett.notions import NOTIONS
from jaxleggett.sweeps import read_config
from jaxleggett.sweeps.config import MAX_POINTS
from jaxleggett.sweeps.jobs import Threshold, Verify

JOB = '[job]\ncommand = "threshold"\nstate = "pure:{theta}"\n'
AXES = "[axes]\ntheta = [0.1, 0.2]\n"
VERIFY = '[job]\ncommand = "verify"\n[axes]\nvisibility = [0.8]\n'


def test_what_a_configuration_means(sweep):
    assert sweep.shape == (10, 2)
    assert sweep.chunks == (4, 1)
    assert sweep.tiles == (3, 2)
    assert sweep.num_tiles == 6
    assert sweep.region(4) == (slice(8, 10), slice(0, 1))
    assert sweep.options((9, 1)) == {
        "command": "threshold",
        "state": "pure:0.75",
        "settings": "all",
        "tolerance": 1e-4,
        "time_limit": None,
        "certify": False,
        "notion": "separable",
        "seed": 1,
    }


BAD = [
    ("", 1, "job must be given"),
    ("[job\n", None, "must be a TOML file"),
    (
        "[axes]\ntheta = [1]\n[job]\ncommand = 'thresold'\n",
        4,
        "job.command must be one of verify, threshold, search, but",
    ),
    (JOB, 1, "axes must be given"),
    (JOB + "[axes]\n", 4, "axes must have at least one axis"),
    (JOB + "[axes]\ntheta = []\n", 5, "axes.theta must have at least one value, but is empty"),
    (JOB + "[axes]\ntheta = [0.1, nan]\n", 5, "axes.theta must be finite, but is nan"),
    (JOB + "[axes]\ntheta = [0.1, 'x']\n", 5, "axes.theta must hold only numbers, only texts or only booleans"),
    (JOB + "[axes]\ntheta = [0.1, 0.1]\n", 5, "axes.theta must hold each value once, but has 0.1 twice"),
    (JOB + "[axes]\ntheta = 0.1\n", 5, "axes.theta must be a list, or a table of start, stop and num, but is 0.1"),
    (
        JOB + "[axes.theta]\nstart = 0\nstop = 1\nnum = 0\n",
        7,
        "axes.theta.num must be an integer from 1 to 1000000, but is 0",
    ),
    (JOB + "[axes]\ntheta = {start = 0, stop = 1}\n", 5, "axes.theta.num must be given"),
    (JOB + "[axes]\ntheta = {start = 0, stop = 1, num = 5, step = 1}\n", 5, "axes.theta.step is no key of a range"),
    (JOB + "[axes]\nthet = [0.1]\n", 3, "job.state has {theta}, which must be the name of an axis"),
    (JOB + AXES + "phi = [1]\n", 6, "axes.phi must be an option of the job, one of state, settings,"),
    (JOB + "tolerance = 'x'\n" + AXES, 4, "job.tolerance must be a number above 0, but is 'x'"),
    (JOB + "tolerance = -1\n" + AXES, 4, "job.tolerance must be a number above 0, but is -1"),
    (JOB + "tolerance = inf\n" + AXES, 4, "job.tolerance must be finite, but is inf"),
    (JOB + "toleranse = 1\n" + AXES, 4, "job.toleranse is no key of a threshold job: it may have state, settings, tol"),
    (JOB + "certify = 1\n" + AXES, 4, "job.certify must be true or false, but is 1"),
    (
        JOB + "notion = 'bel'\n" + AXES,
        4,
        "job.notion must be one of bell, leggett, navascues, separable, steering, but",
    ),
    (JOB + "settings = 'randm:3'\n" + AXES, 1, "[job] cannot be computed at theta = 0.1: settings must be"),
    (JOB + AXES + "notion = ['bell', 'bel']\n", 6, "axes.notion must be one of bell, leggett, navascues, separable,"),
    (JOB + AXES + "settings = ['all', 'grid:x']\n", 6, "[job] cannot be computed at settings = 'grid:x': settings"),
    (JOB + "seed = 1\n" + AXES + "seed = [1, 2]\n", 7, "axes.seed must not be in [job], too"),
    (JOB + "seed = -1\n" + AXES, 4, "job.seed must be an integer from 0 to 9223372036854775807, but is -1"),
    (JOB + "seed = 99999999999999999999\n" + AXES, 4, "job.seed must be an integer from 0 to 9223372036854775807, but"),
    (JOB + AXES + "[tile]\ntheta = 3\n", 7, "tile.theta must be an integer from 1 to 2, but is 3"),
    (JOB + AXES + "[tile]\ntheta = true\n", 7, "tile.theta must be an integer from 1 to 2, but is True"),
    (JOB + AXES + "[tile]\nphi = 3\n", 7, "tile.phi must be the name of an axis, theta"),
    ("seeds = 'own'\n" + JOB + AXES, 1, "seeds must be one of independent, shared, but is 'own'"),
    ("sedes = 'own'\n" + JOB + AXES, 1, "sedes is no key of a sweep: it may have job, axes, tile, seeds, title"),
    ("job = 1\n" + AXES, 1, "job must be a table, but is 1"),
    (JOB + '[axes]\n"a-b" = [1]\n', 5, "axes.a-b must be a name of letters, digits and _"),
    (JOB + "[axes]\ntheta = [1979-05-27]\n", 5, "axes.theta must be text, a number, or true or false"),
    (
        JOB
        + "[axes]\ntheta = {start = 0, stop = 1, num = 1_000_000}\n"
        + "seed = {start = 0, stop = 999_999, num = 1_000_000}\n",
        4,
        "axes must make at most 1,000,000 tiles and 10,000,000 points, but make 1,000,000,000,000",
    ),
    (VERIFY + "[tile]\nvisibility = 0\n", 6, "tile.visibility must be an integer from 1 to 1, but is 0"),
    (VERIFY.replace("0.8", "0.8, 0.9") + "[tile]\nvisibility = 1\n", 6, "tile.visibility must be 2, as its points are"),
    (VERIFY.replace("0.8", "1.5"), 4, "axes.visibility must be a number from -0.3333333333333333 to 1, but has 1.5"),
    (
        VERIFY.replace("0.8", "-0.5, 0.8"),
        4,
        "axes.visibility must be a number from -0.3333333333333333 to 1, but has -0.5",
    ),
    (
        JOB.replace('command = "threshold"\n', "") + AXES,
        1,
        "job.command must be one of verify, threshold, search, but is missing",
    ),
    (
        VERIFY.replace("visibility = [0.8]", "samples = [10]"),
        1,
        "visibility must be given, or be an axis, for the model werner",
    ),
    (
        VERIFY.replace("visibility", "model = ['pr-box']\nvisibility"),
        4,
        "visibility must be left out for the model pr-box",
    ),
    (VERIFY.replace("verify", "search").replace("visibility = [0.8]", "symmetry = ['none', 'Q']"), 4, "symmetry"),
    ("command = 'threshold'\n" + JOB + AXES, 1, "command is no key of a sweep"),
    (
        "[job]\ncommand = ['verify']\n" + AXES,
        2,
        "job.command must be one of verify, threshold, search, but is ['verify']",
    ),
    (
        JOB + "[axes]\ntheta = {start = 0, stop = 1, num = 2, command = 1}\n",
        5,
        "axes.theta.command is no key of a range",
    ),
    (JOB + "[axes]\ntheta = {start = -1e308, stop = 1.7e308, num = 3}\n", 5, "axes.theta must be finite, but is"),
    (JOB + "[axes]\ntheta = {start = 1, stop = 1, num = 3}\n", 5, "axes.theta must hold each value once, but has 1.0"),
    (
        JOB.replace("theta", "lower") + "[axes]\nlower = [1]\n",
        5,
        "axes.lower must have another name: lower is what the job",
    ),
    (JOB + "[axes]\ntheta = [1, 1180591620717411303424]\n", 5, "axes.theta must hold integers of at most 64 bits"),
    (JOB.replace("pure:{theta}", "wernr") + "[axes]\nseed = [1]\n", 1, "[job] cannot be computed at seed = 1: state"),
    (
        JOB + AXES + "n = [5, -7]\nsettings = ['random:{n}']\n",
        6,
        "[job] cannot be computed at n = -7: settings random:N must",
    ),
    (
        JOB + AXES + "foo = ['{theta}']\n",
        6,
        "axes.foo has {theta}, which must be another axis, and foo an option of the job",
    ),
    (
        VERIFY.replace("[axes]", "settings = 'random:{visibility}'\n[axes]"),
        3,
        "job.settings has {visibility}, which must be another one, as all its values are computed at once",
    ),
    (
        "title = " + 3 * "'" + "\n[axes]\ntheta = 3\n" + 3 * "'" + "\n" + JOB + "[axes]\ntheta = 0.1\n",
        9,
        "axes.theta must be a list",
    ),
    ("title = 'a\u2028b'\n" + JOB + "[axes]\ntheta = 0.1\n", 6, "axes.theta must be a list"),
    (JOB + "[axes]\ntheta = [" + "9" * 5000 + "]\n", None, "must be a TOML file"),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("text", "line", "message"), BAD, ids=[message[:40] for _, _, message in BAD])
def test_errors_name_the_line(write, text, line, message):
    path = write(text)
    where = f"CONFIG {path}" if line is None else f"{path}:{line}:"
    with pytest.raises(InputError, match=re.escape(where)) as caught:
        read_config(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="must be a TOML file"):
        read_config(tmp_path / "x.toml")
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "no.toml")


def test_models_and_notions_are_those_of_their_registries():
    assert typing.get_args(typing.get_type_hints(Verify)["model"]) == tuple(MODELS)
    assert typing.get_args(typing.get_type_hints(Threshold)["notion"]) == NOTIONS


def test_points_are_counted_in_the_32_bits_that_fold_in_takes():
    assert MAX_POINTS <= 2**32


def test_a_title_is_no_part_of_what_is_computed(write, sweep):
    text = write().read_text()
    assert read_config(write(text.replace("pure states", "all states"))).digest == sweep.digest
    assert read_config(write(text.replace("num = 10", "num = 11"))).digest != sweep.digest
    assert read_config(write(text.replace("[3, 1]", "[1, 3]"))).digest != sweep.digest


def test_shared_seeds_are_those_of_the_job(sweep):
    np.testing.assert_array_equal(sweep.point_seeds, np.tile([3, 1], (10, 1)))


def test_independent_seeds_differ_and_do_not_depend_on_the_tiles(write, sweep):
    text = write().read_text().replace("shared", "independent")
    own, cut = (read_config(write(t)).point_seeds for t in (text, text.replace("theta = 4", "theta = 1")))
    np.testing.assert_array_equal(own, cut)
    assert len(np.unique(own)) == own.size
    assert own.min() >= 0


def test_an_independent_seed_is_fold_in_of_the_number_of_the_point(write):
    import jax

    found = read_config(write(write().read_text().replace("shared", "independent"))).point_seeds
    words = [int(word) for word in jax.random.key_data(jax.random.fold_in(jax.random.key(1), 7 * 2 + 1))]
    assert found[7, 1] == (words[0] << 32 | words[1]) % 2**63


def test_points_of_an_inner_axis_share_a_seed(write):
    text = '[job]\ncommand = "verify"\n[axes]\nvisibility = [0.7, 0.8]\nsamples = [10, 20, 30]\n'
    seeds = read_config(write(text)).point_seeds
    np.testing.assert_array_equal(seeds[0], seeds[1])
    assert len(set(seeds[0].tolist())) == 3


def test_files_are_part_of_a_sweep(write, tmp_path):
    np.save(tmp_path / "rho.npy", np.eye(4) / 4)
    text = f"""[job]\ncommand = "threshold"\nstate = "{tmp_path}/rho.npy"\n[axes]\nseed = [0]\n"""
    first = read_config(write(text))
    assert list(first.files) == [f"{tmp_path}/rho.npy"]
    np.save(tmp_path / "rho.npy", np.diag([1.0, 0, 0, 0]))
    assert read_config(write(text)).digest != first.digest


def test_whole_numbers_may_be_written_as_floats(write):
    text = VERIFY.replace("[axes]", "samples = 1e5\n[axes]") + "seed = {start = 0, stop = 4, num = 5}\n"
    sweep = read_config(write(text))
    assert sweep.job["samples"] == 100_000
    assert sweep.axes["seed"] == [0, 1, 2, 3, 4]
    assert all(isinstance(seed, int) for seed in sweep.axes["seed"])


def test_saying_the_default_makes_no_other_sweep_and_the_order_of_axes_does(write, sweep):
    text = write().read_text()
    assert read_config(write(text.replace("notion =", "tolerance = 1e-4\nnotion ="))).digest == sweep.digest
    theta, seed = "theta = {start = 0.05, stop = 0.75, num = 10}\n", "seed = [3, 1]\n"
    assert theta + seed in text
    assert read_config(write(text.replace(theta + seed, seed + theta))).digest != sweep.digest


def test_files_that_braces_name_are_part_of_a_sweep(write, tmp_path, monkeypatch):
    for name in ("x", "y:1"):
        np.save(tmp_path / f"{name}.npy", np.eye(4) / 4)
    (tmp_path / "werner").mkdir()
    monkeypatch.chdir(tmp_path)
    text = """[job]\ncommand = "threshold"\nstate = "./{n}.npy"\n[axes]\nn = ["x", "y:1"]\n"""
    found = read_config(write(text))
    assert sorted(found.files) == [f"{tmp_path}/x.npy", f"{tmp_path}/y:1.npy"]
    assert found.job["state"] == f"{tmp_path}/{{n}}.npy"
    # A folder of the name of a state is no state.
    text = """[job]\ncommand = "threshold"\nstate = "werner"\n[axes]\nseed = [0]\n"""
    assert read_config(write(text)).files == {}


def test_long_lines_are_read_in_no_time(write):
    numbers = ",\n".join(f"1{i:018d}" for i in range(3000))
    text = f"""[job]\ncommand = "threshold"\n[axes]\nseed = [\n{numbers}\n]\n"""
    started = time.perf_counter()
    assert len(read_config(write(text)).axes["seed"]) == 3000
    assert time.perf_counter() - started < 10
