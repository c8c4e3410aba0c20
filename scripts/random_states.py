"""Thresholds of random mixed states at all settings: does every one come in time, and does every bracket hold?

    python scripts/random_states.py [--states 200] [--workers 2]

Six kinds of states in turn: Hilbert-Schmidt, rank 2, rank 3, noisy pure, nearly product, near the edge of the
separable ones. Each bracket is held against `Threshold.check`, which tests it by other code than the solver's, and
against the visibility up to which the partial transpose is positive. Writes results/random_states: states.json,
meta.json. Takes about twenty minutes on two cores. Exits with 1 where a bracket is wrong or late.
"""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import common
import numpy as np
from common import random_density_matrix

import jaxleggett as jl
from jaxleggett.output import provenance

FOLDER = common.RESULTS / "random_states"

TOLERANCE, TIME_LIMIT = 5e-3, 60.0

LATEST = 1.1 * TIME_LIMIT + 2
"""Seconds after which an answer is late."""

KINDS = ("hilbert_schmidt", "rank_2", "rank_3", "noisy_pure", "nearly_product", "nearly_separable")


def lowest_transposed(rho: np.ndarray) -> float:
    """The least eigenvalue of the partial transpose."""
    return float(np.linalg.eigvalsh(rho.reshape(2, 2, 2, 2).swapaxes(1, 3).reshape(4, 4))[0])


def state(kind: str, rng: np.random.Generator) -> np.ndarray:
    """A random density matrix of a kind."""
    if kind == "noisy_pure":
        noise = rng.uniform(0.005, 0.1)
        return (1 - noise) * random_density_matrix(rng, 1) + noise * random_density_matrix(rng, 4)
    if kind == "nearly_product":
        a, b = (rng.normal(size=2) + 1j * rng.normal(size=2) for _ in range(2))
        ket = np.kron(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
        noise = rng.uniform(0.005, 0.1)
        return (1 - noise) * np.outer(ket, ket.conj()) + noise * random_density_matrix(rng, 1)
    if kind == "nearly_separable":
        rho = random_density_matrix(rng, 2)
        V = min(1.0, rng.uniform(0.98, 1.05) / (1 - 4 * min(lowest_transposed(rho), 0)))
        return V * rho + (1 - V) * np.eye(4) / 4
    return random_density_matrix(rng, {"hilbert_schmidt": 4, "rank_2": 2, "rank_3": 3}[kind])


def one(number: int) -> dict[str, Any]:
    """The row of the table for state `number`."""
    kind = KINDS[number % len(KINDS)]
    rho = state(kind, np.random.default_rng([2026, number]))
    least = lowest_transposed(rho)
    found = common.finished(
        jl.threshold(jl.TwoQubitState.from_density_matrix(rho), tolerance=TOLERANCE, time_limit=TIME_LIMIT)
    )
    wrong = None
    try:
        found.check()
    except ArithmeticError as error:
        wrong = str(error)
    if found.upper < 1 / (1 - 4 * min(least, 0)) - 1e-9:
        wrong = "the upper bound excludes a separable state"
    return {
        "state": number,
        "kind": kind,
        "least_eigenvalue_of_partial_transpose": least,
        "lower": found.lower,
        "upper": found.upper,
        "status": found.status,
        "certified": found.certified,
        "seconds": found.seconds,
        "late": found.seconds > LATEST,
        "wrong": wrong,
    }


def main() -> int:
    """Run, print, write; 1 where a bracket is wrong or late."""
    parser = common.parser(__doc__)
    parser.add_argument("--states", type=int, default=200, help="number of states [200]")
    parser.add_argument("--workers", type=int, default=2, help="processes [2]")
    asked = parser.parse_args()
    started = time.time()
    rows = []
    with ProcessPoolExecutor(asked.workers, multiprocessing.get_context("spawn")) as pool:
        for row in pool.map(one, range(asked.states)):
            rows.append(row)
            bracket = f"[{row['lower']:.6f}, {row['upper']:.6f}]"
            print(f"{row['state']:4} {row['kind']:16} {bracket} {row['status']:10} {row['seconds']:5.1f} s", flush=True)
            if row["wrong"]:
                print(f"     WRONG: {row['wrong']}")
    print(f"\n{'kind':18}converged  other  slowest")
    for kind in KINDS:
        mine = [row for row in rows if row["kind"] == kind]
        converged = sum(row["status"] == "converged" for row in mine)
        slowest = max((row["seconds"] for row in mine), default=0.0)
        print(f"{kind:18}{converged:9}  {len(mine) - converged:5}  {slowest:5.1f} s")
    faults = sum(bool(row["wrong"] or row["late"]) for row in rows)
    print(f"{sum(row['status'] == 'converged' for row in rows)} of {len(rows)} converged, {faults} wrong or late")
    FOLDER.mkdir(parents=True, exist_ok=True)
    provenance.write_json(FOLDER / "states.json", rows)
    common.write_meta(FOLDER, tolerance=TOLERANCE, time_limit=TIME_LIMIT, seconds=time.time() - started)
    return int(faults > 0)


if __name__ == "__main__":
    common.leave(main)
