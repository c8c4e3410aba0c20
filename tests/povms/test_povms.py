"""The model for any two POVMs: positive, with the right marginals and averages; and what is no POVM."""

import dataclasses
import json
from fractions import Fraction

import numpy as np
import oracles
import pytest
from scipy import stats
from scipy.optimize import linprog

import jaxleggett as jl
from jaxleggett.povms import (
    Povm,
    PovmModel,
    TwoOutcomeModel,
    best_model,
    even_ensemble,
    largest_visibility,
    verification,
    verify_povms,
)
from jaxleggett.povms.measurement import read_povms
from jaxleggett.proofs.povms import Table

Z = np.array([0.0, 0, 1])
NEARLY = np.array([1e-7, 0, 1]) / np.linalg.norm([1e-7, 0, 1])
SPECIAL = {
    "projective": Povm.projective(Z),
    "opposite": Povm.projective(-Z),
    "nearly": Povm.projective(NEARLY),
    "trine": Povm.trine(),
    "sic": Povm.sic(),
    "trivial": Povm([0.3, 0.7], np.zeros((2, 3))),
    "unsharp": Povm([0.5, 0.3, 0.2], [[0, 0, 0.2], [0, 0, -0.2], [0, 0, -0.2]]),
}


def _quantum(povm, other, V):
    """Tr[(E_i x F_j) rho_V] by matrices."""
    rho, pauli = oracles.werner_rho(V), np.array(oracles.SIGMA)
    E, F = (p.weights[:, None, None] * (np.eye(2) + np.einsum("ni,iab->nab", p.vectors, pauli)) for p in (povm, other))
    return np.array([[np.trace(np.kron(e, f) @ rho).real for f in F] for e in E])


@pytest.mark.parametrize("alice", SPECIAL)
@pytest.mark.parametrize("bob", SPECIAL)
def test_special_pairs(alice, bob):
    model = PovmModel(SPECIAL[alice], SPECIAL[bob])
    found = verify_povms(model, 8000)
    assert found.reproduces, str(found)
    np.testing.assert_allclose(model.target, _quantum(SPECIAL[alice], SPECIAL[bob], 33 / 50), atol=1e-12)
    assert np.linalg.norm(model.G, 2) <= float(Table.read().constants["h"])


def _random_pairs(number, seed):
    rng = np.random.default_rng(seed)
    for i in range(number):
        A, B = (Povm.random(int(n), rng) for n in rng.integers(2, 8, 2))
        if i % 4 == 1:  # nearly the same effects twice
            B = Povm(A.weights, A.vectors @ np.linalg.qr(np.eye(3) + 1e-7 * rng.normal(size=(3, 3)))[0].T)
        if i % 4 == 2:  # a mixture with noise
            A = Povm(A.weights, A.vectors * rng.uniform(0, 1))
        yield A, B


@pytest.mark.parametrize("number", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_random_pairs(number):
    for i, (A, B) in enumerate(_random_pairs(number, 1)):
        found = verify_povms(PovmModel(A, B), 4000, seed=i)
        assert found.min_probability > -1e-12
        assert found.max_marginal_error < 1e-12
        assert found.max_z < 6, str(found)


@pytest.mark.parametrize(("name", "change"), [("W", 0.1), ("w", 0.3), ("e0", 0.1), ("tau0", 0.1)])
def test_wrong_factors_are_caught(name, change):
    """A model that is said to reach more, or whose parts do not fit."""
    table = Table.read()
    wrong = dataclasses.replace(table, constants={**table.constants, name: table.constants[name] + Fraction(change)})
    model = PovmModel(Povm.projective(Z), Povm.trine(), wrong)
    model.visibility = table.visibility
    found = verify_povms(model, 200_000)
    assert not found.reproduces
    assert found.verdict in ("negative_probability", "wrong_average")


def test_a_finer_povm_adds_up_to_the_coarser_one(rng):
    povm = SPECIAL["unsharp"]
    w, n, parent = povm.rank_one()
    assert w.sum() == pytest.approx(1)
    np.testing.assert_allclose(np.linalg.norm(n, axis=1), 1)
    for i in range(len(povm)):
        np.testing.assert_allclose(w[parent == i] @ n[parent == i], povm.weights[i] * povm.vectors[i], atol=1e-15)
    again = Povm.of_matrices([np.eye(2) / 2, np.eye(2) / 2])
    assert np.abs(again.vectors).max() == 0
    assert Povm.random(5, rng).probabilities(Z).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("weights", "vectors", "message"),
    [
        ([0.5, 0.5], [[0, 0, 1], [0, 0, 1]], "must sum to 1"),
        ([0.5, 0.6], [[0, 0, 1], [0, 0, -1]], "must sum to 1"),
        ([1.5, -0.5], [[0, 0, 0], [0, 0, 0]], "must not be negative"),
        ([0.5, 0.5], [[0, 0, 2], [0, 0, -2]], "norms of at most 1"),
        ([0.5, 0.5], [[0, 0, 1]], "a vector of three numbers for each"),
        ([0, 0.5, 0.5], [[1e200, 0, 0], [0, 0, 2], [0, 0, -2]], "norms of at most 1"),
        ([0.5, float("nan")], [[0, 0, 1], [0, 0, -1]], "finite"),
        (["a"], [[0, 0, 0]], "a POVM must have"),
        ([], [], "a POVM must have"),
    ],
)
def test_bad_povms_are_refused(weights, vectors, message):
    with pytest.raises(jl.InputError, match=message):
        Povm(weights, vectors)


