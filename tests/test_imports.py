"""What may import what: which folder, what the proofs see, what the core needs, no circles.

Imports are read from the source, so that those inside functions count as well. Those under `if TYPE_CHECKING:` do
not: they are never run. What happens at run time is looked at in processes of their own.
"""

import ast
import functools
import graphlib
import importlib
import operator
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import jaxleggett as jl

PACKAGE = Path(jl.__file__).parent

ROOT = ["__init__", "__main__"]
"""The door of the package, which imports its names when they are first used, and `python -m jaxleggett`."""

FOLDERS = [
    "",  # what lies at the top: the physics, and what every folder needs
    "models",
    "kernels",
    "verification",
    "inequalities",
    "proofs",
    "lp",
    "thresholds",
    "searches",
    "notions",
    "povms",
    "survey",
    "experiments",
    "sweeps",
    "output",
    "cli",
]
"""Each folder imports from itself and from those before it, never from one that comes after it."""

CORE = ["sphere", "states", "settings", "correlation", "joint_rotations", "models", "kernels"]
"""They run where nothing but jax and numpy can be installed."""

UNSEEN_BY_PROOFS = ["lp", "searches", "thresholds", "inequalities.worst_vectors"]
"""Solvers and searches: a proof that used them would not be independent of what it proves."""

SOLVERS = ["lp", "thresholds.finite_settings", "inequalities.worst_vectors"]

SHARED = {
    "inequalities.inequality": "what is proved",
    "settings": "the settings of an inequality",
    "joint_rotations": "the value of an inequality averaged over a symmetry, in a function that no proof calls",
    "_clock": "deadlines",
    "runs": "the names of how a run ended",
    "_checks": "messages for bad input",
    "_files": "settings from a file",
    "_doubles": "exact scaling by powers of two",
    "sphere": "settings by name, in functions that no proof calls",
    "_numerics": "settings by name, in functions that no proof calls",
}
"""All that proofs and solvers have in common, and what for: data, and how data are checked and written down."""


class Imports(NamedTuple):
    """The full names of modules that one module imports: when it is imported, and inside functions."""

    on_import: frozenset[str]
    in_functions: frozenset[str]


