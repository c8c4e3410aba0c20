"""Cells of the sphere lie in their caps and cover it, and one of each orbit is kept."""

import numpy as np
import oracles
from scipy.spatial.transform import Rotation

from jaxleggett.proofs import cells as proof_cells


def test_cells_lie_in_their_caps_and_cover_the_sphere(rng):
    cells = proof_cells.Cells(np.eye(3)[None])
    boxes = cells.first()
    for _ in range(2):
        some = boxes[rng.choice(len(boxes), 300)]
        centre, radius = cells.caps(some[:, :4])
        face, i, j, level = some[:, :4].T
        width = np.pi / 2 / 2.0**level
        for _ in range(40):
            s, t = rng.random((2, 300))
            points = proof_cells.on_cube(face, (i + s) * width - np.pi / 4, (j + t) * width - np.pi / 4)
            assert (np.arccos(np.clip((points * centre).sum(1), -1, 1)) <= radius).all()
        boxes, _ = cells.split(some, np.zeros(300))
    first = np.unique(cells.first()[:, :4], axis=0)
    assert len(first) == 96
    centre, radius = cells.caps(first)
    nearest = np.arccos(np.clip(oracles.unit(rng, 20000) @ centre.T, -1, 1)) - radius
    assert nearest.min(1).max() <= 0
    # every orbit meets the domain of a group
    maps = Rotation.create_group("O").as_matrix()
    domain = proof_cells.Cells(maps)
    kept = first[domain.kept(first)]
    assert len(kept) < 30
    centre, radius = domain.caps(kept)
    orbits = np.einsum("gij,nj->ngi", maps, oracles.unit(rng, 2000))
    inside = (np.arccos(np.clip(orbits @ centre.T, -1, 1)) <= radius).any((1, 2))
    assert inside.all()


def test_maps_that_hardly_move_the_generic_point_cut_no_domain():
    away = np.cross(proof_cells.GENERIC, [1, 0, 0])
    small, large = (Rotation.from_rotvec(t * away / np.linalg.norm(away)).as_matrix() for t in (0.008, 1.0))
    cells = np.unique(proof_cells.Cells(np.eye(3)[None]).first()[:, :4], axis=0)
    assert proof_cells.Cells(np.array([np.eye(3), small])).kept(cells).all()
    assert not proof_cells.Cells(np.array([np.eye(3), large])).kept(cells).all()
