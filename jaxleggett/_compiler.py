"""Releases of XLA (jaxlib) that are known to compute wrong numbers. This module imports no JAX."""

from __future__ import annotations

import importlib.metadata

WRONG = {
    "0.10.2": "wrong sums on CPUs, without an error (jax-ml/jax issue 39103)",
}
"""Version of jaxlib -> what it computes wrongly. pyproject.toml excludes these versions.

tests/test_compiler.py holds a program that shows the fault, and so fails with any other version that has it.
"""


def compiler_fault() -> str | None:
    """What is wrong with the installed jaxlib, in one sentence; None where nothing is known."""
    version = importlib.metadata.version("jaxlib")
    if version not in WRONG:
        return None
    return f"jaxlib {version} computes {WRONG[version]}: install another version, pip install 'jaxlib!={version}'"
