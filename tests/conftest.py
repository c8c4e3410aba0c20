"""The configuration of JAX before it starts, what all tests share, and what no test may leave changed."""

import functools
import os
import signal
import sys
import zlib
from pathlib import Path

# Two CPU devices, so that sharding can be tested on any machine.
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"

# The tests already use a process for every core: compiling the parts of a program in parallel would cost more in all.
os.environ["XLA_FLAGS"] += " --xla_cpu_parallel_codegen_split_count=1"

# For each compiled program that XLA loads from the disk, it prints a long warning about the features of this machine,
# which would bury the report of a failure. XLA reads this variable once, at its first message. It is deleted below, so
# that programs which tests start print what users see.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import jax
import numpy as np
import pytest
import shapes

jax.devices()
del os.environ["TF_CPP_MIN_LOG_LEVEL"]

# A shell without job control starts what it runs in the background with Ctrl-C ignored, and the tests would inherit it:
# those of Ctrl-C would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Before anything of the package is imported: shapes in annotations are checked in all tests.
shapes.install()

from jaxleggett import searches  # noqa: E402
from jaxleggett.searches import PolishOptions, SearchOptions  # noqa: E402

COMPILED = os.environ.get("JAXLEGGETT_COMPILED", str(Path(__file__).parent.parent / ".pytest_cache" / "d" / "jax"))
"""The folder of compiled programs, which all processes of the tests and later runs share; without it, two thirds of the
time would be compilation. `pytest --cache-clear` removes it. Programs that tests start do not use it, because JAX then
prints messages to stderr that users do not see. `scripts/mutate.py` sets one folder for all its copies."""

# Commands that tests start keep what they compile here, and not among the user's own files.
os.environ["XDG_CACHE_HOME"] = str(Path(COMPILED).absolute().parent / "home")

jax.config.update("jax_compilation_cache_dir", COMPILED)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)


ENOUGH = 2**30
"""Bytes of resident memory beyond which a process drops its compiled programs. If they were all kept, they would take
gigabytes; if they were dropped after every module, many small ones would be compiled again in each."""


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
def _process_put_back():
    """Commands and Dask set environment variables of their own process: no later test may see them."""
    environment, folder, path = dict(os.environ), Path.cwd(), list(sys.path)
    yield
    os.chdir(folder)
    sys.path[:] = path
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)


@pytest.fixture(autouse=True)
def _subnormal_numbers_kept():
    """No library that a test loads may round subnormal numbers to 0 for the whole process (-ffast-math does)."""
    yield
    assert sys.float_info.min * 0.5 > 0


@pytest.fixture
def brief():
    """Options for a short search with little polishing, for tests of something else than the threshold it reaches."""
    return SearchOptions(finishes=1, polish=PolishOptions(programmes=5))


@pytest.fixture
def briefly(monkeypatch, brief):
    """Makes the search of the commands a short one, for which they have no option."""
    monkeypatch.setattr(searches, "search", functools.partial(searches.search, options=brief))


@pytest.fixture
def rng(request):
    """A random generator for one test, seeded by its name: its data do not depend on which tests ran before."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield
