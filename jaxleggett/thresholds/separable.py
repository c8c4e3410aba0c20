"""Separable states: compatible with crypto-nonlocality, their decomposition being the model.

A state of two qubits is separable iff its partial transpose is positive (M., P. and R. Horodecki, Phys. Lett.
A 223, 1, 1996), and then it is a mixture of at most four pure product states (W. K. Wootters, Phys. Rev.
Lett. 80, 2245, 1998). Their Bloch vectors are the hidden vectors, with C = (u.a)(v.b).
"""

from __future__ import annotations

import numpy as np

from ..models.mixtures import SeparableModel
from ..states import PAULI, TwoQubitState

FLIP = np.array([[0, 0, 0, -1], [0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0]], complex)
"""sigma_y x sigma_y."""

SIGNS = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2
"""The orthogonal matrix of entries +-1/2 in the last step of Wootters' construction."""

WITHIN = 1e-12
"""How far below the largest separable visibility, relative to it, a proof is tried."""

VANISHED = 1e-14
"""Eigenvalues below this count as 0."""


def separable_visibility(state: TwoQubitState) -> float:
    """The largest V <= 1 at which V rho + (1 - V)/4 and its partial transpose are positive, to rounding.

    It is 1 / (1 + 4 m), where -m is the smallest eigenvalue of both at V = 1 (m = 0 if that is positive). rho itself is
    looked at, too, because what is no state is not separable, though its partial transpose may be positive.
    """
    rho = state.density_matrix()
    least = float(np.linalg.eigvalsh([rho, partial_transpose(rho)]).min())
    return 1 / (1 + 4 * max(-least, 0.0))


def proved_separable(state: TwoQubitState) -> bool:
    """Whether the doubles of `state` are exactly a state whose partial transpose is positive: in exact arithmetic.

    A Hermitian matrix is positive if and only if the coefficients of its characteristic polynomial, those that vanish
    left out, alternate in sign. Both matrices are multiplied by 4, so that their entries are sums of the doubles.
    """
    from flint import fmpq, fmpq_mat

    moments = [
        [1.0, *np.asarray(state.r_B)],
        *([r, *row] for r, row in zip(state.r_A, np.asarray(state.T), strict=True)),
    ]
    exact = [[fmpq(*float(x).as_integer_ratio()) for x in row] for row in moments]

    def positive(sign: int) -> bool:
        # (re, im) of 4 rho, whose sigma_y on Bob's side changes sign under the partial transpose.
        parts = np.full((2, 4, 4), fmpq(0), dtype=object)
        for i, row in enumerate(exact):
            for j, x in enumerate(row):
                product = np.kron(PAULI[i], PAULI[j]) * (sign if j == 2 else 1)
                for part, values in zip(parts, (product.real, product.imag), strict=True):
                    part += np.array([[x * int(v) for v in line] for line in values], dtype=object)
        re, im = parts
        real = np.block([[re, -im], [im, re]])
        coefficients = fmpq_mat(8, 8, list(real.ravel())).charpoly().coeffs()
        return all(c >= 0 if k % 2 == 0 else c <= 0 for k, c in enumerate(reversed(coefficients)))

    return positive(1) and positive(-1)


def proved_visibility(state: TwoQubitState) -> tuple[float, bool]:
    """A visibility up to which the state is separable, and whether that is proved.

    It is 1 where that is proved, otherwise `WITHIN` below the largest separable one where that is proved, and otherwise
    what the smallest eigenvalue gives. Positivity is decided half-way between the two, for a state whose doubles are
    rounded there. docs/CERTIFICATES.md proves from it that the exact state at the lower end is separable.
    """
    if proved_separable(state):
        return 1.0, True
    last = separable_visibility(state)
    # In double precision, whatever the state is given in: the proof is about rounding of relative size 2^-53.
    proved = proved_separable(state.in_double_precision().with_visibility(last * (1 - WITHIN / 2)))
    return (last * (1 - WITHIN) if proved else last), proved


