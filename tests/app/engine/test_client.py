"""A real engine process on a tiny model."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from app.engine import client
from app.engine.client import EngineClient, EngineSteps
from app.engine.config import EngineConfig
from app.engine.failures import FAILURES
from app.engine.link import Link
from app.engine.messages import Failed, Finished, FromEngine, Generation, Sampling
from app.errors import EngineFailedError, GrammarFailedError, ModelRefusedError, NotReadyError
from app.model.file import open_model_file
from models.checkpoint.numpy_decoder import Reference
from tests.descriptors import files_left
from tests.tiny import TinyModel

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LONG = Generation((5, 6, 7), max_tokens=250)


def engine_processes() -> list[int]:
    """Children of ours that run the engine and are no zombies."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            _, _, fields = (folder / "stat").read_text().rpartition(") ")
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        state, parent = fields.split()[:2]
        if int(parent) == os.getpid() and b"app.engine" in command and state != "Z":
            found.append(int(folder.name))
    return found


@asynccontextmanager
async def running(config: EngineConfig, **options: Any) -> AsyncIterator[EngineClient]:
    engine = EngineClient(config, **options)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


@pytest.fixture
async def engine(tiny_model: TinyModel) -> AsyncIterator[EngineClient]:
    async with running(tiny_model.config()) as engine:
        yield engine


async def complete(engine: EngineClient, generation: Generation) -> tuple[list[int], Finished]:
    ids: list[int] = []
    async with engine.generate(generation) as steps:
        async for tokens in steps:
            ids += tokens.ids
        assert [tokens async for tokens in steps] == []  # it stays at its end
    assert steps.finished is not None
    return ids, steps.finished


@asynccontextmanager
async def crowd(engine: EngineClient) -> AsyncIterator[list[EngineSteps]]:
    """More than a second of work; the first token of it is done, the last generation waits."""
    async with AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(engine.generate(LONG)) for _ in range(20)]
        await anext(crowd[0])
        yield crowd


async def drain(steps: EngineSteps) -> None:
    async for _ in steps:
        pass


