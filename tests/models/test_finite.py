"""Models of finitely many hidden vectors: how often each is drawn."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import jaxleggett as jl
from jaxleggett.models import IsotropicModel
from jaxleggett.models.finite import opposite

KEY = jax.random.key(11)


def test_errors_of_lattices():
    assert jl.SeparableModel().lattice_error(12) == 0  # every atom is drawn twice
    assert jl.SeparableModel().lattice_error(10) == pytest.approx(6 * (2 / 3) / 20)  # 5/3 of a draw each
    assert [jl.GreatCircleModel().lattice_error(n) for n in (1, 4, 7)] == pytest.approx([0.5, 0, 0.5 / 7])


def _uneven():
    rng = np.random.default_rng(8)
    return jl.SeparableModel(np.array([0.5, 0.3, 0.15, 0.05]), oracles.unit(rng, 4), oracles.unit(rng, 4))


def test_atoms_are_drawn_as_often_as_they_weigh():
    model = _uneven()
    u = np.asarray(model.sample(KEY, 20000)[0])
    seen = [(np.abs(u - atom).max(1) < 1e-6).mean() for atom in model.u]
    np.testing.assert_allclose(seen, model.weights, atol=0.015)


@pytest.mark.thorough
@pytest.mark.parametrize("num", [1, 7, 100])
def test_systematic_draws_keep_their_error_bound(num):
    model = _uneven()
    with jax.enable_x64(True):
        for seed in range(50):
            u, v = model.lattice(jax.random.key(seed), jnp.arange(num), num)
            seen = np.array([(np.abs(np.asarray(u) - atom).max(1) < 1e-6).sum() for atom in model.u])
            assert seen.sum() == num
            assert np.abs(seen - num * model.weights).max() <= 1 + 1e-9
            # an average of P in [0, 1] is off by half of what all atoms together are
            assert np.abs(seen / num - model.weights).sum() / 2 <= model.lattice_error(num) + 1e-12
            again = [(np.abs(np.asarray(v) - atom).max(1) < 1e-6).sum() for atom in model.v]
            np.testing.assert_array_equal(again, seen)


@pytest.mark.thorough
def test_rare_atoms_are_not_met_or_missed_together():
    """64 atoms of weight 1/1000 each, in an order in which 16 equally spaced levels meet all or none of them."""
    rare, num = 64, 16
    w = np.where(np.arange(4 * rare) % 4, 0, 1e-3)
    w[1::4] = (1 - w.sum()) / rare
    rng = np.random.default_rng(2)
    model = jl.SeparableModel(w, oracles.unit(rng, len(w)), oracles.unit(rng, len(w)))
    with jax.enable_x64(True):
        u = jax.vmap(lambda k: model.lattice(k, jnp.arange(num), num)[0])(jax.random.split(KEY, 2000))
    is_rare = (np.asarray(u)[:, :, None] == model.u[::4]).all(-1).any(-1).sum(1)
    assert is_rare.mean() == pytest.approx(num * 0.064, abs=0.1)
    # The variance of independent draws is 0.96; in the given order it is 15.3, all 16 levels or none.
    assert is_rare.var() < 2


def test_opposite_vectors_have_the_mean_that_is_asked_for():
    rng = np.random.default_rng(3)
    for mean in (
        *(r * oracles.unit(rng, 1)[0] for r in (1, 0.7, 1e-9, 1e-140)),
        np.zeros(3),
        np.array([1e-161, 1e-161, 0]),  # the square of its length is subnormal
        rng.uniform(-0.5, 0.5, (4, 2, 3)),
    ):
        weights, n = opposite(mean)
        assert weights.shape == (*mean.shape[:-1], 2)
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-15)
        np.testing.assert_allclose(np.linalg.norm(n, axis=-1), 1, atol=1e-15)
        np.testing.assert_array_equal(n[..., 0, :], -n[..., 1, :])
        np.testing.assert_allclose((weights[..., None] * n).sum(-2), mean, rtol=1e-14, atol=1e-15)


def test_the_excess_of_a_model_averaged_over_rotations_is_not_that_of_its_atoms():
    z = np.eye(3)[2:]
    model = IsotropicModel(np.ones(1), z, -z, jl.werner(0.5), np.eye(3))
    with pytest.raises(NotImplementedError, match=r"averaged over SO\(3\)"):
        model.excess(jl.werner(), 0.5, jl.SettingPairs(z, z))


def test_systematic_draws_are_unbiased():
    model = _uneven()
    with jax.enable_x64(True):
        keys = jax.random.split(KEY, 4000)
        u = jax.vmap(lambda k: model.lattice(k, jnp.arange(3), 3)[0])(keys)
    seen = [(np.abs(np.asarray(u) - atom).max(-1) < 1e-6).mean() for atom in model.u]
    np.testing.assert_allclose(seen, model.weights, atol=0.01)
