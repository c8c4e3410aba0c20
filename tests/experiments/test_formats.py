"""Counts in the formats of others, written by hand here; the libraries themselves are in test_interop.py."""

import json
import sys

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.experiments import Counts, from_qiskit, from_xarray, to_xarray
from jaxleggett.experiments.formats import read_counts, read_json_counts

X, Y, Z = np.eye(3)

ONE = jl.SettingPairs([Z], [X])

STATES = {"H": [1, 0], "V": [0, 1], "D": [0.5, 0.5], "A": [0.5, -0.5], "R": [0.5, "0.5j"], "L": [1, "0 - 1.0j"]}

ASYMMETRIC = [[1, 20, 300, 4000], [5, 60, 700, 8000]]
"""Of the pairs (z, x) and (y, z): no two of the numbers are equal."""


def rows_of(**changes):
    """Rows of KwiatLab's format with `ASYMMETRIC`, in an order in which no pair is together."""
    rows = []
    for alice, bob, events in (("HV", "DA", ASYMMETRIC[0]), ("RL", "HV", ASYMMETRIC[1])):
        named = [[p, q] for p in alice for q in bob]
        rows.append([{"basis": b, "counts": [9, 9, n], **changes} for b, n in zip(named, events, strict=True)])
    return [row for both in zip(*rows, strict=True) for row in both]


def kwiatlab(data, **fields):
    return {"n_qubits": 2, "n_detectors_per_qubit": 1, "measurement_states": STATES, "data": data, **fields}


@pytest.fixture
def written(tmp_path):
    def write(content, name="counts.json"):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    "keys",
    [
        ["00", "01", "10", "11"],
        ["0 0", "0 1", "1  0", "1 1"],
        ["0x0", "0x1", "0x2", "0x3"],
        ["0b0", "0b01", "0b10", "0b11"],
        [0, 1, np.int64(2), 3],
    ],
)
def test_every_way_to_write_two_bits(keys):
    events = dict(zip(keys, [1, 20, 300, 4000], strict=True))
    # The left bit is bit 1, which is Alice's.
    assert from_qiskit(ONE, [events]).events.tolist() == [[1, 20, 300, 4000]]
    assert from_qiskit(ONE, [events], alice=0).events.tolist() == [[1, 300, 20, 4000]]
    assert from_qiskit(ONE, events).events.tolist() == [[1, 20, 300, 4000]]


def test_outcomes_that_are_missing_were_never_seen_and_equal_pairs_are_added_up():
    counts = from_qiskit(jl.SettingPairs([Z, X, Z], [X, X, X]), [{"01": 5.0}, {2: np.int64(7)}, {"01": 1, "0x3": 2}])
    assert counts.events.tolist() == [[0, 6, 0, 2], [0, 0, 7, 0]]
    assert counts.merged == 1


@pytest.mark.parametrize(
    "key",
    ["0", "1", "011", "0 1 1", "2", "02", "0x4", "0x", "0b011", "", "0x 1", "\u06611", "0_1", 4, -1, 1.0, True, None],
)
def test_keys_that_are_no_two_bits_are_refused(key):
    with pytest.raises(jl.InputError, match=r"^pair 1 of counts must have keys of two bits .*, but has "):
        from_qiskit(jl.SettingPairs([Z, Z], [X, Z]), [{"00": 1}, {"00": 1, key: 2}])


@pytest.mark.parametrize("value", [-1, 0.5, 10**12, np.nan, np.inf, "5", True, None, [1], 10**400])
def test_values_that_are_no_numbers_of_events_are_refused(value):
    with pytest.raises(jl.InputError, match=r"^pair 0 of counts at the key '01' must "):
        from_qiskit(ONE, [{"00": 1, "01": value}])


def test_an_outcome_with_two_keys_is_refused():
    with pytest.raises(jl.InputError, match=r"^pair 0 of counts must have one key for each outcome, but has '0x1'"):
        from_qiskit(ONE, [{"01": 0, "0x1": 2}])


