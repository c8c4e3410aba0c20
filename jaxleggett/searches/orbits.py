"""Setting pairs that a rotation group turns into each other, from a few generating pairs.

A Leggett inequality without marginal terms does not tell a pair (a, b) from (-a, -b). So a group of G
rotations makes G pairs of a generating pair, but G/2 where both of its settings are orthogonal to one
of the group's two-fold axes, the half-turn about which takes (a, b) to (-a, -b).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np

from .._checks import InputError, quoted
from .._doubles import unit
from .._numerics import double_precision
from .generators import Beginning

SYMMETRIES = "none, T, O, I or D2, D3, ..."
"""The names of groups, for messages."""

LARGEST_DIHEDRAL = 200
"""The largest n of Dn that is accepted; an orbit has up to 2 n pairs."""


def rotation_group(name: str) -> np.ndarray:
    """The rotations (G, 3, 3) of `none`, `T`, `O`, `I` (tetra-, octa-, icosahedron) or `Dn` (n-fold axis z).

    Raises InputError for any other name.

    >>> from jaxleggett.searches.orbits import rotation_group
    >>> len(rotation_group("O"))
    24
    """
    from scipy.spatial.transform import Rotation

    if name == "none":
        return np.eye(3)[None]
    dihedral = re.fullmatch(r"D([1-9][0-9]{0,2})", name) if isinstance(name, str) else None
    if name not in ("T", "O", "I") and not (dihedral and 2 <= int(dihedral[1]) <= LARGEST_DIHEDRAL):
        raise InputError(f"symmetry must be {SYMMETRIES}, D{LARGEST_DIHEDRAL}, but is {quoted(name)}")
    return Rotation.create_group(name).as_matrix()


def two_fold_axes(rotations: np.ndarray) -> np.ndarray:
    """The axes (K, 3) of the half-turns among `rotations` (G, 3, 3).

    The half-turn about n is R = 2 n n^T - 1, and a rotation is one where its trace is -1.
    """
    half = rotations[np.abs(np.trace(rotations, axis1=1, axis2=2) + 1) < 1e-9]
    columns = (half + np.eye(3)) / 2
    # Any column of n n^T that is not 0 has the direction of n; the longest is the most accurate.
    longest = np.argmax(np.diagonal(columns, axis1=1, axis2=2), axis=1)
    axes = columns[np.arange(len(half)), longest]
    return unit(axes)


@dataclass(frozen=True, eq=False)
class Layout:
    """N pairs as orbits: `free` generating pairs, and `bound` ones that are orthogonal to a two-fold axis."""

    rotations: np.ndarray
    free: int
    bound: int
    pairing: ClassVar[None] = None

    def start(self, key: jax.Array, angle: float, spread: float) -> Beginning:
        """Random generating pairs of equal weights; their axes are 0 for free pairs.

        The angles between a and b are normally distributed about `angle`, with `spread` times it as standard deviation.
        """
        number = self.free + self.bound
        axes = np.zeros((number, 3))
        with double_precision():
            a, normal, turn = np.split(np.array(jax.random.normal(key, (number, 7))), (3, 6), axis=1)
        if self.bound:
            known = two_fold_axes(self.rotations)
            chosen = jax.random.randint(jax.random.fold_in(key, 1), (self.bound,), 0, len(known))
            axes[self.free :] = known[np.asarray(chosen)]
            normal[self.free :] = axes[self.free :]
            a = a - (a * axes).sum(1, keepdims=True) * axes
        a = unit(a)
        across = unit(np.cross(normal, a))
        turn = angle * (1 + spread * turn)
        return Beginning(np.zeros(number), a, np.cos(turn) * a + np.sin(turn) * across, axes)


def layouts(num_pairs: int, symmetry: str) -> list[Layout]:
    """All ways to make `num_pairs` pairs of orbits of the group; InputError if there is none."""
    rotations = rotation_group(symmetry)
    size = len(rotations)
    if size == 1:
        return [Layout(rotations, num_pairs, 0)]
    if num_pairs % (size // 2):
        raise InputError(
            f"pairs must be a multiple of {size // 2} with symmetry {symmetry}, whose orbits have {size // 2} or "
            f"{size} pairs, but is {num_pairs}"
        )
    halves = num_pairs // (size // 2)
    return [Layout(rotations, free, halves - 2 * free) for free in range(halves // 2, -1, -1)]


def written_out(
    rotations: np.ndarray, weights: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct pairs of the orbits and their weights, each orbit's spread over its pairs: (N,), (N, 3), (N, 3)."""
    kept: list[np.ndarray] = []
    shares: list[np.ndarray] = []
    for weight, first, second in zip(weights, a, b, strict=True):
        orbit = np.concatenate([rotations @ first, rotations @ second], axis=1)
        # (a, b) and (-a, -b) are the same pair.
        apart = [np.abs(orbit[:, None] - sign * orbit).max(2) for sign in (1, -1)]
        earlier = np.tril(np.minimum(*apart) < 1e-9, -1)
        distinct = orbit[~earlier.any(1)]
        kept.append(distinct)
        shares.append(np.full(len(distinct), weight / len(distinct)))
    pairs = np.concatenate(kept)
    return np.concatenate(shares), pairs[:, :3], pairs[:, 3:]
