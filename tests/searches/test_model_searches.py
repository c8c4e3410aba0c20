"""Gradient searches over models: where the explicit one breaks, and what ascent on ensembles reaches."""

from dataclasses import replace

import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett.searches import explicit_model
from jaxleggett.searches.ensembles import AscentOptions, improve_model
from jaxleggett.searches.explicit_model import break_model

RNG = np.random.default_rng(4)


def test_the_explicit_model_breaks_at_its_critical_visibility():
    found = break_model(256)
    assert found.critical_visibility == pytest.approx(oracles.V_C, abs=1e-12)
    assert found.reached > 100
    w = found.witness
    a, b, u, v = (np.array(getattr(w, name)) for name in "abuv")
    assert (v == -u).all()
    assert np.linalg.norm([a, b, u], axis=1) == pytest.approx(1)
    # [B13 (9)] by hand, a little above
    V, cosine = found.witness_visibility, a @ b
    minus, plus = np.sqrt((1 - cosine) / 2), np.sqrt((1 + cosine) / 2)
    p = [(1 - x + s * V * cosine) / (2 - minus - plus) for x, s in ((plus, 1), (minus, -1))]
    C = p[0] * (-1 + abs(u @ a - u @ b)) + p[1] * (1 - abs(u @ a + u @ b))
    P = (1 + w.alpha * (u @ a) + w.beta * (v @ b) + w.alpha * w.beta * C) / 4
    assert P == pytest.approx(w.probability, abs=1e-15)
    assert -1e-8 < P < 0
    # at the angle with sin(phi/2) = 1 - 1/sqrt 2, or its supplement
    half = np.sqrt((1 - abs(cosine)) / 2)
    assert half == pytest.approx(1 - np.sqrt(0.5), abs=1e-6)


def test_the_same_seed_gives_the_same_witness():
    assert break_model(16, seed=5).witness == break_model(16, seed=5).witness
    assert break_model(16, seed=5).witness != break_model(16, seed=6).witness


def test_ctrl_c_keeps_the_batches_that_are_finished():
    events = []

    def stop(event):
        events.append(event)
        if event.done >= 0.5:
            raise KeyboardInterrupt

    found = break_model(1000, progress=stop)
    assert [event.done for event in events] == [0.256, 0.512]
    assert (found.status, found.starts) == ("interrupted", 512)
    assert found.critical_visibility == events[-1].upper == pytest.approx(oracles.V_C, abs=1e-9)
    assert found.witness.probability < 0


def test_ctrl_c_while_compiling_leaves_an_answer(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(explicit_model, "compile_interruptibly", stop)
    found = break_model(10)
    assert found.to_json() | {"seconds": 0} == {
        "critical_visibility": 1.0,
        "witness": None,
        "witness_visibility": None,
        "starts": 0,
        "reached": 0,
        "status": "interrupted",
        "seconds": 0,
    }
    assert "no negative probability of the model of [B13 (9)] was found, by 0 gradient searches" in str(found)


def test_rotated_ensembles_end_at_the_critical_visibility_from_below():
    found = improve_model()
    assert oracles.V_C - 1e-9 < found.visibility <= oracles.V_C + 1e-15
    assert found.settings is None
    assert found.model.weights[0] == pytest.approx(1)
    assert found.model.v[0] == pytest.approx(-found.model.u[0])


@pytest.mark.parametrize(
    "state", [pytest.param(jl.werner(), marks=pytest.mark.slow), jl.bell_diagonal(-1, -0.97, -0.97)]
)
def test_free_ensembles_meet_the_linear_programme(state):
    pairs = jl.SettingPairs.random(25, 1)
    found = improve_model(pairs, state)
    assert found.model.excess(state, found.visibility, pairs) < 1e-9
    assert "25 setting pairs" in str(found)
    best = jl.threshold(state, pairs, tolerance=1e-6)
    assert best.lower < 1
    assert best.upper - 1e-5 < found.visibility <= best.upper + 1e-9


def test_the_ascent_itself_comes_close():
    """With the best weights for what gradients found, and nothing else; random hidden vectors miss by 0.04."""
    once = AscentOptions(corners=1)
    pairs = jl.SettingPairs.random(25, 1)
    best = jl.threshold(jl.werner(), pairs, tolerance=1e-6).upper
    assert best - 1e-4 < improve_model(pairs, hidden=200, options=once).visibility <= best + 1e-9
    assert improve_model(pairs, hidden=200, options=replace(once, steps=1)).visibility < best - 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"state": jl.pure(0.3), "settings": "random:5"}, "state must have vanishing marginals"),
        ({"state": jl.werner(0.9)}, "state must be the singlet with all settings"),
        ({"hidden": 1}, "hidden must lie between"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        improve_model(**arguments)


def test_settings_without_a_correlator_are_refused():
    z, x = np.array([[0.0, 0, 1]]), np.array([[1.0, 0, 0]])
    with pytest.raises(jl.InputError, match="correlator that is not 0"):
        improve_model(jl.SettingPairs(z, x))
