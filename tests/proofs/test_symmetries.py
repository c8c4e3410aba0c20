"""Symmetries of inequalities are found, all of them, and form groups."""

import numpy as np
import pytest
from cases import orbit_inequality, random_inequality
from scipy.spatial.transform import Rotation

from jaxleggett.proofs import symmetries
from jaxleggett.proofs.checker.claims import Inequality, Refused
from jaxleggett.proofs.checker.symmetry import closed


def _number(i):
    claim = symmetries.with_symmetries(Inequality.of(i.coefficients, i.a, i.b, i.alice, i.bob))
    return len(claim.problem().maps)


def test_the_number_of_symmetries(rng):
    assert _number(orbit_inequality(rng, "O")) == 48
    assert _number(orbit_inequality(rng, "I")) == 120
    assert _number(random_inequality(rng, 9, 0.0)) == 2
    assert _number(random_inequality(rng, 9, 1.0)) == 1
    broken = orbit_inequality(rng, "O")
    broken.coefficients[3] *= 1.001
    assert _number(broken) < 48


def test_the_number_of_rotations(rng):
    for name, number in (("O", 24), ("I", 60)):
        assert symmetries.count_symmetries(orbit_inequality(rng, name)) == number
    for marginals in (0.0, 1.0):
        assert symmetries.count_symmetries(random_inequality(rng, 9, marginals)) == 1


def test_a_wrong_symmetry_is_refused(rng):
    i = orbit_inequality(rng, "T")
    claim = symmetries.with_symmetries(Inequality.of(i.coefficients, i.a, i.b, i.alice, i.bob))
    assert len(claim.maps) == 12
    turned = Rotation.from_rotvec([1e-8, 0, 0]).as_matrix()
    for maps in (claim.maps[:-1], claim.maps @ turned, np.array([np.eye(3), turned @ claim.maps[1]])):
        wrong = Inequality(claim.y, claim.w, claim.F, claim.scale, maps)
        with pytest.raises(Refused, match="no group of symmetries"):
            wrong.problem()
    heavier = Inequality(claim.y, claim.w * np.where(np.arange(len(claim.w)) == 3, 1 + 1e-8, 1), claim.F, claim.scale)
    assert len(heavier.problem().maps) == 2
    with pytest.raises(Refused, match="no group of symmetries"):
        Inequality(heavier.y, heavier.w, heavier.F, heavier.scale, claim.maps).problem()
    leaning = Inequality(claim.y, claim.w, np.array([1e-8, 0, 0, 0, 0, 0]), claim.scale, claim.maps)
    with pytest.raises(Refused, match="no group of symmetries"):
        leaning.problem()


def test_a_group_is_one_to_rounding():
    group = Rotation.create_group("T").as_matrix()
    assert closed(group)
    assert closed(np.eye(3)[None])
    assert not closed(group[:-1])
    third = Rotation.from_rotvec([0, 0, 2 * np.pi / 3]).as_matrix()
    assert not closed(np.array([np.eye(3), third]))
    for angle, whole in ((1e-11, True), (1e-8, False)):
        off = group.copy()
        off[5] = Rotation.from_rotvec([angle, 0, 0]).as_matrix() @ off[5]
        assert closed(off) == whole
