"""The loop of column generation, on a question that can be answered by hand."""

import dataclasses

import pytest

from jaxleggett._clock import OutOfTime
from jaxleggett.lp.column_generation import Bracket, generate
from jaxleggett.lp.restricted_programme import SolverError
from jaxleggett.runs import Ending


@dataclasses.dataclass
class Halving:
    """The largest x <= 1/3: every round halves the gap on either side.

    `reopened` holds the upper bounds that `search_again` will find, the first one last; `helps` is the number of rounds
    that help; `fails` says at which call of which method an error is raised.
    """

    lower: float = 0.0
    upper: float = 1.0
    helps: int = 100
    reopened: list = dataclasses.field(default_factory=list)
    calls: list = dataclasses.field(default_factory=list)
    fails: dict = dataclasses.field(default_factory=dict)

    def _call(self, name):
        self.calls.append(name)
        if error := self.fails.get((name, self.calls.count(name))):
            raise error

    def solve(self):
        self._call("solve")
        self.lower = (self.lower + 1 / 3) / 2

    def find_worst(self, number):
        self._call("find_worst")
        assert number == self.calls.count("find_worst")
        self.upper = (self.upper + 1 / 3) / 2

    def to_be_reported(self, tolerance):
        self._call("to_be_reported")
        return self.upper - self.lower <= tolerance or self.calls.count("to_be_reported") > self.helps

    def search_again(self, number):
        self._call("search_again")
        if self.reopened:
            self.upper = self.reopened.pop()

    def grow(self):
        self._call("grow")
        return self.calls.count("grow") <= self.helps


def test_it_ends_where_the_bounds_are_as_close_as_asked_and_have_been_searched_again():
    question, events = Halving(), []
    assert generate(question, 0.01, events.append) == Ending.CONVERGED
    assert question.upper - question.lower <= 0.01
    assert question.calls[:4] == ["solve", "find_worst", "to_be_reported", "grow"]
    assert question.calls[-2:] == ["to_be_reported", "search_again"]
    assert question.calls.count("solve") == 7  # 2^-7 < 0.01 < 2^-6
    done = [event.done for event in events]
    assert done == sorted(done)
    assert done[-1] == 1
    assert (events[-1].lower, events[-1].upper) == (question.lower, question.upper)


def test_a_bracket_that_the_second_search_opens_is_not_reported():
    question, events = Halving(reopened=[0.9, 0.8]), []
    assert generate(question, 0.01, events.append) == Ending.CONVERGED
    assert question.calls.count("search_again") == 3
    assert question.upper < 0.35
    # What is told is what the second search left, and the share that is done does not fall.
    assert max(event.upper for event in events[5:]) == 0.9
    assert [event.done for event in events] == sorted(event.done for event in events)


def test_where_nothing_helps_any_more_it_has_stalled_after_a_second_search():
    question = Halving(helps=3)
    assert generate(question, 1e-9) == Ending.STALLED
    assert question.calls[-2:] == ["search_again", "grow"]
    assert generate(Halving(), 1e-9, most_rounds=4) == Ending.STALLED


def test_bounds_that_are_equal_need_no_inequality():
    question = Halving(lower=1 / 3, upper=1 / 3)
    assert generate(question, 0.01) == Ending.CONVERGED
    assert question.calls == ["solve"]


@pytest.mark.parametrize(("error", "ending"), [(OutOfTime(), "time_limit"), (KeyboardInterrupt(), "interrupted")])
@pytest.mark.parametrize("where", ["solve", "find_worst", "to_be_reported", "grow"])
def test_time_and_ctrl_c_end_it_anywhere(error, ending, where):
    question = Halving(fails={(where, 2): error})
    assert generate(question, 0.01) == ending
    assert question.calls.count(where) == 2
    assert question.lower < 1 / 3 < question.upper


def test_ctrl_c_in_the_function_that_is_told_the_progress():
    def stop(event):
        raise KeyboardInterrupt

    assert generate(Halving(), 0.01, stop) == "interrupted"


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError):
        generate(Halving(fails={("solve", 1): ZeroDivisionError()}), 0.01)


def test_a_bracket_without_an_answer_is_from_0_to_1():
    assert Bracket.of_none(Ending.INTERRUPTED) == Bracket(0.0, 1.0, None, None, Ending.INTERRUPTED)


def test_every_ending_says_in_one_sentence_what_it_means():
    for ending in Ending:
        assert ending == ending.value
        assert ending.advice.endswith(".")


def test_a_solver_that_fails_later_leaves_the_bounds_and_at_first_is_an_error():
    question = Halving(fails={("solve", 4): SolverError("no optimum")})
    assert generate(question, 1e-9) == Ending.STALLED
    assert question.upper - question.lower == pytest.approx(2**-3)
    question = Halving(fails={("solve", 1): SolverError("no optimum")})
    with pytest.raises(SolverError, match="no optimum"):
        generate(question, 1e-9)