@pytest.mark.parametrize("given", [[], [{}, {}], 5, "01", None, {0: {"00": 1}}.values()])
def test_other_than_one_dictionary_a_pair_is_refused(given):
    with pytest.raises(jl.InputError, match=r"^counts must be 1 dictionary, one for each setting pair, but are "):
        from_qiskit(ONE, given)
    with pytest.raises(jl.InputError, match=r"^pair 0 of counts must be a dictionary such as "):
        from_qiskit(ONE, [given])


@pytest.mark.parametrize("alice", [2, -1, "left", None])
def test_alice_is_one_of_two_bits(alice):
    with pytest.raises(jl.InputError, match=r"^alice must "):
        from_qiskit(ONE, [{"00": 1}], alice=alice)


def test_a_file_of_dictionaries(written):
    content = {"a": [[0, 0, 1], [0, 1, 0]], "b": [[1, 0, 0], [0, 0, 1]], "note": "kept by hand"}
    content["counts"] = [{"00": 1, "0x1": 20, "10": 300, "0b11": 4000}, {"00": 5, "01": 60, "10": 700, "11": 8000}]
    path = written(content)
    for counts in (read_json_counts(path), read_counts(path)):
        assert counts.events.tolist() == ASYMMETRIC
        np.testing.assert_array_equal(counts.pairs.a, [Z, Y])
    swapped = [[1, 300, 20, 4000], [5, 700, 60, 8000]]
    assert read_counts(path, alice=0).events.tolist() == read_json_counts(path, alice=0).events.tolist() == swapped
    # Told apart by what they hold, whatever they are called, and in any Unicode encoding.
    other = written("", "counts.txt")
    for encoding in ("utf-8-sig", "utf-16"):
        other.write_text(json.dumps(content), encoding=encoding)
        assert read_counts(other).events.tolist() == ASYMMETRIC


def test_rows_of_kwiatlab_are_grouped_by_pair(written):
    path = written(kwiatlab(rows_of()))
    counts = read_counts(path)
    np.testing.assert_array_equal(counts.pairs.a, [Z, Y])
    np.testing.assert_array_equal(counts.pairs.b, [X, Z])
    assert counts.events.tolist() == ASYMMETRIC


def test_the_first_state_of_a_side_is_its_outcome_plus(written):
    counts = read_counts(written(kwiatlab(rows_of()[::-1])))
    np.testing.assert_array_equal(counts.pairs.a, [-Y, -Z])
    np.testing.assert_array_equal(counts.pairs.b, [-Z, -X])
    assert counts.events.tolist() == [row[::-1] for row in ASYMMETRIC[::-1]]
    # On each side of its own: here Bob's V comes first, in both pairs.
    rows = [{"basis": [p, q], "counts": [n]} for n, (p, q) in enumerate(["HV", "HH", "VV", "VH"], 1)]
    rows += [{"basis": [p, q], "counts": [n]} for n, (p, q) in enumerate(["DH", "DV", "AH", "AV"], 11)]
    counts = read_counts(written(kwiatlab(rows)))
    np.testing.assert_array_equal(counts.pairs.b, [-Z, -Z])
    assert counts.events.tolist() == [[1, 2, 3, 4], [12, 11, 14, 13]]


def test_states_by_other_names_and_of_four_digits_are_one(written):
    states = {
        "p": [0.9239, 0.3827],
        "p'": ["0.92388j", " (.38268j) "],
        "m": [0.3827, -0.9239],
        "H": ["1e0", 0],
        "V": [0, -7],
    }
    rows = [["p", "H"], ["p'", "V"], ["m", "H"], ["m", "V"]]
    rows = [{"basis": basis, "counts": [n]} for n, basis in enumerate(rows, 1)]
    counts = read_counts(written(kwiatlab(rows, measurement_states=states)))
    assert counts.events.tolist() == [[1, 2, 3, 4]]
    np.testing.assert_allclose(counts.pairs.a, [[np.sqrt(0.5), 0, np.sqrt(0.5)]], atol=5e-5)
    # At 1e-4 on the Bloch sphere that ends; the second state is turned about y by so much.
    for angle in (0.9e-4, 1.1e-4):
        half = np.arctan2(0.3827, 0.9239) + angle / 2
        states["p'"] = [np.cos(half), np.sin(half)]
        path = written(kwiatlab(rows, measurement_states=states))
        if angle < 1e-4:
            assert len(read_counts(path)) == 1
        else:
            with pytest.raises(jl.InputError, match=r"pair \('p', 'H'\) must have all four outcomes, but lacks \+-$"):
                read_counts(path)


