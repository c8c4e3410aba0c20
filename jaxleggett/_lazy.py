"""Names of a package that are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The functions `__getattr__` and `__dir__` for `package`, which import its public names when they are first used.

    homes       public name -> the module of the package that defines it, such as {"WernerModel": "werner"}

    These modules become attributes of the package in the same way. Any other name raises AttributeError. The package's
    `__init__` has the line

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
        # Python calls `__getattr__` only for attributes that a module lacks: from now on it has this one.
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *modules})

    return get, names
