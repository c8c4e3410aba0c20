"""The checks of shapes find wrong shapes, and no annotation of the package escapes them."""

import ast
import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import shapes
from jaxtyping import TypeCheckError

import jaxleggett as jl
from jaxleggett import sphere

PACKAGE = Path(jl.__file__).parent

LINEAR = """
def f(u: Float[AnyArray, "n 3"], a: Float[AnyArray, "3"], *, offset=0.0) -> Float[AnyArray, "n"]:
    return u @ a + offset
"""


def _made(source):
    """The function or class `f` that this source defines, as the hook would make it."""
    tree = shapes.wrapped(ast.parse("from __future__ import annotations\n" + source))
    space = {"jax": jax, "dataclass": dataclasses.dataclass, "__name__": __name__}
    exec(compile(tree, "<here>", "exec"), space)
    return space["f"]


def test_wrong_shapes_and_dtypes_are_refused():
    f, ones = _made(LINEAR), np.ones
    assert f(ones((4, 3)), a=ones(3)).shape == f(jnp.ones((4, 3)), ones(3)).shape == (4,)
    for wrong in (ones((4, 2)), ones(3), ones((4, 3), int), [[1.0, 2.0, 3.0]]):
        with pytest.raises(TypeCheckError, match="the parameters of"):
            f(wrong, ones(3))
    with pytest.raises(TypeCheckError, match="the return value"):
        f(ones((4, 3)), ones(3), offset=ones((2, 1)))


def test_wrong_shapes_are_refused_under_jit_and_vmap():
    f = _made("@jax.jit" + LINEAR)
    assert f(jnp.ones((4, 3)), jnp.ones(3)).shape == (4,)
    with pytest.raises(TypeCheckError):
        f(jnp.ones((4, 2)), jnp.ones(2))
    assert jax.vmap(_made(LINEAR))(jnp.ones((5, 4, 3)), jnp.ones((5, 3))).shape == (5, 4)
    with pytest.raises(TypeCheckError):
        jax.vmap(_made(LINEAR))(jnp.ones((5, 3)), jnp.ones((5, 3)))


def test_wrong_shapes_are_refused_in_methods_and_fields():
    f = _made(
        "@dataclass\nclass f:\n    a: Float[np.ndarray, 'n 3']\n    b: Float[np.ndarray, 'n 3']\n    name: str = ''\n"
        "    @property\n    def row(self) -> Float[np.ndarray, '3']:\n"
        "        return self.a[0] if self.name else self.a\n"
    )
    rows = np.ones((4, 3))
    assert f(rows, rows, "x").row.shape == (3,)
    with pytest.raises(TypeCheckError, match="the return value"):
        _ = f(rows, rows).row
    for wrong in (rows[0], rows[:2], rows[:, :2]):
        with pytest.raises(TypeCheckError, match=r"f\.b is ndarray of shape"):
            f(rows, wrong)


def test_functions_of_the_package_are_checked():
    with pytest.raises(TypeCheckError, match="orthogonal_axes"):
        sphere.orthogonal_axes(np.ones(3), np.ones(2))
    with pytest.raises(TypeCheckError, match="orthogonal_axes"):
        jax.jit(sphere.orthogonal_axes)(jnp.ones((2, 3)), jnp.ones((2, 3)))


def test_names_in_annotations_of_shapes_are_known():
    """A name that is not resolved would be `Any`, and check nothing."""
    from jaxleggett import _shapes

    assert set(_shapes.__all__) >= shapes.KINDS
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in shapes.KINDS:
                element = ast.unparse(node.slice.elts[0])
                assert element in ("Array", "AnyArray", "np.ndarray", "ArrayLike"), f"{path}:{node.lineno} {element}"
