"""Gradient search for where the explicit model breaks."""

import numpy as np
import oracles
import pytest

from jaxleggett.searches import explicit_model
from jaxleggett.searches.explicit_model import break_model


@pytest.mark.thorough
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


@pytest.mark.slow
def test_the_same_seed_gives_the_same_witness():
    first, again, other = (break_model(16, seed=seed).witness for seed in (5, 5, 6))
    assert first == again != other


@pytest.mark.thorough
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

    monkeypatch.setattr(explicit_model, "interruptible", stop)
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
