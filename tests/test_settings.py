import math
import os

import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett import _checks, settings

HEADER = "ax,ay,az,bx,by,bz\n"
GOOD = "1,0,0,0,0.6,0.8\n"
ANGLES = "theta_a,phi_a,theta_b,phi_b\n"


def _parse(tmp_path, text):
    path = tmp_path / "settings.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return jl.SettingPairs.parse(str(path))


def test_a_file_comes_back_to_the_last_bit(tmp_path):
    pairs = jl.SettingPairs.random(50, seed=3)
    pairs.to_csv(tmp_path / "s.csv")
    again = jl.SettingPairs.from_csv(tmp_path / "s.csv")
    np.testing.assert_array_equal(again.a, pairs.a)
    np.testing.assert_array_equal(again.b, pairs.b)
    again.to_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == (tmp_path / "s.csv").read_bytes()


def test_renormalising_again_changes_no_bit():
    vectors = np.random.default_rng(1).normal(size=(10**5, 3)) * [1, 1e-3, 1e-9]
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    off = vectors * (1 + 1e-6 * np.random.default_rng(2).uniform(-0.9, 0.9, (10**5, 1)))
    np.testing.assert_array_equal(_checks.unit_vectors("a", vectors), vectors)
    once = _checks.unit_vectors("a", off)
    np.testing.assert_allclose(once, vectors, rtol=1e-15, atol=0)
    np.testing.assert_array_equal(_checks.unit_vectors("a", once), once)


def test_what_is_off_by_more_than_rounding_is_renormalised():
    assert _checks.unit_vectors("a", [[1 + 1e-14, 0, 0]])[0, 0] == 1


