"""The model file of the settings: which kind it is, and everything that the service must know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from app.errors import ModelRefusedError
from app.model.file import ModelFile, open_model_file
from app.model.foreign.container import is_container, model_section, read_container, tokenizer_json
from app.model.foreign.inferred_manifest import identify
from app.model.foreign.json_tokenizer import JsonTokenizer, read_tokenizer
from app.model.foreign.kinds import Foreign, LiteRtLm
from app.model.foreign.metadata import TextMetadata, read_metadata
from app.model.foreign.sidecar import read_beside
from app.model.foreign.static_decoder import DecoderFile, is_decoder, read_decoder
from app.model.foreign.text_to_text import BAKED, Utf8, read_whole
from app.model.manifest import Manifest, manifest_path, read_manifest, verify_file, verify_text_ops
from app.model.runtime import resolve_runtime
from app.model.shape import ModelShape
from app.model.tables import GraphTables, read_tables
from app.model.tokenizer import Tokenizer, open_text_model
from app.settings import Settings

Kind = Literal["own", "decoder", "text-to-text", "litert-lm"]

UNSUPPORTED = (
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
)
"""Fields of requests that a session of LiteRT-LM has no setting for."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model file that can be served.

    Attributes:
        kind: Built by this project, a decoder that litert-torch exported, a text-to-text file, or a
            container that LiteRT-LM runs.
        foreign: How the engine runs it; None where it is one of this project's.
        refused: Fields of requests that it cannot honour.
        file: The open file that was verified, of this project's.
    """

    kind: Kind
    manifest: Manifest
    open_tokenizer: Callable[[], Tokenizer]
    foreign: Foreign | None = None
    refused: tuple[str, ...] = ()
    file: ModelFile | None = None


def open_model(settings: Settings) -> ServedModel:
    """Find out what the settings' file is, without loading it.

    Raises:
        ModelRefusedError: It is missing, damaged, or of no kind that is understood.
    """
    path = settings.model
    if is_container(path):
        return _container(settings)
    if settings.runtime == "litert-lm":
        raise ModelRefusedError(f"{path}: AUTOCOMPLETE_RUNTIME=litert-lm runs .litertlm files only")
    if manifest_path(path).exists() or not path.exists():
        return _own(settings)
    return _plain(settings)


def _own(settings: Settings) -> ServedModel:
    manifest = read_manifest(settings.model)
    file = open_model_file(settings.model)
    verify_file(file.path, manifest, file.place)
    text_ops = _text_ops(settings)
    verify_text_ops(text_ops, manifest)
    open_tokenizer = partial(open_text_model, settings.model, text_ops, settings.runtime, file.place)
    return ServedModel("own", manifest, open_tokenizer, file=file)


def _plain(settings: Settings) -> ServedModel:
    """A `.tflite` with no manifest: a decoder with a tokenizer beside it, or text to text."""
    path = settings.model
    tables = read_tables(path)
    if {"prefill", "decode", "tokenize"} <= tables.signatures.keys():
        raise ModelRefusedError(f"{path}: built by this project, but {manifest_path(path).name} is missing")
    _check_runtime(settings)
    if not is_decoder(tables):
        return _whole(settings, tables)
    size = path.stat().st_size
    tokenizer, metadata = read_beside(path, read_decoder(path, tables, 0, size).shape.vocabulary)
    return _decoder(path, tables, read_decoder(path, tables, 0, size, metadata.start_id), tokenizer, metadata)


def _container(settings: Settings) -> ServedModel:
    path = settings.model
    _check_runtime(settings)
    container = read_container(path)
    model, content = model_section(container), tokenizer_json(container)
    tables = read_tables(path, model.begin, model.end)
    vocabulary = read_decoder(path, tables, model.begin, model.end).shape.vocabulary
    tokenizer = read_tokenizer(str(path), content, vocabulary)
    metadata = read_metadata(container, tokenizer)
    found = read_decoder(path, tables, model.begin, model.end, metadata.start_id)
    served = _decoder(path, tables, found, tokenizer, metadata)
    if settings.runtime != "litert-lm":
        return served
    return replace(served, kind="litert-lm", foreign=LiteRtLm(content), refused=UNSUPPORTED)


def _decoder(
    path: Path, tables: GraphTables, found: DecoderFile, tokenizer: JsonTokenizer, metadata: TextMetadata
) -> ServedModel:
    manifest = identify(
        path,
        tables,
        found.shape,
        end_ids=metadata.end_ids,
        chat_template=metadata.chat_template,
        special_tokens=tokenizer.special_tokens,
    )
    return ServedModel("decoder", manifest, lambda: tokenizer, found.decoder)


def _whole(settings: Settings, tables: GraphTables) -> ServedModel:
    found = read_whole(settings.model, tables, _text_ops(settings))
    # The file cuts a prompt as it was built to; the window must not do so before.
    prompt = 4 * settings.max_prompt_characters
    length = int(prompt / settings.window_share) + settings.default_max_tokens + 1
    shape = ModelShape(1, 1, 1, 1, vocabulary=256, sequence_length=length)
    manifest = identify(settings.model, tables, shape)
    return ServedModel("text-to-text", manifest, Utf8, found, BAKED)


def _check_runtime(settings: Settings) -> None:
    """A foreign file runs on LiteRT, or a container through LiteRT-LM.

    Raises:
        ModelRefusedError: The setting asks for another runtime, or for one that is not installed.
    """
    if settings.runtime == "tflite-runtime":
        raise ModelRefusedError(f"{settings.model}: foreign files run on litert, not on tflite-runtime")
    resolve_runtime(settings.runtime)


def _text_ops(settings: Settings) -> Path:
    return settings.text_ops or settings.model.parent / "text_ops"
