"""An experiment from the plan to the verdict, in cells (# %%) that can be run one by one: design, simulate, analyze.

    python scripts/worked_experiment.py [--out DIR] [--draw]

A source is expected to give singlets at a visibility of 0.93, which the published test with three orthogonal axes
cannot tell from Leggett's models. Instead of a laboratory there is `simulate` here; everything else is as it would be.
Writes results/worked_experiment unless another folder is named: report.json, inequality.json, counts.csv, drawn.csv,
design.png, analysis.png and an .svg of each, meta.json.
"""

# %% What is needed
from __future__ import annotations

import json
import sys
from pathlib import Path

import common
import numpy as np

import jaxleggett as jl
from jaxleggett.experiments import (
    AnalysisOptions,
    Counts,
    Trials,
    analyze,
    apparatus_csv,
    design,
    simulate,
    simulate_trials,
    source_of,
)
from jaxleggett.experiments.formats import read_counts
from jaxleggett.experiments.trials import write_drawn
from jaxleggett.inequalities import published
from jaxleggett.output import provenance
from jaxleggett.output.plots import plot_analysis, plot_design

parser = common.parser(__doc__, draws=True)
usual = common.RESULTS / "worked_experiment"
parser.add_argument("--out", type=Path, default=usual, help="folder instead of results/worked_experiment")
asked = parser.parse_args()
folder: Path = asked.out


def draw() -> None:
    """The pictures of the plan and of the verdict, from what is saved."""
    saved = json.loads((folder / "report.json").read_text())
    plot_design(saved["plan"], folder / "design.png")
    plot_analysis(saved["counts"], read_counts(folder / "counts.csv"), jl.werner(), folder / "analysis.png")


if asked.draw:
    sys.exit(draw())
folder.mkdir(parents=True, exist_ok=True)
VISIBILITY, MISALIGNMENT = 0.93, 0.1

# %% 1. The published test is out of reach: it needs a visibility of sqrt(8)/3 = 0.943.
three = published(np.eye(3), np.roll(np.eye(3), 1, axis=0))
out_of_reach = design(VISIBILITY, settings=jl.SettingPairs(three.a, three.b))
print(out_of_reach, "\n")

# %% 2. Eight other pairs are enough, with room for settings that are off by a tenth of a degree.
plan = design(VISIBILITY, 8, misalignment=MISALIGNMENT)
events = plan.counts_per_pair_for_p_value
assert events is not None
plan = design(VISIBILITY, 8, misalignment=MISALIGNMENT, counts_per_pair=2 * events)  # to be on the safe side
print(plan, "\n")

# %% 3. What is set in the laboratory: angles of wave plates (degrees), and of gates (radians).
print(apparatus_csv(plan.pairs).splitlines()[0])
print(apparatus_csv(plan.pairs).splitlines()[1], "\n")

# %% 4. The measurement. The source is a little worse than it was planned, and the settings are not exact.
rng = np.random.default_rng(1)


def off(settings: np.ndarray, degrees: float) -> np.ndarray:
    """Settings that are off by this angle, in random directions."""
    across = np.cross(settings, rng.normal(size=settings.shape))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.cos(np.radians(degrees)) * settings + np.sin(np.radians(degrees)) * across


real = jl.SettingPairs(off(plan.pairs.a, MISALIGNMENT), off(plan.pairs.b, MISALIGNMENT))
made = simulate(jl.werner(0.928), real, plan.counts_per_pair, seed=1)
counts = Counts(plan.pairs, made.counts)  # as they are written down: with the settings that were meant
counts.to_csv(folder / "counts.csv")
write_drawn(folder / "drawn.csv", plan.pairs, plan.probabilities)
provenance.write_json(folder / "inequality.json", plan.inequality.to_json())

# %% 5. The verdict: the inequality was fixed by the plan, its bound is proved, the p-value holds for any number.
verdict = common.finished(analyze(counts, plan.inequality, options=AnalysisOptions(misalignment=MISALIGNMENT)))
print(verdict, "\n")

# %% 6. With settings drawn at random in every trial, memory is allowed, and one may stop when one likes.
number = 8 * plan.counts_per_pair
trials = simulate_trials(jl.werner(0.928), real, number, plan.probabilities, seed=1)
trials = Trials(plan.pairs, plan.probabilities, trials.pair, trials.alpha, trials.beta)
options = AnalysisOptions(misalignment=MISALIGNMENT, resamples=0)
random_verdict = common.finished(analyze(trials, plan.inequality, options=options))
print(random_verdict, "\n")

# %% 7. The same with a Leggett model in the place of the source, at the largest visibility that it reaches.
model, reached = source_of(jl.werner(), VISIBILITY, plan.pairs, "leggett")
of_a_model = simulate(model, plan.pairs, plan.counts_per_pair, seed=1)
no_verdict = common.finished(analyze(of_a_model, plan.inequality, options=AnalysisOptions(resamples=0)))
print(f"A Leggett model, which reaches visibility {reached:.4f}:\n{no_verdict}")

# %% What is kept
report = {
    "published": out_of_reach.to_json(),
    "plan": plan.to_json(),
    "counts": verdict.to_json(),
    "trials": random_verdict.to_json(),
    "leggett_model": no_verdict.to_json(),
}
provenance.write_json(folder / "report.json", report)
draw()
common.write_meta(folder, visibility=VISIBILITY, misalignment=MISALIGNMENT, seed=1)
