"""Means over a circle, from both sides, whatever the arc sine says."""

import numpy as np
import pytest

from jaxleggett.proofs.checker import circle

ANGLES = (np.arange(200_000) + 0.5) * 2 * np.pi / 200_000


def _cases(rng):
    p, q = rng.uniform(-2, 2, 300), rng.uniform(0, 2, 300)
    p[:4], q[:4] = [0, 1, -1, 1e-9], [0, 1, 1, 1]
    return p, q, np.array([np.abs(x + y * np.cos(ANGLES)).mean() for x, y in zip(p, q, strict=True)])


ARCSINE = np.arcsin


def _wrong(x):
    return ARCSINE(x) + 0.3 * np.sin(40 * x)


@pytest.mark.parametrize("arcsine", [ARCSINE, _wrong, lambda x: np.full_like(x, np.nan)])
def test_the_mean_is_bounded_from_both_sides(arcsine, rng, monkeypatch):
    p, q, mean = _cases(rng)
    monkeypatch.setattr(circle.np, "arcsin", arcsine)
    above = circle.mean_modulus(p, q)
    g, h = circle.slopes(p, q)
    # The trapezoidal mean of a function with two kinks is right to about 1e-10.
    assert (above >= mean - 1e-10).all()
    assert (g * p + h * q <= mean + 1e-10).all()
    # For all p and q, not only those for which they are made.
    others = rng.permutation(len(p))
    assert (g * p[others] + h * q[others] <= mean[others] + 1e-10).all()
    if arcsine is ARCSINE:
        np.testing.assert_allclose(above, mean, atol=1e-10)
        np.testing.assert_allclose((g * p + h * q), mean, atol=1e-10)


def test_sine_and_cosine():
    t = np.linspace(-circle.HALF_PI, circle.HALF_PI, 10_001)
    # Seen: 4.5e-16.
    np.testing.assert_allclose(circle.sine(t), np.sin(t), rtol=0, atol=circle.ERROR / 50)
    np.testing.assert_allclose(circle.cosine(t), np.cos(t), rtol=0, atol=circle.ERROR / 50)
