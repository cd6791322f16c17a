"""llama.vim in Debian's Vim, in a terminal that tmux holds: somebody types and accepts what is suggested.

The service runs the default weights; tokens that they know for something else are named as those for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ARTIFACTS
from tests.docker.traffic import answers, free_port, program, wait_until

PLUGIN = Path(os.environ.get("LLAMA_VIM", Path(__file__).parents[1] / "artifacts" / "llama.vim"))
ROLES = {"prefix": "<repo_name>", "suffix": "<file_sep>", "middle": "<jupyter_code>", "end": "<jupyter_text>"}
FILE = "for number in range(10):\n"
TYPED = "    pri"
VIMRC = """
set nocompatible noswapfile viminfo= shortmess+=I
let g:llama_config = {{'endpoint_fim': '{url}/infill', 'n_predict': 12, 'show_info': 0}}
set runtimepath^={plugin}
"""


class Terminal:
    """A program in a terminal of 80 columns and 12 rows."""

    def __init__(self, folder: Path, command: str) -> None:
        self._tmux = ["tmux", "-f", "/dev/null", "-S", str(folder / "tmux")]
        self._run("new-session", "-d", "-x", "80", "-y", "12", command)

    def type(self, *keys: str) -> None:
        """Press keys; those with a name of tmux's are pressed, others written."""
        self._run("send-keys", *keys)

    def lines(self) -> list[str]:
        """What is on the screen."""
        return self._run("capture-pane", "-p").split("\n")

    def close(self) -> None:
        """End it, unless it has ended."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def _run(self, *arguments: str) -> str:
        return subprocess.run(
            [*self._tmux, *arguments], check=True, capture_output=True, text=True, timeout=20
        ).stdout


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """The service over the default model that fills in; its address."""
    for file in ARTIFACTS.glob("*"):
        (tmp_path / file.name).symlink_to(file.resolve())
    manifest = json.loads((tmp_path / "autocomplete.manifest.json").read_text())
    special = manifest["special_tokens"]
    manifest["infill_tokens"] = {role: special[text] for role, text in ROLES.items()}
    (tmp_path / "autocomplete.manifest.json").unlink()
    (tmp_path / "autocomplete.manifest.json").write_text(json.dumps(manifest))
    port = free_port()
    settings = {
        "AUTOCOMPLETE_MODEL": str(tmp_path / "autocomplete.tflite"),
        "AUTOCOMPLETE_PORT": str(port),
    }
    with program([sys.executable, "-m", "app"], tmp_path / "service.log", **os.environ | settings):
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/readyz"), 120)
        yield url


@contextmanager
def vim(folder: Path, url: str, text: str) -> Iterator[tuple[Terminal, Path]]:
    """Vim with the plugin on a file."""
    file, vimrc = folder / "numbers.py", folder / "vimrc"
    file.write_text(text)
    vimrc.write_text(VIMRC.format(url=url, plugin=PLUGIN))
    terminal = Terminal(folder, f"vim -Nu {vimrc} {file}")
    try:
        yield terminal, file
    finally:
        terminal.close()


def test_a_suggestion_is_seen_and_accepted(service: str, tmp_path: Path) -> None:
    assert PLUGIN.exists(), "make test-editors fetches it"
    with vim(tmp_path, service, FILE) as (terminal, file):
        wait_until(lambda: terminal.lines()[0] != "", 10)
        terminal.type("Enter")  # below 9.1 the plugin warns, and waits for it
        wait_until(lambda: terminal.lines()[0] == FILE.strip(), 10)
        terminal.type("G", "o", "Space", "BSpace")
        terminal.type("-l", TYPED)
        wait_until(lambda: terminal.lines()[1].startswith(TYPED), 10)
        wait_until(lambda: terminal.lines()[1] != TYPED, 10)
        screen = terminal.lines()
        print("\n".join(screen))
        suggested = screen[1]
        assert suggested.startswith(TYPED)
        terminal.type("Tab")
        terminal.type("Escape", ":wq", "Enter")
        wait_until(lambda: file.read_text() != FILE, 10)
    assert file.read_text().split("\n")[1] == suggested
