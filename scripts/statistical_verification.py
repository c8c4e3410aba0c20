"""A million verdicts on models that are right, of which none may be a rejection, and some on models that are wrong.

    python scripts/statistical_verification.py [--verdicts 1e6] [--seed 0]

Every verdict is that of a run of `verify` with few samples: the package's own kernels sample, for many keys at once,
and its own judge decides. The built-in models are joined by models as users write them. Writes
results/statistical_verification: verdicts.json, meta.json. Takes about five minutes on two cores. Exits with 1 where a
right model is rejected, or a wrong one is not.
"""

from __future__ import annotations

import functools
import sys
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import common
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

import jaxleggett as jl
from jaxleggett._numerics import double_precision, random_key
from jaxleggett.kernels import Plan, Sums, advance
from jaxleggett.models import arguments, interface, white_noise
from jaxleggett.output import provenance
from jaxleggett.sphere import GOLDEN, cylinder_to_sphere
from jaxleggett.verification.verdicts import ROUNDING, Judge

FOLDER = common.RESULTS / "statistical_verification"

SAMPLES = (1, 17, 48, 128, 500, 2048)

TOGETHER = 4096
"""Verdicts of one call."""

TOO_FAR = 5
"""A wrong model's averages miss by so many of the tolerances that right ones of its kind met."""


def _mean_square(height: Any, a: np.ndarray) -> Any:
    """E (u.a)^2 over the azimuth, for u of a given `height` along z, and settings a (P, 3)."""
    z2 = a[:, 2] ** 2
    return z2 * height**2 + (1 - z2) * (1 - height**2) / 2


@register_dataclass
@dataclass(frozen=True)
class Lifted(white_noise.WhiteNoiseModel):
    """White noise whose correlator is lifted to its upper bound where u is near the pole, as far as `lift` says.

    C = X Y + lift (1 - |X - Y| - X Y) with X = u.a, Y = v.b. Since E_v |X - Y| = (1 + X^2)/2 and E_v Y = 0,
    its average is E lift (1 - X^2)/2.
    """

    size: Any

    name: ClassVar[str] = "lifted"

    def lift(self, u: Any) -> Any:
        """A share in [0, 1]."""
        raise NotImplementedError

    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """C, between X Y and the upper bound."""
        X, Y = interface.marginals(u, v, a, b)
        return X * Y + self.lift(u) * (1 - jnp.abs(X - Y) - X * Y)

    def correlation(self, a: Any, b: Any) -> tuple[Any, Any, Any]:
        """The averages, by Gauss's rule along the pole."""
        nodes, weights = np.polynomial.legendre.leggauss(64)
        # The lift is a polynomial on [least, 1] and vanishes below.
        least = self.least()
        height = least + (1 - least) * (nodes + 1) / 2
        lift = np.array([float(self.lift(np.array([0.0, 0.0, z]))) for z in height])
        C = sum(
            w * x * (1 - _mean_square(z, a)) / 2
            for w, x, z in zip(weights / 2 * (1 - least) / 2, lift, height, strict=True)
        )
        return np.zeros(len(a)), np.zeros(len(a)), C

    def least(self) -> float:
        """The height below which nothing is lifted."""
        return -1.0

    @property
    def target(self) -> Any:
        """It is its own target."""
        return self


@register_dataclass
@dataclass(frozen=True)
class Cap(Lifted):
    """Lifted on a cap that holds the share `size` of the sphere: discontinuous, and rare if it is small."""

    name: ClassVar[str] = "cap"

    def lift(self, u: Any) -> Any:
        """1 on the cap."""
        return jnp.where(u[2] > self.least(), 1.0, 0.0)

    def least(self) -> Any:
        """The height of its rim."""
        return 1 - 2 * self.size


@register_dataclass
@dataclass(frozen=True)
class Skewed(Lifted):
    """Lifted by ((1 + u_z)/2)^size: rarely much, mostly next to nothing."""

    name: ClassVar[str] = "skewed"

    def lift(self, u: Any) -> Any:
        """A steep power of the height."""
        return ((1 + u[2]) / 2) ** self.size


