import json
import subprocess
import sys
from pathlib import Path


def answers(lines: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.guard", *options]
    return subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf-8", check=False)


def test_each_line_gets_a_verdict() -> None:
    assert answers("hello\noh shit\n").stdout == "ok\nbad\t'shit' 3-7 profanity 2\n"


def test_lines_are_masked_on_demand() -> None:
    assert answers("oh shit\n", "--mask").stdout == "oh ████\n"


def test_verdicts_are_json_on_demand() -> None:
    (line,) = answers("oh shit\n", "--json", "--mask").stdout.splitlines()

    assert json.loads(line) == {
        "flagged": True,
        "categories": ["profanity"],
        "spans": [{"start": 3, "end": 7, "category": "profanity", "severity": 2}],
        "masked": "oh ████",
    }


def test_lists_and_thresholds_are_options(tmp_path: Path) -> None:
    allow, deny = tmp_path / "allow.txt", tmp_path / "deny.txt"
    allow.write_text("shit\n", "utf-8")
    deny.write_text("frell\n", "utf-8")
    options = ("--allow-file", str(allow), "--deny-file", str(deny), "--threshold", "mild=1")

    assert answers("shit\nfrell\ndamn\n", *options).stdout.splitlines() == [
        "ok",
        "bad\t'frell' 0-5 profanity 3",
        "bad\t'damn' 0-4 mild 1",
    ]


def test_a_malformed_option_ends_with_one_error() -> None:
    for option in ("mild=9", "rude=1", "mild"):
        ended = answers("", "--threshold", option)
        assert ended.returncode == 2
        assert "Invalid value" in ended.stderr
