"""Symmetries of inequalities are found, all of them, and form groups."""

import numpy as np
from cases import orbit_inequality, random_inequality
from scipy.spatial.transform import Rotation

from jaxleggett.proofs import minorant, symmetries


def test_the_number_of_symmetries(rng):
    def number(i):
        return len(symmetries.symmetries(minorant.Terms.of(i))[0])

    assert number(orbit_inequality(rng, "O")) == 48
    assert number(orbit_inequality(rng, "I")) == 120
    assert number(random_inequality(rng, 9, 0.0)) == 2
    assert number(random_inequality(rng, 9, 1.0)) == 1
    broken = orbit_inequality(rng, "O")
    broken.coefficients[3] *= 1.001
    assert number(broken) < 48


def test_the_number_of_rotations(rng):
    for name, number in (("O", 24), ("I", 60)):
        assert symmetries.count_symmetries(orbit_inequality(rng, name)) == number
    for marginals in (0.0, 1.0):
        assert symmetries.count_symmetries(random_inequality(rng, 9, marginals)) == 1


def test_a_group_is_one_to_rounding():
    group = Rotation.create_group("T").as_matrix()
    assert symmetries.closed(group)
    assert symmetries.closed(np.eye(3)[None])
    assert not symmetries.closed(group[:-1])
    third = Rotation.from_rotvec([0, 0, 2 * np.pi / 3]).as_matrix()
    assert not symmetries.closed(np.array([np.eye(3), third]))
    for angle, closed in ((1e-11, True), (1e-8, False)):
        off = group.copy()
        off[5] = Rotation.from_rotvec([angle, 0, 0]).as_matrix() @ off[5]
        assert symmetries.closed(off) == closed
