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
"""Settings closer than this are one."""


@dataclass(frozen=True, eq=False)
class Products:
    """A mixture of products: weights (K,) and coordinates x (K, d_A), y (K, d_B)."""

    weights: np.ndarray
    x: np.ndarray
    y: np.ndarray

    def mixed_with_flips(self, share: float, both: bool) -> Products:
        """The same with a share of white noise: every product and those with flipped outcomes, equally often.

        With `both` False, only products with one party's outcomes flipped, so that marginals of zero stay as they are.
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
    """A mixture of products of responses, with weights (K,) >= 0 of sum 1.

    `x` holds Alice's outcomes +-1 at her settings `a` (n, 3), as an array (K, n), or where `a` is None the Bloch
    vectors (K, 3) of her qubit, whose mean outcome is x.a at any setting a; `y` and `b` are Bob's. Where the settings
    with their opposites are a polytope around the ball of `radius` r, every setting is simulated by a mixture of them,
    with means that are r times as large; see `bell`.
    """

    weights: np.ndarray
    x: np.ndarray
    y: np.ndarray
    a: np.ndarray | None
    b: np.ndarray | None
    radius: float = 1.0

    def correlation(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(M^A, M^B, C) at pairs of settings (N, 3), each (N,). Raises InputError for settings that it has not."""
        x, y = _responses("a", self.x, self.a, np.asarray(a)), _responses("b", self.y, self.b, np.asarray(b))
        w = self.weights
        return w @ x, w @ y, (w[:, None] * x * y).sum(0)

    def to_json(self) -> dict[str, object]:
        """The fields as lists; outcomes are whole numbers."""
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
        """The same for an .npz file."""
        known = {"weights": self.weights, "alice": self.x, "bob": self.y, "a": self.a, "b": self.b}
        return {name: x for name, x in known.items() if x is not None}


def _responses(name: str, x: np.ndarray, own: np.ndarray | None, settings: np.ndarray) -> np.ndarray:
    if own is None:
        return x @ settings.T
    distance = np.linalg.norm(settings[:, None] - own, axis=2)
    nearest = distance.argmin(1)
    if (missing := np.flatnonzero(distance.min(1) > SAME)).size:
        raise InputError(f"{name} must hold settings of the model, but row {missing[0]} is none of them")
    return x[:, nearest]


def _listed(x: np.ndarray, own: np.ndarray | None) -> list[object]:
    return x.tolist() if own is None else x.astype(int).tolist()


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """Bob's qubit is in one of the states `states` (K, 3), Bloch vectors with weights (K,), unless Alice steers.

    What Alice's outcomes tell of them is left open: a correlation is possible where functions -1 <= g_k(a) <= 1 of her
    setting have sum_k w_k g_k = M^A(a) and sum_k w_k g_k states_k.b = C(a, b), see `steering`.
    """

    weights: np.ndarray
    states: np.ndarray

    def excess(self, z0: np.ndarray, z: np.ndarray, r_A: np.ndarray, T: np.ndarray) -> np.ndarray:
        """|z0 r_A + T z| - E|z0 + z.state| for z0 (N,), z (N, 3): none is positive iff (r_A, T) is possible."""
        most = np.linalg.norm(z0[:, None] * r_A + z @ T.T, axis=1)
        return most - np.abs(z0[:, None] + z @ self.states.T) @ self.weights

    def to_json(self) -> dict[str, object]:
        """The fields as lists."""
        return {"weights": self.weights.tolist(), "states": self.states.tolist(), "symmetry": None}

    def arrays(self) -> dict[str, np.ndarray]:
        """The same for an .npz file."""
        return {"weights": self.weights, "states": self.states}


@dataclass(frozen=True, eq=False)
class TurnedHiddenStates:
    """The hidden states that Bob's qubit can be steered among, for a state without marginals: `T` is V T.

    m is distributed on the sphere with the density |T^T m| / E|T^T m|, Bob's state is T^T m / |T^T m|, and Alice's
    outcome is the sign of a.m. Then M^A = M^B = 0 and C(a, b) = a.T b / (2 E|T^T m|), for

        E[sign(a.m) T^T m] = T^T E[sign(a.m) m] = T^T a / 2        (m uniform).

    S. Jevtic, M. J. W. Hall, M. R. Anderson, M. Zwierz, H. M. Wiseman, J. Opt. Soc. Am. B 32, A40 (2015).
    """

    T: np.ndarray

    def to_json(self) -> dict[str, object]:
        """The matrix, and in words what it means."""
        how = "m has the density |T^T m| on the sphere; Bob's state is T^T m/|T^T m|, Alice's outcome the sign of a.m"
        return {"T": self.T.tolist(), "distribution": how, "symmetry": None}

    def arrays(self) -> dict[str, np.ndarray]:
        """The same for an .npz file."""
        return {"T": self.T}


@dataclass(frozen=True, eq=False)
class Found:
    """A bracket of the largest visibility, with the model and the inequality that show it, and how it ended."""

    lower: float
    upper: float
    model: Products | LocalModel | HiddenStates | TurnedHiddenStates | None
    inequality: LinearInequality | None
    status: Ending
