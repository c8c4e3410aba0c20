"""Mutated files and command lines, each of which must be answered, or refused in one sentence.

    python scripts/fuzz.py [--cases 1000] [--seed 0] [--workers 2] [--fresh 50]

Case i is a function of the seed and i alone: a valid file (settings, a state, an inequality, counts, trials) or command
line, changed at random. It must end with exit code 0 and nothing on stderr, or with 2, one line `error: ...` on stderr
and nothing on stdout; print JSON where it is asked for; leave no file behind where it refuses; and take no more than 60
seconds. Every case whose number is a multiple of `--fresh` runs as a process of its own, the others one after the other
in the workers.

Writes results/fuzz: fuzz.json, meta.json. Exits with 1 where a case broke these rules.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import common
import numpy as np

from jaxleggett import cli
from jaxleggett.models.registry import MODELS
from jaxleggett.output import provenance

FOLDER = common.RESULTS / "fuzz"

LIMIT = 60
"""Seconds that no case may take."""

NUMBERS = (
    "nan", "inf", "-inf", "-0", "0", "1e308", "-1e308", "1e-320", "1e400", "9" * 400, "9" * 5000, "1_0", "0x10",
    "\u0663", "null", "true", '"1"', "[]", "{}", "", " ", "1,", "1.0000005", "0.99", "-1",
)  # fmt: skip

TOKENS = (
    *NUMBERS, "\ufeff", "\0", "\r", "\n", "\n\n", '"', "'", ";", ",", "\t", "#", "[" * 5000,
    '{"inequality":' * 3000, "\udcff", "inequality", "symmetry", "theta_a", "PK\x03\x04", "\x93NUMPY",
)  # fmt: skip


class Case(NamedTuple):
    """A command line and the file that it names, if it names one."""

    kind: str
    arguments: list[str]
    name: str = "input"
    content: bytes | None = None


def settings_file(rng: np.random.Generator) -> tuple[str, bytes]:
    """Four setting pairs, in one of the ways that are read."""
    header, rows = "ax,ay,az,bx,by,bz", common.random_units(rng, 4, 2).reshape(4, 6)
    if rng.random() < 0.3:
        header, rows = "theta_a,phi_a,theta_b,phi_b", rng.uniform(0, 180, (4, 4))
    if rng.random() < 0.3:
        header, rows = "index," + header, np.column_stack([range(4), rows])
    lines = [header, *(",".join(map(str, row)) for row in rows.tolist())]
    return "s.csv", "\n".join(lines).replace(",", rng.choice([",", ";", "\t", " "])).encode()


def state_file(rng: np.random.Generator) -> tuple[str, bytes]:
    """A random mixed state, in one of the formats that are read."""
    import scipy.io

    rho = common.random_density_matrix(rng, 4)
    suffix, stream = rng.choice(["npy", "npz", "mat", "json"]), io.BytesIO()
    if suffix == "npy":
        np.save(stream, rho)
    elif suffix == "npz":
        np.savez(stream, rho=rho)
    elif suffix == "mat":
        scipy.io.savemat(stream, {"rho": rho}, do_compression=bool(rng.random() < 0.5))
    else:
        lists = {"real": rho.real.tolist(), "imag": rho.imag.tolist()}
        pairs = np.stack([rho.real, rho.imag], axis=-1).tolist()
        stream.write(json.dumps(lists if rng.random() < 0.5 else pairs).encode())
    return f"s.{suffix}", stream.getvalue()


def inequality_file(rng: np.random.Generator) -> tuple[str, bytes]:
    """An inequality with two pairs, by itself or in a report."""
    a, b = [[1, 0, 0], [0, 1, 0]], [[0.6, 0.8, 0], [0, 0.6, 0.8]]
    g, f, h = rng.normal(size=(3, 2)).tolist()
    if rng.random() < 0.5:  # such as `search` finds, and begins with
        g, f, h = [-abs(x) for x in g], [0.0, 0.0], [0.0, 0.0]
    content: Any = {"coefficients": g, "a": a, "b": b, "alice": f, "bob": h, "bound": 9.0}
    return "i.json", json.dumps(content if rng.random() < 0.7 else {"lower": 0, "inequality": content}).encode()


RECORD = common.RESULTS / "records" / "4" / "inequality.json"
"""The inequality of counts: a small record."""

WORKED = common.RESULTS / "worked_experiment"
"""Settings of trials, with their probabilities."""


def counts_file(rng: np.random.Generator) -> tuple[str, bytes]:
    """Counts at the pairs of the record: CSV, Qiskit's dictionaries, or KwiatLab's rows at another pair."""
    record = json.loads(RECORD.read_text())
    numbers = rng.integers(0, 100, (len(record["a"]), 4)) + 1
    kind = rng.integers(3)
    if kind == 0:
        rows = np.concatenate([record["a"], record["b"], numbers], axis=1)
        lines = [",".join(f"{x:.17g}" for x in row) for row in rows.tolist()]
        return "c.csv", "\n".join(["ax,ay,az,bx,by,bz,npp,npm,nmp,nmm", *lines, ""]).encode()
    if kind == 1:
        keys = (("00", "01", "10", "11"), ("0x0", "0x1", "0x2", "0x3"), ("0 0", "0 1", "1 0", "1 1"))[rng.integers(3)]
        counts = [dict(zip(keys, row, strict=True)) for row in numbers.tolist()]
        return "c.json", json.dumps({"a": record["a"], "b": record["b"], "counts": counts}).encode()
    states = {"H": [1, 0], "V": [0, 1], "D": [0.5, 0.5], "A": [0.5, -0.5], "R": [0.5, "0.5j"], "L": [0.5, "-0.5j"]}
    rows = [{"basis": [x, y], "counts": [5, 6, int(rng.integers(9))]} for x in "HV" for y in "DA"]
    content = {"n_qubits": 2, "n_detectors_per_qubit": 1, "n_measurements_per_qubit": 6, "data": rows}
    return "c.json", json.dumps({**content, "measurement_states": states}).encode()


def trials_file(rng: np.random.Generator) -> tuple[str, bytes]:
    """Trials at the eight pairs of the worked experiment."""
    rows = zip(range(20), rng.integers(0, 8, 20), rng.choice([-1, 1], 20), rng.choice([-1, 0, 1], 20), strict=True)
    return "t.csv", "\n".join(["index,pair,alpha,beta", *(",".join(map(str, row)) for row in rows), ""]).encode()


def drawn_file(rng: np.random.Generator) -> tuple[str, bytes]:
    """Settings with probabilities."""
    return "d.csv", (WORKED / "drawn.csv").read_bytes()


def mutated(rng: np.random.Generator, content: bytes) -> bytes:
    """The content after up to three random changes."""
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        content = changed(rng, content, str(rng.choice(np.array(TOKENS, dtype=object))))
    return content


def changed(rng: np.random.Generator, content: bytes, token: str) -> bytes:
    """The content with a piece removed, repeated, garbled, or replaced by `token`; or cut short."""
    low, high = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    low = max(low, high - 40) if rng.random() < 0.8 else low
    given = token.encode("utf-8", "surrogateescape")
    fields = content.split(b",")
    fields[rng.integers(len(fields))] = given
    choices = (
        content[:low] + given + content[low:],
        content[:low] + given + content[high:],
        content[:low] + content[high:],
        content[:high],
        content[:high] + content[low:],
        content[:low] + rng.bytes(high - low) + content[high:],
        b",".join(fields),
    )
    return choices[rng.integers(len(choices))]


OPTIONS = {
    "verify": {
        "--visibility": ("0.5", "-0.1:1:3", "0:1", "0:1:1", "0:nan:3", "1.01", ":::", "0.5:0.5:1"),
        "--settings": ("random:4", "grid:2", "icosahedron", "equatorial:2", "random:0", "grid:9999", "random:", "x"),
        "--samples": ("64", "1e2", "1.5", "-1", "0", "1e300"),
        "--method": ("rqmc", "mc", "exact", "qmc"),
        "--model": (*MODELS, "leggett"),
        "--precision": ("single", "double", "half"),
    },
    "threshold": {
        "--state": ("werner", "pure:0.3", "bell-diagonal:-0.5,-0.4,-0.3", "bell-diagonal:1,1,1", "pure:", "wernr",
                    "x.npy", "bell-diagonal:0,0,0"),
        "--settings": ("random:4", "grid:2", "random:-1", "nowhere.csv", "all:"),
        "--tolerance": ("1e-2", "0", "-1", "1e-400", "1"),
        "--inequality": ("nowhere.json", "."),
        "--precision": ("double", "single"),
        "--project": ("", "1"),
        "--certify": ("", "1"),
    },
    "search": {
        "--pairs": ("2", "0", "1001", "2.5"),
        "--restarts": ("1", "0", "1e9"),
        "--symmetry": ("none", "Q", "D1", "D1e9"),
        "--start": ("nowhere.json", "."),
        "--precision": ("single", "half"),
        "--certify": ("",),
    },
    "design": {
        "--visibility": ("0.93", "0.5", "1", "0", "-1", "1.1"),
        "--pairs": ("8", "3", "0", "1e3", "1e9", "2.5"),
        "--sides": ("4x4", "8x8", "0x1", "4", "axb", "99999x1"),
        "--settings": ("random:3", "icosahedron", "nowhere.csv"),
        "--counts-per-pair": ("10", "1e12", "0"),
        "--state": ("werner", "pure:0.7", "bell-diagonal:0,0,0", "wernr"),
        "--misalignment": ("0.1", "90", "91", "-1"),
        "--precision": ("double", "single"),
    },
    "simulate": {
        "--state": ("werner", "pure:0.3", "bell-diagonal:1,-1,1", "wernr"),
        "--visibility": ("0.5", "1", "-0.1", "2"),
        "--settings": ("random:4", "grid:2", "nowhere.csv", "random:0"),
        "--counts": ("10", "0", "1e12", "1.5"),
        "--trials": ("10", "0", "1e12"),
        "--model": ("quantum", "bell"),
    },
}  # fmt: skip
"""Values of options, right ones and wrong ones. The right ones are quick."""

ANYWHERE = {"--seed": ("0", "-1", "9223372036854775808", "1e3"), "--platform": ("cpu", "tpu"), "--json": ("", "1")}

SMALL = {
    "verify": ["--samples", "64", "--settings", "random:4"],
    "threshold": ["--settings", "random:4", "--tolerance", "1e-2", "--time-limit", "5"],
    "search": ["--pairs", "2", "--restarts", "1", "--time-limit", "5"],
    "design": ["--visibility", "0.93", "--time-limit", "5"],
    "simulate": ["--settings", "random:3"],
}
"""Later values of an option replace earlier ones."""


def with_options(rng: np.random.Generator) -> Case:
    """A command line with one to three options, their values among the lists or from the tokens."""
    command = str(rng.choice(["verify", "verify", "threshold", "threshold", "search", "design", "simulate"]))
    choices = OPTIONS[command] | ANYWHERE
    arguments = [command, *SMALL[command]]
    for name in rng.choice(list(choices), rng.integers(1, 4), replace=False):
        flag = name in ("--json", "--certify", "--project")
        values = choices[name] if flag or rng.random() < 0.7 else TOKENS
        value = str(rng.choice(np.array(values, dtype=object)))
        arguments += [str(name), value] if value or not flag else [str(name)]
    # The system passes no NUL in an argument.
    return Case(f"options of {command}", [argument.replace("\0", "") for argument in arguments])


ANALYZE = ["analyze", "--resamples", "2", "--time-limit", "2"]

FILES: tuple[tuple[str, Callable[[np.random.Generator], tuple[str, bytes]], list[str]], ...] = (
    ("settings of verify", settings_file, ["verify", "--samples", "64", "--visibility", "0.5", "--settings"]),
    ("settings of threshold", settings_file, ["threshold", "--tolerance", "1e-2", "--time-limit", "5", "--settings"]),
    ("state", state_file, ["threshold", *SMALL["threshold"], "--state"]),
    ("state, projected", state_file, ["threshold", *SMALL["threshold"], "--project", "--state"]),
    ("inequality", inequality_file, ["threshold", "--tolerance", "1e-1", "--time-limit", "5", "--inequality"]),
    ("start", inequality_file, ["search", "--restarts", "1", "--time-limit", "5", "--start"]),
    ("counts", counts_file, [*ANALYZE, "--inequality", str(RECORD)]),
    (
        "trials",
        trials_file,
        [*ANALYZE, "--inequality", str(WORKED / "inequality.json"), "--settings", str(WORKED / "drawn.csv")],
    ),
    ("drawn settings", drawn_file, ["simulate", "--counts", "10", "--settings"]),
)


def case(seed: int, number: int) -> Case:
    """The case of this number."""
    rng = np.random.default_rng([seed, number])
    if rng.random() < 0.35:
        return with_options(rng)
    # `search` compiles for a while where its start is right.
    kind, make, arguments = FILES[rng.choice(len(FILES), p=[0.17, 0.1, 0.15, 0.1, 0.1, 0.03, 0.2, 0.1, 0.05])]
    name, content = make(rng)
    extra = [["--json"], ["--out", "out"], []][rng.integers(3)]
    return Case(kind, [*arguments, name, *extra], name, mutated(rng, content))


def in_process(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["jaxleggett", *arguments]),
        mock.patch.dict(os.environ),
        mock.patch.object(os, "_exit", sys.exit),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            return int(stop.code or 0), out.getvalue(), err.getvalue()
    raise AssertionError("a command line ends by leaving")


def as_process(arguments: list[str]) -> tuple[int, str, str]:
    """The same of a process of its own."""
    encoded = [argument.encode("utf-8", "surrogateescape") for argument in arguments]
    command = [sys.executable, "-m", "jaxleggett", *encoded]
    try:
        done = subprocess.run(command, capture_output=True, timeout=2 * LIMIT)
    except subprocess.TimeoutExpired:
        return -1, "", "no answer"
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def tried(case: Case, run: Callable[[list[str]], tuple[int, str, str]]) -> tuple[int, float, list[str]]:
    """Exit code, seconds, and the rules that were broken."""
    with tempfile.TemporaryDirectory() as folder:
        if case.content is not None:
            (Path(folder) / case.name).write_bytes(case.content)
        places = {case.name, "out"} if case.content is not None else set()
        arguments = [str(Path(folder) / x) if x in places else x for x in case.arguments]
        started = time.perf_counter()
        code, out, err = run(arguments)
        seconds = time.perf_counter() - started
        left = {path.name for path in Path(folder).iterdir()} - {case.name}
    return code, seconds, broken_rules(code, out, err, "--json" in arguments, left, seconds)


def broken_rules(code: int, out: str, err: str, as_json: bool, left: set[str], seconds: float) -> list[str]:
    """What is wrong with an ending: nothing, for a right one."""
    rules = [(code in (0, 2), f"exit code {code}: {err[-300:]}"), (seconds <= LIMIT, f"{seconds:.0f} s")]
    if code == 0:
        rules += [(err == "", f"on stderr: {err[:300]}"), (out != "", "no answer")]
        rules += [(not as_json or is_json(out), f"no JSON object: {out[:300]}")]
    if code == 2:
        one_line = err.startswith("error: ") and err.endswith("\n") and len(err.splitlines()) == 1
        rules += [(one_line, f"not one line: {err[:300]}"), (out == "", f"on stdout: {out[:300]}")]
        rules += [(not left, f"left behind: {sorted(left)}")]
    return [what for fine, what in rules if not fine]


def is_json(text: str) -> bool:
    """Whether this is one JSON object without NaN or infinities."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return isinstance(json.loads(text, parse_constant=refuse), dict)
    except ValueError:
        return False


