"""The interactive page: its formulas beside the package's own, its data, and that it needs nothing else."""

import html.parser
import json
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from explore_positions import expected, positions

import jaxleggett as jl
from jaxleggett.experiments.known import records
from jaxleggett.inequalities import published
from jaxleggett.output.explore import page
from jaxleggett.output.explore.page import page_data

ASKED = """
const fs = require("fs");
eval(fs.readFileSync(process.argv[1], "utf8"));
const l = globalThis.leggett;
const answers = JSON.parse(fs.readFileSync(0, "utf8")).map(([V, angle, polar, azimuth]) => {
  const [a, b, u] = [l.direction(0), l.direction(angle), l.direction(polar, azimuth)];
  const bounds = l.bounds(u, l.minus(u), a, b);
  const averaged = l.averagedBounds(a, b);
  const weights = l.weights(V, a, b);
  const P = l.modelProbabilities(V, u, a, b);
  return {
    alice: l.dot(u, a), bob: -l.dot(u, b), lower: bounds[0], upper: bounds[1], C: l.correlator(V, u, a, b),
    "average-lower": averaged[0], "average-upper": averaged[1], "p-minus": weights[0], "p-plus": weights[1],
    target: l.target(V, a, b), smallest: l.smallestProbability(V, a, b),
    "P-pp": P[0], "P-pm": P[1], "P-mp": P[2], "P-mm": P[3], critical: l.criticalVisibility(a, b),
  };
});
console.log(JSON.stringify(answers));
"""


@pytest.fixture(scope="module")
def text():
    return page()


@pytest.fixture(scope="module")
def data():
    return page_data()


def test_the_formulas_of_the_page_are_those_of_the_package(rng):
    """At 200 random positions of its sliders, and where settings or hidden vectors coincide. Worst: 6e-16."""
    if shutil.which("node") is None:
        pytest.skip("the formulas of the page are JavaScript, and this machine has no node to run them")
    given = positions(rng)
    formulas = oracles.__file__.replace("tests/oracles.py", "jaxleggett/output/explore/formulas.js")
    done = subprocess.run(
        ["node", "-e", ASKED, formulas], input=json.dumps(given.tolist()), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == len(given) >= 200
    for name, values in expected(given).items():
        np.testing.assert_allclose([row[name] for row in found], values, rtol=0, atol=1e-12, err_msg=name)
    # Just below the critical visibility of an angle both weights are positive, just above one is negative.
    angle, critical = given[:, 1], np.array([row["critical"] for row in found])
    some = (np.abs(np.cos(np.radians(angle))) > 1e-6) & (np.sin(np.radians(angle)) > 1e-6)
    below, above = ({**expected(np.c_[critical * x, given[:, 1:]][some])} for x in (1 - 1e-9, 1 + 1e-9))
    assert (np.minimum(below["p-minus"], below["p-plus"]) > 0).all()
    assert (np.minimum(above["p-minus"], above["p-plus"]) < 0).all()


def test_the_smallest_probability_is_reached_and_never_passed(rng):
    """What the page says of all u, against the quadrature's nodes, which hold the extremes, and random u."""
    given = positions(rng)[:4]
    for (V, angle, _, _), smallest in zip(given, expected(given)["smallest"], strict=True):
        a, b = np.array([0.0, 0, 1]), np.array([np.sin(np.radians(angle)), 0, np.cos(np.radians(angle))])
        with jax.enable_x64(True):
            model = jl.WernerModel(V)
            u = jnp.concatenate([model.quadrature(jnp.asarray(a), jnp.asarray(b))[0], oracles.unit(rng, 99)])
            P = jl.probabilities(u @ a, -u @ b, model.correlator(u, -u, a, b))
        assert np.asarray(P).min() == pytest.approx(smallest, abs=1e-12)


def test_the_page_needs_nothing_but_itself(text):
    class Reader(html.parser.HTMLParser):
        asked, ids = [], []

        def handle_starttag(self, tag, attrs):
            self.asked += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
            self.ids += [value for name, value in attrs if name == "id"]

    reader = Reader()
    reader.feed(text)
    assert reader.asked == ["data:,"]
    assert len(set(reader.ids)) == len(reader.ids) > 40
    assert len(text.encode()) < 3_000_000
    for word in ("http:", "https:", "url(", "@import", "fetch(", "XMLHttpRequest", "import("):
        assert word not in text, word
    for place in ("/*{", "<!--{"):
        assert place not in text


def test_no_data_can_end_the_element_that_holds_it(text, data):
    start = text.index('<script type="application/json" id="data">')
    held = text[start:].split(">", 1)[1].split("<", 1)[0]
    assert json.loads(held) == json.loads(json.dumps(data))


def test_the_data_of_the_page_are_those_of_the_package(data):
    assert data["V_c"] == pytest.approx(oracles.V_C, abs=2e-16)
    assert len(data["records"]) == len(records())
    for shown, record in zip(data["records"], records(), strict=True):
        assert (shown["pairs"], shown["threshold"]) == (record.pairs, record.threshold)
        assert tuple(shown["settings"]) == record.settings
        for name in ("a", "b", "coefficients"):
            np.testing.assert_array_equal(shown[name], getattr(record.inequality, name))
    three = published(np.eye(3), np.roll(np.eye(3), 1, axis=0))
    assert data["published"][0] == {"pairs": 6, "threshold": pytest.approx(three.threshold(jl.werner()), abs=1e-12)}
    assert data["published"][-1] == {"pairs": None, "threshold": pytest.approx(np.sqrt(3) / 2, abs=1e-15)}
    assert [entry["visibility"] for entry in data["known"]] == sorted(entry["visibility"] for entry in data["known"])


@pytest.mark.parametrize("notion", ["separable", "steering"])
def test_notions_end_where_the_package_says(data, notion):
    (shown,) = (entry for entry in data["notions"] if entry["name"] == notion)
    found = jl.threshold(jl.werner(), notion=notion)
    assert found.lower - 1e-9 <= shown["model"] <= shown["broken"] <= found.upper + 1e-9


def test_the_page_is_written_without_jax(tmp_path):
    """Importing JAX would take seconds."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jaxleggett", "explore", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert " jax\n" not in done.stderr
    assert "matplotlib" not in done.stderr
