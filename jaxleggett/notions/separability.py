"""The largest visibility at which a two-qubit state is separable, by the partial transpose.

It is V = 1/(1 + 4 m), where -m < 0 is the smallest eigenvalue of the partial transpose (M., P. and R. Horodecki, Phys.
Lett. A 223, 1, 1996). Up to V the state has a decomposition into product states. Above V it breaks an inequality: with
the eigenvector w, the entanglement witness W = (|w><w|)^Tb has Tr W rho >= 0 for every separable rho.
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

import numpy as np

from ..inequalities.inequality import LinearInequality
from ..runs import Ending
from ..states import PAULI, TwoQubitState
from ..thresholds.separable import decomposition, partial_transpose, proved_separable, proved_visibility
from .models import Found, LocalModel

PAD = 1e-12
"""By how much the upper bound is raised, relative to it: far more than the rounding of the witness's coefficients."""


def witness(state: TwoQubitState) -> LinearInequality:
    """The state's entanglement witness W as an inequality at three pairs of settings, which separable states obey.

    With W = (1 + W_A.sigma x 1 + 1 x W_B.sigma + sum_ij W_ij sigma_i x sigma_j)/4, Tr W rho >= 0 is
    -W_A.r_A - W_B.r_B - sum_ij W_ij T_ij <= 1. The settings are the singular vectors of the matrix W_ij, in which the
    sum has three terms.
    """
    vector = np.linalg.eigh(partial_transpose(state.density_matrix()))[1][:, 0]
    W = partial_transpose(np.outer(vector, vector.conj()))
    moments = np.einsum("iab,jcd,bdac->ij", PAULI, PAULI, W.reshape(2, 2, 2, 2)).real
    U, s, V = np.linalg.svd(moments[1:, 1:])
    return LinearInequality(-s, U.T, V, -U.T @ moments[1:, 0], -V @ moments[0, 1:], 1 + PAD)


def solve(state: TwoQubitState) -> tuple[Found, bool]:
    """Bracket the largest V up to which a state is separable; and is that proved?

    Below, the state is separable at `lower`. Above, it is not at a visibility slightly below `upper`. Both are decided
    in exact arithmetic for the doubles of the state there, which are rounded. That is enough above: if the state were
    separable beyond `upper`, a ball around the state at the lower visibility would be separable, too, and rounding is
    much smaller than this ball.
    """
    state = state.in_double_precision()
    lower, proved = proved_visibility(state)
    if lower == 1:
        return Found(1.0, 1.0, _model(state, 1.0), None, Ending.CONVERGED), proved
    cut = witness(state)
    upper = min(cut.threshold(state), 1.0)
    proved = proved and (upper == 1 or not proved_separable(state.with_visibility(upper * (1 - PAD / 2))))
    return Found(min(lower, upper), upper, _model(state, lower), cut if upper < 1 else None, Ending.CONVERGED), proved


def _model(state: TwoQubitState, visibility: float) -> LocalModel:
    """The decomposition of a separable state into product states."""
    weights, u, v = (np.asarray(x) for x in decomposition(state.with_visibility(visibility)).atoms())
    return LocalModel(weights, u, v, None, None)
