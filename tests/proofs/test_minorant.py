"""Lower bounds on caps hold by brute force, whatever the steps that lead to them."""

import numpy as np
import oracles
import pytest
from cases import random_inequality

from jaxleggett.proofs import minorant


def test_the_minimum_over_a_cap_by_brute_force(rng):
    points = oracles.unit(rng, 400000)
    for radius in (0.05, 0.5, 1.5):
        many, centres = 3 * rng.normal(size=(10, 3)), oracles.unit(rng, 10)
        found = minorant.least_on_cap(many, centres, np.full(10, radius))
        for G, centre, least in zip(many, centres, found, strict=True):
            inside = points[np.arccos(np.clip(points @ centre, -1, 1)) <= radius]
            assert least <= (inside @ G).min()
            assert least >= (inside @ G).min() - 0.02 * np.linalg.norm(G)


def _boxes(rng, radius, number=40):
    """Caps u, r, v, q."""
    u, v = oracles.unit(rng, 2 * number).reshape(2, number, 3)
    return u, np.full(number, radius), v, np.full(number, 0.7 * radius)


@pytest.mark.parametrize("steps", ["Newton's", "nonsense", "NaN"])
def test_bounds_of_boxes_hold_whatever_the_steps_are(steps, monkeypatch, rng):
    """The proof takes any sigma; close to the least value are only those that good steps lead to."""
    terms = minorant.Terms.of(random_inequality(rng, 15, 0.3).normalised()[0])
    wrong = {"nonsense": lambda K, x: 1e3 * rng.normal(size=x.shape), "NaN": lambda K, x: np.full(x.shape, np.nan)}
    if steps in wrong:
        monkeypatch.setattr(np.linalg, "solve", wrong[steps])
    u, r, v, q = _boxes(rng, 0.1)
    found, _ = minorant.bounds_on_caps(terms, u, r, v, q)
    inside = []
    for centre, radius in ((u, r), (v, q)):
        shift = 0.7 * radius[:, None, None] * rng.uniform(-1, 1, size=(len(u), 3000, 3))
        points = centre[:, None] + shift
        points /= np.linalg.norm(points, axis=2, keepdims=True)
        close = (points * centre[:, None]).sum(2) >= np.cos(radius)[:, None]
        inside.append(np.where(close[..., None], points, centre[:, None]))
    least = terms.at(np.concatenate(inside, axis=2)).min(1)
    assert np.isfinite(found).all()
    assert (found <= least).all()
    if steps == "Newton's":
        assert (found >= least - 0.05).all()
