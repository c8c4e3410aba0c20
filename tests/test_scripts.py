"""What the scripts measure and check with: yardsticks that do the same work, checks that can fail, pages up to date."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import oracles
import pytest

import jaxleggett as jl

ROOT = Path(__file__).parent.parent


def _script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_the_kernels_of_the_benchmark_do_the_same_work(monkeypatch, real):
    yardsticks = _script("yardsticks")
    pairs = jl.SettingPairs.random(yardsticks.PAIRS)
    u = oracles.unit(np.random.default_rng(0), 128)
    yardsticks.agree(pairs, u, real)
    for yardstick in ("in_c", "in_numpy"):
        right = getattr(yardsticks, yardstick)
        with monkeypatch.context() as patch:
            patch.setattr(yardsticks, yardstick, lambda pairs, u, real, right=right: right(pairs, u * [1, 1, -1], real))
            with pytest.raises(AssertionError):
                yardsticks.agree(pairs, u, real)


def test_the_page_on_performance_is_that_of_its_figures():
    page = _script("performance_page")
    content = json.loads((page.FOLDER / "benchmark.json").read_text())
    assert page.tables(content) in page.PAGE.read_text()


@pytest.fixture
def suite(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    return _script("gpu_suite")


@pytest.mark.parametrize("precision", ["double", "single"])
def test_the_suite_for_gpus_passes_here_and_can_fail(suite, monkeypatch, precision):
    device = jax.devices("cpu")[0]
    sections = (suite.sums, suite.quadrature)
    for section in sections:
        assert all(worst <= allowed for _, worst, allowed in section(device, precision))
    monkeypatch.setattr(oracles, "half_angle_weights", lambda V, a, b: (0.5, 0.5))
    monkeypatch.setattr(oracles, "werner_rho", lambda V: np.eye(4) / 4)
    assert any(worst > allowed for _, worst, allowed in suite.sums(device, precision))
    assert any(worst > allowed for _, worst, allowed in suite.quadrature(device, precision))
