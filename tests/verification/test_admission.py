"""What is asked of every model before it is judged."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxleggett as jl


class _Faulty:
    """A user's model with a fault that no statistics should be asked about."""

    target = jl.werner(0.0)

    def __init__(self, u=None, C=0.0):
        self.u, self.C = u, C

    def sample(self, key, num):
        u = jl.sample_sphere(key, num)
        return (u, u) if self.u is None else self.u(u)

    def correlator(self, u, v, a, b):
        return self.C(u, a) if callable(self.C) else jnp.dot(u, a) * self.C


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_Faulty(u=lambda u: (0 * u, u)), "must return unit vectors of shape"),
        (_Faulty(u=lambda u: (u[1:], u[1:])), "must return unit vectors of shape"),
        (_Faulty(u=lambda u: u), r"must return \(u, v\)"),
        (_Faulty(C=float("nan")), "must return one finite number"),
        (_Faulty(C=lambda u, a: u * a), "must be a scalar function in JAX"),
        (_Faulty(C=lambda u, a: np.asarray(u) @ a), "must be a scalar function in JAX"),
        (jl.SeparableModel(np.array([1.5, -0.5]), np.eye(3)[:2], np.eye(3)[:2]), "must be non-negative and sum to 1"),
        (jl.GreatCircleModel(np.zeros(3)), "must return unit vectors"),
    ],
)
def test_what_is_no_leggett_model_is_refused(model, message):
    with pytest.raises(jl.InputError, match=message):
        jl.verify(model, "random:4", method="mc")


@pytest.mark.parametrize("weights", [lambda p, q: (p + 0.1, q), lambda p, q: (q, p), lambda p, q: (p + jnp.nan, q)])
def test_an_interpolation_has_to_say_what_the_correlator_says(weights):
    right = jl.WernerModel(0.5)

    class Other(jl.WernerModel):
        def interpolation(self, a, b):
            return weights(*right.interpolation(a, b))

        def correlator(self, u, v, a, b):
            return right.correlator(u, v, a, b)

    with pytest.raises(jl.InputError, match="interpolation of the model werner must be weights of sum 1"):
        jl.verify(Other(0.5), "random:4")


def test_hidden_vectors_may_not_depend_on_the_visibility():
    def family(V):
        return jl.SeparableModel(np.array([1 - V, V]), np.eye(3)[:2], np.eye(3)[:2])

    with pytest.raises(jl.InputError, match="must not depend on the visibility"):
        jl.verify(family, "random:4", [0.1, 0.9])


def test_half_a_lattice_is_for_even_correlators():
    class Odd(jl.WernerModel):
        def half_lattice(self, key, index, num):
            return super().half_lattice(key, index, num)

        def correlator(self, u, v, a, b):
            return 0.1 * jnp.dot(u, a)

    with pytest.raises(jl.InputError, match=r"must be even in \(u, v\), since it has a half_lattice"):
        jl.verify(Odd, "random:4", 0.5)


def _plain(model):
    """The same model, no pytree."""

    class Opaque:
        name = "opaque"
        sample, lattice, correlator, target = model.sample, model.lattice, model.correlator, model.target

    return Opaque()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "form",
    [pytest.param(lambda model: model, id="pytree", marks=pytest.mark.slow), pytest.param(_plain, id="opaque")],
)
@pytest.mark.parametrize("at", [pytest.param(0.2, marks=pytest.mark.slow), 0.7])
def test_a_family_is_affine_at_every_visibility(form, at):
    V = np.linspace(0, 0.8, 9)
    with pytest.raises(jl.InputError, match=f"must be affine in the visibility, but is not at {at}"):
        jl.verify(lambda V: form(jl.WernerModel(V if abs(V - at) > 0.05 else 0.0)), "random:4", V, samples=2000)
    with pytest.raises(jl.InputError, match=f"must be affine in the visibility, but is not at {at}"):
        jl.verify(lambda V: form(jl.WernerModel(V + 1e-9 * (abs(V - at) < 0.05))), "random:4", V, samples=2000)
    found = jl.verify(lambda V: form(jl.WernerModel(V)), "random:4", V, samples=2000)
    assert len(found.rows) == 9
    assert found.reproduces


def test_hidden_vectors_are_the_same_at_every_visibility():
    def family(V):
        return jl.SeparableModel(np.array([0.5, 0.5]), np.roll(np.eye(3), int(0.3 < V < 0.5), 0)[:2], np.eye(3)[:2])

    with pytest.raises(jl.InputError, match="must not depend on the visibility"):
        jl.verify(family, "random:4", [0.1, 0.4, 0.7, 0.9], target=jl.werner(0.0))
