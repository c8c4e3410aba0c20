"""Deadlines: values of `time.monotonic`, in seconds, or None where there is no time limit."""

from __future__ import annotations

import time


class OutOfTime(Exception):
    """Raised where a time limit passes before there is an answer."""


def late(deadline: float | None) -> bool:
    """Whether `deadline` has passed."""
    return deadline is not None and time.monotonic() > deadline
