"""Break every formula on purpose, one at a time, and see that a test fails.

    python scripts/mutate.py [MODULE ...] [--missed] [--workers 2]

A mutant swaps + and -, or * and /, drops a minus sign, adds 1 to a number (a factor, an exponent, an index), turns a
comparison round, or swaps sin and cos. Each is written to a copy of the tree, where the tests of its module run until
the first failure. Mutants that no test notices are listed with their line, and the script then exits with 1, except for
changes that make no difference, which are named in the script with the reason. Without a MODULE all modules are
tried, which takes many hours.

Writes results/mutation/MODULE: report.json, meta.json.
"""

from __future__ import annotations

import ast
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import common

from jaxleggett.output import provenance

FOLDER = common.RESULTS / "mutation"

# The modules that hold formulas, the functions in them that do (None: all), and the tests that must notice.
PLAN: dict[str, tuple[set[str] | None, list[str]]] = {
    "correlation": (None, ["test_correlation.py"]),
    "states": ({"density_matrix", "_correlation", "with_visibility", "bell_diagonal", "pure"}, ["test_states.py"]),
    "sphere": (None, ["test_sphere.py"]),
    **{
        f"models/{name}": (None, ["models"])  # a model's methods are used by the tests of all of them
        for name in ("werner", "white_noise", "finite", "mixtures")
    },
    "models/interface": ({"marginals", "interpolated"}, ["models/test_interface.py", "models/test_werner.py"]),
    "models/events": ({"outcomes"}, ["models/test_events.py"]),
    "kernels/chunks": (
        {
            *("hidden_vectors", "interpolations", "chunk_sums", "stream", "at_once", "_add", "_merge"),
            *("_at_point", "_all_pairs", "add_chunk", "witnesses"),
        },
        ["kernels/test_chunks.py", "verification/test_montecarlo.py"],
    ),
    "kernels/interpolated": (
        {"interpolated_sums", "_projections", "_moduli", "stream_moduli", "moduli_at_once"},
        ["kernels/test_chunks.py"],
    ),
    "kernels/folding": (None, ["kernels/test_folding.py"]),
    "kernels/lanes": (None, ["kernels/test_chunks.py", "kernels/test_folding.py"]),
    "kernels/points": ({"quadrature_averages"}, ["kernels/test_points.py"]),
    "verification/verdicts": (
        {"_figures_of", "negative", "tolerance", "merged"},
        ["verification/test_verdicts.py", "verification/test_run.py"],
    ),
    "verification/admission": ({"shares", "between"}, ["verification/test_run.py", "verification/test_admission.py"]),
    "joint_rotations": (None, ["test_joint_rotations.py", "thresholds/test_canonical_form.py"]),
    "inequalities/inequality": (
        {"normalised", "at", "value", "threshold"},
        ["inequalities/test_inequality.py"],
    ),
    "inequalities/published": (None, ["inequalities/test_inequality.py"]),
    # How a search goes is no formula, what it minimises is.
    "inequalities/worst_vectors": (
        {"at", "prices_of", "worst_vectors", "bounded_inequality"},
        ["inequalities/test_worst_vectors.py", "inequalities/test_inequality.py"],
    ),
    "thresholds/canonical_form": (
        {"of", "invariants", "correlator", "gauged", "outside", "_frame", "_modulus", "averaged_kernel"},
        ["thresholds/test_canonical_form.py"],
    ),
    "thresholds/separable": (None, ["thresholds/test_separable.py"]),
    "thresholds/finite_settings": (
        {"_between", "inequality_of", "upper"},
        ["thresholds/test_finite_settings.py", "thresholds/test_certificates.py"],
    ),
    "thresholds/all_settings": (None, ["thresholds/test_all_settings.py"]),
    "thresholds/everywhere": (None, ["thresholds/test_all_settings.py"]),
    "proofs/werner": (None, ["test_joint_rotations.py"]),
    "proofs/pure_states": (None, ["proofs/test_pure_states.py"]),
    "proofs/branch_and_bound": ({"enclose"}, ["proofs/test_branch_and_bound.py"]),
    "proofs/symmetries": ({"with_symmetries", "_candidates"}, ["proofs/test_symmetries.py"]),
    "proofs/checker/cells": (None, ["proofs/checker/test_cells.py", "proofs/checker/test_bounds.py"]),
    "proofs/checker/circle": (None, ["proofs/checker/test_circle.py", "proofs/checker/test_bounds.py"]),
    "proofs/checker/above": (None, ["proofs/checker/test_bounds.py", "proofs/test_branch_and_bound.py"]),
    "proofs/checker/below": (None, ["proofs/checker/test_bounds.py"]),
    "proofs/checker/symmetry": (None, ["proofs/test_symmetries.py"]),
    "proofs/checker/search": (None, ["proofs/checker/test_bounds.py"]),
    "proofs/checker/isotropic": (None, ["proofs/checker/test_certificate.py"]),
    "proofs/checker/claims": (None, ["proofs/checker/test_certificate.py", "thresholds/test_certificates.py"]),
}  # fmt: skip

