import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from tolerances import ALGEBRA

from jaxleggett.correlation import OUTCOMES, correlation_bounds, moments, probabilities, smallest_probability


def _random_moments(shape=(5, 7)):
    return np.random.default_rng(0).uniform(-1, 1, size=(3, *shape))


def test_probabilities_by_hand():
    # P(++), P(+-), P(-+), P(--) written out for M^A = 1/2, M^B = 1/4, C = 1/8
    np.testing.assert_array_equal(probabilities(0.5, 0.25, 0.125), np.array([15, 9, 5, 3]) / 32)


def test_outcomes_are_in_the_order_of_the_contract():
    assert OUTCOMES == ((1, 1), (1, -1), (-1, 1), (-1, -1))


def test_moments_are_the_sums_over_outcomes():
    P = np.random.default_rng(1).dirichlet(np.ones(4), size=(5, 7))
    M_A, M_B, C = moments(P)
    for i, j in ((0, 0), (4, 6)):
        loop = [sum(f(x, y) * P[i, j, k] for k, (x, y) in enumerate(oracles.SIGNS)) for f in _FACTORS]
        np.testing.assert_allclose([M_A[i, j], M_B[i, j], C[i, j]], loop, atol=ALGEBRA)


_FACTORS = (lambda x, y: x, lambda x, y: y, lambda x, y: x * y)


def test_probabilities_and_moments_are_inverse():
    M = _random_moments()
    P = probabilities(*M)
    assert P.shape == (5, 7, 4)
    np.testing.assert_allclose(P.sum(-1), 1, atol=ALGEBRA)
    np.testing.assert_allclose(moments(P), M, atol=ALGEBRA)


def test_inputs_broadcast():
    P = probabilities(np.zeros((5, 1)), np.full(7, 0.5), 0.0)
    assert P.shape == (5, 7, 4)
    np.testing.assert_array_equal(P[3, 2], [0.375, 0.125, 0.375, 0.125])


@pytest.mark.parametrize(("M_A", "M_B"), [(0.3, 0.5), (-0.7, 0.2), (0.9, -0.8), (0.0, 0.0), (1.0, 0.25)])
def test_bounds_are_what_non_negativity_leaves(M_A, M_B):
    np.testing.assert_allclose(correlation_bounds(M_A, M_B), oracles.feasible_correlators(M_A, M_B), atol=2e-4)


def test_smallest_probability_is_the_smallest():
    M = _random_moments()
    with jax.enable_x64(True):
        smallest = smallest_probability(*M)
    np.testing.assert_allclose(smallest, probabilities(*M).min(-1), atol=ALGEBRA)


def test_double_precision_without_changing_the_configuration():
    assert not jax.config.jax_enable_x64
    P = probabilities(np.full(3, 1 / 3), np.zeros(3), 0.0)
    assert isinstance(P, np.ndarray)
    assert P.dtype == np.float64
    np.testing.assert_allclose(P[:, 0], 1 / 3, atol=ALGEBRA)
    assert probabilities(1, 0, 0).tolist() == [0.5, 0.5, 0, 0]


def test_jax_arrays_keep_their_dtype_and_transform():
    x = jnp.linspace(-1, 1, 5, dtype=jnp.float32)
    P = jax.jit(jax.vmap(lambda m: probabilities(m, 0.5 * m, 0.0)))(x)
    assert P.dtype == jnp.float32
    np.testing.assert_allclose(P, probabilities(np.asarray(x), 0.5 * np.asarray(x), 0.0), atol=1e-6)
    assert jax.grad(lambda m: probabilities(m, 0.0, 0.0)[0])(0.3) == pytest.approx(0.25)


def test_constants_inside_a_callers_trace():
    P = jax.jit(lambda: probabilities(0.1, 0.2, 0.3))()
    np.testing.assert_allclose(P, probabilities(0.1, 0.2, 0.3), atol=1e-7)
