"""What is asked of JAX before it starts, and what no test may leave behind."""

import functools
import os
import sys
import zlib
from pathlib import Path

# Two CPU devices: sharding is tested wherever the tests run.
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"

# There is a process for every core already; the parts of one program compiled side by side only cost more in all.
os.environ["XLA_FLAGS"] += " --xla_cpu_parallel_codegen_split_count=1"

# XLA says at length of each program it loads from the disk that it knows not all that this machine can; under that a
# failure would be buried. Read once, when XLA first speaks; programs that tests start are to say what users see.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import jax
import numpy as np
import pytest
import shapes

jax.devices()
del os.environ["TF_CPP_MIN_LOG_LEVEL"]

# Before anything of the package is imported: shapes in annotations are checked in all tests.
shapes.install()

from jaxleggett import searches  # noqa: E402
from jaxleggett.searches import PolishOptions, SearchOptions  # noqa: E402

COMPILED = os.environ.get("JAXLEGGETT_COMPILED", str(Path(__file__).parent.parent / ".pytest_cache" / "d" / "jax"))
"""What one process of the tests has compiled serves the others, and the next run: two thirds of the time would be
compiling. `pytest --cache-clear` removes it. Programs that tests start have no part in it: what JAX prints to stderr
when it loads from it is no user's. `scripts/mutate.py` names one for all its copies."""

jax.config.update("jax_compilation_cache_dir", COMPILED)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)


ENOUGH = 2**30
"""Bytes of resident memory beyond which a process drops what it has compiled: kept to the end it takes gigabytes, and
dropped after every module the many small programmes are compiled again in each."""


@pytest.fixture(autouse=True, scope="module")
def _compiled_functions_freed():
    yield
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else ENOUGH
    if pages * os.sysconf("SC_PAGE_SIZE") > ENOUGH:
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
def brief():
    """Options of searches that hardly polish, where something else than the threshold they reach is tested."""
    return SearchOptions(finishes=1, polish=PolishOptions(programmes=5))


@pytest.fixture
def briefly(monkeypatch, brief):
    """The search that commands call, made brief; they have no option for that."""
    monkeypatch.setattr(searches, "search", functools.partial(searches.search, options=brief))


@pytest.fixture
def rng(request):
    """A generator of the test's own, seeded by its name: its data do not depend on which tests ran before."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield
