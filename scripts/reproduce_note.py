"""Every claim of Branciard's note, in its order, computed again, with a tick or a cross.

    python scripts/reproduce_note.py [--draw]

What the note cites and what is not computed here is marked by a dash. Writes results/note: report.json, report.txt,
map.png and .svg, meta.json. Takes about half a minute on two cores. Exits with 1 where a claim is found wrong.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import common
import jax
import numpy as np

import jaxleggett as jl
from jaxleggett.notions.navascues import most_steered, witness_bounds
from jaxleggett.output import provenance
from jaxleggett.output.plots import plot_survey
from jaxleggett.proofs.povms import Table, certify_povm
from jaxleggett.survey import Survey, survey

FOLDER = common.RESULTS / "note"

V_C = float(jl.CRITICAL_VISIBILITY)


class Claim(NamedTuple):
    """A claim, where it stands in the note, whether it was found true (None: cited, not computed), and by what."""

    where: str
    words: str
    holds: bool | None
    found: str


def _positivity(rng: np.random.Generator) -> Claim:
    M_A, M_B, C = rng.uniform(-1, 1, (3, 10**6))
    lower, upper = (np.asarray(x) for x in jl.correlation_bounds(M_A, M_B))
    within = (lower <= C) & (upper >= C)
    positive = np.asarray(jl.probabilities(M_A, M_B, C)).min(-1) >= 0
    # At the last bit the two may differ.
    near = np.minimum(np.abs(C - lower), np.abs(C - upper)) < 1e-6
    differ = int((within != positive)[~near].sum())
    return Claim(
        "(4), (5)", "P >= 0 iff C lies within the bounds", differ == 0, f"{differ} of 10^6 random cases differ"
    )


def _means(rng: np.random.Generator) -> Claim:
    a, b = common.random_units(rng, 2, 50)
    z = 1 - (2 * np.arange(2 * 10**5) + 1) / (2 * 10**5)
    phi = 2 * np.pi * np.arange(len(z)) * (np.sqrt(5) - 1) / 2
    u = np.stack([np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi), z], axis=1)
    worst = max(
        float(np.abs(np.abs(u @ (a + s * b).T).mean(0) - np.linalg.norm(a + s * b, axis=1) / 2).max()) for s in (1, -1)
    )
    return Claim("Appendix", "the mean of |u.(a +- b)| is |a +- b|/2", worst < 1e-6, f"off by {worst:.1e} at 50 pairs")


def _condition() -> Claim:
    c = np.linspace(-1, 1, 200_001)

    def least(V: float) -> float:
        return float(np.minimum(-V * c + 1 - np.sqrt((1 - c) / 2), 1 - np.sqrt((1 + c) / 2) + V * c).min())

    holds = least(V_C) > -1e-15 and least(0) > -1e-15 and least(V_C + 1e-6) < 0 and least(-1e-3) < 0
    return Claim(
        "(8)",
        "holds for all a.b when 0 <= V <= (1 + 1/sqrt 2)/2",
        holds,
        f"least slack {least(V_C):.1e} at V_c, {least(V_C + 1e-6):.1e} a millionth above, {least(-1e-3):.1e} below 0",
    )


def _weights() -> Claim:
    c = np.cos(np.linspace(1e-3, np.pi - 1e-3, 20_001))
    bottom = 2 - np.sqrt((1 + c) / 2) - np.sqrt((1 - c) / 2)
    p = [(1 - np.sqrt((1 - s * c) / 2) - s * V_C * c) / bottom for s in (1, -1)]
    off = float(np.abs(p[0] + p[1] - 1).max())
    least = float(np.min(p))
    return Claim(
        "(9)",
        "p+ + p- = 1, and both are >= 0 for V <= V_c",
        off < 1e-12 and least > -1e-12,
        f"sum off by {off:.1e}, least weight {least:.1e}",
    )


def _model() -> Claim:
    below = jl.verify(jl.WernerModel, "random:512", visibility=np.linspace(0, V_C, 5), method="exact")
    above = jl.verify(jl.WernerModel(0.87), "random:512", method="exact")
    error = max(row.max_abs_error for row in below.rows)
    return Claim(
        "(6), Appendix",
        "an explicit model of Werner states up to V_c, for all settings",
        below.reproduces and not above.reproduces,
        f"at five V from 0 to V_c and 512 pairs averages are off by {error:.1e}; at 0.87 it fails",
    )


def _of_map(found: Survey) -> Callable[[str, str], str]:
    rows = {row.name: row.verdicts for row in found.rows}
    return lambda name, notion: str(rows[name][notion].answer)


def _claims(found: Survey) -> Iterator[Claim]:
    """In the order of the note."""
    rng = np.random.default_rng(0)
    answer = _of_map(found)
    verdicts = {row.name: row.verdicts for row in found.rows}

    def compare(where: str, words: str, name: str, **expected: str) -> Claim:
        right = all(answer(name, notion) == wanted for notion, wanted in expected.items())
        return Claim(where, words, right, "; ".join(verdicts[name][notion].evidence for notion in expected))

    yes, no = "compatible", "incompatible"
    yield compare("Bell", "white noise is compatible with both", "white_noise", leggett=yes, bell=yes)
    yield compare("Bell", "the singlet, all settings, with neither", "singlet_all", leggett=no, bell=no)
    yield compare("Bell", "the singlet on a great circle with Leggett only", "singlet_equatorial", leggett=yes, bell=no)
    yield compare("Bell", "the PR box with Leggett only", "pr_box", leggett=yes, bell=no)
    yield compare("Bell", "the deterministic correlation with Bell only", "deterministic", leggett=no, bell=yes)
    yield compare("Bell", "the deterministic correlation is unsteerable", "deterministic", steering=yes)
    yield compare("Bell", "the PR box is not", "pr_box", steering=no)
    yield Claim(
        "[12]",
        "no qubit measurements give the deterministic correlation",
        bool(np.linalg.norm([1, 0, 1]) > 1),
        "M^A(z) = M^A(x) = 1 needs a Bloch vector of length sqrt 2",
    )
    yield compare("Separability", "separable states are compatible", "separable", leggett=yes)
    entangled = common.finished(jl.threshold(jl.werner(), notion="separable"))
    yield Claim(
        "Separability",
        "Werner states are entangled for V > 1/3",
        bool(entangled.certified and abs(entangled.upper - 1 / 3) < 1e-9),
        f"[{entangled.lower:.12f}, {entangled.upper:.12f}], proved",
    )
    yield _positivity(rng)
    yield _means(rng)
    yield _condition()
    yield _weights()
    yield _model()
    few = jl.SettingPairs.random(5)
    counts = jl.simulate_counts(jax.random.key(0), jl.WernerModel(0.8), few.a, few.b, 10**5)
    expected = np.asarray(jl.probabilities(*jl.werner(0.8).correlation(few.a, few.b)))
    z = (np.asarray(counts) / 1e5 - expected) / np.sqrt(expected * (1 - expected) / 1e5)
    yield Claim(
        "[2]",
        "a lower level of hidden variables can make it deterministic",
        bool(np.abs(z).max() < 5),
        f"10^5 single events at 5 pairs, fixed by their variables: off by {np.abs(z).max():.1f} standard errors",
    )
    value, separable, leggett = witness_bounds(jl.werner())
    yield Claim(
        "Separability",
        "an entanglement witness is no Leggett inequality",
        leggett >= value - 1e-9 > separable,
        f"{value:.6f} at the singlet; at most {separable:.6f} for separable states, {leggett:.6f} for Leggett models",
    )
    steered = most_steered(jl.WernerModel(0.8), jl.SettingPairs.random(50))
    yield Claim(
        "Navascues",
        "with his assumptions the notion is separability",
        steered.gap > 0.1,
        f"the model breaks them: Bob's means {steered.bob[0]:+.3f} and {steered.bob[1]:+.3f} for Alice's results, not "
        f"{steered.expected:+.3f} twice; with them the threshold is 1/3",
    )
    yield Claim(
        "[16]",
        "local models for V up to about 0.66",
        None,
        f"computed up to {found.brackets['bell'][0]:.4f}; 0.66 is Acin, Gisin, Toner 2006",
    )
    yield Claim(
        "[16]",
        "CHSH is violated for V > 1/sqrt 2",
        abs(found.brackets["bell"][1] - np.sqrt(0.5)) < 1e-9,
        f"above {found.brackets['bell'][1]:.12f}",
    )
    yield Claim("[16]", "other Bell inequalities for V > 0.7056", None, "T. Vertesi 2008; needs 465 settings a side")
    few_pairs = common.finished(jl.threshold(jl.werner(), jl.SettingPairs.random(40), tolerance=1e-4))
    yield Claim(
        "[16]",
        "a Leggett inequality is violated for V > sqrt(3)/2",
        found.brackets["leggett"][1] < np.sqrt(0.75),
        f"already above {found.brackets['leggett'][1]:.9f}, proved; 40 random pairs show {few_pairs.upper:.4f}",
    )
    low, high = found.brackets["leggett"]
    yield Claim(
        "[16]",
        "open: V_c < V <= sqrt(3)/2",
        high - low < 1e-12,
        f"answered: incompatible. The threshold lies in [{low!r}, {high!r}] (docs/WERNER.md)",
    )
    yield Claim(
        "[17]",
        "conjecture: entangled Werner states, all POVMs",
        certify_povm() > Fraction(1, 3),
        f"proved up to {float(Table.read().visibility):.6f} (docs/POVMS.md)",
    )


def draw() -> None:
    """Draw what is saved."""
    content = json.loads((FOLDER / "report.json").read_text())
    cited = [(row["visibility"], row["words"], row["source"]) for row in content["cited"]]
    plot_survey(content["werner"], cited, FOLDER / "map.png")


def main() -> int:
    """Compute, print, save; 1 where a claim is found wrong."""
    if common.parser(__doc__, draws=True).parse_args().draw:
        draw()
        return 0
    started = time.time()
    found = common.finished(survey())
    claims = [c._replace(holds=None if c.holds is None else bool(c.holds)) for c in _claims(found)]
    marks = {True: "\u2713", False: "\u2717", None: "-"}
    lines = [f"{marks[c.holds]} {c.where:14} {c.words}\n{'':17}{c.found}" for c in claims]
    text = "\n".join(lines) + "\n"
    print(text)
    FOLDER.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"claims": [c._asdict() for c in claims], **found.to_json()}
    provenance.write_json(FOLDER / "report.json", content)
    (FOLDER / "report.txt").write_text(text)
    draw()
    common.write_meta(FOLDER, seconds=time.time() - started)
    return int(any(c.holds is False for c in claims))


if __name__ == "__main__":
    common.leave(main)
