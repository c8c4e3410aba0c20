"""The map: the note's correlations with their verdicts, which change where the physics is changed."""

import dataclasses
import itertools
import json

import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett._clock import OutOfTime
from jaxleggett.lp.column_generation import Bracket
from jaxleggett.survey import CorrelationTable, survey, verdicts, verdicts_of_table
from jaxleggett.survey import examples as note
from jaxleggett.survey.verdicts import leggett_of_table

YES, NO, OPEN = "compatible", "incompatible", "unknown"
EXPECTED = {  # leggett, bell, steering, separable, as the note has them
    "white_noise": (YES, YES, YES, YES),
    "singlet_all": (NO, NO, NO, NO),
    "singlet_equatorial": (YES, NO, NO, NO),
    "pr_box": (YES, NO, NO, NO),
    "deterministic": (NO, YES, YES, NO),
    "separable": (YES, YES, YES, YES),
    "werner_0.3333": (YES, YES, YES, YES),
    "werner_0.5": (YES, YES, YES, NO),
    "werner_0.68": (YES, OPEN, NO, NO),
    "werner_0.7": (YES, OPEN, NO, NO),
    "werner_0.71": (YES, NO, NO, NO),
    "werner_0.8": (YES, NO, NO, NO),
    "werner_0.8535": (YES, NO, NO, NO),
    "werner_0.8536": (NO, NO, NO, NO),
    "werner_0.86": (NO, NO, NO, NO),
    "werner_0.87": (NO, NO, NO, NO),
    "werner_1": (NO, NO, NO, NO),
}
X, Y, Z = np.eye(3)


def _answers(verdicts):
    return tuple(str(verdict.answer) for verdict in verdicts.values())


@pytest.mark.thorough
def test_the_verdicts_of_the_note():
    done = []
    found = survey(progress=done.append)
    assert {row.name: _answers(row.verdicts) for row in found.rows} == EXPECTED
    assert done[-1].done == 1
    content = found.to_json()
    json.dumps(content, allow_nan=False)
    evidence = {row["name"]: row["evidence"] for row in content["correlations"]}
    assert "CHSH value 2.828427125" in evidence["singlet_equatorial"]["bell"]
    assert "CHSH value 4.000000000" in evidence["pr_box"]["bell"]
    assert "M^A(z) + M^A(x) <= |z + x| = 1.414214" in evidence["deterministic"]["leggett"]
    assert "[0.853553391, 0.853553391]" in evidence["werner_0.86"]["leggett"]
    assert "Werner state, V = 0.68" in str(found)


@pytest.mark.thorough
def test_verdicts_follow_the_physics(monkeypatch):
    """Each example with what makes it an example taken away."""
    one = np.ones(2)
    # One setting of Alice instead of two, and she no longer contradicts herself.
    same = CorrelationTable(jl.SettingPairs(np.stack([Z, Z]), np.stack([Z, X])), one, one, one)
    assert str(verdicts_of_table(same)["leggett"].answer) == NO  # Bob does
    product = CorrelationTable(jl.SettingPairs(np.stack([Z, Z]), np.stack([Z, Z])), one, one, one)
    assert _answers(verdicts_of_table(product)) == (YES, YES, YES, YES)
    # A PR box with its fourth correlator turned round is local, with half of all of them separable.
    pairs = jl.PRBoxModel().pairs
    for C, expected in (
        ([1, 1, 1, 1], (YES, YES)),
        ([0.5, 0.5, 0.5, -0.5], (YES, YES)),
        ([0.8, 0.8, 0.8, -0.8], (YES, NO)),
    ):
        assert _answers(verdicts_of_table(CorrelationTable(pairs, np.zeros(4), np.zeros(4), C)))[:2] == expected
    # Settings off the circle spoil the circle's model; equal ones leave nothing to steer with.
    monkeypatch.setattr(note, "EQUATOR", "grid:4")
    assert _answers(note.singlet_equatorial())[0] == OPEN
    # An entangled state is no separable one.
    with pytest.raises(ArithmeticError, match="partial transpose"):
        note._of_separable(jl.werner(0.4), None)


def test_marginals_that_no_vector_gives_are_incompatible_at_any_visibility():
    s = np.sqrt(0.5)
    a = np.stack([Z, X, s * (Z + X)])
    M = np.array([0.5, 0.5, 0.5])  # a vector with r.z = r.x = 0.5 has 0.707 in between
    table = CorrelationTable(jl.SettingPairs(a, np.tile(Z, (3, 1))), M, np.zeros(3), np.zeros(3))
    found = leggett_of_table(table)
    assert (found.lower, found.upper) == (0, 0)
    assert found.inequality.value(table) > 1e-3
    assert found.inequality.at(*np.random.default_rng(0).normal(size=(2, 50, 3))).max() < 1e-12
    assert str(verdicts_of_table(table)["leggett"].answer) == NO
    fitting = CorrelationTable(table.pairs, [0.5, 0.5, s], np.zeros(3), np.zeros(3))
    assert str(verdicts_of_table(fitting)["leggett"].answer) == YES


