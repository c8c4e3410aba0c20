"""Models of other notions: mixtures of local responses, and Alice's steering of Bob's hidden states."""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._checks import InputError
from ..inequalities.inequality import LinearInequality
from ..runs import Ending

SAME = 1e-9
"""How far a setting may be from one of the model's to be taken for it."""


@dataclass(frozen=True, eq=False)
class Products:
    """A mixture of K products: `weights` (K,), coordinates `x` (K, d_A) for Alice and `y` (K, d_B) for Bob."""

    weights: np.ndarray
    x: np.ndarray
    y: np.ndarray

    def mixed_with_flips(self, share: float, both: bool) -> Products:
        """The mixture with a share of white noise: every product together with those whose outcomes are flipped.

        With `both`, the outcomes of Alice, of Bob, or of both are flipped, and all numbers of the noise vanish. Without
        it only Bob's are flipped: the noise then has no correlators and no marginals of Bob, but those of Alice stay.
        That is enough where the mixture is going to be averaged with its opposite outcomes.
        """
        signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)] if both else [(1, 1), (1, -1)]
        kept = [1 - share + share / len(signs), *(len(signs) - 1) * [share / len(signs)]]
        return Products(
            np.concatenate([k * self.weights for k in kept]),
            np.concatenate([s * self.x for s, _ in signs]),
            np.concatenate([t * self.y for _, t in signs]),
        )


@dataclass(frozen=True, eq=False)
class LocalModel:
    """A mixture of K products of responses, with `weights` (K,) >= 0 of sum 1.

    `x` (K, n) holds Alice's outcomes +-1 at her settings `a` (n, 3). Where `a` is None, `x` (K, 3) holds the Bloch
    vectors of her qubit, whose mean outcome is x.a at any setting a. `y` and `b` are the same for Bob.

    A `radius` r below 1 says that the model stands for all settings: the settings and their opposites are the vertices
    of a polytope that contains the ball of radius r, so that r times any unit vector is a mixture of them. The model
    then has the correlators of r^2 T and the marginals of r r_A and r r_B at all settings, if it has those of
    (r_A, r_B, T) at its own (see `bell`).
    """

    weights: np.ndarray
    x: np.ndarray
    y: np.ndarray
    a: np.ndarray | None
    b: np.ndarray | None
    radius: float = 1.0

    def correlation(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(M^A, M^B, C), of shape (N,) each, at settings `a`, `b` (N, 3) of the model; InputError for others."""
        x, y = _responses("a", self.x, self.a, np.asarray(a)), _responses("b", self.y, self.b, np.asarray(b))
        w = self.weights
        return w @ x, w @ y, (w[:, None] * x * y).sum(0)

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer; outcomes are whole numbers."""
        return {
            "weights": self.weights.tolist(),
            "alice": _listed(self.x, self.a),
            "bob": _listed(self.y, self.b),
            "a": None if self.a is None else self.a.tolist(),
            "b": None if self.b is None else self.b.tolist(),
            "radius": self.radius,
            "symmetry": None,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays for an .npz file."""
        known = {"weights": self.weights, "alice": self.x, "bob": self.y, "a": self.a, "b": self.b}
        return {name: x for name, x in known.items() if x is not None}


def _responses(name: str, x: np.ndarray, own: np.ndarray | None, settings: np.ndarray) -> np.ndarray:
    """The mean outcomes (K, N) of responses `x` at settings (N, 3): those that the model has, or for a qubit any."""
    if own is None:
        return x @ settings.T
    distance = np.linalg.norm(settings[:, None] - own, axis=2)
    nearest = distance.argmin(1)
    if (missing := np.flatnonzero(~(distance.min(1) <= SAME))).size:
        row = int(missing[0])
        raise InputError(f"{name} must hold settings of the model, but row {row} is {settings[row].tolist()}")
    return x[:, nearest]


def _listed(x: np.ndarray, own: np.ndarray | None) -> list[object]:
    """Responses as lists: outcomes as whole numbers, or Bloch vectors."""
    return x.tolist() if own is None else x.astype(int).tolist()


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """A local hidden state model: Bob's qubit is with probability weights[k] in the state of Bloch vector states[k].

    `weights` has the shape (K,), `states` (K, 3). Alice's mean outcome g_k(a) at setting a, given k, is left open: a
    correlation has a model with these states where numbers -1 <= g_k(a) <= 1 with sum_k w_k g_k(a) = M^A(a) and
    sum_k w_k g_k(a) states_k.b = C(a, b) exist for all settings; `steering` says when.
    """

    weights: np.ndarray
    states: np.ndarray

    def excess(self, z0: np.ndarray, z: np.ndarray, r_A: np.ndarray, T: np.ndarray) -> np.ndarray:
        """|z0 r_A + T z| - E|z0 + z.state|, of shape (N,), for z0 (N,) and z (N, 3).

        (r_A, T) has a model with these states if and only if this is positive nowhere.
        """
        most = np.linalg.norm(z0[:, None] * r_A + z @ T.T, axis=1)
        return most - np.abs(z0[:, None] + z @ self.states.T) @ self.weights

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer."""
        return {"weights": self.weights.tolist(), "states": self.states.tolist(), "symmetry": None}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays for an .npz file."""
        return {"weights": self.weights, "states": self.states}


@dataclass(frozen=True, eq=False)
class TurnedHiddenStates:
    """The local hidden state model of a state without marginals, given by a correlation matrix `T` (3, 3).

    The hidden variable is a unit vector m with the density |T^T m| / E|T^T m| on the sphere. Bob's state has the Bloch
    vector T^T m / |T^T m|, and Alice's outcome at setting a is the sign of a.m. Then M^A = M^B = 0, and
    C(a, b) = a.T b / (2 E|T^T m|), because for uniform m

        E[sign(a.m) T^T m] = T^T E[sign(a.m) m] = T^T a / 2.

    S. Jevtic, M. J. W. Hall, M. R. Anderson, M. Zwierz, H. M. Wiseman, J. Opt. Soc. Am. B 32, A40 (2015).
    """

    T: np.ndarray

    def to_json(self) -> dict[str, object]:
        """The fields of the command line's JSON answer: the matrix, and the distribution in words."""
        how = "m has the density |T^T m| on the sphere; Bob's state is T^T m/|T^T m|, Alice's outcome the sign of a.m"
        return {"T": self.T.tolist(), "distribution": how, "symmetry": None}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays for an .npz file."""
        return {"T": self.T}


@dataclass(frozen=True, eq=False)
class Found:
    """lower <= largest visibility <= upper, with the model and the inequality that show it, and how that ended."""

    lower: float
    upper: float
    model: Products | LocalModel | HiddenStates | TurnedHiddenStates | None
    inequality: LinearInequality | None
    status: Ending
