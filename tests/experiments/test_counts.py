"""Counts: what is read, what is added up, what is refused."""

import numpy as np
import pytest
from oracles import unit

import jaxleggett as jl
from jaxleggett.experiments import Counts

HEADER = "ax,ay,az,bx,by,bz,npp,npm,nmp,nmm"
ROW = "0,0,1,0,0,1,"


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    return jl.SettingPairs(unit(rng, 5), unit(rng, 5))


@pytest.mark.parametrize("columns", [4, 9])
def test_file_gives_back_the_counts(tmp_path, pairs, columns):
    numbers = np.random.default_rng(1).integers(1, 10**9, (5, columns))
    Counts(pairs, numbers).to_csv(tmp_path / "counts.csv")
    read = Counts.from_csv(tmp_path / "counts.csv")
    assert np.array_equal(read.counts, numbers)
    assert np.array_equal(read.pairs.a, pairs.a)
    assert np.array_equal(read.pairs.b, pairs.b)
    assert read.missing == (numbers[:, 4:].sum() if columns == 9 else 0)


def test_means_are_those_of_a_loop(pairs):
    numbers = np.random.default_rng(2).integers(1, 100, (5, 9))
    counts = Counts(pairs, numbers)
    for i, (pp, pm, mp, mm) in enumerate(numbers[:, :4].tolist()):
        n = pp + pm + mp + mm
        assert counts.C[i] == pytest.approx((pp - pm - mp + mm) / n)
        assert counts.M_A[i] == pytest.approx((pp + pm - mp - mm) / n)
        assert counts.M_B[i] == pytest.approx((pp - pm + mp - mm) / n)


def test_rows_of_one_pair_are_added_up_in_the_order_of_the_first(pairs):
    rows = [3, 0, 3, 1, 0, 3]
    numbers = np.arange(1, 25).reshape(6, 4)
    counts = Counts(jl.SettingPairs(pairs.a[rows], pairs.b[rows]), numbers)
    assert counts.merged == 3
    assert np.array_equal(counts.pairs.a, pairs.a[[3, 0, 1]])
    assert counts.counts.tolist() == (
        [(numbers[0] + numbers[2] + numbers[5]).tolist(), (numbers[1] + numbers[4]).tolist(), numbers[3].tolist()]
    )
    # Only whole pairs count as one, not those that share a setting.
    assert Counts(jl.SettingPairs(pairs.a[[0, 0]], pairs.b[:2]), numbers[:2]).merged == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,-2,3,4", ":3 must hold whole numbers of events from 0 to 100,000,000,000, but they are 1, -2, 3, 4"),
        ("1,2.5,3,4", ":3 must hold whole numbers"),
        ("1,nan,3,4", ":3 must hold whole numbers"),
        ("1,1e12,3,4", ":3 must hold whole numbers of events from 0 to 100,000,000,000"),
        ("0,0,0,0", ":3 must have at least one event with both outcomes, but has none"),
        ("1,x,3,4", ":3 must hold numbers"),
        ("1,2,3", ":3 must have 10 columns, but has 9"),
    ],
)
def test_bad_rows_are_named(tmp_path, row, message):
    path = tmp_path / "counts.csv"
    path.write_text(f"{HEADER}\n{ROW}1,2,3,4\n{ROW}{row}\n")
    with pytest.raises(jl.InputError) as error:
        Counts.from_csv(path)
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["", "a,b\n", HEADER + "\n", "hello", f"{HEADER},x\n{ROW}1,2,3,4,5\n"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(jl.InputError, match=r"counts\.csv"):
        Counts.from_csv(path)


@pytest.mark.parametrize(
    "numbers", [[[1, 2, 3]], [[1, 2, 3, 4]] * 2, "text", [[1, 2, 3, -1]], [[0.5] * 4], [[True] * 4], [[10**12] * 4]]
)
def test_bad_arrays_are_refused(numbers):
    with pytest.raises(jl.InputError, match="counts"):
        Counts(jl.SettingPairs([[0, 0, 1]], [[0, 0, 1]]), numbers)


def test_added_up_counts_stay_below_the_limit():
    z = [[0, 0, 1]] * 2
    with pytest.raises(jl.InputError, match="add up to"):
        Counts(jl.SettingPairs(z, z), [[10**11, 0, 0, 0]] * 2)


def test_split_divides_every_pair(pairs):
    counts = Counts(pairs, np.random.default_rng(3).integers(10, 1000, (5, 4)))
    first, rest = counts.split(0.3, seed=1)
    assert np.array_equal(first.counts + rest.counts, counts.counts)
    assert np.array_equal(first.counts.sum(axis=1), np.round(0.3 * counts.counts.sum(axis=1)))
    assert np.array_equal(counts.split(0.3, seed=1)[0].counts, first.counts)
    with pytest.raises(jl.InputError, match="split"):
        Counts(pairs, [[1, 0, 0, 0]] * 5).split(0.3, 0)
    with pytest.raises(jl.InputError, match="below 1,000,000,000 events at each pair to be split, but are"):
        Counts(pairs, [[5 * 10**8, 5 * 10**8, 1, 1]] * 5).split(0.3, 0)
