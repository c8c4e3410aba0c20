"""Independent ways to the same numbers: NumPy only, from kets, projectors and loops.

Nothing here imports the package. `test_oracles.py` tests the oracles themselves.
"""

import itertools
import math

import numpy as np

SIGMA = [np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.array([[1, 0], [0, -1]])]
SIGNS = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
V_C = 0.8535533905932737622


def unit(rng, n):
    x = rng.normal(size=(n, 3))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def projector(direction, outcome):
    spin = sum(x * s for x, s in zip(direction, SIGMA, strict=True))
    return (np.eye(2) + outcome * spin) / 2


def born(rho, a, b):
    """P(alpha, beta) = Tr rho (Pi_alpha(a) x Pi_beta(b)), order ++, +-, -+, --."""
    return np.array([np.trace(rho @ np.kron(projector(a, x), projector(b, y))).real for x, y in SIGNS])


def ket_01_10(theta):
    return np.array([0, math.cos(theta), -math.sin(theta), 0], dtype=complex)


def werner_rho(V):
    psi = ket_01_10(math.pi / 4)
    return V * np.outer(psi, psi.conj()) + (1 - V) * np.eye(4) / 4


def random_rho(rng):
    g = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    rho = g @ g.conj().T
    return rho / np.trace(rho)


def partial_transpose(rho):
    """The matrix elements <ij|rho|kl> with Bob's indices j and l exchanged."""
    return rho.reshape(2, 2, 2, 2).swapaxes(1, 3).reshape(4, 4)


def turn_about(n, angle):
    """The matrix that turns about the unit vector n by `angle`, by Rodrigues' formula."""
    K = np.array([[0, -n[2], n[1]], [n[2], 0, -n[0]], [-n[1], n[0], 0]])
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def random_rotation(rng):
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def half_angle_weights(V, a, b):
    """(p-, p+) from the angle phi between a and b: roots are cos(phi/2), sin(phi/2)."""
    phi = math.atan2(np.linalg.norm(np.cross(a, b)), float(np.dot(a, b)))
    c, s = math.cos(phi / 2), math.sin(phi / 2)
    return (1 - c + V * math.cos(phi)) / (2 - c - s), (1 - s - V * math.cos(phi)) / (2 - c - s)


def werner_model(V, u, a, b):
    """The four probabilities of the explicit model at one u, in plain Python."""
    minus, plus = half_angle_weights(V, a, b)
    C = minus * (-1 + abs(float(np.dot(u, a - b)))) + plus * (1 - abs(float(np.dot(u, a + b))))
    return np.array([(1 + x * np.dot(u, a) - y * np.dot(u, b) + x * y * C) / 4 for x, y in SIGNS])


def werner_model_on(V, u, a, b):
    """The same at every u (n, 3) and every pair of settings a, b (P, 3): shape (n, P, 4)."""
    minus, plus = np.array([half_angle_weights(V, x, y) for x, y in zip(a, b, strict=True)]).T
    C = minus * (abs(u @ (a - b).T) - 1) + plus * (1 - abs(u @ (a + b).T))
    return np.stack([(1 + x * u @ a.T - y * u @ b.T + x * y * C) / 4 for x, y in SIGNS], -1)


def smallest_werner_probability(V, a, b):
    """min(p+, p-, 0)/2, over all u."""
    return min(0.0, *half_angle_weights(V, a, b)) / 2


def feasible_correlators(M_A, M_B, grid=20001):
    """Smallest and largest C on a grid for which all four probabilities are non-negative."""
    C = np.linspace(-1, 1, grid)
    P = [(1 + x * M_A + y * M_B + x * y * C) for x, y in SIGNS]
    fine = np.all(np.array(P) >= -1e-12, axis=0)
    return C[fine].min(), C[fine].max()


def left_side(g, a, b, u, v):
    """sum_i g_i C_i at hidden vectors u, v (n, 3), each C_i at the end of its interval [B13 (5)] that g_i prefers."""
    M_A, M_B = u @ a.T, v @ b.T
    return np.where(g > 0, 1 - abs(M_A - M_B), abs(M_A + M_B) - 1) @ g


def chsh(C):
    """Largest |CHSH| value of correlators C[i, j] over the choice of the minus sign."""
    return max(
        abs(sum((-1 if (i, j) == minus else 1) * C[i, j] for i, j in itertools.product((0, 1), (0, 1))))
        for minus in itertools.product((0, 1), (0, 1))
    )
