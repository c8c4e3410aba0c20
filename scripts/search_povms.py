"""Is there a pair of POVMs whose statistics at some V below V_c have no Leggett model with u uniform?

    python scripts/search_povms.py [--outcomes 3 3] [--prices] [--pairs 10240] [--steps 100] [--seed 0]

With the marginals p(u), q(-u) and the targets T(V) every model obeys, for all prices z,

    z.T(V)  <=  E max {z.x : x couples p(u), q(-u)}.                                                               (1)

Extremal POVMs of a qubit have at most four outcomes (G. M. D'Ariano, P. Lo Presti, P. Perinotti, J. Phys. A 38, 5979,
2005). For three a side, the default, the largest cost of a coupling is known on all of its 108 cones, whose 30 rays are
binary splittings, which docs/POVMS.md settles up to V_c, and relabelings of one other,

    E max(0, p_3 - q_1, q_3 - p_1)  <=  T_23 + T_32 + T_33.                                                        (2)

(That these are all was found numerically and is not proved here.) With `--prices`, and for more outcomes, z is searched
for as well; the right-hand side is then bounded from above by potentials b, sum_i p_i max_j (z_ij - b_j) + sum_j
q_j b_j, which Sinkhorn's iteration finds nearly (M. Cuturi, NIPS 2013): what breaks (1) with them breaks it.

Either is affine in V: it fails above one V for each pair, which is lowered by gradients (Adam) over many pairs at once,
their effects being S^(-1/2) |x_i><x_i| S^(-1/2), S the sum. The mean is taken over a Fibonacci lattice with opposites;
pairs that come close to V_c are evaluated again on finer ones, the lowest by the programme over couplings, too. Writes
results/povm_search/NxM, or NxM-prices with `--prices`: report.json, meta.json. Takes minutes on two cores, with prices
about half an hour.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

import common
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxleggett as jl
from jaxleggett._numerics import double_precision
from jaxleggett.lp.restricted_programme import SolverError
from jaxleggett.output import provenance
from jaxleggett.povms import Povm, even_ensemble, largest_visibility

FOLDER = common.RESULTS / "povm_search"

V_C = float(jl.CRITICAL_VISIBILITY)

COUPLED = 150
"""Directions, with their opposites, for couplings of the lowest pairs."""

NEAR = 5e-3
"""How close to V_c, or below, a pair is evaluated again."""

LOWEST = 12
"""Pairs that are looked at again."""

SOFTEST, HARDEST = 0.1, 0.01
"""Temperatures of Sinkhorn's iteration at the first and at the last step, prices having root mean square 1."""

COLD, MANY = 1e-3, 400
"""Temperature and rounds where a pair is evaluated again."""

ROUNDS = 15
"""Rounds of Sinkhorn's iteration at each step, from the potentials of the step before."""


@dataclass(frozen=True)
class Lattices:
    """Directions, with their opposites, while searching, near V_c, for the lowest pairs; pairs improved together."""

    coarse: int
    finer: int
    finest: int
    batch: int


OF_SPLITTINGS = Lattices(150, 20_000, 500_000, 1024)
OF_PRICES = Lattices(100, 2_000, 20_000, 512)


class Guess(NamedTuple):
    """A pair of POVMs, (n, 4) and (m, 4) as `effects` has them, with prices z (n, m), which (2) has no use for."""

    alice: jax.Array
    bob: jax.Array
    z: jax.Array


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


def above(total: jax.Array, mean: jax.Array, fall: jax.Array) -> jax.Array:
    """The V above which mean <= total + V fall fails; 2 where there is none."""
    return jnp.where(fall < -1e-5, (total - mean) / jnp.maximum(-fall, 1e-5), 2.0)


