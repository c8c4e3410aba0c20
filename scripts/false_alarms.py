"""How often Leggett models, and quantum sources, are called excluded, by simulated data sets.

    python scripts/false_alarms.py [--sets 10000] [--draw]

False alarms. In every model the left side of the tested inequality is its bound, to about 1e-6; so no Leggett model is
harder to tell from a violation:

- counts: the model that `threshold` finds at its boundary; one pair of hidden vectors at which the bound is reached;
  and, chosen by a linear programme among mixtures of hidden vectors that reach it, the one whose largest correlator is
  smallest, so that its counts scatter most. With 20, 200 and 2000 events at each pair, and with 10 to 10000.
- trials: the same three, and models with memory, which know the capital of the bets so far. The model of each trial is
  one of two that reach the bound: that of most scatter while the capital is near its maximum so far, or only while it
  is not. The p-value is that of the best moment of 2000 trials to stop.

Power. Quantum sources at the visibility that a test was designed for, with the number of events that `design` calls
five standard errors: how often z is 5 or more, and with the number for a p-value of 2.87e-7, how often it is reached.

Writes results/false_alarms: report.json, p_values.npz, false_alarms.png and .svg, meta.json; `--draw` only draws what
is saved. Exits with 1 where more than 1 % of the p-values of a Leggett model are below 0.01, or fewer than 45 % of the
quantum sources reach their goal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import common
import numpy as np
from scipy.optimize import linprog

import jaxleggett as jl
from jaxleggett._numerics import random_key
from jaxleggett.experiments import betting, design
from jaxleggett.experiments.concentration import Tail
from jaxleggett.experiments.planning import P_VALUE
from jaxleggett.experiments.scores import estimate, event_scores
from jaxleggett.experiments.simulation import quantum_probabilities, source_of
from jaxleggett.inequalities.worst_vectors import THOROUGH, prices_of, search
from jaxleggett.output import provenance, style

FOLDER = common.RESULTS / "false_alarms"

EVENTS = (20, 200, 2000)
TRIALS = 2000
LEVELS = (0.1, 0.05, 0.01, 1e-3)


def extreme(cut: jl.LeggettInequality, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """P(outcomes) (K, N, 4) of hidden vectors (K, 3), with the correlators at which the left side is largest."""
    x, y = u @ cut.a.T, v @ cut.b.T
    sign = np.sign(cut.coefficients)
    C = sign * (1 - np.abs(x - sign * y))
    alpha, beta = np.array([1, 1, -1, -1]), np.array([1, -1, 1, -1])
    P = (1 + alpha * x[..., None] + beta * y[..., None] + alpha * beta * C[..., None]) / 4
    return np.maximum(P, 0)


def models(cut: jl.LeggettInequality) -> dict[str, np.ndarray]:
    """P(outcomes) (N, 4) by name, of models without memory that reach the bound."""
    pairs = jl.SettingPairs(cut.a, cut.b)
    _, V = source_of(jl.werner(), 1.0, pairs, "leggett")
    u, v, least = search(random_key(0), prices_of(cut), effort=THOROUGH)
    best = least < least.min() + 1e-9
    # (u, v) and (-u, -v) reach the same, with the opposite marginals.
    u, v = (np.concatenate([x[best][:200], -x[best][:200]]) for x in (u, v))
    P = extreme(cut, u, v)
    alone = P[0]
    # The weights with the smallest largest |C| at any pair: outcomes scatter most where correlators are small.
    C = (P * np.array([1, -1, -1, 1])).sum(axis=2).T
    rows = np.concatenate([C, -C])
    found = linprog(
        np.concatenate([np.zeros(len(u)), [1.0]]),
        A_ub=np.concatenate([rows, -np.ones((len(rows), 1))], axis=1),
        b_ub=np.zeros(len(rows)),
        A_eq=np.concatenate([np.ones(len(u)), [0.0]])[None],
        b_eq=[1.0],
    )
    mixed = np.tensordot(found.x[:-1], P, axes=1)
    return {
        "boundary": quantum_probabilities(jl.werner(V), pairs),
        "one pair of hidden vectors": alone / alone.sum(axis=1, keepdims=True),
        "chosen by a linear programme": mixed / mixed.sum(axis=1, keepdims=True),
    }


def of_counts(cut: jl.LeggettInequality, P: np.ndarray, events: int | np.ndarray, sets: int, rng: Any) -> np.ndarray:
    """p-values of `sets` simulated data sets with so many events at each pair."""
    events = np.broadcast_to(events, len(P))
    scores = event_scores(cut)[:, :4]
    tail = Tail(scores.min(axis=1), scores.max(axis=1), events, cut.bound)
    numbers = rng.multinomial(events, P, size=(sets, len(P)))
    return tail.p_value(((numbers * scores).sum(axis=2) / events).sum(axis=1))


def of_trials(cut: jl.LeggettInequality, choices: list[np.ndarray], sets: int, rng: Any) -> np.ndarray:
    """p-values of `sets` runs of trials; of two models, the past decides which one makes the next trial."""
    weights = np.abs(cut.coefficients)
    q = weights / weights.sum()
    scores = event_scores(cut)[:, :4] / q[:, None]
    least = float(scores.min())
    rates = betting.rates(cut.bound, least)
    cumulative = np.stack(choices).cumsum(axis=2)
    parts, best = np.zeros((sets, len(rates))), np.zeros(sets)
    wealth = np.zeros(sets)
    for _ in range(TRIALS):
        pair = rng.choice(len(q), size=sets, p=q)
        # The second model while the capital is near its maximum so far, else the first.
        which = (wealth > best - 1.0).astype(int) % len(choices)
        column = np.minimum((rng.random(sets)[:, None] >= cumulative[which, pair]).sum(axis=1), 3)
        parts += np.log1p(rates * (scores[pair, column] - cut.bound)[:, None])
        wealth = np.log(np.exp(parts).mean(axis=1))
        best = np.maximum(best, wealth)
    return np.exp(-best)


def p_values(cut: jl.LeggettInequality, sets: int, rng: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Each model, by its name, with the p-values of its data sets."""
    found = models(cut)
    uneven = rng.permutation(np.geomspace(10, 10**4, len(cut.a)).astype(int))
    for name, P in found.items():
        yield f"{name}, 10 to 10000 events a pair", of_counts(cut, P, uneven, sets, rng)
        for events in EVENTS:
            yield f"{name}, {events} events a pair", of_counts(cut, P, events, sets, rng)
        yield f"{name}, trials", of_trials(cut, [P], sets, rng)
    both = [found["boundary"], found["chosen by a linear programme"]]
    yield "with a memory, trials", of_trials(cut, both, sets, rng)
    yield "with a memory, the other way, trials", of_trials(cut, both[::-1], sets, rng)


