"""Time limits: deadlines are seconds of `time.monotonic`, None for no limit."""

from __future__ import annotations

import time


class OutOfTime(Exception):
    """The time limit passed before there was an answer."""


def late(deadline: float | None) -> bool:
    """Whether a deadline has passed."""
    return deadline is not None and time.monotonic() > deadline
