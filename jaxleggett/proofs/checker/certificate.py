"""Certificates: a bracket of a state with all that proves it, in one file of plain arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from .claims import (
    MOST_IMAGES,
    Effort,
    Inequality,
    Model,
    Refused,
    State,
    Symmetry,
    at_pairs,
    ceiling,
    lower,
    normalised,
    require_about,
    unit_to_rounding,
    upper,
)
from .search import Bound, bounded

VERSION = 1
"""The version of the file format; files of another version are refused."""

LARGEST = 2**28
"""Largest size of all arrays of a file together, in bytes."""


@dataclass(frozen=True, eq=False)
class Certificate:
    """lower <= largest compatible visibility of `state` <= upper, claimed at setting pairs or at all settings.

    `model` is to show the lower end (None where that is 0), and `inequality` the upper end (None where that is 1).
    `pairs` are arrays a, b (n, 3), or None for all settings. `excess` is claimed to bound the model's excess (with all
    settings; at pairs it is not used), and `bound` the left side of the inequality.
    """

    state: State
    lower: float
    upper: float
    model: Model | None
    excess: float
    inequality: Inequality | None
    bound: float
    pairs: tuple[np.ndarray, np.ndarray] | None

    FILE: ClassVar = "certificate.npz"
    """The name of its file in a folder of results."""

    def check(self, effort: Effort = bounded) -> str:
        """Prove both ends and say what is proved, in a sentence; Refused, with the place, where something is not."""
        if not 0 <= self.lower <= self.upper <= 1:
            raise Refused(f"a bracket must have 0 <= lower <= upper <= 1, but has {self.lower!r} and {self.upper!r}")
        if self.upper < 1:
            self._check_upper(effort)
        if self.lower > 0:
            self._check_lower(effort)
        where = "all projective measurements" if self.pairs is None else f"{len(self.pairs[0])} setting pairs"
        return (
            f"the largest visibility at which the state has a Leggett model for {where} lies between "
            f"{down(self.lower)} and {up(self.upper)}"
        )

    def _check_upper(self, effort: Effort) -> None:
        if self.inequality is None:
            raise Refused("there is no inequality for an upper end below 1")
        rest = 0.0 if self.pairs is None else require_about(self.inequality, *self._at_pairs(self.inequality.symmetry))
        require(ceiling(self.inequality, effort, bound=self.bound), f"the left side is at most {self.bound!r}", "u, v")
        found = upper(self.inequality, self.state, self.bound, rest)
        if not found <= self.upper:
            raise Refused(f"the inequality proves an upper end of {found!r}, not {self.upper!r}")

    def _check_lower(self, effort: Effort) -> None:
        if self.model is None:
            raise Refused("there is no model for a lower end above 0")
        if self.pairs is not None:
            found = at_pairs(self.model, self.state, *self._at_pairs(self.model.symmetry))
        else:
            problem = self.model.problem(self.state.S)
            require(effort(problem, target=self.excess), f"the excess is at most {self.excess!r}", "a, b")
            found = lower(self.model, self.state, self.excess)
        if not found >= self.lower:
            raise Refused(f"the model proves a lower end of {found!r}, not {self.lower!r}")

    def _at_pairs(self, symmetry: Symmetry) -> tuple[np.ndarray, np.ndarray]:
        """The pairs; Refused where an average or other frames would make a claim about other pairs."""
        s = self.state
        own = (s.frame_A == np.eye(3)).all() and (s.frame_B == np.eye(3)).all() and (s.S == s.T).all()
        if not (own and symmetry.trivial):
            raise Refused("at setting pairs nothing may be averaged, and frames must be the state's own")
        assert self.pairs is not None
        return self.pairs

    def save(self, path: Path | str) -> None:
        """Write it as an .npz file of arrays of numbers."""
        s = self.state
        arrays: dict[str, object] = {"version": VERSION, "lower": self.lower, "upper": self.upper}
        arrays |= {name: getattr(s, name) for name in ("r_A", "r_B", "T", "frame_A", "frame_B", "S")}
        if self.model is not None:
            arrays |= {f"model_{name}": getattr(self.model, name) for name in ("x", "w", "V", "balance")}
            arrays |= {"model_excess": self.excess} | _symmetry_arrays("model", self.model.symmetry)
        if self.inequality is not None:
            names = ("y", "w", "F", "scale", "maps")
            arrays |= {f"inequality_{name}": getattr(self.inequality, name) for name in names}
            arrays |= {"inequality_bound": self.bound} | _symmetry_arrays("inequality", self.inequality.symmetry)
        if self.pairs is not None:
            arrays |= {"a": self.pairs[0], "b": self.pairs[1]}
        np.savez_compressed(path, **{name: np.asarray(x, float) for name, x in arrays.items()})  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path | str) -> Certificate:
        """Read it from a file; Refused where an array is missing, has a wrong shape or holds what is not finite."""
        return cls.of(arrays_of(path))

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> Certificate:
        """The certificate that consists of these arrays of a file; Refused as in `load`."""
        take = Taken(arrays)
        if take.number("version") != VERSION:
            raise Refused(f"version must be {VERSION}")
        state = State(*(take(name, *shape) for name, shape in STATE))
        model = inequality = pairs = None
        excess = bound = 0.0
        if "model_x" in arrays:
            model, excess = take.model(), take.number("model_excess")
        if "inequality_y" in arrays:
            inequality, bound = take.inequality().scaled(take.number("inequality_bound"))
            if not math.isfinite(bound):
                raise Refused("inequality_bound must not be larger than all weights by a factor of 2^1024")
        if "a" in arrays:
            pairs = unit_to_rounding(take("a", None, 3), "a"), unit_to_rounding(take("b", None, 3), "b")
            if len(pairs[0]) != len(pairs[1]) or not len(pairs[0]):
                raise Refused("a and b must have as many rows, at least one")
        return cls(state, take.number("lower"), take.number("upper"), model, excess, inequality, bound, pairs)


def arrays_of(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays of an npz file; Refused where they are too large together, or two have one name."""
    # The file is opened here, because NumPy leaves a damaged one open.
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
        if sum(entry.file_size for entry in file.zip.infolist()) > LARGEST:
            raise Refused(f"the arrays must have at most {LARGEST} bytes")
        if len(set(file.files)) < len(file.files):
            raise Refused("the arrays must have different names")
        return {name: file[name] for name in file.files}


