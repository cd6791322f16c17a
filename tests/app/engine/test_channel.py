from __future__ import annotations

import asyncio
import fcntl
import socket
import time
from collections.abc import Iterator
from threading import Thread

import pytest

from app.engine import channel
from app.engine.channel import Channel, pack
from app.engine.messages import (
    Cancel,
    Finished,
    Generation,
    Logprob,
    Prefilled,
    Sampling,
    Shutdown,
    Submit,
    Tokens,
)
from tests.descriptors import file_limit

MESSAGES = [
    Submit(1, Generation((1, 2, 3), 5, Sampling(0.5, logit_bias=((3, 1.5),)), stop_ids=(0,))),
    Cancel(1),
    Shutdown(),
    Tokens(1, (7, 8), (Logprob(-0.5, ((7, -0.5),)),)),
    Prefilled(1, 2, 0.1, 0.2),
    Finished(1, "stop"),
]


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def ours(ends: tuple[socket.socket, socket.socket]) -> socket.socket:
    return ends[0]


@pytest.fixture
def engine(ends: tuple[socket.socket, socket.socket]) -> Channel:
    return Channel(ends[1])


def test_messages_arrive_as_they_were(ours: socket.socket, engine: Channel) -> None:
    ours.sendall(pack(MESSAGES))
    assert engine.receive(timeout=1.0) == MESSAGES


def test_a_descriptor_that_select_does_not_take_is_read(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    with file_limit(2048):
        high = socket.socket(fileno=fcntl.fcntl(theirs, fcntl.F_DUPFD, 1024))
    with high:
        ours.sendall(pack(MESSAGES))
        assert Channel(high).receive(timeout=1.0) == MESSAGES


def test_all_frames_that_are_there_arrive_at_once(ours: socket.socket, engine: Channel) -> None:
    for message in MESSAGES:
        ours.sendall(pack([message]))
    assert engine.receive(timeout=1.0) == MESSAGES


def test_a_frame_in_pieces_arrives_whole(ours: socket.socket, engine: Channel) -> None:
    frame = pack(MESSAGES)

    def trickle() -> None:
        for byte in frame:
            ours.sendall(bytes([byte]))

    sender = Thread(target=trickle)
    sender.start()
    assert engine.receive(timeout=1.0) == MESSAGES
    sender.join()


def test_a_frame_larger_than_the_pipe_arrives(ours: socket.socket, engine: Channel) -> None:
    large = [Tokens(1, tuple(range(1_000_000)))]
    sender = Thread(target=ours.sendall, args=[pack(large)])
    sender.start()
    assert engine.receive(timeout=1.0) == large
    sender.join()


def test_waiting_for_nothing_ends_in_time(engine: Channel) -> None:
    began = time.monotonic()
    assert engine.receive(timeout=0.05) == []
    assert time.monotonic() - began >= 0.05
    assert engine.receive(timeout=0.0) == []


def test_no_message_is_no_frame(ours: socket.socket, engine: Channel) -> None:
    engine.send([])
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        ours.recv(1)


@pytest.mark.parametrize("sent", [b"", b"\x07", pack(MESSAGES)[:-1]])
def test_an_end_that_is_gone_is_the_end_of_file(ours: socket.socket, engine: Channel, sent: bytes) -> None:
    ours.sendall(sent)
    ours.close()
    with pytest.raises(EOFError, match="the HTTP process is gone"):
        engine.receive(timeout=1.0)


@pytest.mark.anyio
async def test_the_http_process_receives_frame_by_frame(ours: socket.socket, engine: Channel) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    engine.send(MESSAGES[:2])
    engine.send(MESSAGES[2:])
    assert await channel.receive(reader) == MESSAGES[:2]
    assert await channel.receive(reader) == MESSAGES[2:]
    writer.close()
    await writer.wait_closed()


@pytest.mark.anyio
async def test_the_http_process_is_told_when_the_engine_is_gone(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=ends[0])
    ends[1].sendall(pack(MESSAGES)[:-1])
    ends[1].close()
    with pytest.raises(asyncio.IncompleteReadError):
        await channel.receive(reader)
    writer.close()
    await writer.wait_closed()


def test_the_other_end_being_gone_is_an_end_of_file(ours: socket.socket, engine: Channel) -> None:
    ours.close()
    with pytest.raises(EOFError, match="the HTTP process is gone"):
        engine.send(MESSAGES)
    with pytest.raises(EOFError, match="the HTTP process is gone"):
        engine.receive(timeout=None)
