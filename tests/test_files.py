"""Files in JSON: what is read, and what is refused."""

import json
import time

import pytest

from jaxleggett._checks import InputError
from jaxleggett._files import read_json


def _written(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_any_encoding_of_unicode_is_read(tmp_path, encoding):
    value = {"ü": [1, {"x": None}], "v": {}}
    assert read_json("settings", _written(tmp_path, json.dumps(value, ensure_ascii=False).encode(encoding))) == value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "a.json must have each name once in an object of JSON, but has 'b' twice"),
        ("[" * 10**5, "a.json must be JSON, but is nested too deeply"),
        ("{1: 2}", "a.json must be JSON, but is not: Expecting property name"),
        ("", "a.json must be JSON, but is not"),
        (b"\xff\xfe\xff", "a.json must be JSON, but is not"),
    ],
)
def test_what_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_json("settings", _written(tmp_path, content))


def test_a_name_that_stands_twice_is_found_in_linear_time(tmp_path):
    """At the end of 10^5 names, 0.1 s; comparing each name with all the others would take minutes."""
    names = ", ".join(f'"{k}": 0' for k in range(10**5))
    start = time.monotonic()
    with pytest.raises(InputError, match="but has '99999' twice"):
        read_json("settings", _written(tmp_path, "{" + names + ', "99999": 0}'))
    assert time.monotonic() - start < 20
