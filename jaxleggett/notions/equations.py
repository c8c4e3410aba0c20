"""The linear equations that a mixture of products has to satisfy, without those that follow from the others.

A qubit's mean outcomes are a linear function of three numbers, so that at more than three settings most equations for
its correlators and marginals follow from a few.
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .responses import Situation, is_deterministic

DEPENDENT = 1e-9
"""Singular values below this, relative to the largest, count as 0."""


@dataclass(frozen=True, eq=False)
class Independent:
    """Independent equations that amount to N given ones, by a singular value decomposition.

    `rows` (R, d) @ x = V `targets` (R,) are the equations. A price p (R,) of them is the price `back` (N, R) @ p of the
    given equations. `missed` (N,) is the part of the given numbers that no x has; it vanishes where the given
    equations have a solution.
    """

    rows: np.ndarray
    targets: np.ndarray
    back: np.ndarray
    missed: np.ndarray

    @classmethod
    def of(cls, given: np.ndarray, numbers: np.ndarray) -> Independent:
        """The equations `given` (N, d) @ x = V `numbers` (N,)."""
        U, lengths, V = np.linalg.svd(given, full_matrices=False)
        kept = lengths > DEPENDENT * lengths[0]
        U, lengths, V = U[:, kept], lengths[kept], V[kept]
        return cls(V, U.T @ numbers / lengths, U / lengths, numbers - U @ (U.T @ numbers))


class Rows:
    """The independent equations for the correlators at N pairs, in the coordinates x and y of Alice and Bob.

    Equation r is sum_pq vectors[r, p, q] x[first[r, p]] y[second[r, q]] = V targets[r]. A deterministic party has a
    coordinate for every setting, of which an equation contains one; a qubit has three, which all its equations share.
    So pairs are grouped by the settings of the deterministic parties, and each group has equations of its own.
    """

    def __init__(self, situation: Situation, C: np.ndarray) -> None:
        s = situation
        fixed_A, fixed_B = is_deterministic(s.A), is_deterministic(s.B)
        keys = np.stack([s.alice if fixed_A else 0 * s.alice, s.bob if fixed_B else 0 * s.bob], axis=1)
        groups, member = np.unique(keys, axis=0, return_inverse=True)
        member = member.ravel()
        first, second, vectors, targets = [], [], [], []
        self.back: list[tuple[np.ndarray, np.ndarray]] = []
        self.missed = np.zeros(len(C))
        for number, (i, j) in enumerate(groups):
            pairs = np.flatnonzero(member == number)
            one = np.ones((len(pairs), 1))
            left = one if fixed_A else s.A.frame[s.alice[pairs]]
            right = one if fixed_B else s.B.frame[s.bob[pairs]]
            one_group = Independent.of((left[:, :, None] * right[:, None]).reshape(len(pairs), -1), C[pairs])
            V, self.missed[pairs] = one_group.rows, one_group.missed
            self.back.append((pairs, one_group.back))
            p, q = (np.arange(x.shape[1]) for x in (left, right))
            first += len(V) * [i + p if fixed_A else p]
            second += len(V) * [j + q if fixed_B else q]
            vectors.append(V.reshape(len(V), len(p), len(q)))
            targets.append(one_group.targets)
        self.first, self.second = np.array(first), np.array(second)
        self.vectors, self.targets = np.concatenate(vectors), np.concatenate(targets)
        self.shape = s.A.frame.shape[1], s.B.frame.shape[1]
        self.number = len(C)

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The left sides (R, K) at K products: coordinates x (K, d_A), y (K, d_B)."""
        return np.einsum("krp,rpq,krq->rk", x[:, self.first], self.vectors, y[:, self.second], optimize=True)

    def functional(self, prices: np.ndarray) -> np.ndarray:
        """The matrix G (d_A, d_B) for which x G y is the sum of the left sides, each times its price (R,)."""
        G = np.zeros(self.shape)
        np.add.at(G, (self.first[:, :, None], self.second[:, None, :]), prices[:, None, None] * self.vectors)
        return G

    def coefficients(self, prices: np.ndarray) -> np.ndarray:
        """The coefficients (N,) of the correlators at the pairs whose sum this is."""
        found, start = np.zeros(self.number), 0
        for pairs, back in self.back:
            found[pairs] = back @ prices[start : start + back.shape[1]]
            start += back.shape[1]
        return found


class OrbitRows:
    """The equations for deterministic parties at N pairs, where the correlation has symmetries: one for each orbit.

    `orbit` (N,) says to which orbit a pair belongs. With the `sign` s (N,), s C is the same for all pairs of an orbit.
    As a model may be averaged over the symmetries, only the mean of s x_i y_j over the n pairs (i, j) of an orbit
    has to be V s C.
    """

    def __init__(self, situation: Situation, C: np.ndarray, orbit: np.ndarray, sign: np.ndarray) -> None:
        self.alice, self.bob = situation.alice, situation.bob
        self.share = (np.eye(orbit.max() + 1)[orbit] * sign[:, None]) / np.bincount(orbit)
        self.targets, self.missed = C @ self.share, np.zeros(len(C))
        self.shape = situation.A.frame.shape[1], situation.B.frame.shape[1]

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The left sides (R, K) at K products: coordinates x (K, d_A), y (K, d_B)."""
        return self.share.T @ (x[:, self.alice] * y[:, self.bob]).T

    def functional(self, prices: np.ndarray) -> np.ndarray:
        """The matrix G (d_A, d_B) for which x G y is the sum of the left sides, each times its price (R,)."""
        G = np.zeros(self.shape)
        np.add.at(G, (self.alice, self.bob), self.coefficients(prices))
        return G

    def coefficients(self, prices: np.ndarray) -> np.ndarray:
        """The coefficients (N,) of the correlators at the pairs whose sum this is."""
        return self.share @ prices
