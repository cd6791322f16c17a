import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from app.guard.__main__ import main

pytestmark = pytest.mark.usefixtures("few_words")


@pytest.fixture
def program() -> typer.Typer:
    program = typer.Typer()
    program.command()(main)
    return program


def answers(program: typer.Typer, lines: str, *options: str) -> Result:
    return CliRunner().invoke(program, options, input=lines)


def test_each_line_gets_a_verdict(program: typer.Typer) -> None:
    assert answers(program, "hello\noh shit\n").output == "ok\nbad\t'shit' 3-7 profanity 2\n"


def test_lines_are_masked_on_demand(program: typer.Typer) -> None:
    assert answers(program, "oh shit\n", "--mask").output == "oh ████\n"


def test_verdicts_are_json_on_demand(program: typer.Typer) -> None:
    (line,) = answers(program, "oh shit\n", "--json", "--mask").output.splitlines()

    assert json.loads(line) == {
        "flagged": True,
        "categories": ["profanity"],
        "spans": [{"start": 3, "end": 7, "category": "profanity", "severity": 2}],
        "masked": "oh ████",
    }


def test_lists_and_thresholds_are_options(program: typer.Typer, tmp_path: Path) -> None:
    allow, deny = tmp_path / "allow.txt", tmp_path / "deny.txt"
    allow.write_text("shit\n", "utf-8")
    deny.write_text("frell\n", "utf-8")
    options = ("--allow-file", str(allow), "--deny-file", str(deny), "--threshold", "mild=1")

    assert answers(program, "shit\nfrell\ndamn\n", *options).output.splitlines() == [
        "ok",
        "bad\t'frell' 0-5 profanity 3",
        "bad\t'damn' 0-4 mild 1",
    ]


@pytest.mark.parametrize("option", ["mild=9", "rude=1", "mild"])
def test_a_malformed_option_is_a_usage_error(program: typer.Typer, option: str) -> None:
    assert answers(program, "", "--threshold", option).exit_code == 2


def test_a_malformed_list_is_a_usage_error(program: typer.Typer, tmp_path: Path) -> None:
    deny = tmp_path / "deny.txt"
    deny.write_text("frell\trude\n", "utf-8")

    assert answers(program, "", "--deny-file", str(deny)).exit_code == 2


def test_the_module_is_a_program() -> None:
    command = [sys.executable, "-m", "app.guard"]

    assert (
        subprocess.run(command, input="fine\n", capture_output=True, text=True, check=True).stdout == "ok\n"
    )
