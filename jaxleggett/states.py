"""Two-qubit states as Bloch vectors and a correlation matrix, (r_A, r_B, T).

The convention: <sigma_i x 1> = r_A, <1 x sigma_j> = r_B, T_ij = <sigma_i x sigma_j>, row = Alice.
Settings a, b then give M^A = r_A.a, M^B = r_B.b and C = a.T b.
"""

# JAX's own types are incomplete; what is made of them here is annotated.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from ._checks import InputError, counted, quoted
from ._files import names_a_file
from ._numerics import ByValue, as_float, dot, in_double
from ._state_files import SHAPES, read_state_array

if TYPE_CHECKING:
    from ._shapes import AnyArray, Array, ArrayLike, Complex, Float, Number, Shaped

STATE_TOLERANCE = 1e-9
"""How far from Hermitian, from trace 1 and from positive a density matrix may be."""

PAULI = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
"""sigma_0 = 1, sigma_x, sigma_y and sigma_z."""

_PRODUCTS = np.einsum("iab,jcd->ijacbd", PAULI, PAULI).reshape(4, 4, 4, 4)
"""sigma_i x sigma_j as 4x4 matrices, by i and j."""

_REMEDY = "; nearest=True (--project) takes the nearest state"


@runtime_checkable
class Operator(Protocol):
    """An object that is no array and returns its numbers by `full`, as those of QuTiP do."""

    def full(self) -> np.ndarray:
        """The matrix, or the vector as a column."""
        ...


@register_dataclass
@dataclass(frozen=True, eq=False)
class TwoQubitState(ByValue):
    """A two-qubit state: Bloch vectors `r_A`, `r_B` of shape (3,), correlation matrix `T` of shape (3, 3).

    `r_A` and `r_B` are the means of the Pauli matrices on Alice's and on Bob's side. `T` holds those of their products,
    with Alice's matrices along the rows. Here nothing is checked; `from_density_matrix` checks that there is such a
    state. States are equal where all their numbers are.

    >>> import jaxleggett as jl
    >>> jl.TwoQubitState.from_density_matrix([0, 1, 0, 0]).T.round(12).tolist()  # |01>
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0]]
    """

    r_A: Float[AnyArray, "3"]
    r_B: Float[AnyArray, "3"]
    T: Float[AnyArray, "3 3"]

    @classmethod
    def from_density_matrix(cls, rho: ArrayLike | Operator, nearest: bool = False) -> TwoQubitState:
        """The state of a 4x4 density matrix, or of a vector (4,), in the basis |00>, |01>, |10>, |11>.

        Alice's qubit is the first factor of the tensor product, as the matrix stands. QuTiP's objects and Qiskit's
        `DensityMatrix` and `Statevector` are taken too; Qiskit numbers qubits from the right, so that there Alice's
        is qubit 1 (`reverse_qargs()` exchanges the two). With `nearest` a measured matrix is replaced by the state
        nearest to it, as by `nearest_to`.

        Raises InputError for an array of another shape or with a number that is not finite, for a vector whose norm
        is not 1 to within 1e-9, and without `nearest` for a matrix that is not Hermitian, not of trace 1 or not
        positive, each to 1e-9.
        """
        if nearest:
            return cls.nearest_to(rho)[0]
        matrix = _square(rho)
        skew = float(np.abs(matrix - matrix.conj().T).max())
        if skew > STATE_TOLERANCE:
            raise InputError(f"a density matrix must be Hermitian, but differs from its adjoint by {skew:.3g}{_REMEDY}")
        trace = float(np.trace(matrix).real)
        if abs(trace - 1) > STATE_TOLERANCE:
            raise InputError(f"a density matrix must have trace 1, but has {trace:.12g}{_REMEDY}")
        lowest = float(np.linalg.eigvalsh((matrix + matrix.conj().T) / 2)[0])
        if lowest < -STATE_TOLERANCE:
            raise InputError(f"a density matrix must be positive, but has the eigenvalue {lowest:.3g}{_REMEDY}")
        return cls._of(matrix)

    @classmethod
    def nearest_to(cls, rho: ArrayLike | Operator) -> tuple[TwoQubitState, float]:
        """The state whose density matrix is nearest to `rho`, and the distance |rho - state| in Frobenius norm.

        The eigenvalues of the Hermitian part of `rho` are projected onto the probability simplex: J. A. Smolin,
        J. M. Gambetta, G. Smith, Phys. Rev. Lett. 108, 070502 (2012). `rho` is as for `from_density_matrix`, but
        need not be Hermitian, of trace 1 or positive. What lies within 1e-9 of a state is left as it is, at
        distance 0.
        """
        matrix = _square(rho)
        values, vectors = np.linalg.eigh((matrix + matrix.conj().T) / 2)
        near = (vectors * _onto_simplex(values)) @ vectors.conj().T
        distance = float(np.linalg.norm(matrix - near))
        return (cls._of(near), distance) if distance > STATE_TOLERANCE else (cls._of(matrix), 0.0)

    @classmethod
    def _of(cls, rho: Complex[np.ndarray, "4 4"]) -> TwoQubitState:
        """The state with <sigma_i x sigma_j> = Tr(rho sigma_i x sigma_j), for any Hermitian rho."""
        moments = np.einsum("ab,ijba->ij", rho, _PRODUCTS).real
        return cls(r_A=moments[1:, 0], r_B=moments[0, 1:], T=moments[1:, 1:])

    def density_matrix(self) -> Complex[np.ndarray, "4 4"]:
        """rho = (1/4) sum_ij <sigma_i x sigma_j> sigma_i x sigma_j, with i, j from 0 to 3 and sigma_0 = 1."""
        moments = np.zeros((4, 4))
        moments[0, 0] = 1
        moments[1:, 0], moments[0, 1:], moments[1:, 1:] = self.r_A, self.r_B, self.T
        return np.einsum("ij,ijab->ab", moments, _PRODUCTS) / 4

    def correlation(
        self, a: ArrayLike, b: ArrayLike
    ) -> tuple[Float[AnyArray, "..."], Float[AnyArray, "..."], Float[AnyArray, "..."]]:
        """(M^A, M^B, C) = (r_A.a, r_B.b, a.T b) for settings `a`, `b` of shape (..., 3)."""
        return _correlation(self, a, b)

    def in_double_precision(self) -> TwoQubitState:
        """The same state, held by NumPy in double precision, as proofs about its doubles need it."""
        return TwoQubitState(*(np.asarray(x, np.float64) for x in (self.r_A, self.r_B, self.T)))

    def with_visibility(self, V: float) -> TwoQubitState:
        """V rho + (1 - V) 1/4: mixing with white noise multiplies r_A, r_B and T by V."""
        return TwoQubitState(V * self.r_A, V * self.r_B, V * self.T)


