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
"""Standard deviation, in radians, of the normal distribution that the first weights follow as a function of how far the
angle of a pair is from the best one."""

LEAST_WEIGHT = 1e-3
"""The least weight that a pair begins with; the largest is 1."""

REWEIGHED_TO = 1e-7
"""Width of the bracket at which the linear programme for the weights at given settings ends."""

NEGLIGIBLE = 1e-9
"""A coefficient below this times the largest counts as 0."""


@dataclass(frozen=True)
class Sharing:
    """All pairs (a_i, b_k) of m settings of Alice and n of Bob, and all pairs (a_i, -b_k).

    Weights are never below 0. As C(a, -b) = -C(a, b), a weight of (a_i, -b_k) is a coefficient of the other sign for
    (a_i, b_k). Where both have a weight, the smaller one may be subtracted from both: as |x + y| + |x - y| <= 2, the
    inequality that is left is no weaker.
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

        The party with fewer settings has uniformly distributed ones. Each setting of the other party lies around one of
        these, by turns, at an angle that is normally distributed about `angle` with `spread` times it as standard
        deviation.
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
    """The same settings with the best weights for them, which a linear programme finds.

    Past the `deadline` (seconds of `time.monotonic`) they are the best that it has found so far, or the weights stay as
    they are. Raises KeyboardInterrupt on Ctrl-C.
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
    """Coefficients (N,) of C(a_i, b_k), of either sign, and settings (N, 3) of the pairs whose coefficient is not 0."""
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
    """The numbers of a tuple or list of whole numbers; an empty list for anything else."""
    given = cast("list[object]", list(sides)) if isinstance(sides, tuple | list) else []
    numbers = [int(x) for x in given if isinstance(x, int | np.integer) and not isinstance(x, bool)]
    return numbers if len(numbers) == len(given) else []