@functools.cache
def modules():
    """Every module of the package by its name without `jaxleggett.`, as a path."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        door = parts[-1] == "__init__" and len(parts) > 1
        found[".".join(parts[:-1] if door else parts)] = path
    return found


@functools.cache
def imports(name):
    return imports_of(modules()[name].read_text(), name, modules()[name].name == "__init__.py")


def imports_of(source, name, is_door):
    """The `Imports` of a module with this source; modules of the package are named without `jaxleggett.`."""
    found = {"import": set(), "function": set()}

    def absolute(node):
        if not node.level:
            return node.module
        package = [] if name == "__init__" else name.split(".")
        package = package if is_door else package[:-1]
        base = ["jaxleggett", *package][: len(package) + 2 - node.level]
        return ".".join([*base, *([node.module] if node.module else [])])

    def visit(node, when):
        if isinstance(node, ast.Import):
            found[when].update(_own(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(node)
            for alias in node.names:
                member = _own(f"{module}.{alias.name}")
                found[when].add(member if member in modules() else _own(module))
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.orelse:
                visit(child, when)
        else:
            inside = "function" if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else when
            for child in ast.iter_child_nodes(node):
                visit(child, inside)

    visit(ast.parse(source), "import")
    return Imports(frozenset(found["import"]), frozenset(found["function"]))


def _own(name):
    return "__init__" if name == "jaxleggett" else name.removeprefix("jaxleggett.")


def within(*folders):
    """The modules in these folders, and those that have one of these names."""
    return {name for name in modules() if any(name == f or name.startswith(f"{f}.") for f in folders)}


def own_imports(name):
    """The modules of the package that one of them imports anywhere."""
    return {module for module in imports(name).on_import | imports(name).in_functions if module in modules()}


def reached(names, doors=True):
    """These modules and all that they import in turn. Importing a module runs the door of its folder first."""
    seen, ahead = set(), list(names)
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += own_imports(name)
            if doors and "." in name:
                ahead.append(name.rsplit(".", 1)[0])
    return seen


def folder(name):
    """The folder of the package that a module lies in, or below; "" for what lies at the top."""
    parts = modules()[name].relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def test_the_source_is_read_as_python_reads_it():
    source = (
        "import jax.numpy as jnp\n"
        "from typing import TYPE_CHECKING\n"
        "from . import inequality\n"
        "from .. import sphere, __version__\n"
        "if TYPE_CHECKING:\n    from ..cli import main\n"
        "class A:\n    def f(self):\n        from ..proofs.werner import certify_werner\n"
        "try:\n    import scipy.special\nexcept ImportError:\n    pass\n"
    )
    found = imports_of(source, "inequalities.published", False)
    known = {"jax.numpy", "typing", "inequalities.inequality", "sphere", "__init__", "scipy.special"}
    assert found == (known, {"proofs.werner"})
    door = imports_of("from .inequality import LeggettInequality\nfrom ..states import pure\n", "inequalities", True)
    assert door.on_import == {"inequalities.inequality", "states"}
    assert imports_of("from . import sphere\n", "__init__", True).on_import == {"sphere"}
    assert imports("settings").in_functions >= {"sphere"}
    assert "jaxleggett" not in {module.split(".")[0] for name in modules() for module in imports(name).on_import}


def test_folders_import_only_from_those_before_them():
    assert sorted({folder(name) for name in modules()}) == sorted(FOLDERS)
    for name in set(modules()) - set(ROOT):
        for other in own_imports(name) - {"__init__"}:
            assert FOLDERS.index(folder(other)) <= FOLDERS.index(folder(name)), f"{name} imports {other}"


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: own_imports(name) for name in modules()}
    assert graph["__init__"] == {"_lazy"}  # the names of the package are imported when they are first used
    list(graphlib.TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_no_folder_hides_a_public_function():
    assert not set(FOLDERS) & set(jl.__all__)


def test_proofs_see_no_solver_and_no_search():
    assert len(within("proofs")) >= 4
    assert not reached(within("proofs")) & within(*UNSEEN_BY_PROOFS)
    assert within(*UNSEEN_BY_PROOFS) <= reached(["cli"])  # else the names above are out of date


def test_proofs_and_solvers_share_no_code_but_for_data():
    assert all(within(name) for name in SOLVERS)
    # The door of thresholds/ leads everywhere: proofs are called there, to certify what was found.
    assert reached(within("proofs")) & reached(within(*SOLVERS), doors=False) == set(SHARED)


def test_proofs_load_no_solver_no_search_and_no_jax():
    """Not when they are imported, and not when they prove something."""
    loaded = _run(
        "import sys, numpy as np\n"
        "from jaxleggett.inequalities import published\n"
        "from jaxleggett.proofs.branch_and_bound import enclose\n"
        "from jaxleggett.proofs.pure_states import certify_pure, pure_state_inequality\n"
        "from jaxleggett.proofs.symmetries import count_symmetries\n"
        "from jaxleggett.proofs.werner import certify_werner\n"
        f"import {', '.join(f'jaxleggett.{name}' for name in sorted(within('proofs')))}\n"
        "axes = np.eye(3)\n"
        "inequality = published(axes, np.roll(axes, 1, axis=0))\n"
        "assert enclose(inequality, 1e-2).converged and count_symmetries(inequality) > 0\n"
        "assert certify_werner()[0] < certify_pure(0.5)\n"
        "enclose(pure_state_inequality(0.5), 1e-1, time_limit=5)\n"
        "print(*sys.modules)"
    ).split()
    own = {name.removeprefix("jaxleggett.") for name in loaded if name.startswith("jaxleggett.")}
    assert own <= (reached(within("proofs")) | {"_lazy"}) - {"sphere", "_numerics", "joint_rotations"}
    assert not {"jax", "jaxlib", "highspy", "optax"} & set(loaded)


@pytest.mark.parametrize("name", sorted(reached(within(*CORE))))
def test_the_core_imports_only_jax_and_numpy(name):
    allowed = {"jax", "numpy", *sys.stdlib_module_names}
    foreign = {module.split(".")[0] for module in imports(name).on_import if module not in modules()}
    assert foreign <= allowed, f"{name} imports {foreign - allowed}"
    # SciPy comes with jax; imported inside a function it costs nothing where that is not called.
    inside = {module.split(".")[0] for module in imports(name).in_functions if module not in modules()}
    assert inside <= {*allowed, "scipy"}, f"{name} imports {inside - allowed}"


@pytest.mark.thorough
def test_the_core_runs_where_nothing_but_jax_and_numpy_can_be_imported():
    """Every import that a module of the package makes is looked at; jax may go on importing what it needs."""
    watched = (
        "import builtins, sys\n"
        "plain = builtins.__import__\n"
        "def watched(name, globals=None, locals=None, fromlist=(), level=0):\n"
        "    own = (globals or {}).get('__name__', '').startswith('jaxleggett')\n"
        "    known = {'jax', 'numpy', 'jaxleggett', *sys.stdlib_module_names}\n"
        "    if own and level == 0 and name.split('.')[0] not in known:\n"
        "        raise ImportError(f'{globals[\"__name__\"]} imports {name}')\n"
        "    return plain(name, globals, locals, fromlist, level)\n"
        "builtins.__import__ = watched\n"
    )
    _run(
        f"{watched}"
        f"import {', '.join(f'jaxleggett.{name}' for name in sorted(reached(within(*CORE))))}\n"
        "import jax, jaxleggett as jl\n"
        "pairs = jl.SettingPairs.parse('random:3')\n"
        "jl.correlation_bounds(*jl.pure(0.7).correlation(pairs.a, pairs.b)[:2])\n"
        "jl.simulate_counts(jax.random.key(0), jl.WernerModel(0.5), pairs.a, pairs.b, 10)\n"
    )
    with pytest.raises(AssertionError, match=r"jaxleggett.searches.\w+ imports optax"):
        _run(f"{watched}import jaxleggett.searches.gradient_descent")


def _run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


PLAN = (PACKAGE.parent / "docs" / "ARCHITECTURE.md").read_text()


def test_the_floor_plan_lists_every_room_and_no_other():
    found, here = [], ""
    for line in PLAN.splitlines():
        if line.startswith("### "):
            title = re.match(r"### (?:(\w+)/:|At the top:)", line)
            here = title[1] or ""
            found.append((here, None))
        elif line.startswith("| `"):
            found += [(here, f"{here}.{room}".lstrip(".")) for room in re.findall(r"`([\w.]+)`", line.split(" | ")[0])]
    assert [here for here, room in found if room is None] == FOLDERS
    rooms = [room for _, room in found if room]
    doors = {name for name, path in modules().items() if path.name in ("__init__.py", "__main__.py")}
    assert sorted(rooms) == sorted(set(modules()) - doors)


def test_what_the_floor_plan_names_exists():
    """`folder.module.name` anywhere in the text, and folders with a slash."""
    for name in set(re.findall(r"`(\w+(?:\.\w+)+)`", PLAN)) - {"jl.verify"}:
        if name.startswith(("plots.", "explore.", "checker.")):
            continue  # rooms of output/ and of proofs/, in the tables
        module = max((m for m in modules() if f"{name}.".startswith(f"{m}.")), key=len)
        rest = name.removeprefix(module).strip(".")
        thing = importlib.import_module(f"jaxleggett.{module}")
        assert not rest or operator.attrgetter(rest)(thing) is not None, name
    for folder_name, room in set(re.findall(r"`(\w+)/(\w*)`", PLAN)):
        assert (PACKAGE / folder_name / f"{room or '__init__'}.py").exists(), (folder_name, room)
