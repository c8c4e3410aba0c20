"""POVMs on a qubit: effects m (1 + r.sigma) with m >= 0 and |r| <= 1, whose sum is 1."""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._checks import InputError, integer, quoted, real_array, unit_vectors
from .._files import read_json
from ..states import PAULI

if TYPE_CHECKING:
    from .._shapes import ArrayLike, Float

TOLERANCE = 1e-9
"""How far the effects of a POVM may be from positive, and their sum from 1."""

MOST_OUTCOMES = 64
"""Most outcomes of a POVM."""

VANISHED = 1e-15
"""Effects of a weight up to this are left out of a finer POVM."""


@dataclass(frozen=True, eq=False)
class Povm:
    """Effects E_i = weights_i (1 + vectors_i.sigma): `weights` (n,) of sum 1, `vectors` (n, 3) of norm at most 1.

    sum_i weights_i vectors_i = 0, so that the effects sum to 1. Numbers that have these properties to 1e-9 are changed
    so that they have them to rounding. Raises InputError for others, and for more than 64 effects.

    >>> import numpy as np
    >>> Povm.trine().weights.round(6).tolist()
    [0.333333, 0.333333, 0.333333]
    >>> Povm([0.5, 0.5], [[0, 0, 1], [0, 0, -1]]).probabilities([0, 0, 1.0]).tolist()
    [1.0, 0.0]
    """

    weights: Float[np.ndarray, "n"]
    vectors: Float[np.ndarray, "n 3"]

    if TYPE_CHECKING:  # lists are taken too, and made arrays of

        def __init__(self, weights: ArrayLike, vectors: ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        try:
            w, r = real_array(self.weights), real_array(self.vectors)
        except (TypeError, ValueError, OverflowError):
            w, r = np.empty(0), np.empty(0)
        if w.ndim != 1 or r.shape != (len(w), 3) or not 1 <= len(w) <= MOST_OUTCOMES:
            given = f"has the weights {quoted(self.weights)} and the vectors {quoted(self.vectors)}"
            wanted = f"1 to {MOST_OUTCOMES} weights, and a vector of three numbers for each"
            raise InputError(f"a POVM must have {wanted}, but {given}")
        for name, given in (("weights", w), ("vectors", r)):
            if not np.isfinite(given).all():
                raise InputError(f"{name} of a POVM must be finite, but are {quoted(given.tolist())}")
        if w.min() < -TOLERANCE:
            raise InputError(f"weights of a POVM must not be negative, but are {quoted(w.tolist())}")
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.linalg.norm(r, axis=1)
            excess = w * (lengths - 1)
        if not (excess <= TOLERANCE).all():  # NaN where the length overflows and the weight is 0
            raise InputError(f"vectors of a POVM must have norms of at most 1, but one has {lengths.max():.9g}")
        off = max(abs(float(w.sum()) - 1), float(np.abs(w @ r).max()))
        if off > TOLERANCE:
            raise InputError(f"the effects of a POVM must sum to 1, but miss it by {off:.3g}")
        w, r = _repaired(np.maximum(w, 0), r / np.maximum(lengths, 1)[:, None])
        object.__setattr__(self, "weights", w)
        object.__setattr__(self, "vectors", r)

    def __len__(self) -> int:
        return len(self.weights)

    def probabilities(self, u: ArrayLike) -> np.ndarray:
        """The probabilities <u|E_i|u> (..., n) of pure qubits with the Bloch vectors `u` (..., 3)."""
        return self.weights * (1 + np.asarray(u) @ self.vectors.T)

    def rank_one(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A finer POVM of effects m (1 + n.sigma), |n| = 1: m (k,), n (k, 3), and whose part each is (k,)."""
        lengths = np.linalg.norm(self.vectors, axis=1)
        along = (
            np.where(lengths[:, None] > 0, self.vectors, [0.0, 0.0, 1.0]) / np.where(lengths > 0, lengths, 1)[:, None]
        )
        w = np.concatenate([self.weights * (1 + s * lengths) / 2 for s in (1, -1)])
        n, parent = np.concatenate([along, -along]), np.tile(np.arange(len(self)), 2)
        kept = w > VANISHED
        return w[kept], n[kept], parent[kept]

    @classmethod
    def of_matrices(cls, effects: ArrayLike) -> Povm:
        """The POVM of effects (n, 2, 2); InputError unless they are Hermitian, positive and of sum 1, to 1e-9."""
        try:
            E = np.asarray(effects, np.complex128)
        except (TypeError, ValueError, OverflowError):
            E = np.empty(0)
        if E.ndim != 3 or E.shape[1:] != (2, 2) or not np.isfinite(E).all():
            raise InputError(f"effects must be finite 2x2 matrices, but are {quoted(effects)}")
        if np.abs(E - E.conj().transpose(0, 2, 1)).max() > TOLERANCE:
            raise InputError(f"effects must be Hermitian, but are {quoted(E.tolist())}")
        moments = np.einsum("nab,iba->ni", E, PAULI).real / 2
        w = moments[:, 0]
        return cls(w, moments[:, 1:] / np.where(w > 0, w, 1)[:, None])

    @classmethod
    def projective(cls, a: ArrayLike) -> Povm:
        """The projective measurement along a unit vector `a` (3,)."""
        (n,) = unit_vectors("a", a)
        return cls(np.full(2, 0.5), np.stack([n, -n]))

    @classmethod
    def trine(cls) -> Povm:
        """Three effects at 120 degrees in the plane y = 0."""
        angle = 2 * np.pi * np.arange(3) / 3
        return cls(np.full(3, 1 / 3), np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1))

    @classmethod
    def sic(cls) -> Povm:
        """The symmetric informationally complete POVM: four effects along the vertices of a tetrahedron."""
        return cls(np.full(4, 0.25), np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3))

    @classmethod
    def random(cls, outcomes: int, rng: np.random.Generator) -> Povm:
        """A random POVM of rank-one effects S^(-1/2) |x_i><x_i| S^(-1/2), with Gaussian vectors x_i.

        S = sum_i |x_i><x_i|. Raises InputError unless there are 2 to 64 `outcomes`.
        """
        n = integer("outcomes", outcomes, 2, MOST_OUTCOMES)
        x = rng.normal(size=(n, 2)) + 1j * rng.normal(size=(n, 2))
        values, vectors = np.linalg.eigh(x.T @ x.conj())
        y = x @ (vectors / np.sqrt(values) @ vectors.conj().T).T
        return cls.of_matrices(y[:, :, None] * y[:, None].conj())

    @classmethod
    def from_json(cls, content: object) -> Povm:
        """The POVM of {"weights": [...], "vectors": [[x, y, z], ...]}; InputError for anything else."""
        if not isinstance(content, dict):
            raise InputError(f"a POVM must be a JSON object, but is {quoted(content)}")
        fields = cast("dict[str, Any]", content)
        if missing := [name for name in ("weights", "vectors") if name not in fields]:
            raise InputError(f"a POVM must have the field {missing[0]}")
        return cls(fields["weights"], fields["vectors"])


def _repaired(w: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The effects S^(-1/2) E_i S^(-1/2), whose sum is 1 to rounding, where the sum S of E_i is 1 to `TOLERANCE`.

    With S = 1 + e + t.sigma, each effect E = w (1 + r.sigma) is, to first order, lessened by e E and by
    (E t.sigma + t.sigma E)/2 = w (r.t + t.sigma).
    """
    if max(abs(w.sum() - 1), np.abs(w @ r).max()) < 1e-15:
        return w, r
    e, t = w.sum() - 1, w @ r
    weights = w * (1 - e - r @ t)
    moments = w[:, None] * (r * (1 - e) - t)
    vectors = moments / np.where(weights > 0, weights, 1)[:, None]
    return weights / weights.sum(), vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1)[:, None]


def read_povms(path: str) -> tuple[Povm, Povm]:
    """Alice's and Bob's POVM from a JSON file with the fields `alice` and `bob`; InputError for any other file."""
    content = read_json("povms", path)
    if not isinstance(content, dict) or not {"alice", "bob"} <= set(cast("dict[str, Any]", content)):
        raise InputError(f"povms {path} must be a JSON object with the fields alice and bob, but is {quoted(content)}")
    fields = cast("dict[str, Any]", content)

    def povm(party: str) -> Povm:
        try:
            return Povm.from_json(fields[party])
        except InputError as error:
            raise InputError(f"povms {path}, {party}: {error}") from None

    return povm("alice"), povm("bob")
