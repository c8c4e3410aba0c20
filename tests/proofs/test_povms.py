"""Theorem B on POVMs: its conditions against direct evaluation, its proof, and wrong certificates."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from jaxleggett._clock import OutOfTime
from jaxleggett.proofs import povms
from jaxleggett.proofs.povms import Kernel, Table, certify_povm, conditions, moment, remainders

TABLE = Table.read()
H = float(TABLE.constants["h"])


def _points(number=200_000, seed=0):
    u = np.random.default_rng(seed).normal(size=(number, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    return np.concatenate([u, -u])


def _kernel(phi, g):
    return Kernel.at(TABLE, np.cos(phi / 2), np.sin(phi / 2), np.cos(phi), g, np.pi, float)


def _at(poly, z1, z2):
    return sum(x * z1**i * z2**j for (i, j), x in poly.items())


def _psi(phi, g, u, a, b):
    """psi at hidden vectors u, from X and Y themselves: nothing but the table's polynomials is shared."""
    k, s = np.cos(phi / 2), np.sin(phi / 2)
    kernel = _kernel(phi, g)
    X, Y = u @ a, u @ b
    z1, z2 = np.abs(u @ (a + b)) / (2 * k), np.abs(u @ (a - b)) / (2 * s)
    M = 1 - np.maximum(np.abs(X), np.abs(Y))
    pi, rho = (_at(kernel.plus, z1, z2) + sign * _at(kernel.minus, z1, z2) for sign in (1, -1))
    return np.maximum(X - Y, 0) * _at(kernel.omega, z1, z2) + M * (pi / 2 + np.sign(X - Y) * rho / 2)


def _settings(phi):
    return np.array([np.sin(phi / 2), 0, np.cos(phi / 2)]), np.array([-np.sin(phi / 2), 0, np.cos(phi / 2)])


def test_moments_of_the_sphere():
    u = np.abs(_points(10**6))
    for i in range(5):
        for j in range(5):
            assert float(moment(i, j, np.pi)) == pytest.approx((u[:, 0] ** i * u[:, 1] ** j).mean(), abs=1e-3)


@pytest.mark.parametrize("phi", [0.2, 1.0, 1.9, 3.0])
@pytest.mark.parametrize("g", [-H, H])
def test_the_conditions_hold_at_hidden_vectors_as_the_page_writes_them(phi, g):
    u, (a, b) = _points(), _settings(phi)
    X, Y, c = u @ a, u @ b, np.cos(phi)
    psi = _psi(phi, g, u, a, b)
    t = {name: float(x) for name, x in TABLE.constants.items()}
    assert psi.min() >= -1e-12  # (C1)
    kappa1, kappa2, beta, gamma = (
        np.polynomial.Polynomial([float(x) for x in TABLE.bounds[name]])
        for name in ("kappa1", "kappa2", "beta", "gamma")
    )
    for x, y in ((X, Y), (-Y, -X)):  # (C2)
        assert ((1 + x) * (1 - kappa1(x) * c - kappa2(x) * y) - psi).min() >= -1e-12
    below = t["tau0"] + t["dh"] * g / H + c * (beta(X) + beta(-Y)) + Y * gamma(X) - X * gamma(-Y)
    assert (psi - below).min() > 0  # (C3)
    assert psi.mean() == pytest.approx(t["e0"] - t["W"] * c + g, abs=3e-3)
    np.testing.assert_allclose((psi[:, None] * u).mean(0), t["w"] / 6 * (a - b), atol=3e-3)
    second = np.einsum("n,ni,nj->ij", psi, u, u) / len(u)
    second -= np.eye(3) * np.trace(second) / 3
    given = t["eta1"] * ((np.outer(a, b) + np.outer(b, a)) / 2 - c / 3 * np.eye(3))
    given += t["eta2"] * c * ((np.outer(a, a) + np.outer(b, b)) / 2 - np.eye(3) / 3)
    rest = np.sort(np.linalg.eigvalsh(second - given))  # (C4)
    assert np.abs(rest).max() < H + 2e-3
    np.testing.assert_allclose(np.sort(remainders(TABLE, _kernel(phi, g), np.pi, float)), rest, atol=3e-3)


