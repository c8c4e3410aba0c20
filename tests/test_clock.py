"""Time limits: work in another thread, given up when time is over or on Ctrl-C."""

import _thread
import threading
import time

import pytest

from jaxleggett._clock import OutOfTime, beside, goes_on, within


def test_what_work_returns_and_raises():
    assert within(None, lambda: 3) == 3
    assert within(time.monotonic() + 60, lambda: None) is None
    with pytest.raises(ZeroDivisionError):
        within(None, lambda: 1 / 0)


def test_no_work_begins_after_the_deadline():
    with pytest.raises(OutOfTime):
        within(time.monotonic() - 1, lambda: pytest.fail("it was begun"))


def test_work_is_given_up_at_the_deadline():
    go = threading.Event()
    began = time.monotonic()
    with pytest.raises(OutOfTime):
        within(began + 0.1, go.wait)
    assert 0.1 <= time.monotonic() - began < 5
    assert goes_on()
    go.set()


def test_ctrl_c_reaches_who_waits_at_once():
    go = threading.Event()
    threading.Timer(0.1, _thread.interrupt_main).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        within(None, go.wait)
    assert time.monotonic() - began < 5  # 0.2 s
    go.set()


def test_work_beside_goes_on_until_it_is_done():
    go = threading.Event()
    beside(go.wait)
    assert goes_on()
    go.set()
    while goes_on():  # with what other tests gave up
        time.sleep(0.01)