def test_what_files_of_kwiatlab_may_leave_out(written):
    content = {"data": [{"basis": ["H", "R"], "counts": [1]}, {"basis": ["H", "L"], "counts": [20]}]}
    content["data"] += [{"basis": ["V", "R"], "counts": [300]}, {"basis": ["V", "L"], "counts": [4000]}]
    counts = read_counts(written(content))
    np.testing.assert_array_equal(counts.pairs.b, [Y])
    assert counts.events.tolist() == ASYMMETRIC[:1]


def test_rows_that_repeat_are_added_up_where_all_outcomes_do(written):
    rows = rows_of(integration_time=2.5, relative_intensity=0.9)
    counts = read_counts(written(kwiatlab([*rows, *rows], n_detectors_per_qubit=2)))
    assert counts.events.tolist() == [[2 * n for n in row] for row in ASYMMETRIC]
    with pytest.raises(jl.InputError, match=r"must have as many rows for each outcome, but has 2, 1, 1, 1$"):
        read_counts(written(kwiatlab([*rows, rows[0]])))


@pytest.mark.parametrize("name", ["integration_time", "relative_intensity"])
def test_rates_are_no_counts(written, name):
    rows = rows_of()
    rows[4][name] = 2  # of the pair H, D; the others have 1, which is what is left out
    with pytest.raises(jl.InputError, match=rf"counts.json: the pair \('H', 'D'\) must have the same {name} in all"):
        read_counts(written(kwiatlab(rows)))
    for i in range(0, 8, 2):
        rows[i][name] = 2  # another pair may have another one
    assert read_counts(written(kwiatlab(rows))).events.tolist() == ASYMMETRIC


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n_qubits": 1}, "n_qubits must be 2, but is 1"),
        ({"n_detectors_per_qubit": 3}, "n_detectors_per_qubit must be 1 or 2, but is 3"),
        ({"n_detectors_per_qubit": True}, "n_detectors_per_qubit must be 1 or 2, but is True"),
        ({"data": []}, r"data must be a list of measurements, but is \[\]"),
        ({"data": 5}, "data must be a list of measurements, but is 5"),
        ({"data": [7]}, "row 0 of data must be an object with basis and counts, but is 7"),
        ({"measurement_states": []}, "measurement_states must be an object of 1 to 1000 states"),
        ({"measurement_states": {str(n): [1, n] for n in range(1001)}}, "measurement_states must be an object of 1 to"),
    ],
)
def test_faults_of_a_file_of_kwiatlab_are_named(written, fields, message):
    with pytest.raises(jl.InputError, match=rf"counts\.json: {message}"):
        read_counts(written(kwiatlab(rows_of()) | fields))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"basis": ["H"]}, "must have a basis of two names"),
        ({"basis": "HH"}, "must have a basis of two names"),
        ({"basis": ["H", "Q"]}, "must have a basis of two names"),
        ({"basis": ["H", ["V"]]}, "must have a basis of two names"),
        ({"counts": [1, 2]}, "must have counts of two singles and the coincidences"),
        ({"counts": 5}, "must have counts of two singles and the coincidences"),
        ({"counts": []}, "must have counts of two singles and the coincidences"),
        ({"integration_time": 0}, "must have a number above 0 as integration_time, but has 0"),
        ({"integration_time": "1"}, "must have a number above 0 as integration_time, but has '1'"),
        ({"relative_intensity": float("nan")}, "must have a number above 0 as relative_intensity, but has nan"),
        ({"relative_intensity": float("inf")}, "must have a number above 0 as relative_intensity, but has inf"),
    ],
)
def test_faults_of_a_row_are_named(written, change, message):
    rows = rows_of()
    rows[3] |= change
    with pytest.raises(jl.InputError, match=rf"counts\.json: row 3 of data {message}"):
        read_counts(written(kwiatlab(rows)))


