"""The published Leggett inequalities, computed, and the visibilities at which something changes for Werner states.

    python scripts/threshold_tables.py

For every family of axes: eta; the threshold of the published form, sqrt(1 - eta^2); the proved threshold of the same
coefficients with the bound that the marginals of both parties give; and the largest compatible visibility at the same
settings, proved from both sides. Of the visibilities of Werner states some are computed and some are cited, each with
its source.

Writes results/threshold_tables: tables.json, meta.json. Takes about half a minute on two cores.
"""

from __future__ import annotations

import time
from typing import Any

import common
import numpy as np

import jaxleggett as jl
from jaxleggett.inequalities.published import published, smallest_mean_projection
from jaxleggett.output import provenance
from jaxleggett.proofs.branch_and_bound import enclose
from jaxleggett.proofs.werner import certify_werner
from jaxleggett.sphere import icosahedron_axes

FOLDER = common.RESULTS / "threshold_tables"


def families() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Axes e_i and, orthogonal to them, the directions of a_i."""
    golden = (1 + np.sqrt(5)) / 2
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    tilted = np.array([[0, 1 / golden, golden], [0, -1 / golden, golden]])
    dodecahedral = np.concatenate([signs, *(np.roll(tilted, k, axis=1) for k in range(3))]) / np.sqrt(3)
    axes = {
        "4 tetrahedral": signs / np.sqrt(3),
        "6 icosahedral": icosahedron_axes(),
        "10 dodecahedral": dodecahedral,
    }
    across = {name: np.cross(e, np.roll(e, 1, axis=0)) for name, e in axes.items()}
    return {"3 orthogonal": (np.eye(3), np.eye(3)[[1, 2, 0]])} | {
        name: (e, across[name] / np.linalg.norm(across[name], axis=1, keepdims=True)) for name, e in axes.items()
    }


def table() -> list[dict[str, Any]]:
    """One row per family."""
    rows = []
    for name, (axes, directions) in families().items():
        form = published(axes, directions)
        pairs = jl.SettingPairs(form.a, form.b)
        bracket = common.finished(jl.threshold(jl.werner(), pairs, tolerance=1e-6, certify=True))
        rows.append(
            {
                "axes": name,
                "pairs": len(form.coefficients),
                "eta": smallest_mean_projection(axes),
                "published_form": form.threshold(jl.werner()),
                "same_coefficients_certified": common.finished(enclose(form, 1e-7)).bound / form.value(jl.werner()),
                "settings_lower": bracket.lower,
                "settings_upper": bracket.upper,
                "certified": bracket.certified,
            }
        )
        print("  ".join(f"{x:.9f}" if isinstance(x, float) else str(x) for x in rows[-1].values()), flush=True)
    # Uniform axes: eta is the mean of |v.e|, 1/2.
    rows.append({"axes": "uniform", "pairs": None, "eta": 0.5, "published_form": float(np.sqrt(1 - 0.5**2))})
    return rows


def ladder() -> list[dict[str, Any]]:
    """Visibilities of Werner states at which something changes: computed here, or cited."""
    lower, upper = certify_werner()
    # The partial transpose of V |Psi-><Psi-| + (1 - V)/4 is affine in V: its least eigenvalue crosses 0 once.
    least = []
    for V in (0.0, 1.0):
        rho = jl.werner(V).density_matrix().reshape(2, 2, 2, 2)
        least.append(np.linalg.eigvalsh(rho.transpose(0, 3, 2, 1).reshape(4, 4))[0])
    separable = least[0] / (least[0] - least[1])
    # M. Horodecki's criterion: the largest CHSH value is 2 sqrt(s1^2 + s2^2), s the singular values of T.
    s = np.linalg.svd(np.asarray(jl.werner().T))[1]
    return [
        {"visibility": float(separable), "what": "separable up to here (partial transpose)", "source": "computed"},
        {"visibility": 0.5, "what": "no steering by projective measurements up to here",
         "source": "H. M. Wiseman, S. J. Jones, A. C. Doherty, Phys. Rev. Lett. 98, 140402 (2007)"},
        {"visibility": 0.68747, "what": "a locally causal model for projective measurements up to here",
         "source": "S. Designolle et al., Phys. Rev. Research 5, 043059 (2023)"},
        {"visibility": 0.7056, "what": "violates a Bell inequality above here",
         "source": "T. Vertesi, Phys. Rev. A 78, 032112 (2008), as quoted in [B13]"},
        {"visibility": float(1 / np.hypot(s[0], s[1])), "what": "violates CHSH above here", "source": "computed"},
        {"visibility": [lower, upper], "what": "V_c: compatible with crypto-nonlocality up to here, for all settings",
         "source": "certified"},
        {"visibility": float(np.sqrt(3) / 2), "what": "violates a published Leggett inequality above here",
         "source": "computed (uniform axes)"},
    ]  # fmt: skip


def main() -> None:
    """Compute, print, save."""
    common.parser(__doc__).parse_args()
    started = time.time()
    content = {"inequalities": table(), "werner_ladder": ladder()}
    for rung in content["werner_ladder"]:
        print(rung["visibility"], rung["what"], f"[{rung['source']}]")
    FOLDER.mkdir(parents=True, exist_ok=True)
    provenance.write_json(FOLDER / "tables.json", content)
    common.write_meta(FOLDER, seconds=time.time() - started)


if __name__ == "__main__":
    common.leave(main)
