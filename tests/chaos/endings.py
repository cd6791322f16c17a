"""Signals at every moment: while the process starts, also as process 1, and while requests are cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.crowds import Ending, ask
from tests.service_process import ROOT, ServiceProcess, children, free_port, wait_until

PROCESS_1 = (
    *("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"),
    *("env", "--block-signal=HUP,INT,TERM"),
)
"""Runs a command as the first process of a namespace, as a container of the image does."""


def ended_while_starting(
    wrap: tuple[str, ...], moment: float, **settings: object
) -> tuple[int | None, float]:
    """Exit status, none where it went on, and the seconds from SIGTERM until then."""
    named = {f"AUTOCOMPLETE_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [*wrap, sys.executable, "-m", "app"],
        env=os.environ | named | {"AUTOCOMPLETE_PORT": str(free_port())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        time.sleep(moment)
        if wrap:
            wait_until(lambda: bool(children(process.pid)), 10)
        os.kill(children(process.pid)[0] if wrap else process.pid, signal.SIGTERM)
        began = time.monotonic()
        try:
            return process.wait(20), time.monotonic() - began
        except subprocess.TimeoutExpired:
            return None, 20.0
    finally:
        process.kill()
        process.wait()


def cut(service: ServiceProcess, inside: int = 8) -> Ending:
    """SIGTERM while requests run that take longer than the grace period."""
    with ThreadPoolExecutor(inside) as pool:
        asked = [pool.submit(ask, service, max_tokens=400, temperature=1.5, seed=n) for n in range(inside)]
        wait_until(lambda: service.metric("num_sequences_admitted") == inside, 30)
        os.kill(service.process.pid, signal.SIGTERM)
        began = time.monotonic()
        status = service.process.wait(60)
        seconds = time.monotonic() - began
        return Ending(Counter(done.result().status for done in asked), seconds, status)
