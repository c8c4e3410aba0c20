"""Is there a pair of three-outcome POVMs whose statistics at some V below V_c have no Leggett model with u uniform?

    python scripts/search_povms.py [--pairs 10240] [--steps 100] [--seed 0]

For three outcomes a side the largest cost of a coupling is known on all of its 108 cones, whose 30 rays are binary
splittings, which docs/POVMS.md settles up to V_c, and relabelings of one other inequality: with the marginals p(u),
q(-u) and the targets T,

    E max(0, p_3 - q_1, q_3 - p_1)  <=  T_23 + T_32 + T_33.                                                        (1)

(That these are all was found numerically and is not proved here.) (1) is affine in V: it fails above one V for each
pair, which is lowered by gradients (Adam) over many pairs at once, their effects being S^(-1/2) |x_i><x_i| S^(-1/2), S
the sum. The mean is taken over a Fibonacci lattice with opposites; pairs that come close to V_c are evaluated again on
finer ones, the lowest by the programme over couplings, too. Writes results/povm_search: report.json, meta.json. Takes a
few minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxleggett._numerics import double_precision
from jaxleggett.lp.restricted_programme import SolverError
from jaxleggett.output import provenance
from jaxleggett.povms import Povm, even_ensemble, largest_visibility

FOLDER = Path(__file__).parent.parent / "results" / "povm_search"

V_C = (1 + np.sqrt(0.5)) / 2

LATTICE, FINER, FINEST, COUPLED = 150, 20_000, 500_000, 150
"""Directions, with their opposites: while searching, near V_c, for the lowest pairs, and for couplings."""

BATCH = 1024
"""Pairs that are improved together."""

NEAR = 5e-3
"""How close to V_c, or below, a pair is evaluated again."""

LOWEST = 12
"""Pairs that are looked at again."""


def effects(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Weights (3,) and weighted vectors (3, 3) of the POVM of x (3, 4), real and imaginary parts of three vectors."""
    z = x[:, :2] + 1j * x[:, 2:]
    S = jnp.einsum("ia,ib->ab", z, z.conj())
    root = jnp.sqrt(jnp.real(S[0, 0] * S[1, 1] - S[0, 1] * S[1, 0]))
    # S^(1/2) = (S + sqrt(det S)) / sqrt(tr S + 2 sqrt(det S)), for 2 x 2 matrices
    half = (S + root * jnp.eye(2)) / jnp.sqrt(jnp.real(jnp.trace(S)) + 2 * root)
    y = jnp.linalg.solve(half, z.T).T
    a, b = y[:, 0], y[:, 1]
    cross = a.conj() * b
    w = (jnp.abs(a) ** 2 + jnp.abs(b) ** 2) / 2
    return w, jnp.stack([jnp.real(cross), jnp.imag(cross), (jnp.abs(a) ** 2 - jnp.abs(b) ** 2) / 2], axis=1)


def threshold(x: jax.Array, u: jax.Array) -> jax.Array:
    """The V above which (1) fails for the pair x (2, 3, 4); 2 where it fails nowhere."""
    (m, r), (n, s) = effects(x[0]), effects(x[1])
    p, q = m + u @ r.T, n - u @ s.T
    mean = jnp.maximum(0, jnp.maximum(p[:, 2] - q[:, 0], q[:, 2] - p[:, 0])).mean()
    flat, slope = jnp.outer(m, n), -(r @ s.T)
    total, fall = (t[1, 2] + t[2, 1] + t[2, 2] for t in (flat, slope))
    return jnp.where(fall < -1e-6, jnp.minimum((total - mean) / jnp.maximum(-fall, 1e-6), 2.0), 2.0)


def main() -> None:
    """Search, look again, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_240)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    started = time.time()
    with double_precision():
        u = jnp.asarray(even_ensemble(LATTICE))
        optimiser = optax.adam(optax.cosine_decay_schedule(0.05, asked.steps))
        value = jax.jit(jax.vmap(threshold, in_axes=(0, None)))

        @jax.jit
        def step(x: jax.Array, state: optax.OptState) -> tuple[jax.Array, optax.OptState]:
            slope = jnp.nan_to_num(jax.grad(lambda x: value(x, u).sum())(x))
            change, state = optimiser.update(slope, state)
            return jnp.asarray(optax.apply_updates(x, change)), state

        found, before, after = [], [], []
        for batch in range(-(-asked.pairs // BATCH)):
            x = jax.random.normal(jax.random.fold_in(jax.random.key(asked.seed), batch), (BATCH, 2, 3, 4))
            state = optimiser.init(x)
            before.append(np.asarray(value(x, u)))
            for _ in range(asked.steps):
                x, state = step(x, state)
            found.append(np.asarray(x))
            after.append(np.nan_to_num(np.asarray(value(x, u)), nan=2.0))
            if sys.stderr.isatty():
                print(f"\r{(batch + 1) * BATCH} pairs", end="", file=sys.stderr, flush=True)
        x, first, last = (np.concatenate(parts) for parts in (found, before, after))
        near = np.flatnonzero(last < V_C + NEAR)
        finer, finest = (jnp.asarray(even_ensemble(number)) for number in (FINER, FINEST))
        evaluated = jax.jit(threshold)
        again = np.array([float(evaluated(x[i], finer)) for i in near])
        last[near] = again
        lowest = []
        for i in np.argsort(last)[:LOWEST]:
            pair = [Povm(np.asarray(w), np.asarray(v) / np.asarray(w)[:, None]) for w, v in map(effects, x[i])]
            try:
                coupled = largest_visibility(pair[0], pair[1], even_ensemble(COUPLED)).visibility
            except SolverError:  # effects of nearly no weight
                coupled = None
            lowest.append(
                {
                    "finer": float(last[i]),
                    "finest": float(evaluated(x[i], finest)),
                    "couplings": coupled,
                    "alice": {"weights": pair[0].weights.tolist(), "vectors": pair[0].vectors.tolist()},
                    "bob": {"weights": pair[1].weights.tolist(), "vectors": pair[1].vectors.tolist()},
                }
            )
            print(f"V = {last[i]:.7f}, {lowest[-1]['finest']:.7f} on the finest lattice, {coupled} by couplings")
    least = min(entry["finest"] for entry in lowest)
    print(f"{len(x)} pairs: median {np.median(first):.4f} before, {np.median(last):.4f} after; {len(near)} near V_c;")
    print(f"lowest {least:.7f}, where V_c = {V_C:.7f}")
    counts, edges = np.histogram(last, np.linspace(0.84, 1.0, 33))
    content = {
        "asked": vars(asked),
        "lowest": lowest,
        "near_critical": len(near),
        "least": least,
        "critical": float(V_C),
        "median_before": float(np.median(first)),
        "median_after": float(np.median(last)),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    provenance.write_json(FOLDER / "report.json", content)
    command = ["python", "scripts/search_povms.py", *sys.argv[1:]]
    provenance.write_json(FOLDER / provenance.META, provenance.provenance(command, seconds=time.time() - started))


if __name__ == "__main__":
    main()
