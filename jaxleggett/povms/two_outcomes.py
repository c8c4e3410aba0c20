"""A Leggett model for a measurement of two outcomes and any POVM, at its largest visibility: docs/POVMS.md, Theorem A.

For hidden vectors u, -u let p be the probability of Alice's first outcome and q_j that of Bob's outcome j. For an order
of Bob's outcomes, let S_r be the set of the first r. The numbers

    x_j = min(p, q(S_r)) - min(p, q(S_{r-1}))        (j the r-th outcome of the order)                              (G)

are probabilities of (first, j) with the right marginals. A model is a mixture of such orders. Up to V_c at least, some
mixture has the averages of the Werner state; the largest visibility is found by a linear programme over all orders, in
which the best order for prices z is that of descending z.
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

import numpy as np

from .._checks import InputError
from ..lp.restricted_programme import RestrictedProgramme, Solution
from .measurement import Povm
from .model import PovmModel

NO_GAIN = 1e-11
"""By how much an order has to be better than those of the programme to be added."""

MOST_ROUNDS = 10_000
"""Most rounds of the programme, each of which adds one order; there are n! orders of n outcomes."""


class TwoOutcomeModel:
    """The model of Theorem A for a measurement of two outcomes and any POVM: P_{u,-u}(i, j), u uniform on the sphere.

    `visibility` is the largest at which hidden vectors u, -u have a model for the pair, at most 1 and, to rounding, at
    least V_c; `target` (2, m) are the probabilities of the Werner state there. Raises InputError unless `alice` has two
    outcomes.

    >>> import numpy as np
    >>> from jaxleggett.povms import Povm
    >>> model = TwoOutcomeModel(Povm.projective([0, 0, 1]), Povm.trine())
    >>> bool(model.visibility > (1 + np.sqrt(0.5)) / 2)
    True
    """

    def __init__(self, alice: Povm, bob: Povm) -> None:
        if len(alice) != 2:
            raise InputError(f"alice must have two outcomes, but has {len(alice)}")
        self.alice, self.bob = alice, bob
        flat = alice.weights[0] * bob.weights
        slope = -flat * (bob.vectors @ alice.vectors[0])
        self.orders, found = self._mixture(flat, slope)
        # A model beyond V = 1 is mixed with the product of both marginals, which has V = 1/3, so that V is 1.
        kept = min(1.0, (1 - 1 / 3) / (found.V - 1 / 3)) if found.V > 1 else 1.0
        self.product = 1 - kept + kept * found.weights[0]
        self.shares = kept * found.weights[1:]
        self.visibility = min(found.V, 1.0)
        first = flat + self.visibility * slope
        self.target = np.stack([first, bob.weights - first])

    def _mixture(self, flat: np.ndarray, slope: np.ndarray) -> tuple[list[np.ndarray], Solution]:
        """The orders, and the largest V at which a mixture of them and the product has the averages flat + V slope.

        The product of both marginals, with V = 1/3, has the first weight of the solution.
        """
        programme = RestrictedProgramme(slope)
        programme.add_hidden(np.zeros((0, 1)), slope[:, None] / 3)
        orders: list[np.ndarray] = []
        for _ in range(MOST_ROUNDS):
            found = programme.solve()
            order = np.argsort(found.linear, kind="stable")
            column = self._averages(order) - flat
            if found.linear @ column > found.level - NO_GAIN:
                return orders, found
            orders.append(order)
            programme.add_hidden(np.zeros((0, 1)), column[:, None])
        raise ArithmeticError("the programme over orders came to no end")

    def _averages(self, order: np.ndarray) -> np.ndarray:
        """The averages E x_j (m,) of (G) over u, in closed form.

        E min(p, q) = (E p + E q - E|p - q|)/2, and E|s + t.u| is |s| for |s| >= |t| and (s^2 + t^2)/(2 |t|) otherwise.
        """
        A, B = self.alice, self.bob
        sums = np.cumsum(B.weights[order])
        tilts = np.cumsum((B.weights[:, None] * B.vectors)[order], axis=0)
        s = A.weights[0] - sums
        # p(u) - q(-u) = s + t.u for each set of the first outcomes; below, t is the length of the vector.
        t = np.linalg.norm(A.weights[0] * A.vectors[0] + tilts, axis=1)
        modulus = np.where(t > np.abs(s), (s**2 + t**2) / (2 * np.where(t > 0, t, 1)), np.abs(s))
        averages = np.empty(len(order))
        averages[order] = np.diff((A.weights[0] + sums - modulus) / 2, prepend=0.0)
        return averages

    def joint(self, u: np.ndarray) -> np.ndarray:
        """The probabilities P_{u,-u}(i, j), (N, 2, m), for hidden vectors `u` (N, 3)."""
        u = np.asarray(u, np.float64)
        p, q = self.alice.probabilities(u)[:, 0], self.bob.probabilities(-u)
        first = self.product * p[:, None] * q
        for order, share in zip(self.orders, self.shares, strict=True):
            if share > 0:
                filled = np.minimum(p[:, None], np.cumsum(q[:, order], axis=1))
                first[:, order] += share * np.diff(filled, axis=1, prepend=0.0)
        return np.stack([first, q - first], axis=1)


class Exchanged:
    """A `TwoOutcomeModel` with Alice and Bob exchanged: u becomes -u, which is uniform on the sphere, too."""

    def __init__(self, model: TwoOutcomeModel) -> None:
        self.model = model
        self.alice, self.bob = model.bob, model.alice
        self.visibility, self.target = model.visibility, model.target.T

    def joint(self, u: np.ndarray) -> np.ndarray:
        """The probabilities P_{u,-u}(i, j), (N, n, 2), for hidden vectors `u` (N, 3)."""
        return self.model.joint(-np.asarray(u)).transpose(0, 2, 1)


def best_model(alice: Povm, bob: Povm) -> TwoOutcomeModel | Exchanged | PovmModel:
    """The model of Theorem A where one of the measurements has two outcomes, otherwise that of Theorem B."""
    if len(alice) == 2:
        return TwoOutcomeModel(alice, bob)
    return Exchanged(TwoOutcomeModel(bob, alice)) if len(bob) == 2 else PovmModel(alice, bob)
