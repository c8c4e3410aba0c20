"""Certified bounds against values that are reached, closed forms, and symmetries used where there are none."""

import time

import jax
import numpy as np
import oracles
import pytest
from cases import THREE_AXES, inequality, orbit_inequality, random_inequality

import jaxleggett as jl
from jaxleggett.inequalities.inequality import LeggettInequality
from jaxleggett.inequalities.published import published
from jaxleggett.inequalities.worst_vectors import bounded_inequality, prices_of, search, worst_vectors
from jaxleggett.proofs import branch_and_bound, symmetries
from jaxleggett.proofs.branch_and_bound import enclose
from jaxleggett.proofs.checker import above
from jaxleggett.sphere import icosahedron_axes
from jaxleggett.thresholds import certificates
from jaxleggett.thresholds.run import prove


def _icosahedral():
    axes = icosahedron_axes()
    across = np.cross(axes, np.roll(axes, 1, axis=0) + 0.1 * np.array([3, 1, 2]))
    return published(axes, across / np.linalg.norm(across, axis=1, keepdims=True))


CASES = {
    "three axes": lambda rng: THREE_AXES,
    "icosahedral": lambda rng: _icosahedral(),
    "octahedral orbit": lambda rng: orbit_inequality(rng, "O"),
    "icosahedral orbit": lambda rng: orbit_inequality(rng, "I"),
    "random": lambda rng: random_inequality(rng, 20, 0.0),
    "random with marginals": lambda rng: random_inequality(rng, 30, 0.1),
    "strong marginals": lambda rng: random_inequality(rng, 6, 2.0),
}


# The octahedral orbit and what has marginals go the same way.
LONGER = {"three axes": pytest.mark.thorough, "icosahedral orbit": pytest.mark.slow, "random": pytest.mark.slow}


@pytest.mark.parametrize("name", [pytest.param(name, marks=LONGER.get(name, ())) for name in CASES])
def test_bounds_are_close_and_never_passed(name, rng):
    i = CASES[name](rng)
    size = np.abs(i.coefficients).sum()
    found = enclose(i, 1e-4)
    assert found.converged
    best = size - search(jax.random.key(0), prices_of(i))[2][0]
    total = size + np.abs(i.alice).sum() + np.abs(i.bob).sum()
    assert best <= found.bound <= best + 1.1e-4 * total
    assert found.reached <= best + 1e-9
    u, v = oracles.unit(rng, 20000).reshape(2, -1, 3)
    assert i.at(u, v).max() <= found.bound
    R = oracles.random_rotation(rng)
    turned = inequality(i.coefficients, i.a @ R.T, i.b @ R.T, i.alice, i.bob)
    assert enclose(turned, 1e-4).bound == pytest.approx(found.bound, abs=2.2e-4 * total)


def test_the_three_axes_exclude_what_they_are_known_to():
    i = CASES["three axes"](None)
    threshold = enclose(i, 1e-5).bound / i.value(jl.werner())
    assert np.sqrt(8) / 3 <= threshold <= np.sqrt(8) / 3 + 1e-4


def test_bounds_of_one_pair():
    """g C <= |g|, and what marginal terms add to it: known in closed form."""
    a, b = np.eye(3)[:1], np.eye(3)[1:2]
    for g, f, h, exact in ((-2.0, 0, 0, 2.0), (0.5, 3.0, 1.0, 4.5), (1.0, 5.0, -5.0, 9.0), (1.0, 5.0, 5.0, 11.0)):
        assert exact <= enclose(inequality([g], a, b, f, h), 1e-4).bound <= exact + 2e-4 * (abs(g) + abs(f) + abs(h))


def test_marginals_alone():
    """Without correlators the bound is |F| + |H|."""
    i = inequality(np.zeros(3), np.eye(3), np.eye(3), np.array([1.0, 2, 2]), np.array([0, 3, 4.0]))
    assert 8 <= enclose(i, 1e-4).bound <= 8 + 1e-4 * 12


def test_nothing_is_left_to_a_compiler(rng):
    assert not hasattr(branch_and_bound, "jax")
    with jax.disable_jit(), jax.transfer_guard("disallow"):
        assert enclose(orbit_inequality(rng, "O"), 1e-3).converged


TINY_AND_HUGE = (-300, -160, -100, 0, 100, 300)


def _broken_by_none(power):
    """Two terms that no product state, such as pure:0, breaks."""
    size = 10.0**power
    a, b = np.eye(3)[[0, 2]], np.eye(3)[[1, 2]]
    f, h = np.array([0.5, 3]), np.array([0.5, -2])
    return LeggettInequality(size * np.array([0.1, -0.2]), a, b, size * f, size * h, 0.0)


