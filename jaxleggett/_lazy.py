"""Names of a package that are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The functions `__getattr__` and `__dir__` of `package`, whose public names live in the modules `homes` names.

    homes       name -> module of the package that defines it, such as {"WernerModel": "werner"}

    The modules themselves can be asked for, too, as if the package had imported them. A name that is in neither raises
    AttributeError. Both functions go into the package's `__init__`:

        __getattr__, __dir__ = lazy_names(__name__, {"WernerModel": "werner"})
    """
    modules = frozenset(homes.values())

    def get(name: str) -> object:
        if name in homes:
            value: object = getattr(importlib.import_module(f".{homes[name]}", package), name)
        elif name in modules:
            value = importlib.import_module(f".{name}", package)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        # Python asks `__getattr__` only for names that the package does not hold: the next look-up is a plain one.
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *modules})

    return get, names
