import math

import numpy as np
import oracles
import pytest
from cases import in_other_frames
from scipy.optimize import minimize

import jaxleggett as jl
from jaxleggett._checks import InputError
from jaxleggett.inequalities.inequality import LeggettInequality
from jaxleggett.inequalities.worst_vectors import worst_vectors
from jaxleggett.proofs import pure_states
from jaxleggett.proofs.ball_arithmetic import CertificationError
from jaxleggett.proofs.pure_states import certify_pure, pure_state_inequality

THETAS = [math.pi / 4, 0.6, 0.3, 0.1, 0.03, 0.01]
VIOLATION = 1e-13  # left side beyond the bound, relative to the bound; worst seen 3e-16


def _sphere(angles):
    polar, azimuth = angles
    return np.array([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)])


def _padded(i, number=72):
    """The same inequality with rows of weight zero, so that the search is compiled once."""
    g = np.concatenate([i.coefficients, np.zeros(number - len(i.a))])
    a, b = (np.concatenate([x, np.tile(x[:1], (number - len(x), 1))]) for x in (i.a, i.b))
    return LeggettInequality(g, a, b, 0 * g, 0 * g, i.bound)


def _excess(inequality, seed=0):
    """How far the left side goes beyond the bound at random, special and locally optimised hidden vectors, relative."""
    i, rng = _padded(inequality), np.random.default_rng(seed)
    u = oracles.unit(rng, 20000)
    near_z = u * [0.05, 0.05, 1]
    near_z /= np.linalg.norm(near_z, axis=1, keepdims=True)
    special = np.concatenate([np.eye(3), -np.eye(3), i.a, i.b])
    pairs = [(u, oracles.unit(rng, 20000)), (u, -u), (near_z, -near_z), (near_z, -near_z[::-1]), (special, -special)]
    left = [i.at(*pair) for pair in pairs]
    starts = [(x[k], y[k]) for (x, y), values in zip(pairs[:4], left, strict=False) for k in [int(values.argmax())]]
    reached = max(values.max() for values in left)
    for x, y in starts:
        start = [math.acos(x[2]), math.atan2(x[1], x[0]), math.acos(y[2]), math.atan2(y[1], y[0])]
        found = minimize(
            lambda p: -float(i.at(_sphere(p[:2]), _sphere(p[2:]))), start, method="Nelder-Mead", options={"maxfev": 300}
        )
        reached = max(reached, -found.fun)
    return (max(reached, float(i.at(*worst_vectors(i, seed)))) - i.bound) / i.bound


@pytest.mark.thorough
@pytest.mark.parametrize("theta", [t if t == 0.01 else pytest.param(t, marks=pytest.mark.slow) for t in THETAS])
def test_no_hidden_vectors_go_beyond_the_bound(theta):
    excess = _excess(pure_state_inequality(theta))
    assert excess <= VIOLATION
    assert excess >= -VIOLATION  # the bound is reached, by u = -v = x


@pytest.mark.slow
def test_the_tester_sees_a_wrong_bound_and_a_wrong_weight():
    i = pure_state_inequality(0.3)
    columns = (i.a, i.b, i.alice, i.bob)
    assert _excess(LeggettInequality(i.coefficients, *columns, bound=i.bound - 1e-6)) > VIOLATION
    g = i.coefficients * np.where(np.arange(len(i.a)) < 8, 0.99, 1.0)
    assert _excess(LeggettInequality(g, *columns, bound=float(np.abs(g).sum() - 1))) > VIOLATION


@pytest.mark.parametrize("theta", [*THETAS, 1e-3])
def test_value_is_that_of_the_born_rule(theta):
    i = pure_state_inequality(theta)
    psi = oracles.ket_01_10(theta)
    signs = np.array([x * y for x, y in oracles.SIGNS])
    C = [signs @ oracles.born(np.outer(psi, psi.conj()), a, b) for a, b in zip(i.a, i.b, strict=True)]
    assert i.value(jl.pure(theta)) == pytest.approx(i.coefficients @ C, rel=1e-13)
    assert not i.alice.any()
    assert not i.bob.any()


