"""Setting pairs that share settings: m settings of Alice, n of Bob, and up to all m n pairs of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import cast

import jax
import numpy as np

from .._checks import MAX_SEARCHED_PAIRS, InputError, quoted
from .._doubles import unit
from .._numerics import double_precision
from ..runs import Ending
from ..settings import SettingPairs
from ..states import werner
from ..thresholds.finite_settings import solve
from .generators import Beginning, Generators, Pairing

FAVOURED = 0.4
"""Weights begin the smaller, the farther the angle of a pair is from the best one: like a normal distribution that has
this standard deviation, in radians."""

LEAST_WEIGHT = 1e-3
"""The least weight that a pair begins with; the largest is 1."""

REWEIGHED_TO = 1e-7
"""Distance from the best threshold at given settings at which a linear programme for the weights ends."""

NEGLIGIBLE = 1e-9
"""A coefficient below this, relative to the largest, counts as none."""


@dataclass(frozen=True)
class Sharing:
    """The pairs (a_i, b_k) of m settings with n, and the pairs (a_i, -b_k), as C(a, -b) = -C(a, b).

    Weights are not below 0, so that for coefficients of either sign both are there. Of two weights that are not 0 the
    lesser may be taken off both, which leaves a stronger inequality: |x + y| + |x - y| <= 2.
    """

    alice: int
    bob: int

    def __str__(self) -> str:
        return f"{self.alice}x{self.bob}"

    @property
    def rotations(self) -> np.ndarray:
        """No symmetry: the identity alone."""
        return np.eye(3)[None]

    @property
    def pairing(self) -> Pairing:
        """First all (a_i, b_k), Alice-major, then all (a_i, -b_k)."""
        alice = np.repeat(np.eye(self.alice), self.bob, axis=0)
        bob = np.tile(np.eye(self.bob), (self.alice, 1))
        return Pairing(np.concatenate([alice, alice]), np.concatenate([bob, -bob]))

    def start(self, key: jax.Array, angle: float, spread: float) -> Beginning:
        """Random settings, and weights that favour pairs at angles near `angle`.

        Of one party the settings are uniform; those of the other, who has no fewer, lie around them by turns, at
        angles that are normally distributed about `angle`, with `spread` times it as standard deviation.
        """
        few, many = sorted((self.alice, self.bob))
        with double_precision():
            random = np.array(jax.random.normal(key, (few + many, 4)))
        centres = unit(random[:few, :3])
        around = centres[np.arange(many) % few]
        across = unit(np.cross(random[few:, :3], around))
        turn = angle * (1 + spread * random[few:, 3:])
        others = np.cos(turn) * around + np.sin(turn) * across
        a, b = (centres, others) if self.alice <= self.bob else (others, centres)
        cosine = (a @ b.T).ravel()
        apart = np.arccos(np.clip(np.concatenate([cosine, -cosine]), -1, 1)) - angle
        p = np.maximum(np.exp(-((apart / FAVOURED) ** 2) / 2), LEAST_WEIGHT)
        return Beginning(np.log(np.expm1(p)), a, b, np.zeros((1, 3)))


def reweighed(found: Generators, deadline: float | None) -> Generators:
    """The same settings with the best weights for them, or with those that it has where there is no time for that.

    At given settings the best weights are a linear programme's. Raises KeyboardInterrupt on Ctrl-C.
    """
    pairs = SettingPairs.product(found.a, found.b)
    bracket = solve(werner(), pairs, tolerance=REWEIGHED_TO, deadline=deadline)
    if bracket.status == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    if bracket.inequality is None:
        return found
    g = bracket.inequality.coefficients
    return replace(found, p=np.concatenate([np.maximum(-g, 0), np.maximum(g, 0)]))


def netted(found: Generators) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients (N,) of C(a_i, b_k), of either sign, and settings (N, 3) of the pairs that are used."""
    plus, minus = np.split(found.p, 2)
    a, b = (np.split(x, 2)[0] for x in found.pairs)
    g = minus - plus
    used = np.abs(g) > NEGLIGIBLE * np.abs(g).max()
    return g[used], a[used], b[used]


def shared(sides: object) -> Sharing:
    """How pairs share `sides`: (m, n), or the text "mxn"; InputError for anything else."""
    parts = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", sides) if isinstance(sides, str) else None
    numbers = [int(x) for x in parts.groups()] if parts else _integers(sides)
    if len(numbers) != 2 or not (min(numbers) >= 1 and numbers[0] * numbers[1] <= MAX_SEARCHED_PAIRS):
        raise InputError(
            f"sides must be the numbers of Alice's and of Bob's settings, as 3x4, from 1 on and with a product of at "
            f"most {MAX_SEARCHED_PAIRS}, but is {quoted(sides)}"
        )
    return Sharing(*numbers)


def _integers(sides: object) -> list[int]:
    """The numbers of a tuple or list of whole numbers; none where it is something else."""
    given = cast("list[object]", list(sides)) if isinstance(sides, tuple | list) else []
    numbers = [int(x) for x in given if isinstance(x, int | np.integer) and not isinstance(x, bool)]
    return numbers if len(numbers) == len(given) else []
