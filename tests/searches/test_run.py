"""`search`: seeds, interruptions, time limits, what it may start from, bad input."""

import _thread
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import oracles
import pytest
from cases import THREE_AXES

import jaxleggett as jl
from jaxleggett._clock import goes_on
from jaxleggett.runs import Ending
from jaxleggett.searches import PolishOptions, SearchOptions, gradient_descent, result, run
from jaxleggett.searches.orbits import rotation_group
from jaxleggett.thresholds import prove


@pytest.mark.slow
def test_the_published_settings_are_improved():
    """Started from the published inequality of 6 pairs, which is optimal only for its settings."""
    some = SearchOptions(finishes=1, polish=PolishOptions(programmes=15), certified_to=1e-4)
    found = jl.search(start=THREE_AXES, restarts=2, certify=True, options=some)
    assert found.certified
    assert found.num_pairs == 6
    assert oracles.V_C < found.visibility_threshold < 0.93
    again = prove(found.inequality, jl.werner(), tolerance=1e-4)
    assert again.upper == pytest.approx(found.visibility_threshold, abs=2e-4)
    assert found.inequality.value(jl.werner()) == pytest.approx(1)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_inequality(brief):
    first, second = (jl.search(6, restarts=1, seed=3, options=brief) for _ in range(2))
    for name in ("coefficients", "a", "b"):
        assert (getattr(first.inequality, name) == getattr(second.inequality, name)).all()
    assert first.visibility_threshold == second.visibility_threshold < 0.9428
    assert result.count_settings(first.inequality) == (6, 6)
    assert first.restarts == 1
    assert "threshold   0.9" in str(first)
    assert jl.search(6, restarts=1, seed=4, options=brief).visibility_threshold != first.visibility_threshold


@pytest.mark.slow
def test_orbits_keep_their_symmetry(brief, rng):
    found = jl.search(12, restarts=2, symmetry="O", options=brief)
    assert found.num_pairs == len(found.inequality.a) == 12
    u, v = oracles.unit(rng, 3), oracles.unit(rng, 3)
    turn = rotation_group("O")[5]
    assert found.inequality.at(u @ turn.T, v @ turn.T) == pytest.approx(found.inequality.at(u, v))


@pytest.mark.slow
def test_too_few_pairs_exclude_nothing(brief):
    found = jl.search(1, restarts=2, options=brief)
    assert found.visibility_threshold == 1
    assert found.inequality is None
    assert not found.certified
    assert "none was found" in str(found)


def test_coefficients_of_either_sign_begin_the_same_search():
    """C(a, -b) = -C(a, b): an inequality with g > 0 is another one written differently."""
    sign = np.array([1, -1, 1, -1, -1, 1])
    flipped = jl.LeggettInequality(
        sign * THREE_AXES.coefficients, THREE_AXES.a, sign[:, None] * THREE_AXES.b, *np.zeros((2, 6)), 1.0
    )
    first, second = (run._given(x, 6, "none") for x in (THREE_AXES, flipped))
    assert (first.p == second.p).all()
    assert first.b == pytest.approx(second.b)


@pytest.mark.thorough
@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
def test_ctrl_c_keeps_the_best(share, brief):
    """While the start is polished, in the annealing, in a polish, in the last one."""

    events = []

    def stop(event):
        events.append(event)
        if event.done >= share:
            raise KeyboardInterrupt

    start = THREE_AXES if share == 0 else None
    found = jl.search(6, restarts=2, seed=3, start=start, progress=stop, options=brief)
    assert found.status == "interrupted"
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert 0 <= events[-1].done < 1
    assert found.restarts == (2 if share > 0.9 else 0)
    # How far the annealing has come by then depends on the clock.
    assert found.visibility_threshold < (0.96 if share == 0.4 else 0.9429)
    assert found.inequality is not None


@pytest.mark.thorough
def test_ctrl_c_in_the_proof_keeps_the_best(monkeypatch, brief):
    real = run.prove

    def stop(*arguments, certify, **options):
        if certify:
            raise KeyboardInterrupt
        return real(*arguments, certify=certify, **options)

    monkeypatch.setattr(run, "prove", stop)
    found = jl.search(start=THREE_AXES, restarts=2, certify=True, options=brief)
    assert (found.status, found.certified) == ("interrupted", False)
    assert found.visibility_threshold < 0.9429


@pytest.mark.parametrize("certify", [False, True])
def test_a_time_limit_holds_before_anything_is_found(certify):
    began = time.monotonic()
    found = jl.search(6, restarts=10**6, time_limit=1e-3, certify=certify)
    assert (found.status, found.visibility_threshold, found.inequality) == ("time_limit", 1, None)
    assert (found.restarts, found.history, found.certified) == (0, (), False)
    assert time.monotonic() - began < 5  # 0.01 s; 12 s where the clock waited for the compiler


@pytest.fixture
def held_up(monkeypatch):
    """The first stage takes a minute, as on a slow machine; an event that is set when it has begun."""
    begun, released = threading.Event(), threading.Event()

    def advance(*arguments):
        begun.set()
        released.wait(60)
        raise RuntimeError

    monkeypatch.setattr(gradient_descent, "advance", advance)
    yield begun
    released.set()
    while goes_on():  # a search that is given up must not enter the first stage of the next test
        time.sleep(0.01)


@pytest.mark.slow
def test_the_first_call_takes_one_step(monkeypatch, brief):
    """Nobody knows yet how long a step takes: with many pairs, a hundred would outlast most time limits."""
    asked = []

    def advance(keys, rotations, restarts, done, options, pairing, more):
        asked.append(more)
        return restarts

    monkeypatch.setattr(gradient_descent, "advance", advance)
    jl.search(6, restarts=2, options=brief)
    assert asked[0] == 1
    assert sum(asked) == brief.descent.steps
    assert max(asked) <= brief.descent.segment


