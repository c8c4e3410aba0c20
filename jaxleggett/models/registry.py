"""The models that `jaxleggett verify --model NAME` offers; they are listed nowhere else.

A new model is a new module beside this one, with a class whose `name` is its name here, and one entry of `MODELS`.
The command line takes its choices, its defaults and its help from there. The entries are plain strings, so that
`--help` answers without importing a model or JAX; a test holds them against the classes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from ..settings import SettingPairs
    from .interface import LeggettModel

    class _MadeForSettings(LeggettModel, Protocol):
        """A model that is defined at some settings only."""

        @property
        def pairs(self) -> SettingPairs: ...

        @classmethod
        def at(cls, pairs: SettingPairs) -> _MadeForSettings: ...


@dataclass(frozen=True)
class Entry:
    """What is known of a model without importing it.

    There are three kinds. With `settings` and a `visibility`, the class is a family: called with a visibility it gives
    a model. With `settings` alone, the class is called without arguments. With neither, the model is made for the
    settings at which it is used: the class has a method `at(pairs)`, and called without arguments it gives a model
    whose `pairs` are its default settings.
    """

    home: str
    """Module of `jaxleggett.models`, and class: "werner:WernerModel"."""
    summary: str
    """What the model reproduces, in one line of the help."""
    settings: str | None = None
    """The default settings of a test, as a name for `SettingPairs.parse`."""
    visibility: str | None = None
    """The default scan START:STOP:NUM; None for a model without a visibility."""
    remark: str = ""
    """A sentence that is printed below the result."""

    def load(self) -> Callable[..., LeggettModel]:
        """Import the class and return it."""
        module, _, name = self.home.partition(":")
        return getattr(importlib.import_module(f".{module}", __package__), name)

    def build(
        self, settings: str | None = None, seed: int = 0
    ) -> tuple[LeggettModel | Callable[[float], LeggettModel], SettingPairs]:
        """The model, or the family if it has a visibility, and its setting pairs.

        settings    a name or a file for `SettingPairs.parse`; None for the default settings of the model
        seed        the seed from which `random:N` draws

        Raises InputError as `SettingPairs.parse` does, and for settings at which the model is not defined.

        >>> model, pairs = MODELS["great-circle"].build("equatorial:3")
        >>> model.name, len(pairs)
        ('great-circle', 9)
        """
        from ..settings import SettingPairs

        asked = self.settings if settings is None else settings
        pairs = None if asked is None else SettingPairs.parse(asked, seed)
        if self.settings is None:
            kind = cast("type[_MadeForSettings]", self.load())
            made = kind() if pairs is None else kind.at(pairs)
            return made, made.pairs if pairs is None else pairs
        assert pairs is not None
        return (self.load() if self.visibility else self.load()()), pairs


MODELS = {
    "werner": Entry(
        home="werner:WernerModel",
        summary="Werner states of visibility V, by the note's explicit model.",
        settings="random:1024",
        visibility="0.8:0.9:11",
        remark="(The note's model is non-negative for 0 <= V <= V_c = 0.853553.)",
    ),
    "white-noise": Entry(
        home="white_noise:WhiteNoiseModel",
        summary="The fully random correlation, P = 1/4.",
        settings="random:1024",
    ),
    "great-circle": Entry(
        home="mixtures:GreatCircleModel",
        summary="The singlet, at settings on one great circle.",
        settings="equatorial:16",
    ),
    "pr-box": Entry(
        home="mixtures:PRBoxModel",
        summary="The PR box, at two settings for each party.",
    ),
    "separable": Entry(
        home="mixtures:SeparableModel",
        summary="The Werner state V = 1/3, by its decomposition into products.",
        settings="random:1024",
    ),
}
"""Name -> entry, in the order of the help."""
