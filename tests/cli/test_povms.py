"""`jaxleggett verify --model povm`."""

import json

import pytest

TRINE = {"weights": [1 / 3] * 3, "vectors": [[0, 0, 1], [0.75**0.5, 0, -0.5], [-(0.75**0.5), 0, -0.5]]}


@pytest.fixture
def povms(tmp_path):
    path = tmp_path / "povms.json"
    path.write_text(json.dumps({"alice": TRINE, "bob": TRINE}))
    return path


def test_the_model_for_two_povms_of_a_file(run, povms, tmp_path):
    command = ("verify", "--model", "povm", "--povms", povms, "--samples", 4000)
    code, out, err = run(*command, "--json", "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert (answer["verdict"], answer["num_samples"], answer["seed"]) == ("reproduces", 4000, 0)
    assert answer["visibility"] == pytest.approx(0.66, abs=1e-12)
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"report.json", "meta.json"}
    assert "at V = 0.660000: reproduces" in run(*command)[1]


def test_what_does_not_go_together_is_refused(run, povms):
    for arguments, message in (
        (("--model", "povm"), "--povms must name a JSON file"),
        (("--povms", povms), "--povms must be left out"),
        (("--model", "povm", "--povms", povms, "--settings", "random:3"), "--settings must be left out"),
        (("--model", "povm", "--povms", povms, "--visibility", "0.5"), "--visibility must be left out"),
        (("--model", "povm", "--povms", "none.json"), "cannot be read"),
    ):
        code, out, err = run("verify", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
