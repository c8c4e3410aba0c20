"""Models as arguments of jitted functions."""

from dataclasses import dataclass

import jax
import numpy as np
import oracles
import pytest
from jax.tree_util import register_dataclass

import jaxleggett as jl
from jaxleggett.kernels import points
from jaxleggett.models import arguments
from jaxleggett.verification import admission, verdicts


def _constant(C):
    """A class of its own for each value, all with one field."""

    @register_dataclass
    @dataclass(frozen=True)
    class Constant:
        field: float = 0.5

        def sample(self, key, num):
            return jl.WhiteNoiseModel().sample(key, num)

        def correlator(self, u, v, a, b):
            return 0 * self.field + C

        def correlation(self, a, b):
            return 0 * a[:, 0], 0 * a[:, 0], 0 * a[:, 0] + C

        @property
        def target(self):
            return self

    return Constant()


@pytest.mark.thorough
def test_no_class_is_taken_for_another():
    """JAX holds registered dataclasses for equal, and runs what was compiled for one where hashes fall together."""
    u = oracles.unit(np.random.default_rng(0), 4)
    many = [_constant(C) for C in np.linspace(0, 0.5, 60)]
    inner = [jl.SeparableModel(model, 0.0, 0.0) for model in many]  # within another pytree
    seen = []
    for i, C in enumerate(np.linspace(0, 0.5, 60)):
        assert points.one_point(many[i], u, u, u, u)[:, 0] == pytest.approx((1 + 2 * (u * u).sum(1) + C) / 4)
        for model in (many[i], inner[i]):
            wrapped = arguments.as_pytree(model)
            assert not any(jax.tree.structure(wrapped) == s for s in seen)
            seen.append(jax.tree.structure(wrapped))
    few = many[:3]
    P = admission.of_each(verdicts.probabilities_of, few, 4, u, u)
    np.testing.assert_allclose(4 * P[:, :, 0] - 1, np.repeat([[0.0], [0.5 / 59], [1 / 59]], 4, axis=1), atol=1e-15)
    with pytest.raises(jl.InputError, match=r"must be affine in the visibility, but is not at 0\.4"):
        jl.verify(lambda V: few[int(V == 0.4)], "random:4", [0.1, 0.4, 0.7], target=jl.werner(0.0))
