"""What Navascues' further assumptions do to a Leggett model, by numbers.

M. Navascues (arXiv:1303.5124) takes the hidden vectors as real: either photons of the sub-ensemble (u, v) have the
polarisations u and v, or Bob's state, given a result of Alice, is again a mixture of states of definite polarisation.
Leggett's axioms [B13 (1)-(3)] demand neither. Inside a sub-ensemble, Bob's Bloch vectors for Alice's two results have
the mean v. As v is a unit vector, both are equal to it, so that

    C_{u,v}(a, b) = (u.a)(v.b).                                                                 (N)

The correlations are then those of a separable state, and every entanglement witness is an inequality.
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
    """Where a model breaks (N) most: hidden vectors u, v and settings a, b.

    `correlator` is C_{u,v}(a, b), and `product` is (u.a)(v.b). `bob` holds the means of Bob's outcome given Alice's
    results +1 and -1 (NaN for a result of probability 0); by the assumption both are `expected` = v.b.
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
    """The hidden vectors, of `number` sampled ones, and the pair of settings at which a model is farthest from (N).

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
    M_A, M_B, correlator = (float(numbers[k, i]) for numbers in (x, y, C))
    plus, minus = ((M_B + s * correlator) / (1 + s * M_A) if 1 + s * M_A > 0 else float("nan") for s in (1, -1))
    return Steered(u[k], v[k], pairs.a[i], pairs.b[i], correlator, M_A * M_B, (plus, minus), M_B)


def witness_bounds(state: TwoQubitState, seed: int = 0) -> tuple[float, float, float]:
    """Three numbers of the inequality of a state's entanglement witness: its value at the state, and two bounds.

    The first bound is that of separable states, which are all that Navascues' assumptions allow: 1, to 1e-12. The
    second is that of all Leggett models, by a search with `seed`. It is at least the value at any state that has a
    Leggett model at the witness's three pairs of settings.

    >>> import jaxleggett as jl
    >>> value, separable, leggett = witness_bounds(jl.werner())
    >>> round(value, 6), round(separable, 6), round(leggett, 6)
    (3.0, 1.0, 3.0)
    """
    cut = witness(state)
    leggett = bounded_inequality(cut.coefficients, cut.a, cut.b, cut.alice, cut.bob, seed)
    return cut.value(state), cut.bound, leggett.bound
