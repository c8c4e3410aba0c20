"""Pictures: titles that say what was found, labels, nothing on top of anything else; PNG and SVG, and up to date."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import matplotlib.style
import numpy as np
import oracles
import pictures
import pytest
from matplotlib.figure import Figure

import jaxleggett as jl
from jaxleggett.inequalities import files
from jaxleggett.models import InterpolatedModel
from jaxleggett.output import plots, saved, style
from jaxleggett.output.plots.performance import unbeaten
from jaxleggett.runs import Ending
from jaxleggett.searches.result import Search
from jaxleggett.thresholds.result import Threshold

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "results"

# Script -> the pictures that it draws from what is saved.
COMMITTED = {
    "phase_diagrams": ("phase_diagrams/phase_diagrams",),
    "marginals": ("marginals/marginals",),
    "verify_werner": ("verify_werner/verification",),
    "reproduce_note": ("note/map",),
    "reproduce_records": ("records/records",),
    "performance_page": ("benchmark/benchmark",),
    "random_pairs": ("sweeps/random_pairs/random_pairs",),
    "false_alarms": ("false_alarms/false_alarms",),
    "worked_experiment": ("worked_experiment/design", "worked_experiment/analysis"),
}


@pytest.fixture
def figures(monkeypatch):
    """What is drawn, by its file; nothing is written."""
    found = {}
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: found.setdefault(Path(path), figure))
    return found


def _only(figures):
    """The one figure that was drawn, which is without fault."""
    png, svg = figures
    assert (png.suffix, svg) == (".png", png.with_suffix(".svg"))
    assert pictures.faults(figures[png]) == []
    return figures[png]


def _titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def _run(name, *arguments):
    """A script as it is typed."""
    spec = importlib.util.spec_from_file_location("__main__", ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.argv = [name, *arguments]
    try:
        spec.loader.exec_module(module)
    except SystemExit as end:
        assert not end.code  # noqa: PT017


@pytest.mark.parametrize("script", COMMITTED)
def test_committed_pictures_are_those_of_the_saved_data(figures, monkeypatch, script):
    """Each script can draw again without computing; titles, which say what was found, are those in the saved SVG."""
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    _run(script, "--draw")
    stems = COMMITTED[script]
    assert set(figures) == {RESULTS / f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")}
    for stem in stems:
        figure = figures[RESULTS / f"{stem}.png"]
        assert pictures.faults(figure) == []
        content = (RESULTS / f"{stem}.svg").read_text(encoding="utf-8")
        texts = set(re.findall(r"<!-- (.*?) -->", content)) | set(re.findall(r">([^<>]+)</text>", content))
        written = {text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for text in texts}
        assert {title for title in _titles(figure) if "$" not in title} <= written


def test_every_committed_picture_is_there_twice():
    stems = {stem for stems in COMMITTED.values() for stem in stems}
    photographed = {"explore/explore"}  # a page in a browser
    for kind, others in (("png", photographed), ("svg", set())):
        found = {str(path.relative_to(RESULTS).with_suffix("")) for path in RESULTS.rglob(f"*.{kind}")}
        assert found == stems | others
    for path in RESULTS.rglob("*.svg"):
        assert path.stat().st_size < 300_000
        assert "<dc:date>" not in path.read_text(encoding="utf-8")


def test_a_picture_is_written_twice_and_each_time_the_same(tmp_path, monkeypatch):
    def draw(path):
        with style.picture(path, 3, 2) as figure:
            axes = figure.add_subplot()
            axes.plot([1, 2], clip_on=True)
            style.title(axes, "It rises")

    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        draw(tmp_path / folder / "x.png")
        monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)  # a reader's own taste
    assert {path.name for path in (tmp_path / "one").iterdir()} == set(style.pictures("x"))
    for name in style.pictures("x"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert ">It rises</text>" in (tmp_path / "one" / "x.svg").read_text(encoding="utf-8")


def test_files_of_commands_name_both():
    for names in vars(saved).values():
        if isinstance(names, tuple) and any(str(name).endswith(".png") for name in names):
            stems = [name.removesuffix(".png") for name in names if name.endswith(".png")]
            assert all(f"{stem}.svg" in names for stem in stems)


def _cut(pairs=12):
    return files.read_inequality(str(RESULTS / "records" / str(pairs) / "inequality.json"))


def _threshold(model=True, **changes):
    rng = np.random.default_rng(0)
    u, v = oracles.unit(rng, 9), oracles.unit(rng, 9)
    state = jl.pure(0.6)
    found = InterpolatedModel(np.full(9, 1 / 9), u, v, state) if model else None
    given = {"lower": 0.871, "upper": 0.8712, "inequality": _cut(), "certified": True, **changes}
    return Threshold(state, None, model=found, status=Ending.CONVERGED, seconds=1.0, **given)


@pytest.mark.parametrize(
    ("result", "history"),
    [
        (_threshold(), [(0.5, 1.0), (0.8, 0.9), (0.86, 0.88)]),
        (_threshold(model=False, lower=0.0, upper=1.0, inequality=None, certified=False), []),
    ],
    ids=["closed", "nothing"],
)
def test_threshold(figures, tmp_path, result, history):
    plots.plot_threshold(result, history, tmp_path / "threshold.png")
    left, right = _titles(_only(figures))
    assert f"[{result.lower:.7f}, {result.upper:.7f}]" in left
    assert right == (
        "9 hidden vectors and 12 setting pairs show it"
        if result.model is not None
        else "No hidden vectors or setting pairs are written out"
    )


def test_search(figures, tmp_path):
    history = tuple(0.8785 + 0.2 * np.random.default_rng(1).random(60))
    plots.plot_search(Search(12, 0.875, True, _cut(), 60, Ending.COMPLETE, 1.0, history), tmp_path / "search.png")
    left, right = _titles(_only(figures))
    assert left == "12 setting pairs exclude V > 0.8750000"
    assert re.fullmatch(r"The best one has \d+ settings of Alice and \d+ of Bob", right)


def _report(V, verdicts, **changes):
    rows = [
        {
            "visibility": visibility,
            "verdict": verdict,
            "min_probability": 0.0 if verdict == "reproduces" else -0.01,
            "max_abs_error": 0.0 if verdict == "reproduces" else 1e-3,
            "max_standard_error": 1e-8,
            "tolerance": 1e-7,
        }
        for visibility, verdict in zip(V, verdicts, strict=True)
    ]
    return {"model": "werner", "num_samples": 10**6, "num_pairs": 7, "visibilities": rows, **changes}


NOT_A_MODEL = "negative_probability"


@pytest.mark.parametrize(
    ("V", "verdicts", "finding"),
    [
        ([0.8, 0.85, 0.86], ["reproduces"] * 2 + [NOT_A_MODEL], "up to V = 0.8500, and fails from 0.8600 on"),
        ([0.1, 0.2], ["reproduces"] * 2, "The model reproduces all 2 visibilities from 0.1 to 0.2"),
        ([0.9], [NOT_A_MODEL], "The model fails at V = 0.9"),
        ([-0.5, 0.0, 0.5], ["wrong_average", "reproduces", "wrong_average"], "The model reproduces 1 of 3 visib"),
        ([None], ["reproduces"], "The model reproduces its target"),
        ([None], ["wrong_average"], "The model misses its target"),
        ([None], [NOT_A_MODEL], "The model has a negative probability"),
    ],
)
def test_verification(figures, tmp_path, V, verdicts, finding):
    exact = {"num_samples": None} if V[0] is None else {}
    plots.plot_verification(_report(V, verdicts, **exact), tmp_path / "verification.png")
    assert finding in _titles(_only(figures))[0]


def _plan(**changes):
    plan = json.loads((RESULTS / "worked_experiment" / "report.json").read_text())["plan"]
    return {**plan, **changes}


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        (
            {"detectable": False, "visibility": 0.85, "expected_value": 0.85, "threshold_visibility": 0.9},
            "No number of events is enough",
        ),
        (
            {"detectable": False, "visibility": 1.0, "expected_value": 0.0, "threshold_visibility": None},
            "No number of events is enough",
        ),
        ({"counts_per_pair_for_5_sigma": None}, "Five standard errors take too many events"),
        ({"counts_per_pair": 1539, "expected_z": 5.0}, "1,539 events a pair give 5 standard errors"),
    ],
    ids=["not at this visibility", "at none", "too many", "as planned"],
)
def test_design(figures, tmp_path, changes, finding):
    plots.plot_design(_plan(**changes), tmp_path / "design.png")
    assert _titles(_only(figures)) == ["Alice measures 8 settings", "Bob measures 8 settings", finding]


@pytest.mark.parametrize("number", [12, 60])
def test_settings_of_any_design(figures, tmp_path, number):
    """As many as are numbered, wherever they lie, and more."""
    for seed in range(2 if number == 12 else 1):
        pairs = jl.SettingPairs.random(number, seed)
        settings = {"a": np.asarray(pairs.a).tolist(), "b": np.asarray(pairs.b).tolist()}
        plots.plot_design(_plan(settings=settings, num_pairs=number), tmp_path / "design.png")
        _only(figures)
        figures.clear()


def _dataset(axes, values, command="threshold", **about):
    import xarray

    shape = [len(axis) for axis in axes.values()]
    arrays = {name: (list(axes), np.broadcast_to(x, shape)) for name, x in values.items()}
    job = {"command": command, **about}
    found = xarray.Dataset(arrays, axes, {"title": "A sweep of $V$", "jaxleggett": {"sweep": {"job": job}}})
    if "theta" in axes:
        found["theta"].attrs["units"] = "rad"
    return found.assign(point_seed=(list(axes), np.zeros(shape, int)))


def test_sweeps(figures, tmp_path):
    theta, pairs = np.linspace(0.1, 0.78, 9), np.arange(10, 90, 10)
    curve = 1 - 0.15 * np.sin(theta) ** 2
    ends = {"lower": curve - 1e-3, "upper": curve}
    draw = plots.draw_sweep

    draw(_dataset({"theta": theta}, ends), tmp_path / "x.png")
    figure = _only(figures)
    assert _titles(figure) == [rf"A sweep of \$V\$: from {curve[0] - 5e-4:.4g} to {curve[-1] - 5e-4:.4g}"]
    assert figure.axes[0].get_xlabel() == "angle θ (rad)"
    figures.clear()

    # Lines, and a map where they would be too many.
    draw(_dataset({"pairs": [6, 12], "theta": theta}, ends), tmp_path / "x.png")
    assert [text.get_text() for text in _only(figures).axes[0].get_legend().get_texts()][:1] == ["setting pairs = 6"]
    figures.clear()
    ends = {"lower": 0.9 * curve, "upper": 0.91 * curve}
    draw(_dataset({"pairs": pairs, "theta": theta}, ends), tmp_path / "x.png")
    figure = _only(figures)
    assert [axes.get_ylabel() for axes in figure.axes] == ["setting pairs", style.LARGEST]
    assert [text.get_text() for text in figure.axes[0].texts] == ["72 of 72 points, white: $V_c$"]
    figures.clear()

    # Names instead of numbers; points that are missing; the axis of V.
    names = ["icosahedron", "equatorial:10", "grid:12"]
    low = np.array([0.9, np.nan, 0.86])
    draw(_dataset({"settings": names}, {"lower": low, "upper": low}), tmp_path / "x.png")
    assert "2 of 3 points" in [text.get_text() for text in _only(figures).axes[0].texts]
    figures.clear()
    V = np.linspace(0.7, 1, 9)
    draw(_dataset({"visibility": V}, {"min_probability": np.minimum(0, 0.85 - V)}, "verify"), tmp_path / "x.png")
    assert _only(figures).axes[0].get_xlabel() == style.VISIBILITY
    figures.clear()
    draw(_dataset({"theta": theta}, {"lower": np.nan, "upper": np.nan}), tmp_path / "x.png")
    assert _titles(_only(figures)) == [r"A sweep of \$V\$: nothing yet"]


def test_an_analysis_without_violation(figures, tmp_path):
    report = json.loads((RESULTS / "worked_experiment" / "report.json").read_text())["leggett_model"]
    pairs = jl.SettingPairs.random(5)
    counts = jl.experiments.Counts(pairs, np.random.default_rng(0).integers(1, 99, (5, 4)))
    plots.plot_analysis({**report, "visibility_estimate": None}, counts, jl.werner(), tmp_path / "analysis.png")
    assert _titles(_only(figures)) == ["Correlators are measured", "No violation is shown"]


def test_runs_that_no_other_beats():
    runs = [(3.0, 1e-3), (1.0, 1e-2), (2.0, 2e-2), (4.0, 1e-3), (1.5, 5e-3)]
    assert unbeaten(runs) == [(1.0, 1e-2), (1.5, 5e-3), (3.0, 1e-3)]


def test_numbers_in_titles():
    assert style.rounded(0.0, up=True) == "0"
    assert style.rounded(1.4001e-4, up=True) == "1.5 × 10⁻⁴"
    assert style.rounded(0.0014, up=True) == "0.0014"
    assert style.rounded(4.4e-16, 0) == "4 × 10⁻¹⁶"
    assert style.apart(0.5, 0.5) == ("0.5", "0.5")


def _bad(change):
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], "o-", label="a line")
    axes.set_title("It rises", loc="left")
    axes.set_xlabel("time (s)")
    axes.set_ylabel("height (m)")
    change(axes)
    return pictures.faults(figure)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda axes: None, None),
        (lambda axes: axes.legend(loc="upper left"), None),
        (lambda axes: axes.set_title("", loc="left"), "axes have no title"),
        (lambda axes: axes.set_title("It rises", loc="center"), "'It rises' is not aligned to the left"),
        (lambda axes: axes.set_ylabel(""), "the y axis below 'It rises' has no label"),
        (lambda axes: axes.legend(loc="upper right"), "the legend covers data below 'It rises'"),
        (lambda axes: axes.legend(loc="center"), "the legend covers data below 'It rises'"),
        (lambda axes: axes.text(0.99, 0.98, "here"), "'here' covers data below 'It rises'"),
        (lambda axes: [axes.text(0.1, 0.7 + x, x) for x in (0, 0.01)], "'0' and '0.01' overlap"),
        (lambda axes: axes.set_xticks([0.5, 0.51], ["one", "two"]), "'one' and 'two' overlap"),
        (lambda axes: axes.figure.text(-0.01, 0.5, "half"), "'half' is cut off"),
        (lambda axes: axes.figure.colorbar(axes.scatter([0], [1], c=[1])), "a colour bar has no label"),
    ],
)
def test_the_checks_can_fail(change, fault):
    with matplotlib.style.context(["default", style.STYLE]):
        found = _bad(change)
    assert (found == []) if fault is None else (fault in found)
