"""Two CPU devices, asked for before JAX starts: sharding is tested wherever the tests run. Shapes are enforced."""

import os
import sys

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"

import jax
import pytest
import shapes

shapes.install()

from jaxleggett.searches import restarts  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def _compiled_functions_freed():
    """All that the tests compile, kept to the end, takes gigabytes."""
    yield
    jax.clear_caches()


@pytest.fixture(autouse=True)
def _configuration_untouched():
    """No test, and nothing it calls, may leave JAX's precision changed."""
    before = jax.config.jax_enable_x64
    yield
    assert jax.config.jax_enable_x64 == before


@pytest.fixture(autouse=True)
def _subnormal_numbers_kept():
    """No library that a test loads may round subnormal numbers to 0 for the whole process (-ffast-math does)."""
    yield
    assert sys.float_info.min * 0.5 > 0


@pytest.fixture
def briefly(monkeypatch):
    """Searches that hardly polish, where something else than the threshold they reach is tested."""
    monkeypatch.setattr(restarts, "POLISH_STEPS", 5)
    monkeypatch.setattr(restarts, "FINISHES", 1)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield
