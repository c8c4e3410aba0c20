"""What Navascues' further assumptions do to a Leggett model, by numbers.

M. Navascues (arXiv:1303.5124) reads the hidden vectors as real: photons of the sub-ensemble (u, v) have the
polarisations u and v, or Bob's state for a result of Alice is again a mixture of definite polarisations. Leggett's
axioms [B13 (1)-(3)] ask for neither. Inside a sub-ensemble, Bob's Bloch vectors for Alice's two results would have to
average to the unit vector v, so that each is v; then

    C_{u,v}(a, b) = (u.a)(v.b),                                                                 (N)

the correlations are those of the separable state of the mixture, and every entanglement witness is an inequality.
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from .._numerics import double_precision, random_key
from ..inequalities.worst_vectors import bounded_inequality
from ..models.interface import LeggettModel
from ..settings import SettingPairs
from ..states import TwoQubitState
from .separability import witness


@dataclass(frozen=True)
class Steered:
    """Where a model breaks (N) most: hidden vectors u, v, settings a, b, and what Bob sees for Alice's results.

    `correlator` is C_{u,v}(a, b), `product` (u.a)(v.b); `bob` are the means of Bob's outcome for Alice's results +1
    and -1, which the assumption asks to be `expected` = v.b both times.
    """

    u: np.ndarray
    v: np.ndarray
    a: np.ndarray
    b: np.ndarray
    correlator: float
    product: float
    bob: tuple[float, float]
    expected: float

    @property
    def gap(self) -> float:
        """|C - (u.a)(v.b)|: 0 where the assumption holds."""
        return abs(self.correlator - self.product)


def most_steered(model: LeggettModel, pairs: SettingPairs, number: int = 256, seed: int = 0) -> Steered:
    """Of `number` sampled hidden vectors and the pairs, those at which a model is farthest from (N).

    >>> import jaxleggett as jl
    >>> pairs = jl.SettingPairs.random(20)
    >>> most_steered(jl.WernerModel(0.8), pairs).gap > 0.1
    True
    >>> most_steered(jl.SeparableModel(), pairs).gap < 1e-15
    True
    """
    with double_precision():
        u, v = model.sample(random_key(seed), number)
        over_pairs = jax.vmap(model.correlator, in_axes=(None, None, 0, 0))
        C = jax.vmap(over_pairs, in_axes=(0, 0, None, None))(u, v, jnp.asarray(pairs.a), jnp.asarray(pairs.b))
        u, v, C = (np.asarray(x) for x in (u, v, C))
    x, y = u @ pairs.a.T, v @ pairs.b.T
    k, i = np.unravel_index(int(np.abs(C - x * y).argmax()), C.shape)
    # E[beta | alpha] = (M^B + alpha C)/(1 + alpha M^A)
    bob = tuple(float((y[k, i] + s * C[k, i]) / (1 + s * x[k, i])) for s in (1, -1))
    return Steered(
        u[k], v[k], pairs.a[i], pairs.b[i], float(C[k, i]), float(x[k, i] * y[k, i]), (bob[0], bob[1]), float(y[k, i])
    )


def witness_bounds(state: TwoQubitState, seed: int = 0) -> tuple[float, float, float]:
    """What an entanglement witness of a state is worth: its value at the state, and its bounds on two kinds of models.

    The bound is 1 with Navascues' assumptions, for separable states; and what Leggett's axioms alone give, by a search,
    which is no less than the value at any state that has a Leggett model at the three pairs of the witness.

    >>> import jaxleggett as jl
    >>> value, separable, leggett = witness_bounds(jl.werner())
    >>> round(value, 6), round(separable, 6), round(leggett, 6)
    (3.0, 1.0, 3.0)
    """
    cut = witness(state)
    leggett = bounded_inequality(cut.coefficients, cut.a, cut.b, cut.alice, cut.bob, seed)
    return cut.value(state), cut.bound, leggett.bound
