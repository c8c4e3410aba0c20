"""`jaxleggett explore`: what it writes, and what it refuses."""

import json

from jaxleggett.output.explore import page


def test_explore_writes_one_page(tmp_path, run):
    out = tmp_path / "deep" / "page"
    code, text, err = run("explore", "--out", out, "--json")
    assert (code, err) == (0, "")
    assert json.loads(text) == {"path": str(out / "index.html")}
    assert sorted(file.name for file in out.iterdir()) == ["index.html", "meta.json"]
    assert (out / "index.html").read_text("utf-8") == page()
    meta = json.loads((out / "meta.json").read_text())
    assert meta["bytes"] == (out / "index.html").stat().st_size
    assert meta["command"].startswith("jaxleggett explore")


def test_explore_overwrites_only_when_told(tmp_path, run):
    (tmp_path / "index.html").write_text("mine")
    code, out, err = run("explore", "--out", tmp_path)
    assert (code, out) == (2, "")
    assert err == f"error: --out {tmp_path} already holds index.html: choose another folder or add --force\n"
    assert (tmp_path / "index.html").read_text() == "mine"
    assert run("explore", "--out", tmp_path, "--force")[0] == 0
    assert (tmp_path / "index.html").read_text("utf-8") == page()


def test_explore_asks_for_a_folder(run):
    code, out, err = run("explore")
    assert (code, out) == (2, "")
    assert "--out" in err
    assert len(err.splitlines()) == 1
    assert run("explore", "--out", "")[2] == "error: --out must name a folder, but is ''\n"
