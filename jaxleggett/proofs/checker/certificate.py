"""Certificates: a bracket of a state with all that proves it, in one file of plain arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
    upper,
)
from .search import Bound, bounded

VERSION = 1
"""Of the format: a file of another one is refused."""

LARGEST = 2**28
"""Most bytes of arrays that are read."""


@dataclass(frozen=True, eq=False)
class Certificate:
    """lower <= largest compatible visibility of `state` <= upper, by `model` and `inequality` (None for 0 and 1).

    At the setting pairs (a, b), (n, 3) each, or with `pairs` None for all settings. `excess` and `bound` are what is
    claimed of the model (for all settings) and of the inequality.
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
    """What it is saved as."""

    def check(self, effort: Effort = bounded) -> str:
        """What is proved, in a sentence; Refused, with the place, where something is not."""
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
        require(ceiling(self.inequality, effort, bound=self.bound), f"the left side stays below {self.bound!r}", "u, v")
        # By the rest the left side that is measured may be larger, and the state's value smaller: |r| <= 2 sqrt 3.
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
            require(effort(problem, target=self.excess), f"the excess stays below {self.excess!r}", "a, b")
            found = lower(self.model, self.state, self.excess)
        if not found >= self.lower:
            raise Refused(f"the model proves a lower end of {found!r}, not {self.lower!r}")

    def _at_pairs(self, symmetry: Symmetry) -> tuple[np.ndarray, np.ndarray]:
        """The pairs; Refused where something is averaged, or in other frames, which makes other pairs of them."""
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
        """Read it, and refuse what is no certificate: other arrays, other shapes, numbers that are not finite."""
        return cls.of(arrays_of(path))

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> Certificate:
        """The one that these arrays of a file are."""
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
                raise Refused("inequality_bound is far from its weights")
        if "a" in arrays:
            pairs = normalised(take("a", None, 3), "a"), normalised(take("b", None, 3), "b")
            if len(pairs[0]) != len(pairs[1]) or not len(pairs[0]):
                raise Refused("a and b must have as many rows, at least one")
        return cls(state, take.number("lower"), take.number("upper"), model, excess, inequality, bound, pairs)


def arrays_of(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays of an npz file, not huge together. It is opened here, since NumPy leaves damaged ones open."""
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
        if sum(entry.file_size for entry in file.zip.infolist()) > LARGEST:
            raise Refused(f"the arrays must have at most {LARGEST} bytes")
        return {name: file[name] for name in file.files}


STATE = (("r_A", (3,)), ("r_B", (3,)), ("T", (3, 3)), ("frame_A", (3, 3)), ("frame_B", (3, 3)), ("S", (3, 3)))


class Taken:
    """Finite doubles by name, with the shape they must have; Refused where they are not."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        for name, x in arrays.items():
            if x.dtype != np.float64 or not np.isfinite(x).all():
                raise Refused(f"{name} must be finite numbers in double precision")

    def __call__(self, name: str, *shape: int | None) -> np.ndarray:
        """Any of them; None stands for any length."""
        x = self.arrays.get(name)
        if x is None:
            raise Refused(f"{name} is missing")
        if x.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, x.shape, strict=True)):
            raise Refused(f"{name} has a wrong shape, {x.shape}")
        return x

    def number(self, name: str) -> float:
        """A single one."""
        return float(self(name))

    def points(self, name: str) -> np.ndarray:
        """Two unit vectors a row."""
        x = self(name, None, 6)
        return np.concatenate([normalised(x[:, :3], name), normalised(x[:, 3:], name)], axis=1)

    def symmetry(self, of: str) -> Symmetry:
        """That of a model or of an inequality."""
        images, axial = self(f"{of}_images", None, 6, 6), self.number(f"{of}_axial")
        if not (0 < len(images) <= MOST_IMAGES and axial in (0, 1)):
            raise Refused(f"{of}_images must be 1 to {MOST_IMAGES}, and {of}_axial 0 or 1")
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
        # What F was summed from is not in the file: it stands as it is, and so must rounding.
        scale = max(scale, float(w.sum() + np.abs(F).sum()))
        return Inequality(y, w, F, scale, self("inequality_maps", None, 3, 3), self.symmetry("inequality"))


def _symmetry_arrays(of: str, symmetry: Symmetry) -> dict[str, object]:
    return {f"{of}_images": symmetry.images, f"{of}_axial": float(symmetry.axial)}


def require(found: Bound, what: str, names: str) -> None:
    """Go on only where a search proved what it was to prove; Refused says where it did not."""
    if found.outcome == "interrupted":
        raise KeyboardInterrupt
    if found.outcome != "proved":
        place = " and ".join(f"({', '.join(f'{x:.6f}' for x in vector)})" for vector in found.place)
        raise Refused(
            f"it is not proved that {what}: {found.outcome}, with {found.reached!r} reached at {names} = {place}"
        )


def down(x: float) -> str:
    """Nine digits, rounded down."""
    return f"{math.floor(x * 1e9) / 1e9:.9f}"


def up(x: float) -> str:
    """Nine digits, rounded up."""
    return f"{math.ceil(x * 1e9) / 1e9:.9f}"
