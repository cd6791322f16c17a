from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from fastapi import FastAPI

from app import cli
from app.installation import module_command, product_version
from app.settings import Settings
from tests.fakes import FakeEngine


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], compose: Callable[..., FastAPI]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command over a scripted engine: exit status, output, errors."""

    def ran(*arguments: str, engine: FakeEngine | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(cli, "create_app", lambda settings: compose(engine))
        monkeypatch.setattr(sys, "argv", ["autocomplete", *arguments])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as end:
            cli.main()
        output = capsys.readouterr()
        return int(end.value.code or 0), output.out, output.err

    return ran


Run = Callable[..., tuple[int, str, str]]


def test_complete_writes_the_text_and_its_continuation(run: Run) -> None:
    assert run("complete", "The quick brown fox") == (0, "The quick brown fox jumps over the lazy dog.\n", "")


def test_complete_takes_the_options_of_the_route(run: Run) -> None:
    engine = FakeEngine()
    status, output, _ = run(
        "complete",
        "x",
        "--max-tokens",
        "6",
        "--temperature",
        "0",
        "--seed",
        "3",
        "--stop",
        "mp",
        engine=engine,
    )
    assert (status, output) == (0, "x ju\n")
    assert (engine.generations[0].sampling.seed, engine.generations[0].sampling.temperature) == (3, 0)


def test_a_rejected_text_is_one_line_and_status_1(run: Run) -> None:
    status, _, error = run("complete", "what the fuck")
    assert (status, error) == (1, "the prompt was rejected by the content filter\n")


def test_a_text_that_cannot_be_continued_is_refused_by_the_field_and_starts_no_engine(run: Run) -> None:
    status, output, error = run("complete", "")
    assert (status, output) == (2, "")
    assert "prompt: String should have at least 1 character" in error


@pytest.mark.parametrize("stops", [[""], ["a", ""], ["a"] * 17])
def test_stop_texts_that_are_empty_or_too_many_are_refused(run: Run, stops: list[str]) -> None:
    engine = FakeEngine()
    status, output, error = run("complete", "x", *(f"--stop={stop}" for stop in stops), engine=engine)
    assert (status, output, engine.generations) == (2, "", [])
    assert "stop: at most 16 texts of at least 1 character" in error


def test_an_option_over_a_limit_is_one_line_and_status_1(run: Run) -> None:
    status, _, error = run("complete", "x", "--max-tokens", "256")
    assert (status, error) == (1, "max_tokens: at most 255 is accepted\n")


def test_the_command_line_is_admitted_like_a_request(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCOMPLETE_SLOTS", "1")
    monkeypatch.setenv("AUTOCOMPLETE_QUEUE_SIZE", "2")
    status, _, error = run("bench", "--rounds", "1", "--max-tokens", "4")
    assert (status, error) == (1, "the queue is full\n")


def test_a_setting_at_fault_is_named_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCOMPLETE_PORT", "abc")
    status, _, error = run("complete", "x")
    assert status == 1
    assert error == (
        "AUTOCOMPLETE_PORT: Input should be a valid integer, unable to parse string as an integer\n"
    )


def test_bench_measures_1_4_and_8_streams(run: Run) -> None:
    engine = FakeEngine()
    status, output, _ = run("bench", "--rounds", "1", "--max-tokens", "4", engine=engine)
    assert status == 0
    assert [line.split()[1] for line in output.splitlines() if line.startswith("│")] == ["1", "4", "8"]
    assert len(engine.generations) == 13


@pytest.mark.parametrize("command", ["build", "verify"])
def test_build_and_verify_pass_their_options_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    calls = []

    def call(arguments: list[str], env: dict[str, str]) -> int:
        calls.append(arguments)
        return 3

    monkeypatch.setattr(subprocess, "call", call)
    assert run(command, "--quantization", "none", "--help")[0] == 3
    assert calls == [[*module_command("models"), command, "--quantization", "none", "--help"]]


@pytest.mark.parametrize("command", ["build", "verify"])
def test_without_the_packages_of_the_build_their_extra_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(cli, "BUILD_MODULES", ("json", "missing_one", "missing_two"))
    error = f"{command}: missing_one, missing_two not installed; install the extra: pip install '.[build]'\n"
    assert run(command, "--help") == (1, "", error)


def test_the_version_is_the_products(run: Run) -> None:
    assert run("--version") == (0, f"autocomplete {product_version()}\n", "")


def test_serve_lets_options_count_more_than_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = []

    def serve(arguments: list[str]) -> int:
        ports.append(Settings().port)
        return 0

    monkeypatch.setattr(cli, "serve_process", serve)
    monkeypatch.setenv("AUTOCOMPLETE_PORT", "9000")
    assert run("serve", "--port", "9100")[0] == 0
    assert ports == [9100]


@pytest.mark.parametrize("command", [[], ["serve"], ["complete"], ["bench"]])
def test_help_explains(run: Run, command: list[str]) -> None:
    status, output, _ = run(*command, "--help")
    assert status == 0
    assert "Usage:" in output
    assert "autocomplete" in output