@pytest.mark.parametrize("value", [-1, 0.5, 10**12, float("nan"), float("inf"), "5", True, None, [1]])
def test_coincidences_are_whole_numbers(written, value):
    rows = rows_of()
    rows[3]["counts"][2] = value
    with pytest.raises(jl.InputError, match=r"the coincidences in row 3 of data must "):
        read_counts(written(kwiatlab(rows)))


@pytest.mark.parametrize(
    "vector",
    [[0, 0], [1], [1, 0, 0], [[1, 0], [0, 1]], 1, "H", [1, None], [1, True], [float("nan"), 1], [1, float("inf")]]
    + [
        [1, text]
        for text in (
            "0.5 0.5j",
            "__import__('os')",
            "1_0",
            "1j*2",
            "",
            "nan",
            "inf",
            "1e999",
            "\u0967",
            "1+",
            "2" * 200,
        )
    ],
)
def test_states_are_two_finite_numbers(written, vector):
    with pytest.raises(jl.InputError, match=r"counts\.json: state 'H' must be two finite numbers, complex ones"):
        read_counts(written(kwiatlab(rows_of(), measurement_states=STATES | {"H": vector})))


@pytest.mark.parametrize(
    ("text", "bloch"),
    [
        ("1j", Y),
        ("-j", -Y),
        ("0.0 + 1.0j", Y),
        ("(0-1j)", -Y),
        ("+1", X),
        (" -1e0 ", -X),
        ("0 - .5E+0J", [0, -0.8, 0.6]),
    ],
)
def test_complex_numbers_are_read_as_python_writes_them(written, text, bloch):
    states = {"+": [1, text], "-": [0, 0]}
    x, y = complex(text.strip().replace(" ", "")).real, complex(text.strip().replace(" ", "")).imag
    states["-"] = [f"{-x} + {y}j".replace("+ -", "- "), 1]
    rows = [{"basis": [p, q], "counts": [1]} for p in "+-" for q in "+-"]
    counts = read_counts(written(kwiatlab(rows, measurement_states=states)))
    np.testing.assert_allclose(counts.pairs.a, [bloch], atol=1e-15)


def test_a_csv_file_comes_through_the_same_door(written):
    counts = Counts(jl.SettingPairs([Z, Y], [X, Z]), ASYMMETRIC)
    path = written(counts.as_csv(), "counts.csv")
    assert read_counts(path).events.tolist() == ASYMMETRIC
    # Without a row of outcomes a pair has none.
    with pytest.raises(jl.InputError, match=r":2 must have at least one event with both outcomes"):
        read_counts(written("ax,ay,az,bx,by,bz,npp,npm,nmp,nmm\n0,0,1,0,0,1,0,0,0,0\n", "empty.csv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", r"must hold a JSON object, but hold \[1, 2\]"),
        ("5", "must hold a JSON object, but hold 5"),
        ('"text"', "must hold a JSON object, but hold 'text'"),
        ("NaN", "must hold a JSON object, but hold nan"),
        ("{}", "must have the fields a, b, counts, but lack a, b, counts"),
        ('{"a": 1, "counts": 2}', "must have the fields a, b, counts, but lack b"),
        ('{"a": [[0, 0, 2]], "b": [[0, 0, 1]], "counts": [{"00": 1}]}', "a must hold unit vectors"),
        ('{"a": [[0, 0, 1]], "b": [[0, 0, 1]], "counts": [{"00": 0}]}', "row 0 of counts must have at least one"),
        (
            '{"a": [[0, 0, 1]], "b": [[0, 0, 1]], "counts": [{"00": 1, "00": 2}]}',
            "must have each name once .* '00' twice",
        ),
        (
            '{"a": [[0, 0, 1]], "b": [[0, 0, 1]], "counts": {"00": NaN}}',
            "pair 0 of counts at the key '00' must be",
        ),
        ("{", "must be JSON, but is not"),
        ("", "must be JSON, but is not"),
        ("[" * 100_000, "must be JSON, but is nested too deeply"),
    ],
)
def test_other_files_are_refused_in_a_sentence(written, content, message):
    for read in (read_counts, read_json_counts):
        with pytest.raises(jl.InputError, match=message):
            read(written(content))
    # By another name it is JSON where it begins like that, else CSV.
    other = written(content, "other.txt")
    csv = r"other\.txt:1 must be the header ax,ay,az,bx,by,bz,npp"
    with pytest.raises(jl.InputError, match=message if content.startswith(("{", "[")) else csv):
        read_counts(other)