def by_splittings(
    guess: Guess, b: jax.Array, u: jax.Array, temperature: float, rounds: int
) -> tuple[jax.Array, jax.Array]:
    """The V above which (2) fails; what belongs to potentials is left alone."""
    (m, r), (n, s) = effects(guess.alice), effects(guess.bob)
    p, q = m + u @ r.T, n - u @ s.T
    mean = jnp.maximum(0, jnp.maximum(p[:, 2] - q[:, 0], q[:, 2] - p[:, 0])).mean()
    flat, slope = jnp.outer(m, n), -(r @ s.T)
    total, fall = (t[1, 2] + t[2, 1] + t[2, 2] for t in (flat, slope))
    return above(total, mean, fall), b


def by_prices(
    guess: Guess, b: jax.Array, u: jax.Array, temperatures: tuple[float, float], rounds: int
) -> tuple[jax.Array, jax.Array]:
    """The V above which (1) fails at these prices, with the potentials b (K, m) that show it.

    Potentials are improved from those given by `rounds` of Sinkhorn's iteration between two `temperatures`.
    """
    (m, r), (n, s) = effects(guess.alice), effects(guess.bob)
    p, q = m + u @ r.T, n - u @ s.T
    z = guess.z / jnp.sqrt((guess.z**2).mean())
    fixed = jax.lax.stop_gradient(z)
    log_p, log_q = (jax.lax.stop_gradient(jnp.log(jnp.maximum(t, 1e-12))) for t in (p, q))

    def sinkhorn(done: int, b: jax.Array) -> jax.Array:
        temperature = temperatures[0] * (temperatures[1] / temperatures[0]) ** (done / rounds)
        a = temperature * jax.nn.logsumexp((fixed - b[:, None, :]) / temperature + log_q[:, None, :], axis=2)
        return temperature * jax.nn.logsumexp((fixed - a[:, :, None]) / temperature + log_p[:, :, None], axis=1)

    # At the best potentials the bound's slope is that at fixed ones (envelope theorem).
    b = jax.lax.stop_gradient(jax.lax.fori_loop(0, rounds, sinkhorn, b))
    most = ((p * (z - b[:, None, :]).max(2)).sum(1) + (q * b).sum(1)).mean()
    return above(-jnp.vdot(z, jnp.outer(m, n)), -most, jnp.vdot(z, r @ s.T)), b


def first(key: jax.Array, batch: int, outcomes: tuple[int, int]) -> Guess:
    """Random pairs, with prices near those of anticorrelated outcomes."""
    n, m = outcomes
    keys = jax.random.split(key, 3)
    x, y = jax.random.normal(keys[0], (batch, n, 4)), jax.random.normal(keys[1], (batch, m, 4))
    (w_A, r), (w_B, s) = jax.vmap(effects)(x), jax.vmap(effects)(y)
    z = -jnp.einsum("kix,kjx->kij", r / w_A[..., None], s / w_B[..., None])
    return Guess(x, y, z + 0.5 * jax.random.normal(keys[2], (batch, n, m)))