@pytest.mark.parametrize(
    "text",
    [
        HEADER.replace(",", ";") + GOOD.replace(",", ";"),
        HEADER.replace(",", "\t") + GOOD.replace(",", "\t"),
        HEADER.replace(",", " ") + GOOD.replace(",", "  "),
        "# " + HEADER + GOOD,  # as numpy.savetxt writes it
        HEADER.replace(",", " , ") + " 1, 0,0 ,0, 0.6,0.8 \r\n",
        '"ax","ay","az","bx","by","bz"\n' + GOOD,
        '"ax";"ay";"az";"bx";"by";"bz"\n"1";"0";"0";"0";"0.6";"0.8"\n',
        "'ax','ay','az','bx','by','bz'\n" + GOOD,
        *(name + "," + HEADER + "7," + GOOD for name in ("", "#", "i", "index", "pair", '""')),
        "index;" + HEADER.replace(",", ";") + "first;" + GOOD.replace(",", ";"),
        ANGLES + "90,0,36.86989764584402,90\n",
        "i;" + ANGLES.replace(",", ";") + "1;90;-360;36.86989764584402;-270\n",
    ],
)
def test_other_tables_of_the_same_pair(tmp_path, text):
    pairs = _parse(tmp_path, text)
    np.testing.assert_allclose(pairs.a, [[1, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(pairs.b, [[0, 0.6, 0.8]], atol=1e-15)


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo.csv")  # opened, it would wait for a writer
    with pytest.raises(jl.InputError, match=r"fifo\.csv must be a regular file"):
        jl.SettingPairs.parse(str(tmp_path / "fifo.csv"))


def test_rows_are_alice_then_bob_and_renormalised(tmp_path):
    pairs = _parse(tmp_path, HEADER + "1.0000005,0,0,0,0.6,0.8\r\n\n")
    np.testing.assert_allclose(pairs.a, [[1, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(pairs.b, [[0, 0.6, 0.8]], atol=1e-15)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(tmp_path, end):
    assert len(_parse(tmp_path, (HEADER + GOOD * 1000).replace("\n", end))) == 1000


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    assert len(_parse(tmp_path, b"\xef\xbb\xbf" + (HEADER + GOOD).encode())) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"settings.csv:1 must be the header ax,ay,az,bx,by,bz, or theta_a,.* in degrees, but is ''"),
        ("a,b\n" + GOOD, r":1 must be the header"),
        (GOOD, r":1 must be the header"),
        (HEADER, "must hold at least one row"),
        (HEADER + "\n\n", "must hold at least one row"),
        (HEADER + "  \n \n", "must hold at least one row"),
        (HEADER + GOOD + "1,0,0,0,0,2\n", r":3 must hold unit vectors .* norm of b is 2$"),
        (HEADER + GOOD + "\n" + "1,0,0.01,0,0,1\n", r":4 must hold unit vectors .* norm of a is 1.00005"),
        (HEADER + "nan,0,0,0,0,1\n", r":2 must hold unit vectors .* norm of a is nan"),
        (HEADER + "inf,0,0,0,0,1\n", r":2 must hold unit vectors"),
        (HEADER + GOOD + "1,0,0,0,0\n", r":3 must have 6 columns, but has 5"),
        (HEADER + "1,0,0,0,0,1,0\n" * 2, r":2 must have 6 columns, but has 7"),
        (HEADER + "1,0,0,0,zero,1\n", r":2 must hold numbers"),
        (HEADER + "1;0;0;0;0;1\n", r":2 must have 6 columns, but has 1 \(the header separates them by ','\)"),
        (HEADER.replace(",", ";") + "1,0;0,0;0,0;0,0;0,6;0,8\n", r":2 must hold numbers such as -0.5"),
        ("n," + HEADER + "1," + GOOD, r":1 must be the header"),
        ("i," + HEADER + GOOD, r":2 must have 7 columns, but has 6"),
        (ANGLES + "0,0,90,90\n0,0,181,90\n", r":3 must hold polar angles from 0 to 180 .* are 0, 0, 181, 90$"),
        (ANGLES + "0,361,90,90\n", r":2 must hold polar angles .* azimuths from -360 to 360 degrees"),
        (ANGLES + "0,nan,90,90\n", r":2 must hold polar angles"),
        (ANGLES.replace("theta_a", "theta_a_rad") + "0,0,1,1\n", r":1 must be the header"),
        (b"\xff\xfe\x00\x01" * 10, r":1 must be the header"),
        ((HEADER + "1,0,0,0,0,").encode() + b"\xff\n", r":2 must hold numbers"),
    ],
)
def test_bad_files(tmp_path, text, message):
    with pytest.raises(jl.InputError, match=message) as caught:
        _parse(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_file_with_too_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "MAX_PAIRS", 10)
    assert len(_parse(tmp_path, HEADER + GOOD * 10)) == 10
    with pytest.raises(jl.InputError, match="at most 10 rows"):
        _parse(tmp_path, HEADER + GOOD * 11)
    with pytest.raises(jl.InputError, match="at most 10"):
        _parse(tmp_path, (HEADER + GOOD * 11)[:-1])
    with pytest.raises(jl.InputError, match="at most 10 rows of 400 characters"):
        _parse(tmp_path, HEADER + " " * 3000)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("random:0", "must lie between 1 and"),
        ("random:-3", "must lie between 1 and"),
        ("random:1.5", "must be an integer"),
        ("random:", "must be an integer"),
        ("random:nan", "must be an integer"),
        ("grid:4000", "must lie between 1 and 3162"),
        ("random:100000000", "must lie between 1 and 10000000"),
        ("dodecahedron", "must be random:N, grid:N, equatorial:N, icosahedron or the name of a CSV file"),
        ("no/such.csv", "settings 'no/such.csv' cannot be read: No such file or directory"),
        ("such.csv", "settings 'such.csv' cannot be read: No such file or directory"),
        ("", "but '' is none of them"),
        ("a" * 5000, "is none of them"),
        ("a" * 300 + ".csv", "cannot be read: File name too long"),
        ("a\0.csv", "no name of a file holds a NUL"),
        ("grids:4", "but 'grids:4' is none of them"),
    ],
)
def test_bad_names(name, message):
    with pytest.raises(jl.InputError, match=message):
        jl.SettingPairs.parse(name)


def test_a_folder_is_no_settings_file(tmp_path):
    with pytest.raises(jl.InputError, match="must be a regular file"):
        jl.SettingPairs.parse(str(tmp_path))


def test_random_pairs_depend_on_the_seed_alone():
    one, two, three = (jl.SettingPairs.parse("random:20", seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.a, two.a)
    assert not np.allclose(one.a, three.a)
    assert not np.allclose(one.a, one.b)


def test_grid_is_alice_major():
    pairs = jl.SettingPairs.parse("grid:4")
    assert len(pairs) == 16
    np.testing.assert_array_equal(pairs.a[0:4], np.tile(pairs.a[0], (4, 1)))
    np.testing.assert_array_equal(pairs.b[0:4], pairs.b[4:8])
    np.testing.assert_array_equal(pairs.a[::4], pairs.b[:4])
    np.testing.assert_allclose(pairs.a[::4, 2], [0.75, 0.25, -0.25, -0.75], atol=1e-15)


def test_products_of_unequal_numbers():
    rng = np.random.default_rng(0)
    a, b = oracles.unit(rng, 5), oracles.unit(rng, 7)
    pairs = jl.SettingPairs.product(a, b)
    np.testing.assert_allclose(pairs.a[3 * 7 + 4], a[3], atol=1e-15)
    np.testing.assert_allclose(pairs.b[3 * 7 + 4], b[4], atol=1e-15)


def test_too_many_pairs_are_refused_before_they_are_made():
    """10^10 pairs would take 480 GB."""
    many = np.tile([0.0, 0.0, 1.0], (10**5, 1))
    with pytest.raises(jl.InputError, match="settings must be at most 10000000 pairs, but are 10000000000"):
        jl.SettingPairs.product(many, many)
    with pytest.raises(jl.InputError, match="bob must hold unit vectors"):
        jl.SettingPairs.product([[1, 0, 0]], [[2, 0, 0]])


def test_named_sets_have_their_sizes():
    assert len(jl.SettingPairs.parse("equatorial:5")) == 25
    assert len(jl.SettingPairs.parse("icosahedron")) == 36
    assert len(jl.SettingPairs.parse("random:1e3")) == 1000


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([[1, 0, 0], [0, 2, 0]], [[1, 0, 0]] * 2, "a must hold unit vectors .* row 1 is"),
        ([[1, 0, 0]], [[0, np.nan, 0]], "b must hold unit vectors"),
        ([[1, 0, 0]], [[1, 0, 0]] * 2, "equally many rows, but have 1 and 2"),
        (np.zeros((0, 3)), np.zeros((0, 3)), r"shape \(N, 3\) with N >= 1"),
        ([[1, 0]], [[1, 0]], r"shape \(N, 3\)"),
        ("text", [[1, 0, 0]], "must be an array of 3-vectors"),
        ([[1, 0, 0], [1, 0]], [[1, 0, 0]], "must be an array of 3-vectors"),
        (np.array([[1, 1j, 0]]), [[1, 0, 0]], "a must be an array of 3-vectors, but is array"),
    ],
)
def test_bad_arrays(a, b, message):
    with pytest.raises(jl.InputError, match=message):
        jl.SettingPairs(a, b)


