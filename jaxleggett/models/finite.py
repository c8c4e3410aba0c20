"""Leggett models with finitely many pairs of hidden vectors (atoms), whatever their correlator is."""

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
    from .._shapes import AnyArray, Array


class FiniteModel:
    """Sampling and exact averages of a model with finitely many pairs of hidden vectors (atoms).

    A subclass says which atoms (`atoms`), and adds a `correlator`. `symmetry` is what the atoms are averaged over
    in sampling, None for a model whose hidden vectors are all written out.
    """

    symmetry: ClassVar[Symmetry] = None

    def atoms(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        """Weights (K,), u (K, 3) and v (K, 3)."""
        raise NotImplementedError

    @in_double
    def sample(self, key: Array, num: int) -> tuple[Array, Array]:
        """`num` independent draws of an atom."""
        return self._at(jax.random.uniform(key, (num,), float))

    @in_double
    def lattice(self, key: Array, index: Array, num: int) -> tuple[Array, Array]:
        """Systematic sampling: equally spaced levels of the cumulative weights, shifted at random.

        The atoms stand in an order of their own in every rotation, or those that are rare and equally
        spaced would be met or missed together.
        """
        shift_key, order_key = jax.random.split(key)
        shift = jax.random.uniform(shift_key, (), float)
        order = jax.random.permutation(order_key, len(self.atoms()[0]))
        return self._at((jnp.asarray(index).astype(float) + shift) / num, order)

    @for_any_correlator
    def lattice_error(self, num: int) -> float:
        """(1/2 num) sum_k max(phi_k, 1 - phi_k), phi_k the fraction of num w_k, over the atoms where it is not 0.

        Systematic sampling draws an atom of weight w either floor(num w) or ceil(num w) times; these
        errors add up to 0, and P is in [0, 1].
        """
        weights = np.asarray(self.atoms()[0], dtype=np.float64)
        expected = num * weights
        short = np.abs(expected - np.round(expected))
        # A whole number of draws may be reached but for the rounding of the cumulative weights.
        uneven = short > 4 * np.finfo(float).eps * num * len(weights)
        return float((1 - short)[uneven].sum()) / (2 * num)

    @for_any_correlator
    def quadrature(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """The atoms themselves."""
        weights, u, v = self.atoms()
        return jnp.asarray(u), jnp.asarray(v), jnp.asarray(weights)

    def _at(self, level: Array, order: Array | slice = slice(None)) -> tuple[Array, Array]:
        weights, u, v = (jnp.asarray(x)[order] for x in self.atoms())
        # The last bound is left out, so that rounding cannot point beyond the last atom.
        atom = jnp.searchsorted(jnp.cumsum(weights.astype(float))[:-1], level, side="right")
        return u[atom], v[atom]

    def excess(self, state: TwoQubitState, V: float, pairs: SettingPairs) -> float:
        """By how much the model misses the state at visibility V: the largest breach of (P).

        Zero or rounding where its hidden vectors reproduce all correlations at `pairs` with non-negative
        probabilities, for the best correlator. In NumPy, as all that proofs rest on.
        """
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
        """Weights, hidden vectors and the name of the symmetry, as plain lists."""
        weights, u, v = (np.asarray(x).tolist() for x in self.atoms())
        return {"weights": weights, "u": u, "v": v, "symmetry": None if self.symmetry is None else str(self.symmetry)}