def test_the_polynomials_are_the_conditions():
    z = np.abs(_points(2000))
    z1, z2 = z[:, 0], z[:, 2]
    for phi in np.linspace(0, np.pi, 9):
        for alternatives in conditions(TABLE, (_kernel(phi, -H), _kernel(phi, H)), float):
            best = np.max([np.min([_at(p, z1, z2) for p in one], axis=0) for one in alternatives], axis=0)
            assert best.min() > -1e-12


@pytest.mark.thorough
def test_theorem_b_is_proved():
    assert certify_povm() == Fraction(33, 50) == TABLE.visibility
    with pytest.raises(OutOfTime):
        certify_povm(time_limit=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("tau0", 0.02),
        pytest.param("W", 0.02, marks=pytest.mark.slow),
        ("w", -0.05),
        ("e0", -0.02),
        ("h", -0.002),
        ("kappa2", 0.05),
        pytest.param("beta", 0.02, marks=pytest.mark.slow),
        pytest.param("gamma", 0.05, marks=pytest.mark.slow),
        ("eta1", 0.02),
    ],
)
def test_a_certificate_that_claims_too_much_is_refused(name, change, monkeypatch):
    monkeypatch.setattr(povms, "DEEPEST_CELL", 3)
    change = Fraction(change)
    if name in TABLE.constants:
        wrong = dataclasses.replace(TABLE, constants={**TABLE.constants, name: TABLE.constants[name] + change})
    else:
        first, *others = TABLE.bounds[name]
        wrong = dataclasses.replace(TABLE, bounds={**TABLE.bounds, name: (first + change, *others)})
    with pytest.raises(ArithmeticError, match="not proved for tan"):
        certify_povm(wrong)


@pytest.mark.thorough
def test_squares_that_miss_a_zero_are_not_proved():
    """The Bernstein test refuses a polynomial that is negative at one point of the disk only."""

    def holds(*polys):
        from flint import arb

        balls = [[{key: [arb(x), arb(0), arb(0)] for key, x in p.items()} for p in one] for one in polys]
        return povms._holds(balls, balls, arb(0.1))

    bowl = {(2, 0): 1.0, (0, 2): 1.0, (1, 0): -0.6, (0, 1): -0.8}  # (z1 - 0.3)^2 + (z2 - 0.4)^2 - 0.25
    assert holds([{**bowl, (0, 0): 0.2501}])
    assert not holds([{**bowl, (0, 0): 0.2499}])
    assert holds([{**bowl, (0, 0): 0.2499}], [{(0, 0): 1.0}])
    assert not holds([{**bowl, (0, 0): 0.2501}, {(0, 0): -1.0}])
    # Beyond the disk nothing is asked.
    assert holds([{(0, 0): 1.01, (1, 1): -2.0}])
    assert not holds([{(0, 0): 0.99, (1, 1): -2.0}])


def test_exponents_outside_the_table_are_refused():
    """A negative one would stand in the place of another coefficient."""
    for i in (-7, -1, 7):
        pi = {**TABLE.kernel["pi"], (i, 0): {"1": Fraction(1)}}
        wrong = dataclasses.replace(TABLE, kernel={**TABLE.kernel, "pi": pi})
        with pytest.raises(ArithmeticError, match="exponents must" if i < 0 else "not proved"):
            certify_povm(wrong)
    for changes in ({"tau0": Fraction(2)}, {"h": Fraction(-1, 100)}):
        with pytest.raises(ArithmeticError, match="must have tau0"):
            certify_povm(dataclasses.replace(TABLE, constants={**TABLE.constants, **changes}))


def test_psi_is_what_is_asked_to_be_positive_on_either_side():
    """(C1), by hidden vectors: M times the first polynomial where X < Y, the last alternative where X > Y."""
    phi = 1.1
    u, (a, b) = _points(2000), _settings(phi)
    z1, z2 = np.abs(u @ (a + b)) / (2 * np.cos(phi / 2)), np.abs(u @ (a - b)) / (2 * np.sin(phi / 2))
    psi, above = _psi(phi, -H, u, a, b), u @ (a - b) > 0
    kernels = _kernel(phi, -H), _kernel(phi, H)
    (((minus,),), (_, (plus,)), *_) = conditions(TABLE, kernels, float)
    M = 1 - np.maximum(np.abs(u @ a), np.abs(u @ b))
    np.testing.assert_allclose((M * _at(minus, z1, z2))[~above], psi[~above], atol=1e-13)
    np.testing.assert_allclose(_at(plus, z1, z2)[above], psi[above], atol=1e-13)
