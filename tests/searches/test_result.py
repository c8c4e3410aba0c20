"""How the result of a search is told."""

from jaxleggett.searches import result


def test_thresholds_are_rounded_up():
    assert result.rounded_up(0.9246781, 4) == "0.9247"
    assert result.rounded_up(0.9, 9) == "0.900000001"  # the double 0.9 is 0.90000000000000002...
    assert result.rounded_up(0.5, 3) == "0.500"