STATE = (("r_A", (3,)), ("r_B", (3,)), ("T", (3, 3)), ("frame_A", (3, 3)), ("frame_B", (3, 3)), ("S", (3, 3)))
"""The fields of a state, with their shapes, in the order of `State`."""


def shaped(x: np.ndarray, name: str, *shape: int | None) -> np.ndarray:
    """The array; Refused unless it has this shape, in which None stands for any length."""
    if x.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, x.shape, strict=True)):
        wanted = tuple("n" if n is None else n for n in shape)
        raise Refused(f"{name} must have the shape ({', '.join(map(str, wanted))}), but has {x.shape}")
    return x


class Taken:
    """The arrays of a file, by name; Refused unless they are finite doubles and have the shape that they must have."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        for name, x in arrays.items():
            if x.dtype != np.float64 or not np.isfinite(x).all():
                raise Refused(f"{name} must be finite numbers in double precision")

    def __call__(self, name: str, *shape: int | None) -> np.ndarray:
        """The array of a name; None in `shape` stands for any length."""
        x = self.arrays.get(name)
        if x is None:
            raise Refused(f"{name} is missing")
        return shaped(x, name, *shape)

    def number(self, name: str) -> float:
        """A single number."""
        return float(self(name))

    def points(self, name: str) -> np.ndarray:
        """An array (n, 6) with two unit vectors in each row."""
        x = self(name, None, 6)
        return np.concatenate([normalised(x[:, :3], name), normalised(x[:, 3:], name)], axis=1)

    def symmetry(self, of: str) -> Symmetry:
        """The symmetry of what is named: a `model` or an `inequality`."""
        images, axial = self(f"{of}_images", None, 6, 6), self.number(f"{of}_axial")
        if not (0 < len(images) <= MOST_IMAGES and axial in (0, 1)):
            raise Refused(f"{of}_images must be 1 to {MOST_IMAGES} matrices, and {of}_axial 0 or 1")
        return Symmetry(images, bool(axial))

    def weights(self, name: str, length: int) -> np.ndarray:
        """Numbers of at least 0."""
        w = self(name, length)
        if not ((w >= 0).all() and w.any()):
            raise Refused(f"{name} must be numbers of at least 0, not all 0")
        return w

    def model(self) -> Model:
        """The model."""
        x, symmetry = self.points("model_x"), self.symmetry("model")
        balance = self("model_balance", len(symmetry.images) * len(x))
        if not np.abs(balance).max(initial=0.0) <= 1:
            raise Refused("model_balance must lie between -1 and 1")
        V = self.number("model_V")
        if not 0 <= V <= 4:
            raise Refused("model_V must lie between 0 and 4")
        return Model(x, self.weights("model_w", len(x)), V, balance, symmetry)

    def inequality(self) -> Inequality:
        """The inequality."""
        y, F = self.points("inequality_y"), self("inequality_F", 6)
        w, scale = self.weights("inequality_w", len(y)), self.number("inequality_scale")
        # F is exact as it stands. A scale that is larger than needed makes a proof harder, and a smaller one is raised.
        with np.errstate(over="ignore"):
            scale = max(scale, float(w.sum() + np.abs(F).sum()))
        if not math.isfinite(scale):
            raise Refused("inequality_w and inequality_F must have a finite sum of moduli")
        return Inequality(y, w, F, scale, self("inequality_maps", None, 3, 3), self.symmetry("inequality"))


def _symmetry_arrays(of: str, symmetry: Symmetry) -> dict[str, object]:
    return {f"{of}_images": symmetry.images, f"{of}_axial": float(symmetry.axial)}


def require(found: Bound, what: str, names: str) -> None:
    """Refused, with the place, unless a search proved `what`; `names` are those of the two vectors of the place."""
    if found.outcome == "interrupted":
        raise KeyboardInterrupt
    if found.outcome != "proved":
        place = " and ".join(f"({', '.join(f'{x:.6f}' for x in vector)})" for vector in found.place)
        raise Refused(
            f"it is not proved that {what}: {found.outcome}, with {found.reached!r} reached at {names} = {place}"
        )


def down(x: float) -> str:
    """A number of at least 0 to nine decimals, rounded down exactly."""
    return _decimal(math.floor(Fraction(x) * 10**9))


def up(x: float) -> str:
    """A number of at least 0 to nine decimals, rounded up exactly."""
    return _decimal(math.ceil(Fraction(x) * 10**9))


def _decimal(billionths: int) -> str:
    return f"{billionths // 10**9}.{billionths % 10**9:09d}"
