"""What all models share: marginals, shortcuts and what they belong to, pytrees."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import at_one_point

import jaxleggett as jl
from jaxleggett.models import interface

KEY = jax.random.key(11)


class _Capped(jl.WernerModel):
    """The explicit model with C - 1 on a cap of measure 1e-6: wrong, where its inherited quadrature never looks."""

    def correlator(self, u, v, a, b):
        return super().correlator(u, v, a, b) - jnp.where(u[2] > 1 - 2e-6, 1.0, 0.0)


class _Restored(_Capped):
    """The same with shortcuts of its own."""

    def quadrature(self, a, b):
        return super().quadrature(a, b)

    def half_lattice(self, key, index, num):
        return super().half_lattice(key, index, num)

    def lattice_error(self, num):
        return super().lattice_error(num)


class _Resampled(jl.WernerModel):
    def lattice(self, key, index, num):
        return super().lattice(key, index, num)


class _Atoms(jl.SeparableModel):
    def correlator(self, u, v, a, b):
        return super().correlator(u, v, a, b)


def _with_attributes(**attributes):
    class Loose(jl.WernerModel):
        def __init__(self):
            object.__setattr__(self, "visibility", 0.5)
            vars(self).update(attributes)

    return Loose()


@pytest.mark.parametrize(
    ("model", "offered"),
    [
        (jl.WernerModel(0.5), "lattice half_lattice lattice_error quadrature interpolation"),
        (jl.WhiteNoiseModel(), "lattice quadrature"),
        (jl.SeparableModel(), "lattice lattice_error quadrature atoms"),
        (_Capped(0.5), "lattice"),
        (_Restored(0.5), "lattice half_lattice lattice_error quadrature"),
        (_Resampled(0.5), "lattice quadrature interpolation"),
        (_Atoms(), "lattice lattice_error quadrature atoms"),
        (_with_attributes(correlator=lambda u, v, a, b: 0.0), "lattice"),
        (_with_attributes(sample=lambda key, num: None), "interpolation"),
        (_with_attributes(quadrature=lambda a, b: None), "lattice half_lattice lattice_error quadrature interpolation"),
    ],
)
def test_a_shortcut_counts_only_where_it_belongs_to_the_rest(model, offered):
    assert [name for name in interface.BELONGS_TO if interface.offers(model, name)] == [
        name for name in interface.BELONGS_TO if name in offered.split()
    ]


@pytest.mark.slow
def test_a_subclass_with_another_correlator_has_no_quadrature_left():
    with pytest.raises(
        jl.InputError, match="needs a quadrature that belongs to the sample and the correlator of werner"
    ):
        jl.verify(_Capped, "random:4", 0.5, method="exact")
    assert jl.verify(_Capped, "random:4", 0.5, samples=2000).averages.plan.half is False
    assert jl.verify(jl.WernerModel, "random:4", 0.5, samples=2000).averages.plan.half is True
    assert jl.verify(_Atoms(), "random:4", method="exact").reproduces


def test_marginals_are_those_of_pure_qubits(rng):
    u, v, a, b = oracles.unit(rng, 4)
    with jax.enable_x64(True):
        M_A, M_B = interface.marginals(u, v, a, b)
    assert M_A == pytest.approx(float(np.dot(u, a)))
    assert M_B == pytest.approx(float(np.dot(v, b)))
    for model in (jl.WernerModel(0.5), jl.WhiteNoiseModel(), jl.SeparableModel(), jl.GreatCircleModel()):
        P = at_one_point(model, u, v, a, b)
        assert P[0] + P[1] - P[2] - P[3] == pytest.approx(M_A)
        assert P[0] - P[1] + P[2] - P[3] == pytest.approx(M_B)


def test_methods_are_in_double_for_a_caller_without_it():
    u, a, b = oracles.unit(np.random.default_rng(0), 3)
    C = jl.WernerModel(0.5).correlator(u, -u, a, b)
    assert C.dtype == np.float64
    assert pytest.approx(oracles.werner_model(0.5, u, a, b) @ [1, -1, -1, 1], abs=1e-14) == C
    assert jl.SeparableModel().sample(KEY, 4)[0].dtype == np.float64


def test_models_are_differentiable_pytrees():
    a, b = jnp.array([1.0, 0, 0]), jnp.array([0.6, 0.8, 0])
    u = jnp.array([0.0, 0.6, 0.8])
    slope = jax.grad(lambda m: m.correlator(u, -u, a, b))(jl.WernerModel(0.5)).visibility
    # C is affine in V: any step gives the slope.
    step = jl.WernerModel(0.75).correlator(u, -u, a, b) - jl.WernerModel(0.5).correlator(u, -u, a, b)
    assert slope == pytest.approx(float(step) / 0.25, rel=1e-4)