@pytest.mark.parametrize("theta", [*THETAS, 0.7071, 1e-3, 1e-5, 1e-6])
def test_certified_threshold_is_that_of_the_inequality_and_below_one(theta):
    floating, proved = pure_state_inequality(theta).threshold(jl.pure(theta)), certify_pure(theta)
    assert isinstance(proved, float)
    assert floating < 1
    assert proved < 1
    assert proved >= floating - 1e-15
    assert proved == pytest.approx(floating, rel=1e-12)
    S = math.sin(2 * theta)
    assert 1 - proved > S**2 / (18 + 5 * math.log(1 / S))  # the theorem of docs/PURE.md
    # theta^2 / ln(1/theta) is the power that these inequalities have, not only a lower limit to it
    assert 1 - proved < S**2 / (2 + 3 * math.log(1 / S))


def test_thresholds_fall_with_entanglement():
    thresholds = [certify_pure(theta) for theta in np.geomspace(1e-6, math.pi / 4, 100)]
    assert (np.diff(thresholds) < 0).all()
    # also where the number of pairs changes, S = 3/4
    near = [certify_pure(math.asin(0.75 + x) / 2) for x in (-1e-3, -1e-6, 1e-6, 1e-3)]
    assert (np.diff(near) < 0).all()
    assert near[1] == pytest.approx(near[2], abs=1e-6)
    assert oracles.V_C < thresholds[-1] < 0.904


@pytest.mark.parametrize("theta", [math.pi / 4, 0.25, 0.01])
def test_nodes_are_those_of_the_polygon(theta):
    """Phi(X) = sum c_k max(X, t_k) lies above sqrt(1 + X^2) - 1/2 and touches it at the nodes; c from the settings."""
    i = pure_state_inequality(theta)
    plus, minus, g = i.a[0::2][::4], i.a[1::2][::4], i.coefficients[::8]
    difference = plus - minus  # along cos m x - sin m z, tan m = t
    t, c = -difference[:, 2] / difference[:, 0], -2 * g * difference[:, 0]
    np.testing.assert_allclose(t[:-1], 0.75 * 0.5 ** np.arange(len(t) - 1), rtol=1e-12)
    assert t[-1] == pytest.approx(math.sin(2 * theta) / 4, rel=1e-12)
    assert t[-1] < t[-2] <= 2 * t[-1]
    assert c.min() > 0
    X = np.concatenate([t, np.linspace(0, 3, 1001)])
    gap = np.maximum(X[:, None], t) @ c - (np.sqrt(1 + X**2) - 0.5)
    np.testing.assert_allclose(gap[: len(t)], 0, atol=1e-13)
    assert gap.min() > -1e-13


def test_local_rotations_of_state_and_inequality_change_nothing():
    rng = np.random.default_rng(5)
    A, B = oracles.random_rotation(rng), oracles.random_rotation(rng)
    i, state = pure_state_inequality(0.3), jl.pure(0.3)
    turned = LeggettInequality(i.coefficients, i.a @ A.T, i.b @ B.T, i.alice, i.bob, i.bound)
    rotated = in_other_frames(state, A, B)
    assert turned.threshold(rotated) == pytest.approx(i.threshold(state), rel=1e-13)
    assert turned.threshold(state) > 1.1 * i.threshold(state)
    u, v = oracles.unit(rng, 50), oracles.unit(rng, 50)
    np.testing.assert_allclose(turned.at(u @ A.T, v @ B.T), i.at(u, v), atol=1e-12)


@pytest.mark.parametrize("theta", [0, 0.0, -0.1, math.nextafter(math.pi / 4, 1), math.nan, math.inf, "x", None])
@pytest.mark.parametrize("function", [pure_state_inequality, certify_pure])
def test_theta_outside_its_range_is_refused(function, theta):
    with pytest.raises(InputError, match=r"theta must lie in \(0, pi/4\], but is"):
        function(theta)


def test_what_is_not_proved_is_not_returned(monkeypatch):
    with pytest.raises(CertificationError, match="no double lies between the threshold of pure:1e-09 and 1"):
        certify_pure(1e-9)
    monkeypatch.setattr(pure_states, "_last_node", lambda S: 9)
    with pytest.raises(CertificationError, match="the nodes are in order"):
        certify_pure(0.3)


def test_precision_of_the_balls_is_put_back():
    from flint import ctx

    before = ctx.prec
    certify_pure(0.1)
    with pytest.raises(CertificationError):
        certify_pure(1e-9)
    assert ctx.prec == before
