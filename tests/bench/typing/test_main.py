from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.typing import __main__ as program
from bench.typing.client import Client
from tests.bench.typing.service import REFUSED, Body, Service, choice

TEXTS = "note|en|I am writing to you now\nnote|de|Ich schreibe dir einen Brief\n"


def answer(body: Body) -> tuple[int, Body]:
    if body["prompt"].endswith("yo"):
        return REFUSED
    return choice("ing to you now" if body["prompt"].endswith("writ") else "", confidence=0.9)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text(TEXTS, encoding="utf-8")
    return path


def test_it_prints_the_table_and_writes_figures_and_picture(
    tmp_path: Path, texts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(answer, ("alternatives", "min_confidence", "phrases"))
    monkeypatch.setattr(program, "connect", lambda url, key: connected(service, url, key))
    output, picture = tmp_path / "figures.json", tmp_path / "picture.svg"
    program.main(url="http://service", key="secret", file=texts, output=output, picture=picture)
    printed = capsys.readouterr().out
    assert "| keystrokes saved, min_confidence 0.4 " in printed
    assert "requests were answered 400 content_filter" in printed
    assert "400 content_filter after …'I am writing to yo'" in printed
    figures = json.loads(output.read_text(encoding="utf-8"))
    assert (figures["texts"], figures["typed"], figures["seed"]) == (2, 1, 7)
    assert figures["model"] == {}
    assert len(figures["refusals"]) == 1
    assert picture.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures.json", "picture.svg", "texts.txt"]


def connected(service: Service, url: str, key: str | None) -> Client:
    assert (url, key) == ("http://service", "secret")
    return service.client()


def test_a_service_of_its_own_is_started_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[object] = []

    class Started:
        port = 4711

        def __init__(self, model: Path, threads: int) -> None:
            events.append((model, threads))

        def end(self) -> None:
            events.append("ended")

    monkeypatch.setattr(program, "our_server", Started)
    with program.service(None, Path("model.tflite"), 2) as address:
        events.append(address)
    assert events == [(Path("model.tflite"), 2), "http://127.0.0.1:4711", "ended"]
