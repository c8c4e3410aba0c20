"""What the programme over all settings finds, a model and an inequality, and both in the state's own frames.

Hidden vectors x = (u, v) and pairs y = (a, b) are stacked (6,), in the frames of a `CanonicalForm`, and averaged over
its symmetries. In the state's own frames the discrete symmetries are written out; the average over O(2) is part of the
model and of the inequality there, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..inequalities.inequality import LeggettInequality
from ..joint_rotations import Axis
from ..lp.column_generation import Bracket
from ..models.interpolated import AxialModel, InterpolatedModel
from ..proofs.checker.certificate import Certificate
from ..states import TwoQubitState
from .canonical_form import CanonicalForm


@dataclass(frozen=True, eq=False)
class Below:
    """A model: hidden vectors x (K, 6) with weights (K,) at visibility V, and the share of noise that it needs for (P).

    `balance` (n K,) says for each image of x, image by image, how its weight is divided between the image and its
    opposite so that the marginals are right: the image gets (1 + balance)/2 of it. None where nothing is divided (yet).
    """

    x: np.ndarray
    weights: np.ndarray
    V: float
    noise: float
    balance: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Above:
    """An inequality: pairs y (M, 6) with prices (M,), the marginal term F (6,), and the bound that was found."""

    y: np.ndarray
    prices: np.ndarray
    F: np.ndarray
    bound: float


@dataclass(frozen=True, eq=False)
class Everywhere:
    """The answer for all settings, with its model and inequality in the frames of `form`, averaged over its symmetries.

    With a `certificate`, both bounds are proved.
    """

    bracket: Bracket
    form: CanonicalForm
    below: Below | None
    above: Above | None
    certificate: Certificate | None = None


def model_of(
    state: TwoQubitState, form: CanonicalForm, marginals: np.ndarray, found: Below
) -> tuple[InterpolatedModel, float]:
    """The model in the state's own frames, discrete symmetries and noise written out, and the V that it reaches.

    `marginals` (6,) are the state's, in the frames of `form`; `form` itself may be that of the state without marginals.
    """
    number, L = len(form.group), form.invariants
    x, weights = form.images(found.x), np.tile(found.weights, number) / number
    if len(L) == 0:
        balance = np.zeros(len(x)) if found.balance is None else found.balance
        x, weights = np.concatenate([x, -x]), np.concatenate([weights * (1 + balance), weights * (1 - balance)]) / 2
        x, weights = x[weights > 0], weights[weights > 0]
    u, v = form.outside(x)
    target, axis = state.with_visibility(found.V), form.symmetry
    model = (
        AxialModel(weights, u, v, target, axis) if isinstance(axis, Axis) else InterpolatedModel(weights, u, v, target)
    )
    model = model.with_noise(found.noise)
    # A programme fulfils its equations to a tolerance only; what the marginals miss is corrected.
    if found.balance is not None:
        mean = weights @ x * ([0, 0, 1, 0, 0, 1] if form.kind == "O(2)" else 1)
        miss = (mean - found.V * marginals) * (1 - found.noise)
    else:
        miss = L.T @ (L @ (found.weights @ found.x - found.V * form.marginals)) * (1 - found.noise)
    model, share = model.corrected(0.0, form.frame_A @ miss[:3], form.frame_B @ miss[3:])
    lower = found.V * (1 - found.noise) * (1 - share)
    # A model that reaches beyond V = 1, the state itself, is mixed with noise until it reaches 1.
    return (model, lower) if lower <= 1 else (model.with_noise(1 - 1 / lower), 1.0)


def balanced(x: np.ndarray, weights: np.ndarray, goal: np.ndarray, axial: bool) -> np.ndarray | None:
    """Numbers in [-1, 1], one for each of x (K, 6), for which sum_k weights_k balance_k x_k is `goal` (6,) to rounding.

    None where there are none. If `axial`, only components along the third axis count, since the others are averaged
    away.
    """
    from scipy.optimize import linprog

    rows = [2, 5] if axial else list(range(6))
    moments = (weights[:, None] * x).T[rows]
    done = linprog(np.zeros(len(x)), A_eq=moments, b_eq=goal[rows], bounds=(-1, 1), method="highs")
    return None if done.x is None else np.clip(done.x, -1, 1)


def inequality_of(form: CanonicalForm, found: Above) -> LeggettInequality:
    """The inequality of the prices in the state's own frames, discrete symmetries written out.

    -sum prices C + F.(E[u], E[v]) <= bound, where F is written as a combination of the pairs' settings.
    """
    number = len(form.group)
    y, prices = form.images(found.y), np.tile(found.prices, number) / number
    bloch = np.zeros((6, 2 * len(y)))
    bloch[:3, : len(y)], bloch[3:, len(y) :] = y[:, :3].T, y[:, 3:].T
    shares = np.linalg.lstsq(form.invariants @ bloch, form.invariants @ found.F, rcond=None)[0]
    a, b = form.outside(y)
    alice, bob = np.split(shares, 2)
    return LeggettInequality(-prices, a, b, alice, bob, found.bound)
