"""How the result of a search is told."""

import numpy as np

import jaxleggett as jl
from jaxleggett.searches import result


def test_thresholds_are_rounded_up():
    assert result.rounded_up(0.9246781, 4) == "0.9247"
    assert result.rounded_up(0.9, 9) == "0.900000001"  # the double 0.9 is 0.90000000000000002...
    assert result.rounded_up(0.5, 3) == "0.500"


def test_opposite_settings_and_pairs_without_a_coefficient_add_no_setting():
    """Settings of Alice: z three times, x, and y where it counts. Of Bob: x and y, one that is off by 1e-4, and z."""
    x, y, z = np.eye(3)
    a, b = [z, -z, z + 1e-9 * x, x, y], [x, y, x + 1e-4 * y, z, z]
    b[2] = b[2] / np.linalg.norm(b[2])
    for last, expected in ((0.0, (2, 4)), (1e-9, (3, 4))):
        g = [-1.0, 2.0, -1.0, -1.0, last]
        assert result.count_settings(jl.LeggettInequality(g, a, b, np.zeros(5), np.zeros(5), 1.0)) == expected