def _square(rho: ArrayLike | Operator) -> Complex[np.ndarray, "4 4"]:
    """`rho`, or |psi><psi| of a vector, as a finite complex 4x4 matrix; InputError for anything else."""
    rho = rho.full() if isinstance(rho, Operator) else rho
    try:
        matrix = np.asarray(rho, dtype=np.complex128)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"a density matrix must be a 4x4 array of numbers, but is {quoted(rho)}") from None
    if matrix.shape not in SHAPES:
        raise InputError(f"a density matrix must have shape (4, 4), or (4,) as a state vector, but has {matrix.shape}")
    if not (np.abs([matrix.real, matrix.imag]) < 1e100).all():
        raise InputError("a density matrix must be finite, but holds a NaN, an infinity or a number beyond 1e100")
    if matrix.shape == (4, 4):
        return matrix
    norm = float(np.linalg.norm(matrix))
    if not abs(norm - 1) <= STATE_TOLERANCE:
        raise InputError(f"a state vector must have norm 1 (to {STATE_TOLERANCE:g}), but has {norm:.12g}")
    psi = matrix.ravel() / norm
    return np.outer(psi, psi.conj())


def _onto_simplex(values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """The point nearest to the ascending `values` among those whose entries are at least 0 and sum to 1.

    The same number is subtracted from all entries, and those that would be negative become 0.
    """
    falling = values[::-1]
    number = np.arange(1, len(values) + 1)
    shift = (np.cumsum(falling) - 1) / number
    kept = np.flatnonzero(falling > shift)[-1]
    return np.maximum(values - shift[kept], 0)


@in_double
@jax.jit
def _correlation(
    state: TwoQubitState, a: ArrayLike, b: ArrayLike
) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
    r_A, r_B, T = (jnp.asarray(x) for x in (state.r_A, state.r_B, state.T))
    alice, bob = as_float(a), as_float(b)
    T_b = jnp.stack([dot(T[i], bob) for i in range(3)], axis=-1)
    return dot(r_A, alice), dot(r_B, bob), dot(alice, T_b)


def werner(V: Number = 1.0) -> TwoQubitState:
    """The Werner state V |Psi-><Psi-| + (1 - V) 1/4: no marginals, C(a, b) = -V a.b.   [B13 (6)]

    `V` is the visibility; V = 1 is the singlet. There is such a state for V in [-1/3, 1], which is not checked.

    >>> import jaxleggett as jl
    >>> z = [0.0, 0.0, 1.0]
    >>> float(jl.werner(0.8).correlation(z, z)[2])
    -0.8
    """
    return bell_diagonal(-V, -V, -V)


@in_double
def bell_diagonal(t1: Number, t2: Number, t3: Number) -> TwoQubitState:
    """The Bell-diagonal state with T = diag(`t1`, `t2`, `t3`) and no marginals; the singlet is (-1, -1, -1).

    There is such a state for (t1, t2, t3) in the tetrahedron of the four Bell states, which is not checked.

    >>> import jaxleggett as jl
    >>> jl.bell_diagonal(-1, -1, -1) == jl.werner()
    True
    """
    T = jnp.diag(jnp.stack([as_float(t) for t in (t1, t2, t3)]))
    return TwoQubitState(r_A=jnp.zeros(3, T.dtype), r_B=jnp.zeros(3, T.dtype), T=T)


@in_double
def pure(theta: Number) -> TwoQubitState:
    """The pure state cos(theta) |01> - sin(theta) |10>, `theta` in radians; theta = pi/4 gives the singlet.

    r_A = cos(2 theta) z = -r_B, T = diag(-sin 2 theta, -sin 2 theta, -1).

    >>> import jaxleggett as jl
    >>> jl.pure(0.0).r_A.tolist()  # |01>
    [0.0, 0.0, 1.0]
    """
    angle = as_float(theta)
    zero, s = jnp.zeros_like(angle), jnp.sin(2 * angle)
    r_A = jnp.stack([zero, zero, jnp.cos(2 * angle)])
    return TwoQubitState(r_A=r_A, r_B=-r_A, T=jnp.diag(jnp.stack([-s, -s, zero - 1])))


NAMED_STATES = "werner, bell-diagonal:t1,t2,t3, pure:THETA, or a file (.npy, .npz, .mat or .json)"


def parse_state(text: str) -> TwoQubitState:
    """The state that `text` names: `werner` (the singlet), `bell-diagonal:t1,t2,t3`, `pure:THETA`, or a file.

    The file holds a 4x4 density matrix, or a vector (4,): `.npy`; `.npz` or `.mat` with one such array, or one named
    rho; `.json` with nested lists, complex numbers as [re, im], or {"real": lists, "imag": lists}. Raises InputError
    for another name, for a file that cannot be read, and as `TwoQubitState.from_density_matrix` does.
    """
    return TwoQubitState.from_density_matrix(named_matrix(text))


def as_state(state: TwoQubitState | str | ArrayLike | Operator) -> TwoQubitState:
    """`state` as a `TwoQubitState`: itself, or by a name for `parse_state`, or by a density matrix or vector.

    Raises InputError as `parse_state` and `TwoQubitState.from_density_matrix` do.

    >>> import numpy as np
    >>> as_state("werner") == werner(), np.round(as_state([0, 0, 0, 1]).r_A).tolist()
    (True, [0.0, 0.0, -1.0])
    """
    if isinstance(state, TwoQubitState):
        return state
    return parse_state(state) if isinstance(state, str) else TwoQubitState.from_density_matrix(state)


def parse_nearest_state(text: str) -> tuple[TwoQubitState, float]:
    """The state nearest to the matrix that `text` names, and its distance, as by `TwoQubitState.nearest_to`.

    `text` is a name or a file as for `parse_state`.
    """
    return TwoQubitState.nearest_to(named_matrix(text))


def named_matrix(text: str) -> Shaped[np.ndarray, "..."]:
    """The density matrix, or the state vector, that `text` names; whether there is such a state is not checked.

    `text` is a name or a file as for `parse_state`. Raises InputError for another name, and for a file that cannot be
    read.
    """
    name, colon, numbers = text.partition(":")
    if text == "werner":
        return werner().density_matrix()
    if colon and name in ("bell-diagonal", "pure"):
        expected = {"bell-diagonal": 3, "pure": 1}[name]
        try:
            values = [float(number) for number in numbers.split(",")]
        except ValueError:
            values = []
        if len(values) != expected or not np.isfinite(values).all():
            raise InputError(f"state {name} must have {counted(expected, 'finite number')}, but is {quoted(text)}")
        state = pure(*values) if name == "pure" else bell_diagonal(*values)
        return state.density_matrix()
    if not names_a_file(text):
        raise InputError(f"state must be {NAMED_STATES}, but {quoted(text)} is none of them")
    return read_state_array(text)


def correlation_in_numpy(
    state: TwoQubitState, a: Float[np.ndarray, "n 3"], b: Float[np.ndarray, "n 3"]
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """(M^A, M^B, C) = (r_A.a, r_B.b, a.T b) at settings `a`, `b`, in NumPy alone, for proofs and checks of them."""
    r_A, r_B, T = (np.asarray(x, np.float64) for x in (state.r_A, state.r_B, state.T))
    return a @ r_A, b @ r_B, ((a @ T) * b).sum(1)
