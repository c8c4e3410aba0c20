"""What Navascues' assumptions would say of a model and of a witness, against probabilities and partial transposes."""

import jax
import numpy as np
import oracles
import pytest
from cases import in_other_frames

import jaxleggett as jl
from jaxleggett._numerics import random_key
from jaxleggett.notions.navascues import most_steered, witness_bounds

V = 0.8


def test_a_model_is_farthest_from_a_product_where_its_probabilities_say():
    """Of 40 sampled hidden vectors and 12 pairs; with what Bob sees for Alice's results there."""
    pairs = jl.SettingPairs.random(12)
    found = most_steered(jl.WernerModel(V), pairs, 40, seed=5)
    P = oracles.werner_model(V, found.u, found.a, found.b).reshape(2, 2)  # Alice's results, Bob's results
    np.testing.assert_array_equal(found.v, -found.u)
    assert found.correlator == pytest.approx(P[0, 0] - P[0, 1] - P[1, 0] + P[1, 1], abs=1e-14)
    assert found.product == pytest.approx((found.u @ found.a) * (found.v @ found.b), abs=1e-14)
    assert found.bob == pytest.approx((P[:, 0] - P[:, 1]) / P.sum(1), abs=1e-12)
    assert found.expected == pytest.approx(P[:, 0].sum() - P[:, 1].sum(), abs=1e-14)
    with jax.enable_x64(True):
        u = np.asarray(jl.WernerModel(V).sample(random_key(5), 40)[0])
    all_of_them = oracles.werner_model_on(V, u, pairs.a, pairs.b)
    gaps = np.abs(all_of_them @ [1, -1, -1, 1] + (u @ pairs.a.T) * (u @ pairs.b.T))
    assert found.gap == pytest.approx(gaps.max(), abs=1e-14)


@pytest.mark.thorough
def test_a_witness_is_worth_what_the_partial_transpose_says_and_excludes_no_leggett_model(rng):
    """At the state itself 1 + 4 m, with -m the least eigenvalue of the partial transpose; 1 for separable states."""
    for state in (jl.werner(0.7), in_other_frames(jl.pure(0.4), *(oracles.random_rotation(rng) for _ in range(2)))):
        least = np.linalg.eigvalsh(oracles.partial_transpose(state.density_matrix()))[0]
        value, separable, leggett = witness_bounds(state)
        assert value == pytest.approx(1 - 4 * least, abs=1e-10)
        assert separable == pytest.approx(1, abs=1e-11)
        assert leggett > value - 1e-9
