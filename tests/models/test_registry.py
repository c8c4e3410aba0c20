"""The table of models against the classes that it names."""

import inspect
import subprocess
import sys

import jax
import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.cli._verify import scan
from jaxleggett.models import registry
from jaxleggett.models.interface import offers


def test_the_names_are_those_of_the_command_line():
    assert list(registry.MODELS) == ["werner", "white-noise", "great-circle", "pr-box", "separable"]


@pytest.mark.parametrize("name", registry.MODELS)
def test_an_entry_says_what_its_class_is(name):
    entry = registry.MODELS[name]
    kind = entry.load()
    assert kind.name == name
    assert entry.home.partition(":")[2] in jl.__all__
    assert entry.summary.endswith(".")
    assert len(entry.summary) < 64  # with the name before it, a line of the help
    needed = [x for x in inspect.signature(kind).parameters.values() if x.default is x.empty]
    assert len(needed) == (entry.visibility is not None)


@pytest.mark.parametrize("name", registry.MODELS)
def test_an_entry_builds_a_model_with_what_every_method_needs(name):
    entry = registry.MODELS[name]
    built, pairs = entry.build()
    model = built(0.5) if entry.visibility else built
    u, v = model.sample(jax.random.key(0), 5)
    assert u.shape == v.shape == (5, 3)
    assert offers(model, "lattice")
    assert offers(model, "quadrature")
    assert len(pairs) > 1
    assert np.isfinite(model.correlator(u[0], v[0], pairs.a[0], pairs.b[0]))


@pytest.mark.parametrize("name", registry.MODELS)
def test_settings_that_are_asked_for_are_those_of_the_run(name):
    asked = "grid:2"
    pairs = registry.MODELS[name].build(asked)[1]
    np.testing.assert_array_equal(pairs.a, jl.SettingPairs.parse(asked).a)
    with pytest.raises(jl.InputError, match="settings must be"):
        registry.MODELS[name].build("")


def test_the_seed_draws_the_settings():
    pairs = registry.MODELS["werner"].build("random:3", 7)[1]
    np.testing.assert_array_equal(pairs.a, jl.SettingPairs.parse("random:3", 7).a)


def test_the_default_scan_crosses_the_visibility_that_the_remark_names():
    entry = registry.MODELS["werner"]
    assert f"V_c = {jl.CRITICAL_VISIBILITY:.6f}." in entry.remark
    V = scan(entry.visibility)
    assert V.min() < jl.CRITICAL_VISIBILITY < V.max()


def test_the_table_is_read_without_a_model_or_jax():
    program = (
        "import sys\n"
        "from jaxleggett.models.registry import MODELS\n"
        "assert len(MODELS) > 4\n"
        "assert not {'jax', 'numpy', 'jaxleggett.models.werner'} & set(sys.modules)\n"
        "import jaxleggett.models as models\n"
        "assert sorted(models._HOMES) == sorted(models.__all__) and set(models.__all__) < set(dir(models))\n"
        "assert 'jax' not in sys.modules\n"
        "assert [getattr(models, name) for name in models.__all__]\n"
        "assert models.werner.WernerModel is models.WernerModel\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
