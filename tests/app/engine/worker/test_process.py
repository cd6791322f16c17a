from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.engine.channel import Channel
from app.engine.config import EngineConfig
from app.engine.messages import (
    Cancel,
    Failed,
    Finished,
    FromEngine,
    Generation,
    Prefilled,
    Ready,
    Refused,
    Shutdown,
    Stats,
    Submit,
    Tokens,
)
from app.engine.runtimes.litert import LiteRtRunner
from app.engine.runtimes.tflite_runtime import TfLiteRunner
from app.engine.single.scheduler import SingleScheduler
from app.engine.single.static_decoder import BoundDecoder
from app.engine.single.text_to_text import WholeTextWriter
from app.engine.worker import process
from app.engine.worker.process import open_runner, open_scheduler, serve
from app.main import engine_config
from app.model.foreign.loader import open_model
from app.settings import Settings
from models.checkpoint.numpy_decoder import Reference
from tests.app.engine.fake_runner import FakeRunner
from tests.plugged import parts, toy_checkpoint, write_container, write_decoder, write_whole
from tests.tiny import TinyModel

T = TypeVar("T")
Talk = Callable[["Peer"], T]


class Peer:
    """The HTTP process's end of the pipe, in a thread."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.channel = Channel(connection)
        self.heard: list[FromEngine] = []

    def say(self, *messages: object) -> None:
        self.channel.send(messages)

    def hear(self, kind: type[T], count: int = 1) -> T:
        """Listen until so many messages of a kind were heard in all; the last one."""
        limit = time.monotonic() + 60
        while len(found := [message for message in self.heard if isinstance(message, kind)]) < count:
            assert time.monotonic() < limit, f"heard only {self.heard}"
            self.heard += self.channel.receive(timeout=0.05)
        return found[-1]


@pytest.fixture(autouse=True)
def _interrupts() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


def converse(config: EngineConfig, talk: Talk[T]) -> T:
    """Serve in this thread while another one talks; it hangs up when it has nothing more to say."""
    ours, theirs = socket.socketpair()

    def client() -> T:
        peer = Peer(ours)
        peer.say(config)
        try:
            return talk(peer)
        finally:
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)

    with ours, theirs, ThreadPoolExecutor(1) as pool:
        talking = pool.submit(client)
        serve(Channel(theirs))
        return talking.result(timeout=60)


def test_the_engine_is_ready_when_the_model_has_completed_a_prompt(tiny_model: TinyModel) -> None:
    ready = converse(tiny_model.config(slots=3), lambda peer: peer.hear(Ready))
    assert (ready.runtime, ready.runtime_version) == ("ai-edge-litert", version("ai-edge-litert"))


def test_a_generation_is_answered_token_by_token(tiny_model: TinyModel) -> None:
    def talk(peer: Peer) -> list[FromEngine]:
        peer.hear(Ready)
        peer.say(Submit(4, Generation((5, 6, 7), max_tokens=8)))
        peer.hear(Finished)
        return [message for message in peer.heard if not isinstance(message, Ready | Stats)]

    prefilled, *tokens, finished = converse(tiny_model.config(), talk)
    expected = Reference(tiny_model.checkpoint).greedy([5, 6, 7], 8, ())
    assert isinstance(prefilled, Prefilled)
    assert tokens == [Tokens(4, (token,)) for token in expected]
    assert isinstance(finished, Finished)
    assert (finished.number, finished.reason) == (4, "length")


def test_a_cancelled_generation_is_not_answered(tiny_model: TinyModel) -> None:
    def talk(peer: Peer) -> list[FromEngine]:
        peer.hear(Ready)
        peer.say(Submit(1, Generation((5, 6, 7), max_tokens=200)), Cancel(1))
        peer.say(Submit(2, Generation((5, 6, 7), max_tokens=3)))
        peer.hear(Finished)
        return peer.heard

    heard = converse(tiny_model.config(), talk)
    assert {message.number for message in heard if isinstance(message, Tokens | Finished)} == {2}


def test_a_malformed_generation_fails_alone(tiny_model: TinyModel) -> None:
    def talk(peer: Peer) -> Failed:
        peer.hear(Ready)
        peer.say(Submit(1, Generation((), max_tokens=3)), Submit(2, Generation((5,), max_tokens=3)))
        peer.hear(Finished)
        return peer.hear(Failed)

    assert converse(tiny_model.config(), talk) == Failed(1, "3 tokens do not fit 256")


def test_counters_are_reported_while_nothing_runs(tiny_model: TinyModel) -> None:
    def talk(peer: Peer) -> Stats:
        peer.hear(Ready)
        peer.say(Submit(1, Generation((5, 6, 7), max_tokens=4)))
        peer.hear(Finished)
        heard = sum(isinstance(message, Stats) for message in peer.heard)
        return peer.hear(Stats, heard + 3)

    stats = converse(tiny_model.config(), talk)
    assert (stats.slots_busy, stats.waiting) == (0, 0)


@pytest.fixture
def slow_steps(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The decode steps that were computed, each of which takes its time."""
    steps: list[Any] = []
    decode = LiteRtRunner.decode

    def slow(runner: LiteRtRunner, *inputs: Any) -> Any:
        steps.append(inputs)
        time.sleep(0.02)
        return decode(runner, *inputs)

    monkeypatch.setattr(LiteRtRunner, "decode", slow)
    return steps


