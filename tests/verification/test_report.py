"""What a run says in JSON."""

import json
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest
from cases import verdicts_of
from jax.tree_util import register_dataclass

import jaxleggett as jl
from jaxleggett.output.saved import save_verification


def test_json_is_finite_and_complete():
    found = jl.verify(jl.WernerModel, "random:4", [0.5, 1.0], samples=2000).to_json()
    assert {"model", "method", "num_pairs", "num_samples", "seed", "dtype", "device", "seconds"} <= set(found)
    assert found["evaluations"] == found["num_samples"] * found["num_pairs"]
    assert found["model"] == "werner"
    keys = {"visibility", "verdict", "min_probability", "witness", "max_abs_error", "max_standard_error", "max_z"}
    keys.add("tolerance")
    assert all(set(row) == keys for row in found["visibilities"])
    assert set(found["visibilities"][1]["witness"]) == {"a", "b", "u", "v", "alpha", "beta", "probability"}


@register_dataclass
@dataclass(frozen=True)
class _Rarely:
    """White noise, but with `what` for C at one hidden vector in ten thousand; the 64 inspected ones show none."""

    what: float

    def sample(self, key, num):
        return jl.WhiteNoiseModel().sample(key, num)

    def correlator(self, u, v, a, b):
        return jnp.where(u[2] > 1 - 2e-4, self.what, jnp.dot(u, a) * jnp.dot(v, b))

    @property
    def target(self):
        return jl.werner(0.0)


@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
def test_a_figure_that_is_not_finite_is_null(what, tmp_path):
    found = jl.verify(_Rarely(what), "random:4", samples=10**5)
    assert not found.reproduces
    answer = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert answer["visibilities"][0]["max_abs_error"] is None
    if np.isnan(what):
        assert verdicts_of(found) == ["wrong_average"]
        assert answer["visibilities"][0]["min_probability"] > 0
    save_verification(found, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["visibilities"] == answer["visibilities"]
