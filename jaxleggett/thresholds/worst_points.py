"""What the searches over all settings and all hidden vectors have in common, with and without an axis of symmetry.

Points are pairs of unit vectors, stacked (6,): hidden vectors x = (u, v), or settings y = (a, b), in the frames of
`CanonicalForm`, with its averaged kernel K. A search answers two questions:

    breaches    pairs y at which sum_k w_k K(x_k, y) - V C(y) - 1 is largest
    cheapest    hidden vectors x at which sum_i p_i K(x, y_i) - F.x is least

from many starts, which does not prove that nothing worse exists. Past its deadline (seconds of `time.monotonic`) a hard
search ends with what it has found.
"""

from __future__ import annotations

from typing import Protocol

import jax
import numpy as np

from .._doubles import unit
from .._numerics import shape_for
from .canonical_form import CanonicalForm

NEAR = 0.02
"""Of points that are closer than this in every component, only one joins a pool."""

AT_ONCE = 64
"""Largest number of pairs, and of hidden vectors, that join in one round."""

Found = tuple[np.ndarray, np.ndarray]
"""Points (N, 6) and the values (N,) there."""


class Search(Protocol):
    """Searches for the worst pairs and hidden vectors of one state."""

    deadline: float | None

    def first(self, key: jax.Array) -> tuple[np.ndarray, np.ndarray]:
        """The hidden vectors (K, 6) and the pairs (M, 6) that the pools begin with."""
        ...

    def breaches(
        self, key: jax.Array, x: np.ndarray, weights: np.ndarray, V: float, known: np.ndarray, hard: bool = False
    ) -> Found:
        """Pairs y at which E K(x, y) - V C(y) - 1 is locally largest, and these values, largest first.

        `known` (N, 6) are pairs to begin near; a `hard` search begins at more points, and goes on for longer.
        """
        ...

    def cheapest(
        self, key: jax.Array, y: np.ndarray, prices: np.ndarray, F: np.ndarray, known: np.ndarray, hard: bool = False
    ) -> Found:
        """Hidden vectors x at which sum prices K(x, y) - F.x is locally least, and these values, least first."""
        ...


def tight_pairs(s: np.ndarray, n: np.ndarray, V: float) -> np.ndarray:
    """The pairs (2 K, 6) for which (P) restricts models with u = v most, two for each direction n (K, 3).

    For u = v, (P) is E|u.c| <= 1 + V a.S b with c = a + b. Let c = 2 cos(t) n. The right side is smallest where a - b =
    2 sin(t) d has the largest l = d.S d of all d orthogonal to n. Then E|u.n| <= (1 - V l + V cos(t)^2 (n.S n + l)) /
    (2 cos(t)), which is smallest at cos(t)^2 = (1 - V l) / (V (n.S n + l)). The pairs for both principal directions d,
    of the largest and of the smallest l, are returned.
    """
    S = np.diag(s)
    p = unit(np.cross(n, np.eye(3)[np.abs(n).argmin(1)]))
    across = np.stack([p, np.cross(n, p)], axis=1)
    values, vectors = np.linalg.eigh(across @ S @ across.transpose(0, 2, 1))
    along = np.einsum("ki,ij,kj->k", n, S, n)[:, None]
    cosine = np.sqrt(np.clip((1 - V * values) / np.maximum(V * (along + values), 1e-12), 1e-3, 1))[..., None]
    d = (vectors.transpose(0, 2, 1) @ across) * np.sqrt(1 - cosine**2)
    c = cosine * n[:, None]
    return np.concatenate([c + d, c - d], axis=2).reshape(-1, 6)


def filled(points: np.ndarray, weights: np.ndarray | None = None, at_least: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) filled up to `shape_for(n)`, or `at_least`, with copies of the first, whose weights are 0."""
    weights = np.zeros(len(points)) if weights is None else weights
    more = max(shape_for(len(points)), at_least) - len(points)
    return (
        np.concatenate([points, np.broadcast_to(points[:1], (more, points.shape[1]))]),
        np.concatenate([weights, np.zeros(more)]),
    )


def distinct(form: CanonicalForm, points: np.ndarray, values: np.ndarray) -> Found:
    """At most `AT_ONCE` points with the smallest values, least first; none of them is near an image of another."""
    order = np.argsort(values)
    points, values = form.gauged(points[order]), values[order]
    chosen: list[int] = []
    images = np.zeros((0, 6))
    for i, point in enumerate(points):
        if len(images) == 0 or np.abs(images - point).max(1).min() > NEAR:
            chosen.append(i)
            mine = form.gauged(form.images(point[None]))
            images = np.concatenate([images, mine, form.gauged(-mine)])
        if len(chosen) == AT_ONCE:
            break
    return points[chosen], values[chosen]