@register_dataclass
@dataclass(frozen=True)
class Leaning:
    """A model with marginals and a lattice of its own: u = v leans towards +z, C = (u.a)(v.b)."""

    lean: Any

    name: ClassVar[str] = "leaning"

    def sample(self, key: jax.Array, num: int) -> tuple[Any, Any]:
        """Directions whose height is a square of what is uniform."""
        height, azimuth = jax.random.uniform(key, (2, num), float)
        return self._at(height, azimuth)

    def lattice(self, key: jax.Array, index: jax.Array, num: int) -> tuple[Any, Any]:
        """The same from a shifted lattice."""
        shift = jax.random.uniform(key, (2,), float)
        return self._at((index + shift[0]) / num % 1, (index * GOLDEN + shift[1]) % 1)

    def _at(self, height: Any, azimuth: Any) -> tuple[Any, Any]:
        u = cylinder_to_sphere(height**self.lean, azimuth)
        return u, u

    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """C = (u.a)(v.b): the product of the marginals."""
        X, Y = interface.marginals(u, v, a, b)
        return X * Y

    @property
    def target(self) -> jl.TwoQubitState:
        """The moments of z = 1 - 2 h^lean, h uniform on [0, 1]."""
        first, second = 1 / (self.lean + 1), 1 / (2 * self.lean + 1)
        z, z2 = 1 - 2 * first, 1 - 4 * first + 4 * second
        r = np.array([0.0, 0.0, z])
        return jl.TwoQubitState(r, r, np.diag([(1 - z2) / 2, (1 - z2) / 2, z2]))


@register_dataclass
@dataclass(frozen=True)
class Off:
    """A model whose correlator is off by `shift`; it has no shortcuts but its lattice."""

    model: Any
    shift: Any

    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """C of the model and the shift."""
        return self.model.correlator(u, v, a, b) + self.shift

    def __getattr__(self, name: str) -> Any:
        if name in ("sample", "lattice"):
            return getattr(self.model, name)
        raise AttributeError(name)


def right_models() -> list[tuple[str, Any, jl.SettingPairs]]:
    """Each model that is right, by name, and the setting pairs at which it is tried."""
    rng = np.random.default_rng(0)
    a, b = common.random_units(rng, 6), common.random_units(rng, 6)
    b[:3] = a[0], -a[1], np.cross(a[2], [0.0, 0.6, 0.8])  # equal, opposite, orthogonal
    pairs = jl.SettingPairs(a, b / np.linalg.norm(b, axis=1, keepdims=True))
    many = jl.SeparableModel(rng.dirichlet(np.full(400, 0.3)), *(common.random_units(rng, 400) for _ in "uv"))
    # 64 rare atoms among 64 frequent ones, as far apart as the points of a lattice of 16.
    weights = np.tile([1e-3, 1 / 64 - 1e-3], 64)
    rare = jl.SeparableModel(weights, np.tile([[0.0, 0, 1], [1, 0, 0]], (64, 1)), common.random_units(rng, 128))
    return [
        *((f"werner {V}", jl.WernerModel(V), pairs) for V in (0.0, 0.5, 0.8535)),
        ("white-noise", jl.WhiteNoiseModel(), pairs),
        ("great-circle", jl.GreatCircleModel(), jl.SettingPairs.parse("equatorial:3")),
        ("pr-box", jl.PRBoxModel(), jl.PRBoxModel().pairs),
        ("separable", jl.SeparableModel(), pairs),
        *((f"cap of {size}", Cap(size), pairs) for size in (1e-3, 0.02, 0.3)),
        ("skewed", Skewed(40.0), pairs),
        ("400 atoms", many, pairs),
        ("rare atoms", rare, pairs),
        ("leaning", Leaning(2.0), pairs),
    ]


@functools.partial(jax.jit, static_argnames="plan")
def _runs(keys: jax.Array, model: Any, plan: Plan, a: Any, b: Any) -> tuple[Any, Any]:
    """Averages (K, 4, P) and their standard errors, for K keys."""

    def one(key: Any) -> tuple[Any, Any]:
        zeros = Sums.zeros(1, a.shape[1])
        sums = advance(key, (model,), plan, a, b, jnp.uint32(0), jnp.uint32(plan.num_chunks), zeros)
        return sums.mean[0], jnp.sqrt(sums.second[0, 0] / (plan.batches * (plan.batches - 1)))

    return jax.vmap(one)(keys)


