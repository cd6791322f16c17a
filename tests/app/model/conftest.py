"""One toy decoder for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.model.foreign.container import Container, read_container
from tests.plugged import Part, parts, toy_checkpoint, write_container, write_decoder

Pack = Callable[..., Container]


@pytest.fixture(scope="session")
def decoder_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_decoder(tmp_path_factory.mktemp("decoder-") / "decoder.tflite", toy_checkpoint())


@pytest.fixture
def pack(decoder_path: Path, tmp_path: Path) -> Pack:
    """Makes a sound container, with these sections exchanged."""

    def packed(**changes: Part | None) -> Container:
        return read_container(write_container(tmp_path / "toy.litertlm", parts(decoder_path, **changes)))

    return packed
