"""The engine process: owns the compiled model, takes messages, steps the scheduler, answers."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version

from app.engine.batch.scheduler import Scheduler
from app.engine.batch.search_lanes import SEARCH_LANES
from app.engine.batch.speculation import Drafter
from app.engine.channel import Channel
from app.engine.config import EngineConfig
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import PrefixCache
from app.engine.messages import (
    Cancel,
    Failed,
    Finished,
    FromEngine,
    Generation,
    Logged,
    Ready,
    Refused,
    Shutdown,
    Stats,
    Submit,
)
from app.engine.runtimes.interface import Runner
from app.engine.runtimes.stderr import quiet
from app.engine.runtimes.weight_cache import PackedWeights
from app.engine.single.scheduler import SingleScheduler, Writer
from app.model.kinds import StaticDecoder, WholeText
from app.model.pieces import read_vocabulary_of

logger = logging.getLogger("app.engine")

HEARTBEAT = 0.25
"""Most seconds between two reports of the counters, which also tell that the loop turns."""

DISTRIBUTIONS = {
    "litert": "ai-edge-litert",
    "tflite-runtime": "tflite-runtime",
}


def open_runner(config: EngineConfig) -> Runner:
    """The model on the chosen runtime."""
    if config.runtime == "litert":
        from app.engine.runtimes.litert import open_litert

        weights = PackedWeights(config.cache_folder, config.model, config.digest)
        return open_litert(config.place, weights, config.shape, config.threads)
    from app.engine.runtimes.tflite_runtime import open_tflite

    return open_tflite(config.place, config.shape, config.threads)


def serve(channel: Channel) -> None:
    """Load the model that the first message names, then serve until told to stop or left alone."""
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # may reach the whole group; the HTTP process decides
        signal.signal(number, signal.SIG_IGN)
    with suppress(EOFError), _logging_to(channel):
        (config,) = channel.receive(timeout=None)
        try:
            scheduler = open_scheduler(config)
        except (RuntimeError, ValueError, OSError) as error:
            channel.send([Refused(str(error).splitlines()[0])])
            return
        name = DISTRIBUTIONS[config.runtime]
        channel.send([Ready(name, version(name))])
        _loop(channel, scheduler)
        with quiet():  # suppress shutdown messages of LiteRT
            del scheduler


@contextmanager
def _logging_to(channel: Channel) -> Iterator[None]:
    """Inside the block what the engine logs goes to the HTTP process."""
    handler = _ChannelHandler(channel)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _ChannelHandler(logging.Handler):
    """Sends records as messages."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self._channel.send([Logged(record.levelno, record.getMessage())])


def open_scheduler(config: EngineConfig) -> Scheduler | SingleScheduler:
    """A scheduler whose model has completed a real prompt."""
    scheduler = _scheduler(config) if config.foreign is None else SingleScheduler(_writer(config))
    scheduler.submit(0, Generation(prompt=(0, 1), max_tokens=2))
    said: list[FromEngine] = []
    with quiet():  # suppress start-up messages of LiteRT
        while scheduler.busy:
            said += scheduler.step()
    failed = [message for message in said if isinstance(message, Failed)]
    if failed or not any(isinstance(message, Finished) for message in said):
        raise RuntimeError(failed[0].message if failed else "the model completes nothing")
    return scheduler


def _scheduler(config: EngineConfig) -> Scheduler:
    runner = open_runner(config)
    vocabulary = read_vocabulary_of(config.place, config.shape.vocabulary, config.control_ids)
    cache = DecodeCache(config.shape, config.slots + SEARCH_LANES)
    prefixes = PrefixCache(config.shape, config.cache_bytes)
    drafter = Drafter() if config.drafting else None
    return Scheduler(
        runner,
        cache,
        prefixes,
        prefill_chunk=config.prefill_chunk,
        vocabulary=vocabulary,
        drafter=drafter,
    )


def _writer(config: EngineConfig) -> Writer:
    """What runs a foreign file."""
    match config.foreign:
        case StaticDecoder() as decoder:
            from app.engine.single.static_decoder import open_bound

            return open_bound(config, decoder)
        case WholeText() as whole:
            from app.engine.single.text_to_text import open_whole

            return open_whole(config, whole)
        case None:
            raise ValueError("the file was built here")


def _loop(channel: Channel, scheduler: Scheduler | SingleScheduler) -> None:
    reported, told = time.monotonic(), Stats()
    while True:
        messages = channel.receive(timeout=0.0 if scheduler.busy else HEARTBEAT)
        if not messages and not scheduler.busy:
            scheduler.release_idle()
        for message in messages:
            match message:
                case Submit(number, generation):
                    scheduler.submit(number, generation)
                case Cancel(number):
                    scheduler.cancel(number)
                case Shutdown():
                    return
        said = scheduler.step()
        stats = scheduler.stats
        changed = (stats.slots_busy, stats.waiting) != (told.slots_busy, told.waiting)
        if changed or time.monotonic() - reported >= HEARTBEAT:
            reported, told = time.monotonic(), stats
            said.append(stats)
        channel.send(said)
