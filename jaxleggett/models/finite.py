"""Leggett models with finitely many pairs of hidden vectors (atoms), with any correlator."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .._numerics import in_double
from ..joint_rotations import Axis, Symmetry, mean_modulus
from ..settings import SettingPairs
from ..states import TwoQubitState, correlation_in_numpy
from .interface import for_any_correlator

if TYPE_CHECKING:
    from .._shapes import AnyArray, Array, Float


class FiniteModel:
    """Sampling and exact averages of a model with finitely many pairs of hidden vectors (atoms).

    A subclass defines the atoms (`atoms`) and a `correlator`. `symmetry` is the group over which its hidden vectors are
    averaged, None where the atoms are all of its hidden vectors.
    """

    symmetry: ClassVar[Symmetry] = None

    def atoms(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        """Weights (K,), which are non-negative and sum to 1, and unit vectors u (K, 3) and v (K, 3)."""
        raise NotImplementedError

    @in_double
    def sample(self, key: Array, num: int) -> tuple[Array, Array]:
        """`num` independent draws of an atom: u and v, each (num, 3)."""
        return self._at(jax.random.uniform(key, (num,), float))

    @in_double
    def lattice(self, key: Array, index: Array, num: int) -> tuple[Array, Array]:
        """Systematic sampling: equally spaced levels of the cumulative weights, shifted at random.

        Each key puts the atoms into a random order. In a fixed order, rare atoms at the spacing of the levels would be
        drawn all together or not at all.
        """
        shift_key, order_key = jax.random.split(key)
        shift = jax.random.uniform(shift_key, (), float)
        order = jax.random.permutation(order_key, len(self.atoms()[0]))
        return self._at((jnp.asarray(index).astype(float) + shift) / num, order)

    @for_any_correlator
    def lattice_error(self, num: int) -> float:
        """sum_k max(f_k, 1 - f_k)/(2 num), where f_k is the fractional part of num w_k, over all k with f_k > 0.

        Systematic sampling draws an atom of weight w either floor(num w) or ceil(num w) times. The errors of all atoms
        add up to 0, and P is in [0, 1]; so an average of P is off by at most half of the sum of their moduli.
        """
        weights = np.asarray(self.atoms()[0], dtype=np.float64)
        expected = num * weights
        short = np.abs(expected - np.round(expected))
        # f_k = 0, up to the rounding of the cumulative weights, means that each key draws the atom equally often.
        uneven = short > 4 * np.finfo(float).eps * num * len(weights)
        return float((1 - short)[uneven].sum()) / (2 * num)

    @for_any_correlator
    def quadrature(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """The atoms themselves, as nodes with their weights."""
        weights, u, v = self.atoms()
        return jnp.asarray(u), jnp.asarray(v), jnp.asarray(weights)

    def _at(self, level: Array, order: Array | slice = slice(None)) -> tuple[Array, Array]:
        """u and v of the atoms in whose share of the cumulative weights each `level` in [0, 1) lies."""
        weights, u, v = (jnp.asarray(x)[order] for x in self.atoms())
        # Without the last cumulative weight, which rounding may leave below 1: no level lies beyond the last atom.
        atom = jnp.searchsorted(jnp.cumsum(weights.astype(float))[:-1], level, side="right")
        return u[atom], v[atom]

    def excess(self, state: TwoQubitState, V: float, pairs: SettingPairs) -> float:
        """By how much the hidden vectors miss `state` at visibility `V`, at `pairs` and with the best correlator.

        This is the largest of |E[u.a] - M^A|, |E[v.b] - M^B|, E|u.a + v.b| - 1 - C and E|u.a - v.b| - 1 + C. It is
        zero, up to rounding, where some correlator with non-negative probabilities reproduces the state. It is computed
        in NumPy. Raises NotImplementedError for a model that is averaged over SO(3).
        """
        if self.symmetry == "SO(3)":
            raise NotImplementedError("excess is not computed for a model that is averaged over SO(3)")
        weights, u, v = (np.asarray(x, np.float64) for x in self.atoms())
        M_A, M_B, C = (V * x for x in correlation_in_numpy(state, pairs.a, pairs.b))
        axis = self.symmetry if isinstance(self.symmetry, Axis) else None
        bloch = [weights @ u, weights @ v]
        if axis is not None:
            bloch = [(r @ n) * n for r, n in zip(bloch, (axis.alice, axis.bob), strict=True)]
        breaches = (
            np.abs(pairs.a @ bloch[0] - M_A),
            np.abs(pairs.b @ bloch[1] - M_B),
            weights @ mean_modulus(u, v, pairs.a, pairs.b, axis) - 1 - C,
            weights @ mean_modulus(u, v, pairs.a, -pairs.b, axis) - 1 + C,
        )
        return float(max(np.max(breach) for breach in breaches))

    def to_json(self) -> dict[str, list[float] | list[list[float]] | str | None]:
        """The weights and hidden vectors as lists, and the name of the symmetry, as the command line prints them."""
        weights, u, v = (np.asarray(x).tolist() for x in self.atoms())
        return {"weights": weights, "u": u, "v": v, "symmetry": None if self.symmetry is None else str(self.symmetry)}


def opposite(mean: Float[np.ndarray, "*n 3"]) -> tuple[Float[np.ndarray, "*n 2"], Float[np.ndarray, "*n 2 3"]]:
    """Weights (1 + r)/2 and (1 - r)/2 of two opposite unit vectors n and -n with the mean r n = `mean`, and the two.

    Where `mean` is the Bloch vector of a mixed qubit, this is its decomposition into two pure states. The length r is
    to be at most 1; what rounding adds to it is ignored.
    """
    length = np.linalg.norm(mean, axis=-1, keepdims=True)
    # Of a vector whose square is subnormal, the length is too inaccurate. Its direction makes no difference.
    long = length > 1e-150
    n = np.where(long, mean / np.where(long, length, 1), [0.0, 0.0, 1.0])
    weights = np.clip(np.concatenate([1 + length, 1 - length], axis=-1) / 2, 0, 1)
    return weights, np.stack([n, -n], axis=-2)
