"""The equations that correlators and marginals at some pairs of settings amount to, without those that others imply."""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .responses import Situation, is_local

DEPENDENT = 1e-9
"""Equations below this, relative to the largest, are combinations of the others."""


@dataclass(frozen=True, eq=False)
class Independent:
    """Independent equations `rows` @ x = V `targets` that follow from given ones, and how these follow from them.

    Prices p of the rows are `back` @ p of the given equations; `missed` is what of the given numbers no x has.
    """

    rows: np.ndarray
    targets: np.ndarray
    back: np.ndarray
    missed: np.ndarray

    @classmethod
    def of(cls, given: np.ndarray, numbers: np.ndarray) -> Independent:
        """From the equations `given` (N, d) @ x = V `numbers` (N,)."""
        U, lengths, V = np.linalg.svd(given, full_matrices=False)
        kept = lengths > DEPENDENT * lengths[0]
        U, lengths, V = U[:, kept], lengths[kept], V[kept]
        return cls(V, U.T @ numbers / lengths, U / lengths, numbers - U @ (U.T @ numbers))


class Rows:
    """The independent equations that the correlators at some pairs amount to, in coordinates of the two parties.

    A party with coordinates of its own for every setting has equations of its own for each; a qubit has at most three
    independent settings. So equation r is sum_pq vectors_rpq x_p y_q = target_r, where x are the coordinates `first`[r]
    of Alice and y those `second`[r] of Bob.
    """

    def __init__(self, situation: Situation, C: np.ndarray) -> None:
        s = situation
        keys = np.stack([s.alice if is_local(s.A) else 0 * s.alice, s.bob if is_local(s.B) else 0 * s.bob], axis=1)
        groups, member = np.unique(keys, axis=0, return_inverse=True)
        member = member.ravel()
        first, second, vectors, targets = [], [], [], []
        self.back: list[tuple[np.ndarray, np.ndarray]] = []
        self.missed = np.zeros(len(C))
        for number, (i, j) in enumerate(groups):
            pairs = np.flatnonzero(member == number)
            one = np.ones((len(pairs), 1))
            left = one if is_local(s.A) else s.A.frame[s.alice[pairs]]
            right = one if is_local(s.B) else s.B.frame[s.bob[pairs]]
            one_group = Independent.of((left[:, :, None] * right[:, None]).reshape(len(pairs), -1), C[pairs])
            V, self.missed[pairs] = one_group.rows, one_group.missed
            self.back.append((pairs, one_group.back))
            p, q = (np.arange(x.shape[1]) for x in (left, right))
            first += len(V) * [i + p if is_local(s.A) else p]
            second += len(V) * [j + q if is_local(s.B) else q]
            vectors.append(V.reshape(len(V), len(p), len(q)))
            targets.append(one_group.targets)
        self.first, self.second = np.array(first), np.array(second)
        self.vectors, self.targets = np.concatenate(vectors), np.concatenate(targets)
        self.shape = s.A.frame.shape[1], s.B.frame.shape[1]
        self.number = len(C)

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The left sides (R, K) at products x (K, d_A), y (K, d_B)."""
        return np.einsum("krp,rpq,krq->rk", x[:, self.first], self.vectors, y[:, self.second], optimize=True)

    def functional(self, prices: np.ndarray) -> np.ndarray:
        """sum_r prices_r (row r), as a matrix (d_A, d_B)."""
        G = np.zeros(self.shape)
        np.add.at(G, (self.first[:, :, None], self.second[:, None, :]), prices[:, None, None] * self.vectors)
        return G

    def coefficients(self, prices: np.ndarray) -> np.ndarray:
        """The same as coefficients of the pairs (N,)."""
        found, start = np.zeros(self.number), 0
        for pairs, back in self.back:
            found[pairs] = back @ prices[start : start + back.shape[1]]
            start += back.shape[1]
        return found


class OrbitRows:
    """The equations of deterministic parties at pairs that a symmetry of the correlation takes to one another.

    `orbit` (N,) numbers the orbits of the pairs, and s C is the same for all pairs of one, with `sign` s (N,): a model
    may be averaged, and an equation is (1/n) sum over the n pairs of an orbit of s x_i y_j = target.
    """

    def __init__(self, situation: Situation, C: np.ndarray, orbit: np.ndarray, sign: np.ndarray) -> None:
        self.alice, self.bob = situation.alice, situation.bob
        self.share = (np.eye(orbit.max() + 1)[orbit] * sign[:, None]) / np.bincount(orbit)
        self.targets, self.missed = C @ self.share, np.zeros(len(C))
        self.shape = situation.A.frame.shape[1], situation.B.frame.shape[1]

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The left sides (R, K) at products x (K, d_A), y (K, d_B)."""
        return self.share.T @ (x[:, self.alice] * y[:, self.bob]).T

    def functional(self, prices: np.ndarray) -> np.ndarray:
        """sum_r prices_r (row r), as a matrix (d_A, d_B)."""
        G = np.zeros(self.shape)
        np.add.at(G, (self.alice, self.bob), self.coefficients(prices))
        return G

    def coefficients(self, prices: np.ndarray) -> np.ndarray:
        """The same as coefficients of the pairs (N,)."""
        return self.share @ prices
