from __future__ import annotations

import os
import subprocess
import sys

import pytest

from app.engine.runtimes.stderr import quiet


def test_what_native_code_says_is_kept_back(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, b"INFO: looking for a library\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_it_is_shown_when_the_block_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), quiet():
        os.write(2, b"ERROR: not a model\n")
        raise ValueError("no")
    assert capfd.readouterr().err == "ERROR: not a model\n"


def test_after_silence_nothing_is_shown() -> None:
    program = "import os\nfrom app.engine.runtimes.stderr import silence\nsilence()\nos.write(2, b'bye')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
