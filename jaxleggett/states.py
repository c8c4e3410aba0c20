"""Two-qubit states as Bloch vectors and a correlation matrix, (r_A, r_B, T).

The convention: <sigma_i x 1> = r_A, <1 x sigma_j> = r_B, T_ij = <sigma_i x sigma_j>, row = Alice.
Settings a, b then give M^A = r_A.a, M^B = r_B.b and C = a.T b.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from ._checks import InputError, quoted
from ._numerics import as_float, dot, in_double

STATE_TOLERANCE = 1e-9
"""How far from Hermitian, from trace 1 and from positive a density matrix may be."""

PAULI = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
"""1, sigma_x, sigma_y, sigma_z."""

_PRODUCTS = np.einsum("iab,jcd->ijacbd", PAULI, PAULI).reshape(4, 4, 4, 4)


@register_dataclass
@dataclass(frozen=True)
class TwoQubitState:
    """A two-qubit state: Bloch vectors `r_A`, `r_B` of shape (3,), correlation matrix `T` of shape (3, 3)."""

    r_A: Any
    r_B: Any
    T: Any

    @classmethod
    def from_density_matrix(cls, rho: Any) -> TwoQubitState:
        """The state of a 4x4 density matrix in the basis |00>, |01>, |10>, |11>.

        Raises InputError where `rho` is not a 4x4 array of finite numbers, not Hermitian, not of
        trace 1 or not positive, each to 1e-9.
        """
        try:
            rho = np.asarray(rho, dtype=np.complex128)
        except (TypeError, ValueError):
            raise InputError(f"a density matrix must be a 4x4 array of numbers, but is {quoted(rho)}") from None
        if rho.shape != (4, 4):
            raise InputError(f"a density matrix must have shape (4, 4), but has {rho.shape}")
        if not np.isfinite(rho).all():
            raise InputError("a density matrix must be finite, but holds a NaN or an infinity")
        skew = float(np.abs(rho - rho.conj().T).max())
        if skew > STATE_TOLERANCE:
            raise InputError(f"a density matrix must be Hermitian, but differs from its adjoint by {skew:.3g}")
        trace = float(np.trace(rho).real)
        if abs(trace - 1) > STATE_TOLERANCE:
            raise InputError(f"a density matrix must have trace 1, but has {trace:.12g}")
        lowest = float(np.linalg.eigvalsh((rho + rho.conj().T) / 2)[0])
        if lowest < -STATE_TOLERANCE:
            raise InputError(f"a density matrix must be positive, but has the eigenvalue {lowest:.3g}")
        moments = np.einsum("ab,ijba->ij", rho, _PRODUCTS).real
        return cls(r_A=moments[1:, 0], r_B=moments[0, 1:], T=moments[1:, 1:])

    def density_matrix(self) -> np.ndarray:
        """rho = (1/4) sum_ij <sigma_i x sigma_j> sigma_i x sigma_j (sigma_0 = 1), shape (4, 4)."""
        moments = np.zeros((4, 4))
        moments[0, 0] = 1
        moments[1:, 0], moments[0, 1:], moments[1:, 1:] = self.r_A, self.r_B, self.T
        return np.einsum("ij,ijab->ab", moments, _PRODUCTS) / 4

    def correlation(self, a: Any, b: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(M^A, M^B, C) = (r_A.a, r_B.b, a.T b) for settings of shape (..., 3)."""
        return _correlation(self, a, b)

    def with_visibility(self, V: float) -> TwoQubitState:
        """V rho + (1 - V) 1/4: white noise scales (r_A, r_B, T) by V."""
        return jax.tree.map(lambda x: V * x, self)


@in_double
@jax.jit
def _correlation(state: TwoQubitState, a: Any, b: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    r_A, r_B, T, a, b = (jnp.asarray(x) for x in (state.r_A, state.r_B, state.T, a, b))
    T_b = jnp.stack([dot(T[i], b) for i in range(3)], axis=-1)
    return dot(r_A, a), dot(r_B, b), dot(a, T_b)


def werner(V: Any = 1.0) -> TwoQubitState:
    """The Werner state V |Psi-><Psi-| + (1 - V) 1/4: no marginals, C(a, b) = -V a.b.   [B13 (6)]

    V = 1 is the singlet; it is a state for V in [-1/3, 1].
    """
    return bell_diagonal(-V, -V, -V)


@in_double
def bell_diagonal(t1: Any, t2: Any, t3: Any) -> TwoQubitState:
    """The Bell-diagonal state with T = diag(t1, t2, t3); the singlet is (-1, -1, -1)."""
    T = jnp.diag(jnp.stack([as_float(t) for t in (t1, t2, t3)]))
    return TwoQubitState(r_A=jnp.zeros(3, T.dtype), r_B=jnp.zeros(3, T.dtype), T=T)


@in_double
def pure(theta: Any) -> TwoQubitState:
    """cos(theta) |01> - sin(theta) |10>, theta in radians; the singlet is pi/4.

    r_A = cos(2 theta) z = -r_B, T = diag(-sin 2 theta, -sin 2 theta, -1).
    """
    theta = as_float(theta)
    zero, s = jnp.zeros_like(theta), jnp.sin(2 * theta)
    r_A = jnp.stack([zero, zero, jnp.cos(2 * theta)])
    return TwoQubitState(r_A=r_A, r_B=-r_A, T=jnp.diag(jnp.stack([-s, -s, zero - 1])))


NAMED_STATES = "werner, bell-diagonal:t1,t2,t3, pure:THETA, or a .npy or .json file of a 4x4 density matrix"


def parse_state(text: str) -> TwoQubitState:
    """A state by name: `werner` (the singlet), `bell-diagonal:t1,t2,t3`, `pure:THETA`, or a file.

    A `.npy` file, or a `.json` file of nested lists with complex numbers as [re, im], holds a 4x4
    density matrix. Raises InputError for anything else, and for what is no state.
    """
    name, colon, numbers = text.partition(":")
    if text == "werner":
        return werner()
    if colon and name in ("bell-diagonal", "pure"):
        expected = {"bell-diagonal": 3, "pure": 1}[name]
        try:
            values = [float(number) for number in numbers.split(",")]
        except ValueError:
            values = []
        if len(values) != expected or not np.isfinite(values).all():
            raise InputError(f"state {name} must have {expected} finite numbers, but is {quoted(text)}")
        state = pure(*values) if name == "pure" else bell_diagonal(*values)
        return TwoQubitState.from_density_matrix(state.density_matrix())
    path = Path(text)
    if path.suffix not in (".npy", ".json") or not path.exists():
        raise InputError(f"state must be {NAMED_STATES}, but {quoted(text)} is none of them")
    try:
        if path.suffix == ".npy":
            rho = np.load(path, allow_pickle=False)
        else:
            content = np.asarray(json.loads(path.read_text(encoding="utf-8")), dtype=np.float64)
            rho = content[..., 0] + 1j * content[..., 1] if content.shape == (4, 4, 2) else content
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InputError(f"{path} cannot be read as a density matrix: {error}") from None
    return TwoQubitState.from_density_matrix(rho)
