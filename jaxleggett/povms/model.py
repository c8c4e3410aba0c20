"""The Leggett model of Werner states for any pair of POVMs, at V = 33/50: docs/POVMS.md, Theorem B."""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._doubles import tangent_frames, unit
from ..proofs.povms import Kernel, Poly, Table
from .measurement import Povm

TRACELESS = (
    np.array(
        [
            [[1, 0, 0], [0, -1, 0], [0, 0, 0]],
            [[1, 0, 0], [0, 1, 0], [0, 0, -2]],
            [[0, 1, 0], [1, 0, 0], [0, 0, 0]],
            [[0, 0, 1], [0, 0, 0], [1, 0, 0]],
            [[0, 0, 0], [0, 0, 1], [0, 1, 0]],
        ]
    )
    / np.sqrt(np.array([2, 6, 2, 2, 2]))[:, None, None]
)
"""An orthonormal basis of the symmetric traceless matrices: (5, 3, 3)."""

VANISHED = 1e-12
"""Half the length of a + b or a - b up to which this vector counts as 0 and has no direction."""


@dataclass(frozen=True, eq=False)
class _Pair:
    """A pair of rank-one effects along a and b, and what (3) needs for it.

    `weight` is mu nu, `p` and `q` are the unit vectors along a + b and a - b, and `kernels` are those at g = 0 and
    g = 1: psi is affine in g.
    """

    weight: float
    a: np.ndarray
    b: np.ndarray
    p: np.ndarray
    q: np.ndarray
    kernels: tuple[Kernel, Kernel]


class PovmModel:
    """The model of Theorem B, equation (5), for two POVMs: P_{u,-u}(i, j), with u uniform on the sphere.

    It reproduces the Werner state of `visibility`, a fraction; `target` (n, m) are this state's probabilities. `table`
    holds the constants of the theorem [those of the proof].

    >>> import numpy as np
    >>> model = PovmModel(Povm.sic(), Povm.trine())
    >>> P = model.joint(np.array([[0.0, 0.6, 0.8]]))
    >>> P.shape, bool(P.min() >= 0), bool(np.allclose(P.sum((1, 2)), 1))
    ((1, 4, 3), True, True)
    """

    def __init__(self, alice: Povm, bob: Povm, table: Table | None = None) -> None:
        self.alice, self.bob = alice, bob
        self.table = Table.read() if table is None else table
        self.visibility = self.table.visibility
        self.mu, self.a, self.of_alice = alice.rank_one()
        self.nu, self.b, self.of_bob = bob.rank_one()
        self.pairs = [[self._pair(i, j) for j in range(len(self.nu))] for i in range(len(self.mu))]
        self.G = self._fixed_point()

    @property
    def target(self) -> np.ndarray:
        """m_i n_j (1 - V r_i.s_j) for the effects m (1 + r.sigma) and n (1 + s.sigma) of the two POVMs."""
        A, B = self.alice, self.bob
        return np.outer(A.weights, B.weights) * (1 - float(self.visibility) * A.vectors @ B.vectors.T)

    def _pair(self, i: int, j: int) -> _Pair:
        """What the rank-one effects i of Alice and j of Bob need."""
        a, b = self.a[i], self.b[j]
        plus, minus = a + b, a - b
        k, s = np.linalg.norm(plus) / 2, np.linalg.norm(minus) / 2
        if k >= s:
            p = unit(plus)
            q = _orthogonal(minus, p, float(s))
        else:
            q = unit(minus)
            p = _orthogonal(plus, q, float(k))
        kernels = tuple(Kernel.at(self.table, k, s, float(a @ b), g, np.pi, float) for g in (0.0, 1.0))
        return _Pair(self.mu[i] * self.nu[j], a, b, p, q, (kernels[0], kernels[1]))

    def _fixed_point(self) -> np.ndarray:
        """The matrix G (3, 3) that is the traceless part of E[tau u u^T]: the solution of five linear equations."""
        constant, linear = np.zeros((3, 3)), np.zeros((5, 3, 3))
        for pair in (pair for row in self.pairs for pair in row):
            n = np.cross(pair.p, pair.q)
            frame = np.stack([pair.p, pair.q, n], axis=1)
            at = []
            for kernel in pair.kernels:
                first, second, whole = kernel.even_moments(np.pi)
                at.append(frame @ np.diag([first, second, whole - first - second]) @ frame.T - np.eye(3) * whole / 3)
            constant += pair.weight * at[0]
            slopes = np.einsum("i,kij,j->k", pair.a, TRACELESS, pair.b)
            linear += pair.weight * slopes[:, None, None] * (at[1] - at[0])
        matrix = np.einsum("lij,kij->kl", linear, TRACELESS)
        x = np.linalg.solve(np.eye(5) - matrix, np.einsum("kij,ij->k", TRACELESS, constant))
        return np.einsum("k,kij->ij", x, TRACELESS)

    def joint(self, u: np.ndarray) -> np.ndarray:
        """The probabilities P_{u,-u}(i, j), (N, n, m), for hidden vectors `u` (N, 3)."""
        u = np.asarray(u, np.float64)
        mu, nu = self.mu, self.nu
        X, Y = u @ self.a.T, u @ self.b.T
        psi = np.empty((len(u), len(mu), len(nu)))
        for i, row in enumerate(self.pairs):
            for j, pair in enumerate(row):
                psi[:, i, j] = _psi(pair, float(pair.a @ self.G @ pair.b), u, X[:, i] - Y[:, j])
        D, other = psi @ nu, np.einsum("nij,i->nj", psi, mu)
        tau = D @ mu
        share = 1 / (2 - float(self.table.constants["tau0"]))
        x, y = (1 + X)[:, :, None], (1 - Y)[:, None]
        P = share * (psi + (x - D[:, :, None]) * y + x * (y - other[:, None]))
        P += (1 - 2 * share + share * tau)[:, None, None] * x * y
        P *= np.outer(mu, nu)
        rows = np.eye(len(self.alice))[self.of_alice]
        columns = np.eye(len(self.bob))[self.of_bob]
        return rows.T @ P @ columns


def _orthogonal(x: np.ndarray, n: np.ndarray, length: float) -> np.ndarray:
    """The unit vector along the part of x orthogonal to n; some unit vector orthogonal to n where x counts as 0."""
    return unit(x - (x @ n) * n) if length > VANISHED else tangent_frames(n[None])[0, :, 0]


def _psi(pair: _Pair, g: float, u: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """psi of equation (3) at hidden vectors u (N, 3), where X - Y is `difference`."""
    z1, z2 = np.abs(u @ pair.p), np.abs(u @ pair.q)
    zero, one = pair.kernels

    def at(poly: Poly, other: Poly) -> np.ndarray:
        return sum(((1 - g) * x + g * other[i, j]) * z1**i * z2**j for (i, j), x in poly.items())  # type: ignore[return-value]

    M = np.maximum(1 - zero.k * z1 - zero.s * z2, 0)
    above = M * at(zero.plus, one.plus) + 2 * zero.s * z2 * at(zero.omega, one.omega)
    below = M * at(zero.minus, one.minus)
    # Where X = Y they differ by rho alone; this happens with probability 0 and changes no mean.
    return np.where(difference > 0, above, np.where(difference < 0, below, (above + below) / 2))