async def reached(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_started_engine_is_ready_and_says_what_runs_it(tiny_model: TinyModel) -> None:
    engine = EngineClient(tiny_model.config(slots=3))
    assert (engine.state, engine.runtime) == ("loading", ("litert", ""))
    await engine.start()
    assert engine.state == "ready"
    assert engine.runtime == ("ai-edge-litert", version("ai-edge-litert"))
    assert engine.slots == 3
    assert len(engine_processes()) == 1
    await engine.stop()


async def test_a_generation_gives_the_models_tokens(engine: EngineClient, tiny_model: TinyModel) -> None:
    ids, finished = await complete(engine, Generation((5, 6, 7), max_tokens=12))
    assert ids == Reference(tiny_model.checkpoint).greedy([5, 6, 7], 12, ())
    assert finished.reason == "length"


async def test_what_the_prompt_cost_is_known_with_its_first_token(engine: EngineClient) -> None:
    async with engine.generate(Generation((5, 6, 7), max_tokens=12)) as steps:
        assert steps.prefilled is None
        await anext(steps)
        assert steps.prefilled is not None
        assert steps.prefilled.cached_tokens == 0
        assert steps.prefilled.prefill_seconds > 0


async def test_generations_at_the_same_time_give_the_tokens_that_each_gives_alone(
    engine: EngineClient,
) -> None:
    generations = [
        Generation((n, 6, 7) * n, max_tokens=40, sampling=Sampling(temperature=1.0, seed=n))
        for n in range(1, 7)
    ]
    together = await asyncio.gather(*(complete(engine, generation) for generation in generations))
    alone = [await complete(engine, generation) for generation in generations]
    assert [ids for ids, _ in together] == [ids for ids, _ in alone]


async def test_leaving_early_frees_slots_and_the_queue(engine: EngineClient) -> None:
    async with crowd(engine):
        await reached(lambda: engine.stats.slots_busy == 4 and engine.stats.waiting > 0, seconds=2)
    await reached(lambda: engine.stats.slots_busy == engine.stats.waiting == 0, seconds=2)
    assert engine.stats.decode_rows < 0.8 * 20 * LONG.max_tokens
    assert len((await complete(engine, Generation((5,), max_tokens=3)))[0]) == 3


async def test_a_generation_that_was_left_fails_whoever_still_reads_it(engine: EngineClient) -> None:
    async with engine.generate(LONG) as steps:
        await anext(steps)
    with pytest.raises(EngineFailedError, match="the generation was left"):
        await drain(steps)


async def test_what_the_engine_logs_is_logged_here(
    tiny_model: TinyModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "missing"
    async with running(tiny_model.config(cache_folder=folder)) as engine:
        assert len((await complete(engine, Generation((5,), max_tokens=3)))[0]) == 3
    (line,) = [message for message in caplog.messages if str(folder) in message]
    assert line.endswith(": No such file or directory; the packed weights stay in memory")


async def test_a_malformed_generation_fails_alone(engine: EngineClient) -> None:
    async with engine.generate(LONG) as steps:
        with pytest.raises(EngineFailedError, match="a token id is outside the vocabulary"):
            await complete(engine, Generation((99_999,), max_tokens=3))
        await anext(steps)


async def test_a_grammar_that_cannot_be_followed_is_no_trouble_of_the_engine(engine: EngineClient) -> None:
    grammar = json.dumps({"lark_grammar": "start: nothing"})
    for _ in range(6):
        with pytest.raises(GrammarFailedError, match="nothing"):
            await complete(engine, Generation((1, 2), 4, grammar=grammar))
    assert engine.trouble is None


async def test_an_engine_that_is_not_started_is_not_ready(tiny_model: TinyModel) -> None:
    with pytest.raises(NotReadyError, match="the engine is loading"):
        await complete(EngineClient(tiny_model.config()), LONG)


async def test_a_killed_process_fails_its_generations_and_another_is_started_at_once(
    engine: EngineClient, caplog: pytest.LogCaptureFixture
) -> None:
    (killed,) = engine_processes()
    async with crowd(engine) as generations:
        os.kill(killed, signal.SIGKILL)
        for _ in range(2):  # it stays at its failure
            with pytest.raises(EngineFailedError, match="the engine process died"):
                await drain(generations[-1])
        assert engine.state == "dead"
        with pytest.raises(NotReadyError, match="the engine is dead"):
            await complete(engine, LONG)
    await reached(lambda: engine.state == "ready", seconds=30)
    assert len((await complete(engine, Generation((5,), max_tokens=3)))[0]) == 3
    assert engine.restarts == 1
    assert killed not in engine_processes()
    assert "engine process died with status -9; starting another" in caplog.messages


async def test_a_process_that_dies_again_soon_is_replaced_after_a_wait(
    engine: EngineClient, caplog: pytest.LogCaptureFixture
) -> None:
    for restarts in (1, 2):
        os.kill(engine_processes()[0], signal.SIGKILL)
        await reached(lambda: engine.trouble == "its process died with status -9", seconds=30)
        assert engine.state == "dead"
        await reached(lambda: engine.state == "ready", seconds=30)
        assert engine.trouble is None
        assert engine.restarts == restarts
    assert caplog.messages == [
        "engine process died with status -9; starting another",
        "engine process died with status -9; starting another in 1 s",
    ]


async def test_a_process_that_dies_while_no_file_can_be_opened_is_replaced_once_one_can(
    engine: EngineClient, caplog: pytest.LogCaptureFixture
) -> None:
    (killed,) = engine_processes()
    with files_left(0):
        os.kill(killed, signal.SIGKILL)
        await reached(lambda: engine.trouble == "no process can be started: Too many open files", seconds=60)
        assert engine.state == "dead"
    await reached(lambda: engine.state == "ready", seconds=30)
    assert len((await complete(engine, Generation((5,), max_tokens=3)))[0]) == 3
    assert engine.trouble is None
    assert "no engine: [Errno 24] Too many open files; trying again in 1 s" in caplog.messages


async def test_a_start_for_which_no_file_can_be_opened_goes_on_once_one_can(tiny_model: TinyModel) -> None:
    engine = EngineClient(tiny_model.config())
    with files_left(0):
        starting = asyncio.create_task(engine.start())
        await reached(lambda: engine.state == "dead", seconds=60)
        assert engine.trouble == "no process can be started: Too many open files"
    await starting
    assert engine.trouble is None
    assert engine.restarts == 0
    await engine.stop()


async def test_whatever_is_scarce_when_a_process_is_started_it_is_tried_again(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: EngineConfig) -> Link:
        monkeypatch.undo()
        raise MemoryError("out of memory")

    monkeypatch.setattr(client, "open_link", refused)
    os.kill(engine_processes()[0], signal.SIGKILL)
    await reached(lambda: engine.restarts == 1, seconds=60)
    assert engine.trouble == "no process can be started: out of memory"
    await reached(lambda: engine.state == "ready", seconds=30)
    assert engine.restarts == 2


async def test_a_silent_process_is_replaced(tiny_model: TinyModel, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tiny_model.config(), stall_seconds=1.0) as engine:
        (stopped,) = engine_processes()
        async with crowd(engine) as generations, asyncio.timeout(30):
            os.kill(stopped, signal.SIGSTOP)
            with pytest.raises(EngineFailedError, match="the engine process died"):
                await drain(generations[-1])
        await reached(lambda: engine.state == "ready", seconds=30)
        assert len((await complete(engine, Generation((5,), max_tokens=3)))[0]) == 3
        assert stopped not in engine_processes()
    assert "engine process has been silent for 1 s; ending it" in caplog.messages


async def test_time_in_which_this_process_stood_still_is_not_silence(tiny_model: TinyModel) -> None:
    async with running(tiny_model.config(), stall_seconds=1.0) as engine:
        (pid,) = engine_processes()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(2.0)  # the whole event loop, as a SIGSTOP would stop it
        os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(0.5)
        assert (engine.state, engine.restarts, engine_processes()) == ("ready", 0, [pid])


async def test_an_idle_process_is_not_taken_for_a_silent_one(tiny_model: TinyModel) -> None:
    async with running(tiny_model.config(), stall_seconds=1.0) as engine:
        await asyncio.sleep(1.5)
        assert (engine.state, engine.restarts) == ("ready", 0)


async def test_a_model_that_does_not_load_is_refused_in_one_line(
    tiny_model: TinyModel, tmp_path: Path
) -> None:
    path = tmp_path / "no.tflite"
    path.write_bytes(b"no model")
    engine = EngineClient(tiny_model.config(model=path, cache_folder=tmp_path))
    with pytest.raises(ModelRefusedError, match=r"no\.tflite: .+") as caught:
        await engine.start()
    assert "\n" not in str(caught.value)
    assert engine_processes() == []
    await engine.stop()


async def test_a_process_that_does_not_get_ready_is_ended(
    tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LOAD_SECONDS", 0.01)
    engine = EngineClient(tiny_model.config())
    with pytest.raises(ModelRefusedError, match=r"tiny\.tflite: the engine ended with status -9 while load"):
        await engine.start()
    assert engine_processes() == []


async def test_a_model_that_is_gone_is_tried_again_until_it_is_back(
    tiny_model: TinyModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tiny.tflite"
    shutil.copy(tiny_model.path, path)
    async with running(tiny_model.config(model=path)) as engine:
        path.rename(tmp_path / "gone")
        os.kill(engine_processes()[0], signal.SIGKILL)
        await reached(lambda: engine.restarts == 2, seconds=60)
        assert (engine.state, engine.trouble) == ("dead", "the model cannot be loaded")
        (tmp_path / "gone").rename(path)
        await reached(lambda: engine.state == "ready", seconds=60)
        assert len((await complete(engine, Generation((5,), max_tokens=3)))[0]) == 3
        assert engine.trouble is None
    assert any(message.startswith(f"no engine: {path}: ") for message in caplog.messages)


async def test_a_file_that_was_replaced_is_not_what_the_next_process_loads(
    tiny_model: TinyModel, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.tflite"
    shutil.copy(tiny_model.path, path)
    file = open_model_file(path)
    config = tiny_model.config(model=path, descriptor=file.descriptor)
    async with running(config) as engine:
        expected = await complete(engine, Generation((5, 6), max_tokens=8))
        (tmp_path / "other").write_bytes(b"another model")
        (tmp_path / "other").replace(path)
        os.kill(engine_processes()[0], signal.SIGKILL)
        await reached(lambda: engine.state == "dead", seconds=30)
        await reached(lambda: engine.state == "ready", seconds=60)
        assert (await complete(engine, Generation((5, 6), max_tokens=8)))[0] == expected[0]
    os.close(file.descriptor)


async def test_stopping_fails_those_who_wait_and_leaves_no_process(tiny_model: TinyModel) -> None:
    async with running(tiny_model.config()) as engine, crowd(engine) as generations:
        await engine.stop()
        with pytest.raises(EngineFailedError, match="the engine was stopped"):
            await drain(generations[-1])
        assert engine.state == "dead"
        assert engine_processes() == []


async def test_stopping_ends_a_process_that_does_not_listen(tiny_model: TinyModel) -> None:
    async with running(tiny_model.config()) as engine:
        os.kill(engine_processes()[0], signal.SIGSTOP)
        async with asyncio.timeout(4):
            await engine.stop()
        assert engine_processes() == []


async def test_stopping_while_another_process_is_started_leaves_none(
    tiny_model: TinyModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    async with running(tiny_model.config()) as engine:
        (killed,) = engine_processes()
        os.kill(killed, signal.SIGKILL)
        await reached(lambda: bool(set(engine_processes()) - {killed}), seconds=30)
        await engine.stop()
        assert engine_processes() == []


async def test_giving_up_a_start_leaves_no_process(tiny_model: TinyModel) -> None:
    starting = asyncio.create_task(EngineClient(tiny_model.config()).start())
    await reached(lambda: bool(engine_processes()), seconds=30)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert engine_processes() == []


class Failures:
    """An engine whose generations fail while `failing`: its messages are changed on their way."""

    def __init__(self, engine: EngineClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing = True
        dispatch = engine._dispatch

        def changed(message: FromEngine) -> None:
            if self.failing and isinstance(message, Finished):
                message = Failed(message.number, "the model's logits are not finite")
            dispatch(message)

        monkeypatch.setattr(engine, "_dispatch", changed)


async def fail(engine: EngineClient, times: int) -> None:
    for _ in range(times):
        with pytest.raises(EngineFailedError, match="the model's logits are not finite"):
            await complete(engine, Generation((5,), max_tokens=1))


async def test_an_engine_that_only_fails_is_in_trouble_until_it_works_again(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = Failures(engine, monkeypatch)
    await fail(engine, FAILURES - 1)
    before = engine.trouble
    await fail(engine, 1)
    during = engine.trouble
    failures.failing = False
    await complete(engine, Generation((5,), max_tokens=1))
    assert (before, during, engine.trouble) == (None, "every generation fails", None)
    assert (engine.state, engine.restarts) == ("ready", 0)
    assert caplog.messages == [
        "engine fails on every generation; the last one: the model's logits are not finite"
    ]


async def test_failures_between_generations_that_work_are_no_trouble(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = Failures(engine, monkeypatch)
    for _ in range(2):
        await fail(engine, FAILURES - 1)
        async with engine.generate(LONG) as steps:  # a reader that has seen enough
            await anext(steps)
    await fail(engine, FAILURES - 1)
    failures.failing = False
    await complete(engine, Generation((5,), max_tokens=1))
    failures.failing = True
    await fail(engine, FAILURES - 1)
    assert engine.trouble is None


async def test_an_engine_that_fails_on_its_first_prompt_too_is_replaced(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client, "PROBE_SECONDS", 0.01)
    failures = Failures(engine, monkeypatch)
    (useless,) = engine_processes()
    await fail(engine, FAILURES)
    await reached(lambda: engine.state == "dead", seconds=30)
    failures.failing = False
    await reached(lambda: engine.state == "ready", seconds=60)
    assert engine.trouble is None
    assert useless not in engine_processes()
    assert (
        "engine fails on its first prompt, too (the model's logits are not finite); ending it"
        in caplog.messages
    )


async def test_an_engine_that_completes_its_first_prompt_gets_one_more_chance(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PROBE_SECONDS", 0.01)
    failures = Failures(engine, monkeypatch)
    await fail(engine, FAILURES)
    failures.failing = False
    await reached(lambda: engine.trouble is None, seconds=30)
    failures.failing = True
    await fail(engine, 1)
    assert engine.trouble == "every generation fails"
    assert engine.restarts == 0