def test_the_chsh_value_is_the_largest_over_settings_and_signs(rng):
    a, b = oracles.unit(rng, 3), oracles.unit(rng, 4)
    for _ in range(5):
        C = rng.uniform(-1, 1, (3, 4))
        every = [
            oracles.chsh(C[np.ix_(rows, columns)])
            for rows in itertools.combinations(range(3), 2)
            for columns in itertools.combinations(range(4), 2)
        ]
        table = CorrelationTable(jl.SettingPairs.product(a, b), np.zeros(12), np.zeros(12), C.ravel())
        assert table.chsh() == pytest.approx(max(every))
    # Without a square of settings there is no value; pairs that were not measured do not count.
    row = CorrelationTable(jl.SettingPairs.product(a[:1], b), np.zeros(4), np.zeros(4), C[0])
    corner = CorrelationTable(jl.SettingPairs(a[[0, 0, 1]], b[[0, 1, 0]]), np.zeros(3), np.zeros(3), np.ones(3))
    assert (row.chsh(), corner.chsh()) == (0, 0)


@pytest.mark.parametrize("state", [jl.werner(), jl.pure(0.5)])
def test_a_table_of_a_state_has_the_states_threshold(state):
    pairs = jl.SettingPairs.random(10, seed=4)
    found = leggett_of_table(CorrelationTable.of(state, pairs))
    direct = jl.threshold(state, pairs, tolerance=1e-6)
    assert found.lower == pytest.approx(direct.lower, abs=2e-6)
    assert found.upper == pytest.approx(direct.upper, abs=2e-6)


@pytest.mark.thorough
def test_ctrl_c_keeps_the_rows_that_are_finished():
    def stop(progress):
        if progress.done > 0.1:
            raise KeyboardInterrupt

    found = survey(progress=stop)
    assert found.status == "interrupted"
    assert 0 < len(found.rows) < len(EXPECTED)


def test_ctrl_c_within_a_correlation_is_no_verdict(monkeypatch):
    """What is computed of it answers with what it has; the map does not take that for an answer."""

    verify = jl.verify

    def stopped(*arguments, **options):
        return dataclasses.replace(verify(*arguments, **options), status="interrupted")

    monkeypatch.setattr(note.verification, "verify", stopped)
    found = survey()
    assert (found.status, found.rows) == ("interrupted", ())
    table = CorrelationTable(jl.PRBoxModel().pairs, np.zeros(4), np.zeros(4), np.zeros(4))
    monkeypatch.setattr(verdicts, "leggett_of_table", lambda *arguments: Bracket.of_none("interrupted"))
    found = survey(table)
    assert (found.status, found.rows, found.unfinished) == ("interrupted", (), ("table",))


@pytest.mark.thorough
def test_a_time_limit_names_the_rows_that_are_not_finished(monkeypatch):
    def late_there(deadline):
        assert deadline is not None
        raise OutOfTime

    monkeypatch.setitem(note.EXAMPLES, "pr_box", late_there)
    found = survey(time_limit=600)
    names = list(EXPECTED)
    assert found.status == "time_limit"
    assert ([row.name for row in found.rows], list(found.unfinished)) == (names[:3], names[3:])
    assert found.brackets == {}
    assert found.to_json()["unfinished"] == names[3:]
    assert "Not finished: pr_box, deterministic, separable, werner_0.3333" in str(found)


def test_nothing_is_begun_after_the_time_limit():
    found = survey(time_limit=1e-9)
    assert (found.status, found.rows, found.unfinished) == ("time_limit", (), tuple(EXPECTED))
    for limit in (0, -1, float("nan")):
        with pytest.raises(jl.InputError, match="time_limit must be"):
            survey(time_limit=limit)


@pytest.mark.parametrize("notion", verdicts.NOTIONS)
def test_a_time_limit_within_a_correlation_is_no_verdict(notion, monkeypatch):
    """Brackets that are not as narrow as they would have become decide nothing, and are not kept for later."""
    monkeypatch.setattr(note, "_BRACKETS", {})
    with pytest.raises(OutOfTime):
        note.singlet_bracket(notion, deadline=0.0)
    found = jl.threshold(jl.werner(), notion=notion)
    monkeypatch.setattr(note, "threshold", lambda *a, **k: dataclasses.replace(found, status="time_limit"))
    with pytest.raises(OutOfTime):
        note.singlet_bracket(notion)
    assert note._BRACKETS == {}


@pytest.mark.slow
def test_a_table_keeps_to_its_time_limit():
    """At 20 settings a side all outcomes of one party are tried, which takes minutes."""
    a, b = jl.SettingPairs.random(20).a, jl.SettingPairs.random(20, seed=1).b
    table = CorrelationTable.of(jl.werner(), jl.SettingPairs.product(a, b))
    found = survey(table, time_limit=3)
    assert (found.status, found.rows, found.unfinished) == ("time_limit", (), ("table",))
    assert found.seconds < 30


def test_settings_that_hardly_differ_have_marginals_that_hardly_differ():
    """A vector with r.a = 0 and 0.001 at settings 1e-10 apart would have a length of 10^7."""
    a = np.stack([Z, [1e-10, 0, 1]])
    table = CorrelationTable(jl.SettingPairs(a, np.stack([Z, Z])), [0, 0.001], np.zeros(2), np.zeros(2))
    found = leggett_of_table(table)
    assert (found.lower, found.upper) == (0, 0)


def test_a_table_with_too_many_settings_is_refused_before_anything_is_computed(monkeypatch):
    monkeypatch.setattr(verdicts, "leggett_of_table", None)
    pairs = jl.SettingPairs.random(1001)
    table = CorrelationTable(pairs, np.zeros(1001), np.zeros(1001), np.zeros(1001))
    with pytest.raises(jl.InputError, match="at most 1000 different ones"):
        verdicts_of_table(table)
