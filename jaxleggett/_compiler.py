"""Releases of XLA that are known to compute wrong numbers. Imports no JAX, so that asking is cheap."""

from __future__ import annotations

import importlib.metadata

WRONG = {
    "0.10.2": "wrong sums on CPUs, without an error (jax-ml/jax issue 39103)",
}
"""Versions of jaxlib, and what they compute; pyproject.toml excludes them too, and tests/test_compiler.py any other."""


def compiler_fault() -> str | None:
    """What is wrong with the installed jaxlib, in one sentence; None where nothing is known."""
    version = importlib.metadata.version("jaxlib")
    if version not in WRONG:
        return None
    return f"jaxlib {version} computes {WRONG[version]}: install another version, pip install 'jaxlib!={version}'"