def power(sets: int, rng: Any) -> list[dict[str, object]]:
    """How often quantum sources reach what was planned."""
    rows = []
    for V, pairs in ((0.93, 6), (0.93, 8), (0.90, 12), (0.95, 20)):
        plan = design(V, pairs)
        scores = event_scores(plan.inequality)[:, :4]
        P = quantum_probabilities(jl.werner(V), plan.pairs)
        row: dict[str, object] = {"visibility": V, "pairs": pairs, "threshold": plan.threshold_visibility}
        events = plan.counts_per_pair_for_5_sigma
        found = [estimate(scores, rng.multinomial(events, P)) for _ in range(sets)]
        z = np.array([(x.value - plan.bound) / x.standard_error for x in found])
        row |= {"events_for_5_sigma": events, "share_z_5": float(np.mean(z >= 5)), "median_z": float(np.median(z))}
        events = plan.counts_per_pair_for_p_value
        assert events is not None
        p = of_counts(plan.inequality, P, events, sets, rng)
        row |= {"events_for_p_value": events, "share_p_value": float(np.mean(p <= P_VALUE))}
        rows.append(row)
        print(row, flush=True)
    return rows


def main() -> int:
    """Simulate, count, save, draw; 1 where there are too many false alarms, or too little power."""
    parser = common.parser(__doc__, draws=True)
    parser.add_argument("--sets", type=int, default=10**4, help="data sets of each model and source [10000]")
    asked = parser.parse_args()
    if asked.draw:
        draw()
        return 0
    sets = asked.sets
    started, rng = time.monotonic(), np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    found: list[np.ndarray] = []
    for pairs in (6, 12):
        cut = design(0.99, pairs).inequality
        for name, p in p_values(cut, sets, rng):
            rows.append({"pairs": pairs, "model": name, **{f"share_p_{x:g}": float(np.mean(p < x)) for x in LEVELS}})
            found.append(np.sort(p))
            print(rows[-1], flush=True)
    reached = power(sets, rng)
    FOLDER.mkdir(parents=True, exist_ok=True)
    facts = {"sets": sets, "trials": TRIALS, "seed": 0, "seconds": time.monotonic() - started}
    provenance.write_json(FOLDER / "report.json", {**facts, "false_alarms": rows, "power": reached})
    # Rounded to single precision, sorted, a row for each of the report's `false_alarms`.
    np.savez_compressed(FOLDER / "p_values.npz", p_values=np.array(found, np.float32))
    draw()
    common.write_meta(FOLDER, **facts)
    alarms = max(float(str(row["share_p_0.01"])) for row in rows)
    shown = min(float(str(row[name])) for row in reached for name in ("share_z_5", "share_p_value"))
    print(f"most false alarms at p < 0.01: {alarms:.4f}; least power: {shown:.3f}")
    return int(alarms > 0.01 or shown < 0.45)


def draw() -> None:
    """The share of data sets with a p-value of at most p, for each p and each model: none may be above p.

    Draws what is saved.
    """
    content = json.loads((FOLDER / "report.json").read_text())
    rows, sets = content["false_alarms"], content["sets"]
    with np.load(FOLDER / "p_values.npz") as saved:
        found = saved["p_values"]
    of_trials = np.array(["trials" in row["model"] for row in rows])
    levels = np.geomspace(1 / sets, 1, 121)
    with style.picture(FOLDER / "false_alarms.png", 6.4, 4.8) as figure:
        axes = figure.subplots()
        for label, colour, line, chosen in (
            ("counts (Chernoff's bound)", style.BLUE, "-", found[~of_trials]),
            ("trials (betting)", style.RED, "--", found[of_trials]),
        ):
            for number, p in enumerate(chosen):
                share = np.searchsorted(p, levels, side="right") / sets
                share = np.where(share > 0, share, np.nan)  # no place on a logarithmic axis
                axes.loglog(levels, share, line, color=colour, lw=0.8, label=None if number else label)
        axes.loglog(levels, levels, ":", color=style.BLACK, lw=1.2)
        style.name(axes, "most that is allowed", (0.01, 0.01), (-6, 4), ha="right")
        axes.set_xlabel("p")
        axes.set_ylabel("share of data sets with a p-value of at most p")
        most = max(row["share_p_0.01"] for row in rows)
        style.title(
            axes,
            f"Leggett models have p < 0.01 in at most {most:.2%} of data sets",
            f"{len(rows)} models at the bound of an inequality, {sets:,} data sets each",
        )
        style.legend_below(axes, 2)


if __name__ == "__main__":
    common.leave(main)