# Changes that make no difference, by module, function and change, and why.
CLAMPED = "JAX clamps an index beyond the end"
ANY_NEGATIVE = "any negative length of an axis is inferred"
EQUIVALENT = {
    ("kernels/folding", "folded", "0  ->  1"): "all arrays are of one type",
    ("kernels/lanes", "a_few", "-(-number // CENTRE)  ->  +(-number // CENTRE)"): "as many, counted from the end",
    ("kernels/lanes", "filled", "len(u) - 1  ->  len(u) + 1"): CLAMPED,
    ("kernels/interpolated", "stream_moduli", "1  ->  2"): "a number of groups, of which any will do",
    ("kernels/interpolated", "stream_moduli", "0  ->  1"): f"{CLAMPED}: an axis of one",
    ("correlation", "probabilities", "x * y  ->  x / y"): "y is +1 or -1",
    ("states", "_correlation", "3  ->  4"): f"{CLAMPED}, and dot reads three components",
    ("models/werner", "_norm", "1  ->  2"): "stands in for a root that is not taken",
    ("models/mixtures", "_normal_to", "2  ->  3"): CLAMPED,
    ("models/mixtures", "_second", "1  ->  2"): CLAMPED,
    ("models/finite", "opposite", "1  ->  2"): "stands in for a length of 0; or for weights above 1, by rounding alone",
    ("models/werner", "quadrature", "-1  ->  +1"): "the last axis of two",
    ("models/werner", "quadrature", "3  ->  4"): f"{CLAMPED}, and dot reads three components",
    ("models/werner", "quadrature", "2  ->  3"): CLAMPED,
    (
        "models/white_noise",
        "lattice",
        "index.astype(float)[:, None] * step + shift  ->  index.astype(float)[:, None] * step - shift",
    ): ("a random shift either way"),
    ("models/white_noise", "lattice", "3  ->  4"): CLAMPED,
    ("models/white_noise", "lattice", "0  ->  1"): "all three arrays are of one length",
    (
        "models/mixtures",
        "mixture",
        "joint.ravel() / joint.sum()  ->  joint.ravel() * joint.sum()",
    ): "the sum is 1 to rounding",
    ("models/mixtures", "mixture", "1  ->  2"): ANY_NEGATIVE,
    ("sphere", "fibonacci", "1  ->  2"): "turns of a whole circle",
    ("sphere", "fibonacci", "position * GOLDEN  ->  position / GOLDEN"): "1/g = 1 + g: the same modulo 1",
    ("sphere", "rotated_half_fibonacci", "1  ->  2"): "turns of a whole circle",
    ("sphere", "rotated_half_fibonacci", "jnp.asarray(index) * GOLDEN  ->  jnp.asarray(index) / GOLDEN"): (
        "1/g = 1 + g: the same modulo 1"
    ),
    ("sphere", "turned", "-1  ->  +1"): "the last axis of two",
    ("sphere", "orthogonal_axes", "2  ->  3"): "what counts as vanished, in roundings",
    ("sphere", "orthogonal_axes", "4  ->  5"): "what counts as vanished, in roundings",
    ("sphere", "octant_rule", "12  ->  13"): "one node more than needed",
    ("sphere", "octant_rule", "1  ->  2"): ANY_NEGATIVE,
    ("sphere", "equatorial_directions", "-1  ->  +1"): "the last axis of two",
    ("sphere", "icosahedron_axes", "1 + np.sqrt(5)  ->  1 - np.sqrt(5)"): "the conjugate gives an icosahedron too",
    ("verification/admission", "between", "-1  ->  +1"): "the last of two ends",
    ("kernels/points", "quadrature_averages", "64  ->  65"): "how many pairs are worked through together",
    ("verification/verdicts", "_figures_of", "1  ->  2"): "components beyond the third, which dot does not read",
}

SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
TURNS = {ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.LtE: ast.Gt}
NAMES = {"sin": "cos", "cos": "sin"}