def test_bad_matrices_of_effects_are_refused():
    with pytest.raises(jl.InputError, match="Hermitian"):
        Povm.of_matrices([[[1, 1], [0, 0]], [[0, -1], [0, 1]]])
    for effects in (np.eye(2), np.full((2, 2, 2), np.nan), "none"):
        with pytest.raises(jl.InputError, match="finite 2x2 matrices"):
            Povm.of_matrices(effects)


def test_povms_from_files(tmp_path):
    path = tmp_path / "povms.json"
    trine = Povm.trine()
    one = {"weights": trine.weights.tolist(), "vectors": trine.vectors.tolist()}
    path.write_text(json.dumps({"alice": one, "bob": one}))
    A, _ = read_povms(str(path))
    np.testing.assert_allclose(A.vectors, trine.vectors, atol=1e-15)
    for content, message in (
        ({"alice": one}, "alice and bob"),
        ({"alice": one, "bob": 3}, "povms.json, bob: a POVM must be a JSON object"),
        ({"alice": {}, "bob": one}, "povms.json, alice: a POVM must have the field weights"),
        ([], "alice and bob"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(jl.InputError, match=message):
            read_povms(str(path))


V_C = oracles.V_C
CRITICAL = 2 * np.arcsin(1 - np.sqrt(0.5))


def _at_angle(angle):
    return Povm.projective([np.sin(angle), 0, np.cos(angle)])


def test_two_outcomes_reach_the_critical_visibility_and_no_more():
    """Theorem A: exactly V_c at its angle, and nowhere less."""
    for angle in (CRITICAL, np.pi - CRITICAL):
        found = TwoOutcomeModel(Povm.projective(Z), _at_angle(angle))
        assert found.visibility == pytest.approx(V_C, abs=1e-12)
    visibilities = [TwoOutcomeModel(Povm.projective(Z), _at_angle(x)).visibility for x in np.linspace(0, np.pi, 40)]
    assert min(visibilities) > V_C
    rng = np.random.default_rng(3)
    for _ in range(60):
        alice = Povm(np.full(2, 0.5), np.stack([x := rng.uniform(0, 1) * Z, -x]))
        assert TwoOutcomeModel(alice, Povm.random(int(rng.integers(2, 8)), rng)).visibility > V_C - 1e-12


@pytest.mark.parametrize("bob", SPECIAL)
def test_models_of_two_outcomes(bob, rng):
    for alice in (Povm.projective(Z), Povm([0.3, 0.7], [0.7 * Z, -0.3 * Z]), SPECIAL["trivial"], Povm.random(2, rng)):
        model = TwoOutcomeModel(alice, SPECIAL[bob])
        assert V_C - 1e-12 < model.visibility <= 1
        np.testing.assert_allclose(model.target, _quantum(alice, SPECIAL[bob], model.visibility), atol=1e-12)
        found = verify_povms(model, 20_000)
        assert found.reproduces, str(found)
    with pytest.raises(jl.InputError, match="two outcomes"):
        TwoOutcomeModel(Povm.trine(), SPECIAL[bob])


def test_the_best_model_for_a_pair():
    for alice, bob in ((Povm.projective(Z), Povm.sic()), (Povm.sic(), Povm.projective(Z))):
        model = best_model(alice, bob)
        assert model.visibility == 1
        np.testing.assert_allclose(model.target, _quantum(alice, bob, 1.0), atol=1e-12)
        assert verify_povms(model, 20_000).reproduces
    assert isinstance(best_model(Povm.sic(), Povm.trine()), PovmModel)


def _coupling_bound(prices, A, B, u):
    """max over couplings of the prices, by a programme for each hidden vector."""
    total = 0.0
    n, m = prices.shape
    rows = [np.kron(np.eye(n)[i], np.ones(m)) for i in range(n)] + [np.kron(np.ones(n), np.eye(m)[j]) for j in range(m)]
    for x in u:
        b = np.concatenate([A.probabilities(x), B.probabilities(-x)])
        total -= linprog(-prices.ravel(), A_eq=np.array(rows), b_eq=b, method="highs").fun
    return total / len(u)


@pytest.mark.parametrize(
    ("alice", "bob"),
    [(Povm.projective(Z), _at_angle(CRITICAL)), (Povm.trine(), _at_angle(0.4)), (SPECIAL["unsharp"], Povm.trine())],
)
def test_couplings_and_their_prices(alice, bob):
    """The optimum is attained by its couplings, and its prices forbid more, both by a route of their own."""
    u = even_ensemble(60)
    found = largest_visibility(alice, bob, u)
    P, target = found.probabilities, _quantum(alice, bob, 1.0)
    flat = np.outer(alice.weights, bob.weights)
    assert P.min() > -1e-9
    np.testing.assert_allclose(P.sum(2), alice.probabilities(u), atol=1e-7)
    np.testing.assert_allclose(P.sum(1), bob.probabilities(-u), atol=1e-7)
    np.testing.assert_allclose(P.mean(0), flat + found.visibility * (target - flat), atol=1e-7)
    most = _coupling_bound(found.prices, alice, bob, u)
    at = [(found.prices * (flat + V * (target - flat))).sum() for V in (found.visibility, found.visibility + 0.01)]
    assert at[0] < most + 1e-6
    assert at[1] > most + 1e-6 or found.visibility > 1.99
    if len(alice) == 2:
        assert found.visibility == pytest.approx(V_C, abs=5e-3)
    for wrong, message in ((u[:3], "mean 0"), (2 * u, "unit vectors"), (np.nan * u, "unit vectors")):
        with pytest.raises(jl.InputError, match=message):
            largest_visibility(alice, bob, wrong)


def test_rounded_povms_are_repaired_and_few_samples_refused():
    rounded = Povm([0.3333333333, 0.3333333333, 0.3333333334], np.round(Povm.trine().vectors, 10))
    assert abs(rounded.weights.sum() - 1) < 1e-15
    assert np.abs(rounded.weights @ rounded.vectors).max() < 1e-15
    for model in (PovmModel(rounded, Povm.sic()), best_model(rounded, Povm.projective(Z))):
        assert verify_povms(model, 4000).reproduces
    with pytest.raises(jl.InputError, match="samples must lie between 2000"):
        verify_povms(model, 2)
    with pytest.raises(jl.InputError, match="seed must lie between 0"):
        verify_povms(model, 4000, seed=-1)


class _Known:
    """No model of anything: one random number for each outcome, hidden vector and opposite."""

    alice = bob = Povm.projective(Z)
    target = np.full((2, 2), 0.25)

    def __init__(self):
        self.rng, self.given = np.random.default_rng(0), []

    def joint(self, u):
        self.given.append(self.rng.uniform(0, 0.5, (len(u), 2, 2)))
        return self.given[-1]


def test_standard_errors_are_those_of_vectors_with_their_opposites():
    model = _Known()
    found = verify_povms(model, 3000)
    both = np.mean(model.given, axis=0)
    assert both.shape == (1500, 2, 2)
    np.testing.assert_allclose(found.mean, both.mean(0), atol=1e-14)
    np.testing.assert_allclose(found.error, both.std(0, ddof=1) / np.sqrt(1500), rtol=1e-10)
    assert found.max_z == pytest.approx((np.abs(both.mean(0) - 0.25) / found.error).max(), rel=1e-6)
    assert found.allowed_z == pytest.approx(stats.t.isf(1e-6 / 8, 1499))
    assert found.verdict == "wrong_average"


def test_right_models_are_not_refused():
    model = PovmModel(Povm.trine(), Povm.sic())
    assert all(verify_povms(model, 2000, seed=seed).reproduces for seed in range(60))


def test_many_outcomes_are_sampled_in_smaller_chunks(monkeypatch):
    model = PovmModel(Povm.trine(), Povm.sic())
    whole = verify_povms(model, 20_000)
    monkeypatch.setattr(verification, "NUMBERS", 12 * 1500)
    largest = []
    joint = model.joint
    monkeypatch.setattr(model, "joint", lambda u: largest.append(len(u)) or joint(u))
    found = verify_povms(model, 20_000)
    assert max(largest) == 1500
    assert found.samples == whole.samples
    np.testing.assert_allclose(found.mean, whole.mean, atol=1e-14)