@pytest.mark.usefixtures("held_up")
def test_a_time_limit_gives_up_what_takes_long():
    found = jl.search(6, restarts=2, time_limit=1)
    assert found.status == "time_limit"
    assert found.seconds < 10  # 0.9 s


def test_ctrl_c_gives_up_what_takes_long(held_up):
    pressed = []

    def press():
        held_up.wait()
        pressed.append(time.monotonic())
        _thread.interrupt_main()

    threading.Thread(target=press).start()
    found = jl.search(6, restarts=2)
    assert found.status == "interrupted"
    assert time.monotonic() - pressed[0] < 10  # 0.01 s


def test_ctrl_c_while_a_search_is_set_up_is_answered(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "MultiStart", interrupted)
    found = jl.search(6)
    assert (found.status, found.inequality, found.visibility_threshold) == ("interrupted", None, 1)


@pytest.mark.slow
def test_a_time_limit_ends_the_search_with_what_there_is(brief):
    whole = jl.search(6, restarts=2, seed=3, options=brief)  # compiles, and shows how fast the machine is
    limit = max(6.0, 2 * whole.seconds)
    found = jl.search(6, restarts=10**6, time_limit=limit, options=replace(brief, batch=2))
    assert found.status == "time_limit"
    assert found.seconds < 1.2 * limit
    assert found.history
    assert oracles.V_C < found.visibility_threshold < 1
    assert found.inequality.bound == pytest.approx(found.visibility_threshold)
    started = jl.search(start=THREE_AXES, restarts=10**6, time_limit=limit, options=replace(brief, batch=2))
    assert started.seconds < 1.2 * limit
    assert started.visibility_threshold < 0.9429


@pytest.mark.thorough
def test_the_last_search_may_be_given_up(monkeypatch, brief):
    """Then the bound stands that the search for inequalities knew."""
    monkeypatch.setattr(run, "PATIENCE", 0.0)

    def stop(event):
        if event.done > 0.95:
            raise KeyboardInterrupt

    found = jl.search(6, restarts=2, seed=3, progress=stop, options=brief)
    assert found.status == "interrupted"
    assert found.visibility_threshold == found.inequality.bound == min(found.history)


@pytest.mark.parametrize("ending", ["time_limit", "stalled"])
def test_how_a_proof_ended_is_how_the_search_ended(ending, monkeypatch):
    proof = SimpleNamespace(status=Ending(ending), inequality=THREE_AXES, upper=0.95)
    monkeypatch.setattr(run, "prove", lambda *arguments, **options: proof)
    answer = run._bounded(THREE_AXES, Ending.COMPLETE, None, True, 0, SearchOptions())
    assert answer == (THREE_AXES, 0.95, True, ending)


def test_a_proof_that_shows_nothing_in_time_loses_no_inequality():
    proof = prove(THREE_AXES, jl.werner(), tolerance=1e-6, time_limit=1e-3)
    assert (proof.status, proof.inequality) == ("time_limit", None)
    answer = run._bounded(THREE_AXES, Ending.COMPLETE, time.monotonic(), True, 0, SearchOptions())
    assert answer == (THREE_AXES, THREE_AXES.bound, False, "time_limit")


@pytest.mark.slow
def test_a_threshold_below_what_models_reach_is_an_error(monkeypatch, brief):
    real = run.prove

    def wrong(*arguments, **options):
        proof = real(*arguments, **options)
        object.__setattr__(proof, "upper", 0.85)
        return proof

    monkeypatch.setattr(run, "prove", wrong)
    with pytest.raises(ArithmeticError, match="below what a Leggett model reaches"):
        jl.search(6, restarts=2, seed=3, options=brief)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pairs": 0}, "pairs must lie between"),
        ({"restarts": 0}, "restarts must lie between"),
        ({"time_limit": 0}, "time_limit must be a number of seconds above 0"),
        ({"symmetry": "X"}, "symmetry must be none"),
        ({"pairs": 5, "start": THREE_AXES}, "start must have 5 pairs, but has 6"),
        ({"pairs": 12, "symmetry": "O", "start": THREE_AXES}, "symmetry must be none with start"),
        ({"start": {}}, "start must be a LeggettInequality"),
        ({"time_limit": "3"}, "time_limit must be a number of seconds above 0"),
        ({"symmetry": None}, "symmetry must be none"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        jl.search(**arguments)


@pytest.mark.parametrize(("g", "b"), [(-1.0, [1, 0, 0]), (-1.0, [0, 1, 1e-17]), (0.0, [0, 0, 1]), (-1e308, [0, 1, 0])])
def test_a_start_that_says_nothing_about_the_singlet_is_refused(g, b):
    with pytest.raises(jl.InputError, match="start must have a positive value at the singlet"):
        jl.search(start=jl.LeggettInequality([g], [[0.0, 0, 1]], [b], [0.0], [0.0], 1.0))


@pytest.mark.slow
def test_no_search_ends_below_what_models_reach():
    """200 tiny searches, no two alike; `search` itself raises below V_c, the bound is proved here."""
    tiny = SearchOptions(finishes=1, polish=PolishOptions(programmes=6))
    for seed in range(200):
        pairs = 3 + seed % 4
        found = jl.search(pairs, restarts=1, seed=seed, options=tiny)
        if found.inequality is not None:
            proved = prove(found.inequality, jl.werner(), tolerance=1e-4)
            assert oracles.V_C <= proved.upper
            assert proved.upper == pytest.approx(found.visibility_threshold, abs=2e-4)
