from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.config import EngineConfig
from app.engine.messages import Generation
from app.engine.single.scheduler import Work
from app.engine.single.text_to_text import WholeTextWriter, open_whole
from app.model.kinds import WholeText
from app.model.shape import ModelShape
from tests.plugged import write_whole

SHAPE = ModelShape(1, 1, 1, 1, vocabulary=256, sequence_length=1000)


@pytest.fixture
def writer(tmp_path: Path, text_ops: Path) -> WholeTextWriter:
    path = write_whole(tmp_path / "classic.tflite", "… the end".encode())
    whole = WholeText("serving_default", "prompt", "output_0", text_ops)
    config = EngineConfig(path, "ab" * 32, "litert", SHAPE, 1, 1, 128, 0, tmp_path, foreign=whole)
    return open_whole(config, whole)


def test_the_completion_comes_in_one_piece_without_the_prompt(writer: WholeTextWriter) -> None:
    prompt = "once é\0".encode()
    works = list(writer.write(Generation(tuple(prompt), 3)))
    assert works == [Work(prefilled=len(prompt), ids=tuple("… the end".encode()))]
    assert writer.shape is SHAPE


def test_a_file_that_does_not_echo_is_taken_at_its_word(text_ops: Path) -> None:
    import numpy as np

    def call(**inputs: object) -> dict[str, object]:
        return {"out": np.array([b"answer"], dtype=object)}

    writer = WholeTextWriter(call, "in", "out", SHAPE)
    (work,) = writer.write(Generation(tuple(b"question"), 3))
    assert bytes(work.ids) == b"answer"


def test_it_ends_with_a_stop(writer: WholeTextWriter) -> None:
    writing = writer.write(Generation((65,), 3))
    next(writing)
    with pytest.raises(StopIteration) as end:
        next(writing)
    assert end.value.value == "stop"