@pytest.mark.thorough
@pytest.mark.parametrize("certify", [True, False])
def test_a_product_state_breaks_no_inequality_however_small_or_large_its_numbers(certify):
    for power in TINY_AND_HUGE:
        found = prove(_broken_by_none(power), jl.pure(0.0), certify=certify)
        assert found.upper == 1, power


def test_bounds_scale_exactly_with_powers_of_two(rng):
    i = random_inequality(rng, 5, 0.5)
    found = enclose(i, 1e-3)
    for power in (-900, -100, 3, 900):
        g, f, h = (np.ldexp(x, power) for x in (i.coefficients, i.alice, i.bob))
        scaled = enclose(LeggettInequality(g, i.a, i.b, f, h, 0.0), 1e-3)
        assert (scaled.bound, scaled.reached) == (np.ldexp(found.bound, power), np.ldexp(found.reached, power))


def test_bounds_of_subnormal_coefficients_are_rounded_up():
    a, b = np.eye(3)[:1], np.eye(3)[1:2]
    for multiple in (1, 2, 3, 1000):
        g = multiple * 5e-324
        assert g <= enclose(inequality([g], a, b), 1e-4).bound <= g + 5e-324


@pytest.mark.thorough
@pytest.mark.parametrize("number", [1, 5])
def test_an_inequality_of_zeros_is_answered(number, rng):
    zeros = inequality(np.zeros(number), oracles.unit(rng, number), oracles.unit(rng, number))
    found = enclose(zeros, 1e-4)
    assert (found.bound, found.reached, found.status) == (0, 0, "converged")
    assert symmetries.count_symmetries(zeros) >= 1
    assert bounded_inequality(zeros.coefficients, zeros.a, zeros.b).bound == 0
    for certify in (True, False):
        answer = prove(zeros, jl.werner(), certify=certify)
        assert (answer.lower, answer.upper, answer.inequality, answer.status) == (0, 1, None, "converged")


def test_out_of_time_there_is_still_a_bound(rng):
    i = orbit_inequality(rng, "I")
    found = enclose(i, 1e-9, time_limit=0.1)
    assert found.status == "time_limit"
    u, v = worst_vectors(i)
    assert i.at(u[None], v[None])[0] <= found.bound <= 60 + 1e-9
    assert enclose(i, 1e-7, time_limit=1e-9).bound <= 60 + 1e-9


def test_the_time_limit_holds_for_symmetries_and_for_many_terms(rng):
    """Four thousand pairs at one angle: each may be the image of each."""
    number = 4000
    a = oracles.unit(rng, number)
    across = np.cross(a, oracles.unit(rng, number))
    b = np.cos(0.7) * a + np.sin(0.7) * across / np.linalg.norm(across, axis=1, keepdims=True)
    started = time.monotonic()
    found = enclose(inequality(-np.ones(number), a, b), 1e-4, time_limit=0.5)
    assert time.monotonic() - started < 2.5
    assert found.status == "time_limit"
    assert found.reached <= found.bound <= number * (1 + 1e-9)


def test_an_interruption_leaves_a_bound(rng):
    def stop(left):
        nonlocal rounds
        rounds -= 1
        if not rounds:
            raise KeyboardInterrupt

    i = random_inequality(rng, 12, 0.2)
    whole, before = enclose(i, 1e-5), np.inf
    for rounds in (1, 4):  # noqa: B007
        found = enclose(i, 1e-5, progress=stop)
        assert found.status == "interrupted"
        assert whole.reached <= found.bound < before
        before = found.bound


def test_an_interrupted_proof_is_an_answer(monkeypatch):
    def stop(*caps):
        raise KeyboardInterrupt

    i = CASES["three axes"](None)
    monkeypatch.setattr(above.LeftOver, "bounds", stop)
    found = prove(i, jl.werner())
    assert (found.status, found.lower, found.upper, found.inequality) == ("interrupted", 0, 1, None)


def test_no_time_is_given_that_was_not_there(monkeypatch, rng):
    limits = []

    def watched(*arguments, time_limit):
        limits.append(time_limit)
        return enclose(*arguments, time_limit=time_limit)

    monkeypatch.setattr(certificates, "enclose", watched)
    assert prove(random_inequality(rng, 200, 0.1), jl.werner(), tolerance=1e-9, time_limit=0.05).status == "time_limit"
    assert 0 <= limits[0] <= 0.05
