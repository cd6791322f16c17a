"""Opens the model file of the settings, whoever built it."""

from __future__ import annotations

from pathlib import Path

from app.errors import ModelRefusedError
from app.model.foreign.container import is_container, model_section, read_container, tokenizer_json
from app.model.foreign.inferred_manifest import identify
from app.model.foreign.json_tokenizer import JsonTokenizer, read_tokenizer
from app.model.foreign.metadata import TextMetadata, read_metadata
from app.model.foreign.sidecar import read_beside
from app.model.foreign.static_decoder import DecoderFile, is_decoder, read_decoder
from app.model.foreign.text_to_text import BAKED, Utf8, read_whole
from app.model.loader import ServedModel, open_own, text_ops_folder
from app.model.manifest import manifest_path
from app.model.recognition import advice
from app.model.runtime import resolve_runtime
from app.model.shape import ModelShape
from app.model.tables import GraphTables, read_tables
from app.settings import Settings


def open_model(settings: Settings) -> ServedModel:
    """Find out what the settings' file is, without loading it.

    Raises:
        ModelRefusedError: It is missing, damaged, or of no kind that is understood.
    """
    path = settings.model
    if is_container(path):
        return _container(settings)
    if manifest_path(path).exists() or not path.exists():
        return open_own(settings)
    return _plain(settings)


def _plain(settings: Settings) -> ServedModel:
    """A `.tflite` with no manifest: a decoder with a tokenizer beside it, or text to text."""
    path = settings.model
    if known := advice(path):
        raise ModelRefusedError(f"{path}: {known}")
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
    return _decoder(path, tables, found, tokenizer, metadata)


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
        start_id=metadata.start_id,
    )
    return ServedModel("decoder", manifest, lambda: tokenizer, found.decoder)


def _whole(settings: Settings, tables: GraphTables) -> ServedModel:
    found = read_whole(settings.model, tables, text_ops_folder(settings))
    # The file cuts a prompt as it was built to; the window must not do so before.
    prompt = 4 * settings.max_prompt_characters
    length = int(prompt / settings.window_share) + settings.default_max_tokens + 1
    shape = ModelShape(1, 1, 1, 1, vocabulary=256, sequence_length=length)
    manifest = identify(settings.model, tables, shape)
    return ServedModel("text-to-text", manifest, Utf8, found, BAKED)


def _check_runtime(settings: Settings) -> None:
    """A foreign file runs on LiteRT.

    Raises:
        ModelRefusedError: The setting asks for another runtime, or for one that is not installed.
    """
    if settings.runtime == "tflite-runtime":
        raise ModelRefusedError(f"{settings.model}: foreign files run on litert, not on tflite-runtime")
    resolve_runtime(settings.runtime)