def test_files_of_xarray_and_folders_are_refused_in_a_sentence(tmp_path):
    for head in (b"CDF\x01", b"\x89HDF\r\n"):
        (tmp_path / "counts.nc").write_bytes(head)
        with pytest.raises(jl.InputError, match=r"must be CSV or JSON, but are NetCDF, which from_xarray takes"):
            read_counts(tmp_path / "counts.nc")
    with pytest.raises(jl.InputError, match=r"must be a regular file"):
        read_counts(tmp_path)
    with pytest.raises(jl.InputError, match=r"cannot be read: No such file"):
        read_counts(tmp_path / "none.json")


def test_a_dataset_of_xarray_holds_the_counts(rng):
    xarray = pytest.importorskip("xarray")
    s = rng.normal(size=(2, 5, 3))
    s /= np.linalg.norm(s, axis=2)[:, :, None]
    for columns in (4, 9):
        counts = Counts(jl.SettingPairs(*s), rng.integers(1, 1000, (5, columns)))
        dataset = to_xarray(counts)
        assert dict(dataset.sizes) == {"pair": 5, "component": 3, "outcome": columns}
        assert dataset.outcome.values.tolist() == ["++", "+-", "-+", "--", "+0", "-0", "0+", "0-", "00"][:columns]
        assert all({"units", "long_name"} <= set(variable.attrs) for variable in dataset.data_vars.values())
        assert dataset.a.sel(component="y", pair=2) == s[0, 2, 1]
        turned = dataset.transpose().isel(outcome=slice(None, None, -1), component=[2, 0, 1])
        for given in (dataset, turned, xarray.Dataset.from_dict(dataset.to_dict()), dataset.assign(more=1)):
            found = from_xarray(given)
            np.testing.assert_array_equal(found.counts, counts.counts)
            np.testing.assert_array_equal([found.pairs.a, found.pairs.b], [counts.pairs.a, counts.pairs.b])


def test_other_datasets_are_refused_in_a_sentence():
    pytest.importorskip("xarray")
    dataset = to_xarray(Counts(ONE, [[1, 2, 3, 4]]))
    for wrong in (
        dataset.drop_vars("counts"),
        dataset.drop_vars("outcome"),
        dataset.drop_vars("component"),
        dataset.isel(outcome=[0, 1, 2]),
        dataset.isel(outcome=[0, 1, 2, 2]),
        dataset.isel(pair=0),
        dataset.rename(pair="setting"),
    ):
        with pytest.raises(jl.InputError, match=r"^dataset must have a and b \(pair, component\), counts "):
            from_xarray(wrong)
    for wrong in (5, None, {"a": 1}, dataset.counts):
        with pytest.raises(jl.InputError, match=r"^dataset must be an xarray.Dataset, but is "):
            from_xarray(wrong)
    with pytest.raises(jl.InputError, match=r"^row 0 of counts must hold whole numbers"):
        from_xarray(dataset.assign(counts=dataset.counts * np.nan))


def test_without_xarray_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    for call in (lambda: to_xarray(Counts(ONE, [[1, 2, 3, 4]])), lambda: from_xarray(5)):
        with pytest.raises(
            jl.InputError, match=r"^datasets need xarray, which the extra 'cluster' .* pip install -e '\.\[cluster\]'$"
        ):
            call()
