"""Every option arrives where it is for: what commands call, and with which arguments. Nothing is computed here."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from cases import THREE_AXES

import jaxleggett as jl
from jaxleggett.experiments import AnalysisOptions
from jaxleggett.states import parse_state

COUNTS = {"a": [[0, 0, 1]], "b": [[1, 0, 0]], "counts": [{"00": 1, "01": 2, "10": 3, "11": 4}]}
NO_STATE = np.diag([0.6, 0.5, 0.05, -0.15])
POVM = {"weights": [0.5, 0.5], "vectors": [[0, 0, 1], [0, 0, -1]]}

FILES = {
    "counts.json": COUNTS,
    "cut.json": THREE_AXES.to_json(),
    "rho.json": NO_STATE.tolist(),
    "povms.json": {"alice": POVM, "bob": POVM},
}

PURE = parse_state("pure:0.5")
NEAREST = jl.TwoQubitState.nearest_to(NO_STATE)[0]
LATE = {"time_limit": 9.0, "seed": 3}

CALLS = [
    ("analyze counts.json --alice-bit 0", "experiments.read_data", {"path": "counts.json", "alice": 0}),
    ("analyze counts.json --settings drawn.csv", "experiments.read_data", {"settings": "drawn.csv", "alice": 1}),
    (
        "analyze counts.json --missing worst --misalignment 0.5 --choose counts --split 0.25 --resamples 7",
        "experiments.analyze",
        {"options": AnalysisOptions(0.5, "worst", "counts", 0.25, 7), "inequality": None},
    ),
    ("analyze counts.json --state pure:0.5 --time-limit 9 --seed 3", "experiments.analyze", {"state": PURE, **LATE}),
    ("analyze counts.json --state rho.json --project", "experiments.analyze", {"state": NEAREST}),
    (
        "design --visibility 0.9 --sides 3x4 --counts-per-pair 77 --misalignment 0.2 --time-limit 9 --seed 3",
        "experiments.design",
        {"visibility": 0.9, "sides": "3x4", "counts_per_pair": 77, "misalignment": 0.2, **LATE},
    ),
    ("design --visibility 1 --pairs 5 --state pure:0.5", "experiments.design", {"pairs": 5, "state": PURE}),
    ("design --visibility 1 --state rho.json --project", "experiments.design", {"state": NEAREST, "settings": None}),
    (
        "simulate --settings random:3 --state pure:0.5 --visibility 0.4 --model leggett --seed 3",
        "experiments.source_of",
        {"state": PURE, "visibility": 0.4, "model": "leggett", "seed": 3},
    ),
    ("simulate --settings random:3 --counts 55 --seed 3", "experiments.simulate", {"counts": 55, "seed": 3}),
    (
        "simulate --settings random:3 --trials 55 --seed 3 --json",
        "experiments.simulate_trials",
        {"number": 55, "probabilities": None, "seed": 3},
    ),
    (
        "search --pairs 12 --symmetry O --restarts 5 --certify --time-limit 9 --seed 3",
        "searches.search",
        {"pairs": 12, "symmetry": "O", "restarts": 5, "certify": True, **LATE},
    ),
    ("search --sides 3x4", "searches.search", {"sides": "3x4", "pairs": None, "symmetry": "none", "certify": False}),
    ("search --target model --restarts 5 --seed 3", "searches.explicit_model.break_model", {"starts": 5, "seed": 3}),
    (
        "threshold --state pure:0.5 --settings random:3 --notion bell --certify --time-limit 9 --seed 3",
        "notions.threshold",
        {"state": PURE, "settings": "random:3", "notion": "bell", "certify": True, **LATE},
    ),
    ("threshold --state rho.json --project", "notions.threshold", {"state": NEAREST, "settings": "all"}),
    ("threshold --tolerance 0.01", "notions.threshold", {"notion": "leggett", "tolerance": 0.01, "certify": False}),
    (
        "threshold --inequality cut.json --tolerance 0.01 --certify --time-limit 9 --seed 3",
        "thresholds.prove",
        {"tolerance": 0.01, "certify": True, **LATE},
    ),
    (
        "verify --method mc --samples 123 --precision single --seed 3",
        "verification.verify",
        {"method": "mc", "samples": 123, "precision": "single", "seed": 3},
    ),
    ("verify --model povm --povms povms.json --samples 4e3 --seed 3", "povms.verify_povms", {"samples": 4000}),
    ("map --seed 3", "survey.survey", {"table": None, "seed": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "place", "expected"), CALLS, ids=[line for line, _, _ in CALLS])
def test_options_reach_what_they_are_for(run, monkeypatch, tmp_path, line, place, expected):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).write_text(json.dumps(content))
    seen = {}

    def called(*arguments, **options):
        seen.update(signature.bind(*arguments, **options).arguments)
        raise jl.InputError("enough")

    module, name = f"jaxleggett.{place}".rsplit(".", 1)
    signature = inspect.signature(getattr(__import__(module, fromlist=[name]), name))
    monkeypatch.setattr(f"{module}.{name}", called)
    assert run(*line.split()) == (2, "", "error: enough\n")
    assert {name: seen[name] for name in expected} == expected


@pytest.mark.parametrize(("command", "option"), [("threshold", "--inequality"), ("search", "--start")])
def test_an_inequality_reaches_what_it_is_for(run, monkeypatch, tmp_path, command, option):
    place = {"threshold": "jaxleggett.thresholds.prove", "search": "jaxleggett.searches.search"}[command]
    (tmp_path / "cut.json").write_text(json.dumps(THREE_AXES.to_json()))
    seen = []

    def called(*arguments, start=None, **_):
        seen.append(start or arguments[0])
        raise jl.InputError("enough")

    monkeypatch.setattr(place, called)
    run(command, option, tmp_path / "cut.json")
    assert seen[0].to_json() == THREE_AXES.to_json()
