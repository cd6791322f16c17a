"""Runs a module of the project with more patience for its engine, which is emulated and slow.

python -m tests.arm64.patiently MODULE [ARGUMENT...]
"""

from __future__ import annotations

import runpy
import sys

from app import main
from app.engine import client

if __name__ == "__main__":
    client.LOAD_SECONDS, main.STALL_SECONDS = 1200.0, 600.0
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
