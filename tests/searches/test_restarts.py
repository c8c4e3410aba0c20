"""How restarts share the ways to make a number of pairs."""

from jaxleggett.searches import orbits
from jaxleggett.searches.restarts import MultiStart


def test_many_ways_to_make_pairs_of_orbits_share_the_restarts():
    ways = orbits.layouts(48, "D2")
    assert len(ways) == 13
    work = MultiStart(ways, None, 64, 0, None)
    assert len(work.ways) == 4
    assert {(way.free, way.bound) for way in (work.ways[0], work.ways[-1])} == {(12, 0), (0, 24)}
    assert sorted(n for _, numbers in work._batches() for n in numbers) == list(range(64))
    assert len(MultiStart(ways, None, 3, 0, None).ways) == 1