def mutants(source: str, functions: set[str] | None) -> Iterator[tuple[int, str, str, str]]:
    """Line, function, description and source of every mutant of a module."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        if not isinstance(node, ast.FunctionDef) or (functions is not None and node.name not in functions):
            continue
        for inner in range(sum(1 for _ in ast.walk(node))):
            changed = copy.deepcopy(tree)
            function = next(n for i, n in enumerate(ast.walk(changed)) if i == number)
            target = next(n for i, n in enumerate(ast.walk(function)) if i == inner)
            what = _mutate(target)
            if what:
                yield getattr(target, "lineno", 0), node.name, what, ast.unparse(ast.fix_missing_locations(changed))


def _mutate(node: ast.AST) -> str | None:
    """Change one node in place; say how, or return None if there is nothing to change."""
    before = ast.unparse(node) if isinstance(node, ast.expr) else ""
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
        node.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node.op = ast.UAdd()
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in TURNS:
        node.ops[0] = TURNS[type(node.ops[0])]()
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        node.value = node.value + 1  # type: ignore[operator]
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        node.attr = NAMES[node.attr]
    else:
        return None
    return f"{before}  ->  {ast.unparse(node)}"


def _report(module: str) -> Path:
    """Where what was found of a module is kept."""
    return FOLDER / module / "report.json"


def _missed(module: str) -> set[tuple[int, str, str]]:
    """Line, function and change of what the last report of a module lists."""
    report = json.loads(_report(module).read_text())
    return {(miss["line"], miss["function"], miss["change"]) for miss in report["not_noticed"]}


def main() -> int:
    """Make the mutants, run the tests on each, report; 1 where one that makes a difference survived."""
    parser = common.parser(__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"some of {', '.join(PLAN)}")
    parser.add_argument("--missed", action="store_true", help="only what the last report lists as not noticed")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes [as many as there are cores]")
    asked = parser.parse_args()
    modules = asked.modules or list(PLAN)
    if unknown := set(modules) - set(PLAN):
        parser.error(f"MODULE must be one of {', '.join(PLAN)}, but is {unknown.pop()!r}")
    if asked.missed and (new := [module for module in modules if not _report(module).exists()]):
        parser.error(f"--missed needs an earlier report of each MODULE, but there is none of {', '.join(new)}")

    started = time.time()
    # The commit that is copied and tested, whatever happens to the tree meanwhile.
    origin = provenance.provenance(common.command())
    copies: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory() as scratch:
        for worker in range(asked.workers):
            tree = Path(scratch) / str(worker)
            for part in ("jaxleggett", "tests", "pyproject.toml"):
                whole = common.ROOT / part
                if whole.is_dir():
                    shutil.copytree(whole, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(whole, tree / part)
            copies.put(tree)

        def noticed(job: tuple[str, int, str, str, str]) -> bool:
            module, line, function, what, source = job
            tree = copies.get()
            path = tree / "jaxleggett" / f"{module}.py"
            original = path.read_text()
            path.write_text(source)
            try:
                tests = [f"tests/{name}" for name in PLAN[module][1]]
                which = ["-m", "not slow and not gpu", *tests]
                command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *which]
                environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
                # What a mutant does not touch is compiled once for all of them.
                environment["JAXLEGGETT_COMPILED"] = str(Path(scratch) / "compiled")
                # A mutant that hangs has been noticed too.
                done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=600)
                failed = done.returncode != 0
            except subprocess.TimeoutExpired:
                failed = True
            finally:
                path.write_text(original)
                copies.put(tree)
            print(f"{'noticed ' if failed else 'SURVIVED'}  {module}.py:{line} {function}  {what}", flush=True)
            return failed

        jobs = [
            (module, *mutant)
            for module in modules
            for mutant in mutants((common.ROOT / "jaxleggett" / f"{module}.py").read_text(), PLAN[module][0])
        ]
        total = {module: sum(job[0] == module for job in jobs) for module in modules}
        if asked.missed:
            jobs = [job for job in jobs if (job[1], job[2], job[3]) in _missed(job[0])]
        with ThreadPoolExecutor(asked.workers) as pool:
            outcome = list(pool.map(noticed, jobs))

    survived = 0
    for module in modules:
        mine = [(job, fine) for job, fine in zip(jobs, outcome, strict=True) if job[0] == module]
        missed = [{"line": job[1], "function": job[2], "change": job[3]} for job, fine in mine if not fine]
        for miss in missed:
            miss["equivalent"] = EQUIVALENT.get((module, miss["function"], miss["change"]))
        survived += sum(miss["equivalent"] is None for miss in missed)
        folder = FOLDER / module
        folder.mkdir(parents=True, exist_ok=True)
        provenance.write_json(_report(module), {"mutants": total[module], "not_noticed": missed})
        provenance.write_json(folder / provenance.META, {**origin, "seconds": time.time() - started})
    print(f"\n{len(jobs)} mutants, {survived} survived that make a difference")
    return int(survived > 0)


if __name__ == "__main__":
    common.leave(main)
