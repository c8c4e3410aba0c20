"""Brackets check themselves and print themselves."""

import dataclasses

import pytest
from cases import THREE_AXES

import jaxleggett as jl
from jaxleggett.thresholds.run import threshold


@pytest.mark.thorough
def test_a_check_finds_what_is_wrong():
    found = threshold(jl.werner(), jl.SettingPairs(THREE_AXES.a, THREE_AXES.b), tolerance=1e-7)
    model, cut = found.model, found.inequality
    wrong = [
        ({"lower": found.lower + 1e-6, "upper": 0.95}, "misses the state at the lower bound"),
        ({"upper": found.upper + 1e-6}, "does not reach the inequality's bound"),
        ({"inequality": dataclasses.replace(cut, bound=cut.bound - 1e-5)}, "beyond the bound"),
        ({"model": dataclasses.replace(model, weights=model.weights * 1.01)}, "no probabilities"),
        ({"model": dataclasses.replace(model, u=model.u * 1.01)}, "no unit vectors"),
        ({"model": dataclasses.replace(model, v=-model.v)}, "misses the state"),
    ]
    for change, message in wrong:
        with pytest.raises(ArithmeticError, match=message):
            dataclasses.replace(found, **change).check()
    with pytest.raises(ArithmeticError, match="the bracket is inverted"):
        dataclasses.replace(found, lower=0.95, upper=0.94)


def test_a_bracket_prints_itself():
    text = str(threshold(jl.werner(), "all"))
    assert "lower       0.8535533905932737" in text
    assert "upper       0.8535533905932738" in text
    assert "proved, rounding included" in text