def outcome(job: tuple[int, int, bool]) -> dict[str, Any]:
    """What became of a case: of (seed, number, whether as a process of its own)."""
    seed, number, fresh = job
    made = case(seed, number)
    code, seconds, broken = tried(made, as_process if fresh else in_process)
    arguments = [ascii(x)[1:-1] if len(x) < 80 else ascii(x[:77])[1:-1] + "..." for x in made.arguments]
    what = {"number": number, "kind": made.kind, "fresh": fresh, "arguments": arguments}
    return {**what, "code": code, "seconds": seconds, "broken": broken}


def main() -> int:
    """Run the cases, count, write; 1 where one broke the rules."""
    parser = common.parser(__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="number of cases [1000]")
    parser.add_argument("--seed", type=int, default=0, help="of the changes [0]")
    parser.add_argument("--workers", type=int, default=2, help="processes [2]")
    parser.add_argument("--fresh", type=int, default=50, help="one case in so many is a process of its own [50]")
    asked = parser.parse_args()
    started = time.time()
    jobs = [(asked.seed, number, number % asked.fresh == 0) for number in range(asked.cases)]
    found = []
    with multiprocessing.get_context("spawn").Pool(asked.workers) as pool:
        for one in pool.imap_unordered(outcome, jobs):
            found.append(one)
            if one["broken"]:
                print(one, flush=True)
            if len(found) % 100 == 0:
                print(f"{len(found)} cases in {time.time() - started:.0f} s", flush=True)
    found.sort(key=lambda one: one["number"])
    kinds = {
        kind: Counter(one["code"] for one in found if one["kind"] == kind)
        for kind in sorted({x["kind"] for x in found})
    }
    content = {
        "cases": len(found),
        "in_fresh_processes": sum(one["fresh"] for one in found),
        "answered": sum(one["code"] == 0 for one in found),
        "refused": sum(one["code"] == 2 for one in found),
        "exit_codes": {kind: {str(code): n for code, n in sorted(codes.items())} for kind, codes in kinds.items()},
        "slowest_seconds": max(one["seconds"] for one in found),
        "broken": [one for one in found if one["broken"]],
    }
    print(json.dumps({name: x for name, x in content.items() if name != "broken"}, indent=1))
    FOLDER.mkdir(parents=True, exist_ok=True)
    provenance.write_json(FOLDER / "fuzz.json", content)
    common.write_meta(FOLDER, seconds=time.time() - started)
    return int(bool(content["broken"]))


if __name__ == "__main__":
    common.leave(main)
