"""The largest visibility of a pair of POVMs at finitely many hidden vectors: a linear programme over couplings.

For POVMs with the effects m_i (1 + r_i.sigma) and n_j (1 + s_j.sigma), and hidden vectors u_k, v_k = -u_k, it is

    max V   over P_k(i, j) >= 0 with marginals <u_k|A_i|u_k> and <-u_k|B_j|-u_k> for each k, and
            (1/K) sum_k P_k(i, j) = m_i n_j (1 - V r_i.s_j) for all i, j.

This is the most that a model with these hidden vectors can reach for the two measurements; the model of Theorem B may
reach less. The marginals of the mixture are right where the u_k have the mean 0, as with every vector's opposite.
Evenly spread vectors come close to the uniform distribution.
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._checks import InputError, unit_vectors
from ..lp.restricted_programme import SolverError
from ..sphere import fibonacci_directions
from .measurement import Povm

BALANCED = 1e-12
"""How far from 0 the mean of hidden vectors may be."""


@dataclass(frozen=True, eq=False)
class Coupling:
    """The largest `visibility`, `probabilities` (K, n, m) that reach it, and `prices` (n, m) of the averages.

    With the prices z, sum_ij z_ij t_ij <= (1/K) sum_k max_x sum_ij z_ij x_ij is an inequality for the averages t of
    every model, where x runs over all probabilities with the marginals at u_k. At each larger V the state breaks it.
    """

    visibility: float
    probabilities: np.ndarray
    prices: np.ndarray


def even_ensemble(number: int) -> np.ndarray:
    """The vectors of a Fibonacci lattice and their opposites: (2 number, 3)."""
    half = fibonacci_directions(number)
    return np.concatenate([half, -half])


def largest_visibility(alice: Povm, bob: Povm, u: np.ndarray) -> Coupling:
    """Solve the programme for hidden vectors u (K, 3) of equal weights; V is at most 2.

    Raises InputError unless they are unit vectors of mean 0, and SolverError where the programme fails.

    >>> from jaxleggett.povms import Povm
    >>> found = largest_visibility(Povm.trine(), Povm.trine(), even_ensemble(50))
    >>> found.visibility > 0.8
    True
    """
    from scipy.optimize import linprog
    from scipy.sparse import bmat, coo_matrix, csr_matrix, eye, kron

    u = unit_vectors("u", u)
    K, n, m = len(u), len(alice), len(bob)
    mean = u.mean(0)
    if np.abs(mean).max() > BALANCED:
        raise InputError(f"u must have the mean 0, as vectors with their opposites have, but has {mean.tolist()}")
    p, q = alice.probabilities(u), bob.probabilities(-u)
    flat = np.outer(alice.weights, bob.weights)
    slope = -flat * (alice.vectors @ bob.vectors.T)
    each = eye(K, format="csr")
    rows = kron(each, kron(eye(n), np.ones((1, m))))
    columns = kron(each, kron(np.ones((1, n)), eye(m)))
    means = kron(csr_matrix(np.full((1, K), 1 / K)), eye(n * m))
    A = bmat(
        [
            [rows, coo_matrix((K * n, 1))],
            [columns, coo_matrix((K * m, 1))],
            [means, coo_matrix(-slope.reshape(-1, 1))],
        ],
        format="csr",
    )
    cost = np.zeros(K * n * m + 1)
    cost[-1] = -1
    done = linprog(
        cost,
        A_eq=A,
        b_eq=np.concatenate([p.ravel(), q.ravel(), flat.ravel()]),
        bounds=[(0, None)] * (K * n * m) + [(0, 2)],
        method="highs-ipm",
    )
    if done.status != 0:
        raise SolverError(f"the programme over couplings ended with: {done.message}")
    prices = np.asarray(done["eqlin"]["marginals"])[-n * m :].reshape(n, m)
    x = np.asarray(done["x"])
    return Coupling(float(x[-1]), x[:-1].reshape(K, n, m), prices)