def decomposition(state: TwoQubitState) -> SeparableModel:
    """A separable state as a mixture of pure product states, to rounding: weights and Bloch vectors.

    Wootters' construction: vectors x_j with rho = sum |x_j><x_j| and <x_i|x_j~> = l_j delta_ij, the tilde for the
    spin flip; phases that close the quadrilateral sum l_j exp(i p_j) = 0; then z_i = sum_j s_ij exp(i p_j/2) x_j with
    an orthogonal matrix of entries +-1/2 have concurrence 0. A state that is not separable is decomposed as if its
    largest l were the sum of the others.
    """
    values, vectors = np.linalg.eigh(state.density_matrix())
    # The root of an eigenvalue that is rounding would be much larger than rounding.
    subnormalised = vectors * np.sqrt(np.where(values > VANISHED, values, 0))
    unitary, lengths = _takagi(subnormalised.conj().T @ FLIP @ subnormalised.conj())
    x = subnormalised @ unitary
    z = (x * np.sqrt(_closing(lengths))) @ SIGNS.T
    weights = (np.abs(z) ** 2).sum(0)
    kept = weights > VANISHED**2
    first, _, second = np.linalg.svd(z.T[kept].reshape(-1, 2, 2))
    u, v = _bloch(first[:, :, 0]), _bloch(second[:, 0])
    return SeparableModel(weights[kept] / weights[kept].sum(), u, v)


def partial_transpose(rho: np.ndarray) -> np.ndarray:
    """Partial transpose on Bob's side."""
    return rho.reshape(2, 2, 2, 2).transpose(0, 3, 2, 1).reshape(4, 4)


def _takagi(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A unitary U and l >= 0, largest first, with A conj(U) = U diag(l), for a complex symmetric A.

    Eigenvectors (Re, Im) of the real symmetric matrix that is x -> A conj(x), whose spectrum is +-l.
    """
    n = len(A)
    re, im = np.real(A), np.imag(A)
    values, vectors = np.linalg.eigh(np.block([[re, im], [im, -re]]))
    top = vectors[:, ::-1][:, :n]
    lengths = np.maximum(values[::-1][:n], 0)
    U = top[:n] + 1j * top[n:]
    # To l = 0 belong x and i x alike: any vectors do that complete the others.
    rank = int((lengths > VANISHED * max(lengths[0], VANISHED)).sum())
    U[:, rank:] = np.linalg.svd(U[:, :rank])[0][:, rank:]
    return U, lengths


def _closing(lengths: np.ndarray) -> np.ndarray:
    """Phases (4,) on the unit circle with sum l_j phase_j = 0, for l (4,), largest first, l_0 <= l_1 + l_2 + l_3.

    Two triangles on one diagonal d: l_0 and l_1 add up to d, l_2 and l_3 to -d.
    """
    p, q, r, s = lengths
    d = (max(p - q, r - s) + min(p + q, r + s)) / 2
    return np.concatenate([_triangle(p, q, d), -_triangle(r, s, d)])


def _triangle(p: float, q: float, d: float) -> np.ndarray:
    """Phases of two numbers of moduli p >= q that add up to d."""
    if d <= VANISHED * p or p == 0:
        return np.array([1.0, -1.0], complex)
    rest = (q**2 - (p - d) * (p + d)) / (2 * d)
    # One height for both, so that the imaginary parts cancel however it is rounded; that of the shorter side.
    height = np.sqrt(max((q - rest) * (q + rest), 0.0))
    sides = np.array([d - rest + 1j * height, rest - 1j * height])
    size = np.abs(sides)
    return np.where(size > 0, sides / np.where(size > 0, size, 1), 1.0)


def _bloch(kets: np.ndarray) -> np.ndarray:
    """Bloch vectors (K, 3) of qubits (K, 2)."""
    r = np.einsum("ka,iab,kb->ki", kets.conj(), PAULI[1:], kets).real
    return r / np.linalg.norm(r, axis=1, keepdims=True)