def main() -> None:
    """Search, look again, save."""
    parser = common.parser(__doc__)
    number_of = {"type": int, "nargs": 2, "metavar": ("N", "M")}
    parser.add_argument("--outcomes", **number_of, default=(3, 3), help="outcomes of Alice's and Bob's POVMs [3 3]")
    parser.add_argument("--prices", action="store_true", help="search prices where (2) would do, too")
    parser.add_argument("--pairs", type=int, default=10_240, help="random pairs of POVMs to begin with [10240]")
    parser.add_argument("--steps", type=int, default=100, help="gradient steps [100]")
    parser.add_argument("--seed", type=int, default=0, help="of the random pairs [0]")
    asked = parser.parse_args()
    prices = asked.prices or tuple(asked.outcomes) != (3, 3)
    threshold, lattices = (by_prices, OF_PRICES) if prices else (by_splittings, OF_SPLITTINGS)
    started = time.time()
    with double_precision():
        u = jnp.asarray(even_ensemble(lattices.coarse))
        optimiser = optax.adam(optax.cosine_decay_schedule(0.05, asked.steps))
        value = jax.jit(jax.vmap(threshold, in_axes=(0, 0, None, None, None)), static_argnums=4)

        @jax.jit
        def step(
            x: Guess, b: jax.Array, state: optax.OptState, temperature: float
        ) -> tuple[Guess, jax.Array, optax.OptState]:
            def total(x: Guess) -> tuple[jax.Array, jax.Array]:
                V, improved = value(x, b, u, (temperature, temperature), ROUNDS)
                return V.sum(), improved

            slope, improved = jax.grad(total, has_aux=True)(x)
            change, state = optimiser.update(jax.tree.map(jnp.nan_to_num, slope), state)
            return jax.tree.map(jnp.add, x, change), improved, state

        guesses, before, after = [], [], []
        for batch in range(-(-asked.pairs // lattices.batch)):
            key = jax.random.fold_in(jax.random.key(asked.seed), batch)
            x = first(key, lattices.batch, tuple(asked.outcomes))
            state, b = optimiser.init(x), jnp.zeros((lattices.batch, len(u), asked.outcomes[1]))
            before.append(np.asarray(value(x, b, u, (HARDEST, COLD), MANY)[0]))
            for number in range(asked.steps):
                temperature = SOFTEST * (HARDEST / SOFTEST) ** (number / asked.steps)
                x, b, state = step(x, b, state, temperature)
            guesses.append(x)
            after.append(np.nan_to_num(np.asarray(value(x, b, u, (HARDEST, COLD), MANY)[0]), nan=2.0))
            if sys.stderr.isatty():
                print(f"\r{(batch + 1) * lattices.batch} pairs", end="", file=sys.stderr, flush=True)
        x = jax.tree.map(lambda *parts: np.concatenate(parts), *guesses)
        first_V, last = np.concatenate(before), np.concatenate(after)
        near = np.flatnonzero(last < V_C + NEAR)
        evaluated = jax.jit(threshold, static_argnums=4)

        def again(i: int, number: int) -> float:
            directions = jnp.asarray(even_ensemble(number))
            start = jnp.zeros((len(directions), asked.outcomes[1]))
            return float(evaluated(jax.tree.map(lambda part: part[i], x), start, directions, (SOFTEST, COLD), MANY)[0])

        last[near] = [again(int(i), lattices.finer) for i in near]
        lowest = []
        for i in np.argsort(last)[:LOWEST]:
            pair = [
                Povm(np.asarray(w), np.asarray(v) / np.asarray(w)[:, None])
                for w, v in map(effects, (x.alice[i], x.bob[i]))
            ]
            try:
                coupled = largest_visibility(pair[0], pair[1], even_ensemble(COUPLED)).visibility
            except SolverError:  # effects of nearly no weight
                coupled = None
            lowest.append(
                {
                    "finer": float(last[i]),
                    "finest": again(int(i), lattices.finest),
                    "couplings": coupled,
                    "alice": {"weights": pair[0].weights.tolist(), "vectors": pair[0].vectors.tolist()},
                    "bob": {"weights": pair[1].weights.tolist(), "vectors": pair[1].vectors.tolist()},
                }
            )
            print(f"V = {last[i]:.7f}, {lowest[-1]['finest']:.7f} on the finest lattice, {coupled} by couplings")
    least = min(entry["finest"] for entry in lowest)
    print(
        f"{len(last)} pairs: median {np.median(first_V):.4f} before, {np.median(last):.4f} after; {len(near)} near V_c;"
    )
    print(f"lowest {least:.7f}, where V_c = {V_C:.7f}")
    counts, edges = np.histogram(last, np.linspace(0.84, 1.0, 33))
    content = {
        "asked": vars(asked),
        "lowest": lowest,
        "near_critical": len(near),
        "least": least,
        "critical": V_C,
        "median_before": float(np.median(first_V)),
        "median_after": float(np.median(last)),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }
    folder = FOLDER / ("{}x{}".format(*asked.outcomes) + "-prices" * asked.prices)
    folder.mkdir(parents=True, exist_ok=True)
    provenance.write_json(folder / "report.json", content)
    common.write_meta(folder, seconds=time.time() - started)


if __name__ == "__main__":
    common.leave(main)
