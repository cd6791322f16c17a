"""The writer over a scripted package; tests/foreign asks the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import pytest

from app.engine.config import EngineConfig
from app.engine.messages import Generation, Sampling
from app.engine.single.litert_lm import EVERYTHING, LiteRtLmWriter, open_litert_lm
from app.engine.single.scheduler import Work
from app.model.foreign.json_tokenizer import read_tokenizer
from app.model.kinds import LiteRtLm
from app.model.shape import ModelShape
from tests.plugged import tokenizer_json

SHAPE = ModelShape(2, 2, 1, 16, vocabulary=261, sequence_length=255)
TOKENIZER = read_tokenizer("toy", tokenizer_json().encode(), 261)


class Session:
    """Says three pieces; must be read to its end."""

    def __init__(self, **asked: Any) -> None:
        self.asked = asked
        self.events: list[str] = []

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.events.append("closed")

    def run_prefill(self, texts: list[str]) -> None:
        self.events.append(f"prefill {texts}")

    def run_decode_async(self) -> Iterator[Any]:
        for piece in ("the", " é", "!"):
            yield SimpleNamespace(texts=[piece])
        self.events.append("drained")

    def cancel_process(self) -> None:
        self.events.append("cancelled")


class Package:
    """What is used of `litert_lm`."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.SamplerConfig = dict
        self.LogSeverity = SimpleNamespace(ERROR=3)
        self.Backend = SimpleNamespace(CPU=lambda thread_count: f"cpu {thread_count}")
        self.opened: tuple[str, dict[str, str]] | None = None
        self.severity = 0

    def create_session(self, **asked: Any) -> Session:
        self.sessions.append(Session(**asked))
        return self.sessions[-1]

    def set_min_log_severity(self, severity: int) -> None:
        self.severity = severity

    def Engine(self, path: str, **options: str) -> Package:  # noqa: N802  # the package's name
        self.opened = (path, options)
        return self


@pytest.fixture
def package() -> Package:
    return Package()


@pytest.fixture
def writer(package: Package) -> LiteRtLmWriter:
    return LiteRtLmWriter(package, package, TOKENIZER, SHAPE)


PROMPT = tuple(TOKENIZER.tokenize("so é"))


def test_pieces_of_text_become_tokens(writer: LiteRtLmWriter, package: Package) -> None:
    works = list(writer.write(Generation(PROMPT, 30)))
    pieces = [tuple(TOKENIZER.tokenize(piece)) for piece in ("the", " é", "!")]
    assert works == [Work(prefilled=len(PROMPT)), *(Work(ids=ids) for ids in pieces)]
    (session,) = package.sessions
    assert session.events == ["prefill ['so é']", "drained", "closed"]
    assert session.asked["apply_prompt_template"] is False
    assert session.asked["max_output_tokens"] == 30


@pytest.mark.parametrize(("tokens", "reason"), [(30, "stop"), (5, "length")])
def test_the_reason_is_the_length_where_it_was_used_up(
    writer: LiteRtLmWriter, tokens: int, reason: str
) -> None:
    writing = writer.write(Generation(PROMPT, tokens))
    with pytest.raises(StopIteration) as end:
        while True:
            next(writing)
    assert end.value.value == reason


def test_a_stream_that_is_left_is_cancelled_and_read_to_its_end(
    writer: LiteRtLmWriter, package: Package
) -> None:
    writing = writer.write(Generation(PROMPT, 30))
    assert [next(writing).ids for _ in range(2)][1] != ()
    writing.close()
    assert package.sessions[0].events[1:] == ["cancelled", "drained", "closed"]


@pytest.mark.parametrize(
    ("sampling", "config"),
    [
        (Sampling(), {"top_k": 1, "top_p": 1.0, "temperature": 1.0, "seed": 0}),
        (
            Sampling(temperature=0.7, top_p=0.9, seed=2**31 + 5),
            {"top_k": EVERYTHING, "top_p": 0.9, "temperature": 0.7, "seed": 5},
        ),
        (Sampling(temperature=0.7, top_k=40), {"top_k": 40, "top_p": 1.0, "temperature": 0.7, "seed": 0}),
    ],
)
def test_no_setting_of_the_sampler_is_left_to_the_package(
    writer: LiteRtLmWriter, package: Package, sampling: Sampling, config: dict[str, float]
) -> None:
    next(writer.write(Generation(PROMPT, 3, sampling)))
    assert package.sessions[0].asked["sampler_config"] == config


def test_the_package_opens_the_file(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "litert_lm", package)
    described = LiteRtLm(tokenizer_json().encode())
    path = tmp_path / "toy.litertlm"
    config = EngineConfig(path, "ab" * 32, "litert-lm", SHAPE, 2, 1, 128, 0, tmp_path, foreign=described)
    writer = open_litert_lm(config, described)
    assert writer.shape is SHAPE
    assert package.opened == (str(path), {"backend": "cpu 2", "cache_dir": str(tmp_path)})
    assert package.severity == 3
