"""Signals that end the service, from the first moment on.

This module imports next to nothing: its handlers stand before the second that all other imports take.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""A hang-up ends the service as gently as the other two: the terminal that it was started from has closed."""


def heeded() -> list[signal.Signals]:
    """Those of them that this process was not started to ignore, as nohup has it."""
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


def end_at_once() -> None:
    """Until somebody else listens, an ending signal ends the process with status 0: nothing has begun yet.

    As process 1 of a container, a process without a handler would not even get the signal: Linux drops it.
    But what is blocked waits. Whoever starts this process with these signals blocked, as the image does,
    loses none that comes while the interpreter starts; from here on they are let through.
    """
    for number in heeded():
        signal.signal(number, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)
