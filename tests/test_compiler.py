"""The compiler: a public reproducer of wrong sums, and what is said of versions that are known to be wrong."""

import importlib.metadata
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxleggett._compiler import WRONG, compiler_fault


@pytest.mark.parametrize(("dtype", "rows"), [(np.float64, 40_000), (np.float32, 80_000)])
@pytest.mark.parametrize("size", [2, 3, 4, 6])
def test_a_vmapped_product_with_a_small_matrix(x64, dtype, rows, size):
    """jax-ml/jax issue 39103: jaxlib 0.10.2 gets 23 616 of 40 000 rows wrong for size 3 in double precision."""
    rng = np.random.default_rng(size)
    matrix, x = rng.normal(size=(size, size)).astype(dtype), rng.normal(size=(rows, size)).astype(dtype)
    found = jax.jit(lambda x: jax.vmap(lambda row: jnp.sum((matrix @ row) ** 2))(x))(x)
    np.testing.assert_allclose(found, ((x @ matrix.T) ** 2).sum(1), rtol=1e3 * np.finfo(dtype).eps)


def test_versions_that_are_known_to_be_wrong(monkeypatch):
    assert compiler_fault() is None
    for version in WRONG:
        monkeypatch.setattr(importlib.metadata, "version", lambda name, version=version: version)
        assert f"jaxlib {version} computes wrong sums on CPUs" in str(compiler_fault())


def test_commands_refuse_such_a_version():
    program = (
        "import importlib.metadata as m, sys; real = m.version\n"
        "m.version = lambda name: '0.10.2' if name == 'jaxlib' else real(name)\n"
        "from jaxleggett import cli; sys.argv = ['jaxleggett', *sys.argv[1:]]; cli.main()"
    )
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    for arguments in (("verify", "--samples", "100"), ("threshold", "--json"), ("search", "--target", "model")):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=environment
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), json.dumps(done.stderr)
        assert "jaxlib 0.10.2 computes wrong sums on CPUs" in done.stderr
