"""Symmetries of inequalities are found, all of them, and form groups."""

import numpy as np
import pytest
from cases import orbit_inequality, random_inequality
from scipy.spatial.transform import Rotation

from jaxleggett.proofs import symmetries
from jaxleggett.proofs.checker.claims import Inequality, Refused
from jaxleggett.proofs.checker.symmetry import closed, defect


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


def test_what_many_weights_are_off_by_adds_up(rng):
    """A sum over 4000 terms whose weights are each off by 1e-11: six times the defect bounds the change."""
    a, b = (np.repeat(Rotation.random(2000, random_state=k).apply([0, 0, 1.0]), 2, axis=0) for k in (1, 2))
    flip = np.diag([1.0, 1, -1])
    a[1::2], b[1::2] = a[1::2] @ flip, b[1::2] @ flip
    w = np.full(4000, 1 / 4000)
    w[::2] += 1e-11 * np.sign(a[::2, 2])
    rows = np.concatenate([a, b, w[:, None]], axis=1)
    gap = defect(rows, flip, True)
    assert gap == pytest.approx(4e-8, rel=1e-3)
    x = Rotation.random(200, random_state=3).apply([0, 0, 1.0]), Rotation.random(200, random_state=4).apply([0, 0, 1.0])
    there, image = (np.abs(u @ a.T + v @ b.T) @ w for u, v in (x, (x[0] @ flip, x[1] @ flip)))
    assert 0 < np.abs(there - image).max() <= 6 * gap


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