def verdicts(
    model: Any, pairs: jl.SettingPairs, goal: np.ndarray, method: Any, samples: int, num: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Whether each of `num` runs is rejected, the largest error in tolerances of each, and the largest tolerance."""
    half = method == "rqmc" and interface.offers(model, "half_lattice")
    plan = Plan.of(samples, method, half)
    judge = Judge.of(plan, 4 * len(pairs), [model], ROUNDING["double"])
    share, allowed = [], 0.0
    with double_precision():
        keys = jax.random.split(random_key(seed), num)
        for first in range(0, num, TOGETHER):
            size = min(TOGETHER, num)  # the last keys a second time, where they do not fill a call
            some = keys[min(first, num - size) :][:size]
            mean, spread = (np.asarray(x) for x in _runs(some, arguments.as_pytree(model), plan, pairs.a.T, pairs.b.T))
            tolerance = judge.tolerance(np.maximum(spread, judge.rounding))
            new = slice(size - (min(first + size, num) - first), None)
            share.append((np.abs(mean - goal) / tolerance).max((1, 2))[new])
            allowed = max(allowed, float(np.max(tolerance)))
    ratio = np.concatenate(share)
    return ~(ratio <= 1), ratio, allowed


def survey(num: int, seed: int, samples: tuple[int, ...] = SAMPLES) -> list[dict[str, Any]]:
    """What `num` verdicts or a few more found, a row for each model, method and number of samples."""
    cells = [(*model, method, n) for model in right_models() for method in ("rqmc", "mc") for n in samples]
    each = -(-num // len(cells))
    found = []
    for i, (name, model, pairs, method, n) in enumerate(cells):
        goal = np.asarray(jl.probabilities(*model.target.correlation(pairs.a, pairs.b))).T
        rejected, ratio, allowed = verdicts(model, pairs, goal, method, n, each, seed + i)
        row = {"model": name, "method": method, "samples": n, "verdicts": each, "rejected": int(rejected.sum())}
        row |= {"largest_error_in_tolerances": float(ratio.max()), "largest_tolerance": allowed}
        if n == max(samples):
            few = min(each, 64)
            *_, allowed = verdicts(Off(model, 0.0), pairs, goal, method, n, few, seed)
            # A shift of C is four times that of P.
            wrong = Off(model, 4 * TOO_FAR * allowed)
            row |= {"wrong": few, "wrong_rejected": int(verdicts(wrong, pairs, goal, method, n, few, seed)[0].sum())}
        found.append(row)
    return found


def main() -> None:
    """Run the survey, print and save it; exit with 1 where a verdict is not as it should be."""
    parser = common.parser(__doc__)
    parser.add_argument("--verdicts", type=common.count, default=10**6, help="verdicts on right models [1e6]")
    parser.add_argument("--seed", type=int, default=0, help="of the hidden vectors [0]")
    asked = parser.parse_args()
    started = time.perf_counter()
    found = survey(asked.verdicts, asked.seed)
    total = {key: sum(row.get(key, 0) for row in found) for key in ("verdicts", "rejected", "wrong", "wrong_rejected")}

    print("model            method  " + "".join(f"{n:>10}" for n in SAMPLES) + "   (largest error in tolerances)")
    for start in range(0, len(found), len(SAMPLES)):
        rows = found[start : start + len(SAMPLES)]
        figures = "".join(f"{row['largest_error_in_tolerances']:10.3f}" for row in rows)
        print(f"{rows[0]['model']:16} {rows[0]['method']:6}  {figures}")
    print(
        f"\n{total['verdicts']:,} verdicts on right models, {total['rejected']} rejected; "
        f"{total['wrong']:,} on wrong ones, {total['wrong_rejected']:,} rejected."
    )
    FOLDER.mkdir(parents=True, exist_ok=True)
    provenance.write_json(FOLDER / "verdicts.json", found)
    facts = {**total, "seed": asked.seed, "dtype": "float64", "device": jax.default_backend()}
    common.write_meta(FOLDER, **facts, seconds=time.perf_counter() - started)
    if total["rejected"] or total["wrong_rejected"] < total["wrong"]:
        sys.exit("a right model was rejected, or a wrong one was not")


if __name__ == "__main__":
    common.leave(main)
