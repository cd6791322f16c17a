"""Runs a file that turns a text into a text in one call. Its tokens are the bytes of UTF-8."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.engine.config import EngineConfig
from app.engine.messages import Generation
from app.engine.single.scheduler import Work, Writing
from app.model.kinds import WholeText
from app.model.shape import ModelShape


class WholeTextWriter:
    """Implements app.engine.single.Writer; a call cannot be cut short."""

    def __init__(self, call: Any, prompt: str, completion: str, shape: ModelShape) -> None:
        self._call = call
        self._prompt = prompt
        self._completion = completion
        self._shape = shape

    @property
    def shape(self) -> ModelShape:
        """Of bytes."""
        return self._shape

    def write(self, generation: Generation) -> Writing:
        """See Writer.write. The length and the sampler are the file's own; its echo of the prompt is cut."""
        prompt = bytes(generation.prompt)
        text: bytes = self._call(**{self._prompt: np.array([prompt], dtype=object)})[self._completion].item()
        yield Work(prefilled=len(prompt), ids=tuple(text.removeprefix(prompt)))
        return "stop"


def open_whole(config: EngineConfig, whole: WholeText) -> WholeTextWriter:
    """Load the model on the interpreter, with TF-Text's operators where they lie beside it."""
    from ai_edge_litert.interpreter import InterpreterWithCustomOps

    from app.model.text_ops import LIBRARY, text_op_registerers

    there = (whole.text_ops / LIBRARY).exists()
    interpreter = InterpreterWithCustomOps(
        model_path=str(config.model),
        custom_op_registerers=text_op_registerers(whole.text_ops) if there else [],
        num_threads=config.threads,
    )
    call = interpreter.get_signature_runner(whole.signature)
    return WholeTextWriter(call, whole.prompt, whole.completion, config.shape)
