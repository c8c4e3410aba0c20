"""Docstrings: their examples run, and what the doors offer says what its arguments are and shows one use."""

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import jaxleggett as jl

MODULES = ["jaxleggett", *(module.name for module in pkgutil.walk_packages(jl.__path__, "jaxleggett."))]

DOORS = ["jaxleggett"] + [
    f"jaxleggett.{door}" for door in ("experiments", "inequalities", "models", "searches", "thresholds", "verification")
]
"""What users may import from. The kernels and the pictures are for the package itself and for scripts."""

NOT_MADE = {"InputError", "LeggettModel", "Search", "Threshold", "Verification"}
"""What is raised, what users write themselves, and what functions return: shown by their examples."""


def _examples(name):
    return [test for test in doctest.DocTestFinder().find(importlib.import_module(name)) if test.examples]


SECONDS = (
    *(f"experiments.{module}" for module in ("analysis", "planning")),
    *(f"models.{module}" for module in ("events", "interpolated", "mixtures", "werner", "white_noise")),
    *("inequalities.worst_vectors", "notions.navascues", "searches.ensembles", "survey.verdicts", "verification.run"),
)
"""Modules whose examples take seconds."""

LONGEST = ("searches.explicit_model", "searches.run")
"""Modules whose examples are searches. Shorter ones are tested where the searches are."""

MARKS = {**dict.fromkeys(SECONDS, pytest.mark.thorough), **dict.fromkeys(LONGEST, pytest.mark.slow)}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=MARKS.get(name.partition(".")[2], ()))
        for name in MODULES
        if name != "jaxleggett.__main__" and _examples(name)
    ],
)
def test_the_examples_run(name):
    for example in _examples(name):
        printed = []
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=printed.append)
        assert not printed, "".join(printed)


def _offered():
    """The functions of the doors, and the classes of the package's own that users make objects of."""
    seen = {}
    for door in DOORS:
        module = importlib.import_module(door)
        for name in module.__all__:
            thing = getattr(module, name)
            made = door == "jaxleggett" and inspect.isclass(thing) and name not in NOT_MADE
            if made or inspect.isroutine(thing):
                seen.setdefault(id(thing), pytest.param(thing, id=f"{door.removeprefix('jaxleggett.')}.{name}"))
    return list(seen.values())


@pytest.mark.parametrize("thing", _offered())
def test_what_is_offered_names_its_arguments_and_has_an_example(thing):
    text = inspect.getdoc(thing)
    assert text
    if inspect.isroutine(thing):
        for name in inspect.signature(thing).parameters:
            assert re.search(rf"\b{name}\b", text), f"{name} is not explained"
    assert ">>>" in text, "there is no example"