@pytest.mark.parametrize("last", [[Shutdown()], []], ids=["shutdown", "gone"])
def test_the_loop_ends_in_the_middle_of_a_generation(
    tiny_model: TinyModel, slow_steps: list[Any], last: list[object]
) -> None:
    """On a shutdown, and when the HTTP process is gone."""

    def talk(peer: Peer) -> None:
        peer.hear(Ready)
        peer.say(Submit(1, Generation((5, 6, 7), max_tokens=250)))
        peer.hear(Tokens)
        peer.say(*last)

    converse(tiny_model.config(), talk)
    assert len(slow_steps) < 200


class Deaf(Channel):
    """An end that asks for tokens and is gone when they come."""

    def __init__(self, config: EngineConfig) -> None:
        self.questions: list[list[Any]] = [[config], [Submit(1, Generation((5,), max_tokens=200))]]

    def receive(self, timeout: float | None) -> list[Any]:
        return self.questions.pop(0) if self.questions else []

    def send(self, messages: Sequence[object]) -> None:
        if any(isinstance(message, Tokens) for message in messages):
            raise EOFError


def test_the_loop_ends_when_nobody_takes_its_answers(tiny_model: TinyModel) -> None:
    serve(Deaf(tiny_model.config()))


@pytest.mark.slow
def test_the_runtime_says_nothing_on_standard_error_from_start_to_end(tiny_model: TinyModel) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        engine = subprocess.Popen(
            [sys.executable, "-m", "app.engine.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        peer = Peer(ours)
        peer.say(tiny_model.config())
        peer.hear(Ready)
        peer.say(Shutdown())
        _, said = engine.communicate(timeout=60)
    assert (engine.returncode, said) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("told", [False, True])
def test_an_engine_whose_parent_is_gone_while_it_starts_ends_quietly(
    tiny_model: TinyModel, told: bool
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        engine = subprocess.Popen(
            [sys.executable, "-m", "app.engine.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        if told:
            Channel(ours).send([tiny_model.config()])
    _, said = engine.communicate(timeout=60)
    assert (engine.returncode, said) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_does_not_end_the_engine(tiny_model: TinyModel, number: int) -> None:
    def talk(peer: Peer) -> Finished:
        peer.hear(Ready)
        signal.raise_signal(number)
        peer.say(Submit(1, Generation((5,), max_tokens=2)))
        return peer.hear(Finished)

    assert converse(tiny_model.config(), talk).number == 1


def test_a_model_that_does_not_load_is_refused_in_one_line(tiny_model: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / "no.tflite"
    path.write_bytes(b"no model")
    refused = converse(tiny_model.config(model=path, cache_folder=tmp_path), lambda peer: peer.hear(Refused))
    assert refused.message
    assert "\n" not in refused.message


@pytest.mark.tflite_runtime
def test_a_model_of_another_runtime_is_refused_by_the_operator(tiny: Callable[..., TinyModel]) -> None:
    config = tiny("llama", "dynamic").config(runtime="tflite-runtime")
    refused = converse(config, lambda peer: peer.hear(Refused))
    assert refused.message.startswith("Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'.")
    assert "\n" not in refused.message


def test_a_model_that_fails_on_its_first_prompt_is_refused(
    tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = FakeRunner()
    runner.fail = RuntimeError("out of memory")
    monkeypatch.setattr(process, "open_runner", lambda config: runner)
    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        open_scheduler(tiny_model.config(shape=runner.shape))


@pytest.mark.tflite_runtime
def test_each_runtime_has_its_runner(tiny_model: TinyModel) -> None:
    assert isinstance(open_runner(tiny_model.config()), LiteRtRunner)
    assert isinstance(open_runner(tiny_model.config(runtime="tflite-runtime")), TfLiteRunner)


def test_each_kind_of_foreign_file_has_its_writer(
    tmp_path: Path, text_ops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = write_container(
        tmp_path / "toy.litertlm", parts(write_decoder(tmp_path / "toy.tflite", toy_checkpoint()))
    )
    classic = write_whole(tmp_path / "classic.tflite")
    for path, kind in ((container, BoundDecoder), (classic, WholeTextWriter)):
        settings = Settings(model=path, text_ops=text_ops, threads=1, slots=1)
        scheduler = open_scheduler(engine_config(settings, open_model(settings)))
        assert isinstance(scheduler, SingleScheduler)
        assert isinstance(scheduler._writer, kind)
        assert not scheduler.busy


def test_a_file_of_this_project_has_no_writer(tiny_model: TinyModel) -> None:
    with pytest.raises(ValueError, match="the file was built here"):
        process._writer(tiny_model.config())
