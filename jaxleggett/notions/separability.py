"""Separable two-qubit states: exact from both sides, by the partial transpose.

The largest V at which the state is separable is 1/(1 + 4 m), where -m is the least eigenvalue of its partial transpose
(M., P. and R. Horodecki 1996). Below it has a decomposition into product states; above, with the eigenvector w, the
witness W = (|w><w|)^Tb has Tr W rho >= 0 for every separable rho, which is an inequality between correlations.
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
"""By how much the upper end is moved outwards: far more than the rounding of an eigenvector and of its coefficients."""


def witness(state: TwoQubitState) -> LinearInequality:
    """-sum W_ij C - W_A.M^A - W_B.M^B <= 1, for the witness W = (1 + ...)/4 of the state, at three pairs of settings.

    They are the singular vectors of the matrix W_ij.
    """
    vector = np.linalg.eigh(partial_transpose(state.density_matrix()))[1][:, 0]
    W = partial_transpose(np.outer(vector, vector.conj()))
    moments = np.einsum("iab,jcd,bdac->ij", PAULI, PAULI, W.reshape(2, 2, 2, 2)).real
    U, s, V = np.linalg.svd(moments[1:, 1:])
    return LinearInequality(-s, U.T, V, -U.T @ moments[1:, 0], -V @ moments[0, 1:], 1 + PAD)


def solve(state: TwoQubitState) -> tuple[Found, bool]:
    """Both ends, and whether they are proved: positivity, and above that it fails, are decided in exact arithmetic.

    If the state were separable anywhere above the upper end, a ball about it would be so below that end, with room for
    the rounding of its doubles there.
    """
    lower, proved = proved_visibility(state)
    if lower == 1:
        return Found(1.0, 1.0, _model(state, 1.0), None, Ending.CONVERGED), proved
    cut = witness(state)
    upper = min(cut.threshold(state), 1.0)
    proved = proved and (upper == 1 or not proved_separable(state.with_visibility(upper * (1 - PAD / 2))))
    return Found(min(lower, upper), upper, _model(state, lower), cut if upper < 1 else None, Ending.CONVERGED), proved


def _model(state: TwoQubitState, visibility: float) -> LocalModel:
    weights, u, v = (np.asarray(x) for x in decomposition(state.with_visibility(visibility)).atoms())
    return LocalModel(weights, u, v, None, None)
