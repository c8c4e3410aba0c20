"""Positions of the sliders of the interactive page, and what the package computes there."""

import numpy as np

import jaxleggett as jl
from jaxleggett.models import averaged_bounds, werner_weights

SPECIAL = [
    [0.0, 0, 0, 0],  # everything along one axis
    [1.0, 180, 180, 360],
    [0.9, 90, 90, 90],
    [0.86, 34, 34, 0],  # u along b
    [0.5, 120, 60, 180],
]


def positions(rng, number=200):
    """(number + some special ones, 4): V, and in degrees the angles of b and of u from a, and of u about it."""
    return np.concatenate([rng.uniform(0, [1, 180, 180, 360], (number, 4)), SPECIAL])


def _directions(polar, azimuth):
    polar, azimuth = np.radians(polar), np.radians(azimuth)
    return np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1)


def expected(given):
    """Name on the page -> values at these positions, by the package."""
    V, angle, polar, azimuth = given.T
    a, b, u = _directions(0 * V, 0 * V), _directions(angle, 0 * V), _directions(polar, azimuth)
    alice, bob = (u * a).sum(1), -(u * b).sum(1)
    lower, upper = jl.correlation_bounds(alice, bob)
    average_lower, average_upper = averaged_bounds(a, b)
    p_minus, p_plus = (np.array(x) for x in werner_weights(V, a, b))
    C = np.asarray(jl.WernerModel(V).correlator(u, -u, a, b))
    P = np.asarray(jl.probabilities(alice, bob, C))
    return {
        "alice": alice,
        "bob": bob,
        "lower": lower,
        "upper": upper,
        "average-lower": average_lower,
        "average-upper": average_upper,
        "p-minus": p_minus,
        "p-plus": p_plus,
        "C": C,
        "target": -V * (a * b).sum(1),
        "smallest": np.minimum(np.minimum(p_minus, p_plus), 0) / 2,
        **dict(zip(("P-pp", "P-pm", "P-mp", "P-mm"), P.T, strict=True)),
    }