@pytest.mark.parametrize("value", ["1e30", 2**60, [10**5000], "inf", "-5", 0, 1.5, None, [1], "9" * 400])
def test_bad_sample_numbers(value):
    with pytest.raises(jl.InputError, match=r"^samples must"):
        _checks.integer("samples", value, 1, _checks.MAX_SAMPLES)


def test_integers_too_long_to_print_are_refused_in_words():
    with pytest.raises(jl.InputError, match="but is int that is too long to print"):
        _checks.integer("samples", 10**5000, 1, 9)
    with pytest.raises(jl.InputError, match="visibility must be a number"):
        _checks.visibilities(10**5000)


@pytest.mark.parametrize(("value", "number"), [("1e6", 10**6), (1e6, 10**6), ("12", 12), (np.int64(5), 5)])
def test_good_sample_numbers(value, number):
    assert _checks.integer("samples", value, 1, _checks.MAX_SAMPLES) == number


def test_visibilities_are_real():
    for value in (1j, [0.5, 1j], np.array([0.5 + 0.1j])):
        with pytest.raises(jl.InputError, match="visibility must be a number, but is"):
            _checks.visibilities(value)


def test_time_limits_are_integers_or_doubles():
    for value in (None, 1, 0.5, np.int64(5), np.float64(0.5), math.inf):
        _checks.time_limit(value)
    for value in (0, -1, math.nan, "3", np.float64("nan"), [1], 1j, 10**400):
        with pytest.raises(jl.InputError, match="time_limit must be a number of seconds above 0, but is"):
            _checks.time_limit(value)


def test_large_seeds_are_exact():
    assert _checks.integer("seed", str(2**63 - 1), 0, _checks.MAX_SEED) == 2**63 - 1
    with pytest.raises(jl.InputError, match="seed must lie between 0 and 9223372036854775807"):
        _checks.integer("seed", str(2**63), 0, _checks.MAX_SEED)
