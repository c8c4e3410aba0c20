"""Trials: what is read, what is refused."""

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.experiments import Trials

SETTINGS = "ax,ay,az,bx,by,bz,probability\n0,0,1,0,0,1,0.25\n1,0,0,0,0,1,0.75\n"
TRIALS = "index,pair,alpha,beta\n0,1,1,-1\n1,0,-1,-1\n2,1,1,0\n"


@pytest.fixture
def files(tmp_path):
    def write(trials=TRIALS, settings=SETTINGS):
        (tmp_path / "trials.csv").write_text(trials)
        (tmp_path / "settings.csv").write_text(settings)
        return tmp_path / "trials.csv", tmp_path / "settings.csv"

    return write


def test_files_give_back_the_trials(files, tmp_path):
    trials = Trials.from_csv(*files())
    assert trials.pair.tolist() == [1, 0, 1]
    assert trials.probabilities.tolist() == [0.25, 0.75]
    assert trials.numbers().tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 1, 0, 0, 0, 0]]
    trials.to_csv(tmp_path / "again.csv", tmp_path / "drawn.csv")
    again = Trials.from_csv(tmp_path / "again.csv", tmp_path / "drawn.csv")
    assert np.array_equal(again.column, trials.column)
    assert np.array_equal(again.pair, trials.pair)


@pytest.mark.parametrize("mark", [";", "\t", ", "])
def test_other_marks_may_separate_columns(files, mark):
    assert Trials.from_csv(*files(TRIALS.replace(",", mark))).pair.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ("index,pair,alpha,beta\n", "at least one trial"),
        ("index,pair,alpha\n0,0,1\n", ":1 must be the header index,pair,alpha,beta"),
        (TRIALS.replace("1,0,-1,-1", "1,2,-1,-1"), ":3: pair must be a row of"),
        (TRIALS.replace("1,0,-1,-1", "1,-1,-1,-1"), ":3: pair must be a row of"),
        (TRIALS.replace("1,0,-1,-1", "1,0,-2,-1"), ":3: alpha must be +1, -1, or 0"),
        (TRIALS.replace("1,0,-1,-1", "1,0,-1,3"), ":3: beta must be +1, -1, or 0"),
        (TRIALS.replace("1,0,-1,-1", "0,0,-1,-1"), ":3: index must grow"),
        (TRIALS.replace("1,0,-1,-1", "1,0,-1,0.5"), ":3 must hold four whole numbers"),
        (TRIALS.replace("1,0,-1,-1", "1,0,-1"), ":3 must hold four whole numbers"),
        (TRIALS.replace("1,0,-1,-1", "1,0,-1,99999999999999999999"), ":3 must hold four whole numbers"),
        (TRIALS.replace("1,0,-1,-1", "1,0,+-1,-1"), ":3 must hold four whole numbers"),
        # Eight numbers are two trials, but not in one line, nor in two or four.
        ("index,pair,alpha,beta\n0,1,1,-1,1,0,-1,-1\n", ":2 must hold four whole numbers"),
        ("index,pair,alpha,beta\n0,1\n1,-1\n", ":2 must hold four whole numbers"),
        (TRIALS.replace(",", ";").replace("1;0;-1;-1", "1;0;-1;x"), ":3 must hold four whole numbers, but is '1;0;"),
        (TRIALS.replace("1,0,-1,-1", "\n\n1,2,-1,-1"), ":5: pair must be a row of"),
    ],
)
def test_bad_trials_are_named(files, trials, message):
    with pytest.raises(jl.InputError) as error:
        Trials.from_csv(*files(trials))
    assert message in str(error.value)


def test_more_trials_than_a_file_may_have_are_refused(files, monkeypatch):
    monkeypatch.setattr("jaxleggett.experiments.trials.MAX_TRIALS", 2)
    with pytest.raises(jl.InputError, match="must hold at most 2 trials, but holds 3"):
        Trials.from_csv(*files())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SETTINGS.replace("0.75", "0.7"), "settings.csv: probabilities must sum to 1 (to 1e-09), but sum to 0.95"),
        (
            SETTINGS.replace("0.25", "1").replace("0.75", "0"),
            "settings.csv: probabilities must be 2 numbers of at least 1e-09",
        ),
        (SETTINGS.replace("0.25", "1.25").replace("0.75", "-0.25"), "at least"),
        (SETTINGS.replace("0.25", "nan"), "at least"),
        (SETTINGS.replace(",probability", ""), ":1 must be the header ax,ay,az,bx,by,bz,probability"),
    ],
)
def test_bad_settings_are_named(files, settings, message):
    with pytest.raises(jl.InputError) as error:
        Trials.from_csv(*files(settings=settings))
    assert message in str(error.value)


def test_bad_arrays_are_refused():
    z, none = jl.SettingPairs([[0, 0, 1]], [[0, 0, 1]]), np.zeros(0, int)
    for pair, alpha, beta, message in (
        ([1], [1], [1], "pair must lie between 0 and 0, but is 1 in trial 0"),
        ([0], [2], [1], "alpha must lie between -1 and 1, but is 2 in trial 0"),
        ([0, 0], [1, 1], [1, -3], "beta must lie between -1 and 1, but is -3 in trial 1"),
        ([0], [1.0], [1], "alpha must be as many integers as there are trials"),
        ([0], [1, 1], [1], "alpha must be as many integers as there are trials"),
        (none, none, none, "there must be at least one trial"),
    ):
        with pytest.raises(jl.InputError, match=message):
            Trials(z, [1.0], np.array(pair), np.array(alpha), np.array(beta))
