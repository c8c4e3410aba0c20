"""A sweep whose points take a millisecond."""

import pytest

from jaxleggett.sweeps import read_config

CHEAP = """
title = "where pure states become separable"
seeds = "shared"

[job]
command = "threshold"
state = "pure:{theta}"
notion = "separable"

[axes]
theta = {start = 0.05, stop = 0.75, num = 10}
seed = [3, 1]

[tile]
theta = 4
"""


@pytest.fixture
def write(tmp_path):
    """Write a configuration to a file; its path."""

    def call(text=CHEAP, name="sweep.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return call


@pytest.fixture
def sweep(write):
    """Ten angles, four to a tile, and two seeds: 6 tiles, the last ones half empty."""
    return read_config(write())


@pytest.fixture
def contents():
    """Read all files of a store: their bytes by their names, but for the lock."""

    def call(folder):
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name != "lock"
        }

    return call
