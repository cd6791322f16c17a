"""The sections of a container that are served: one model, one tokenizer. Others are refused by name."""

from __future__ import annotations

import struct
import zlib

from app.errors import ModelRefusedError
from app.model.foreign.container import Container, Section

LENGTH = struct.Struct("<Q")

MODEL = "tf_lite_prefill_decode"

READ = ("TFLiteModel", "LlmMetadataProto", "ExecutorMetadataProto", "HF_Tokenizer_Zlib", "GenericBinaryData")

UNREAD = {
    "SP_Tokenizer": "a SentencePiece tokenizer; a tokenizer.json is understood",
    "TFLiteWeights": "weights outside the model",
}


def model_section(container: Container) -> Section:
    """The decoder.

    Raises:
        ModelRefusedError: There is none, it is for another accelerator, or it needs others beside it.
    """
    for section in container.sections:
        if section.kind not in READ:
            what = UNREAD.get(section.kind, f"a section {section.kind}")
            raise ModelRefusedError(f"{container.path}: has {what}, which is not understood")
    models = container.of_kind("TFLiteModel")
    kinds = [section.items.get("model_type", MODEL) for section in models]
    others = sorted({kind.removeprefix("tf_lite_") for kind in kinds if kind != MODEL})
    if others:
        raise ModelRefusedError(
            f"{container.path}: its decoder needs other models beside it ({', '.join(others)}),"
            " which is not understood"
        )
    if len(models) != 1:
        raise ModelRefusedError(f"{container.path}: has {len(models)} decoders, not one")
    backends = models[0].items.get("backend_constraint", "cpu").split(",")
    if "cpu" not in [backend.strip() for backend in backends]:
        raise ModelRefusedError(
            f"{container.path}: its model is for {', '.join(backends)}; this service runs on the CPU"
        )
    return models[0]


def tokenizer_json(container: Container) -> bytes:
    """The `tokenizer.json` inside.

    Raises:
        ModelRefusedError: There is none, or it is damaged.
    """
    sections = container.of_kind("HF_Tokenizer_Zlib")
    if not sections:
        raise ModelRefusedError(f"{container.path}: has no tokenizer")
    data = container.read(sections[0])
    try:
        (length,) = LENGTH.unpack_from(data)
        content = zlib.decompress(data[LENGTH.size :])
        if len(content) != length:
            raise ValueError
    except (struct.error, zlib.error, ValueError):
        raise ModelRefusedError(f"{container.path}: the tokenizer's section is damaged") from None
    return content
