"""What is broken on purpose: the modules, functions and tests that are named exist, and formulas are changed."""

import ast
from pathlib import Path

import mutate
import pytest

ROOT = Path(__file__).parents[2]


def _functions(module):
    tree = ast.parse((ROOT / "jaxleggett" / f"{module}.py").read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("module", mutate.PLAN)
def test_what_is_mutated_exists(module):
    functions, tests = mutate.PLAN[module]
    assert (functions or set()) <= _functions(module)
    assert [test for test in tests if not (ROOT / "tests" / test).exists()] == []


@pytest.mark.parametrize(("module", "function", "change"), mutate.EQUIVALENT)
def test_changes_without_effect_are_of_functions_that_are_mutated(module, function, change):
    assert function in (mutate.PLAN[module][0] or _functions(module))
    assert "  ->  " in change


def test_a_formula_is_changed_in_every_place():
    source = "def f(x):\n    return -x + 2 * sin(x) if x < 1 else g(x)\n\ndef g(x):\n    return 3\n"
    found = {(name, what): text for _, name, what, text in mutate.mutants(source, {"f"})}
    assert {what for _, what in found} == {
        "-x + 2 * sin(x)  ->  -x - 2 * sin(x)",
        "-x  ->  +x",
        "2 * sin(x)  ->  2 / sin(x)",
        "2  ->  3",
        "x < 1  ->  x >= 1",
        "1  ->  2",
    }
    assert {name for name, _ in found} == {"f"}
    assert len(set(found.values())) == len(found)
    assert all(text != ast.unparse(ast.parse(source)) for text in found.values())
    (turned,) = mutate.mutants("def f(x):\n    return jnp.sin(x)\n", None)
    assert turned[2] == "jnp.sin  ->  jnp.cos"
