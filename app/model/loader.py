"""What the service must know of a model file, and how a file of this project is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from app.model.byte_tokenizer import SIGNATURES, open_byte_tokenizer
from app.model.file import ModelFile, open_model_file
from app.model.kinds import Foreign
from app.model.manifest import Manifest, read_manifest, verify_file, verify_text_ops
from app.model.text_ops import LIBRARY
from app.model.tokenizer import Tokenizer, open_text_model
from app.settings import Settings

Kind = Literal["own", "decoder", "text-to-text"]


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


def open_own(settings: Settings) -> ServedModel:
    """A file that this project built: compared with its manifest, and opened.

    Raises:
        ModelRefusedError: It is missing, damaged, or not the file that its manifest describes.
    """
    manifest = read_manifest(settings.model)
    file = open_model_file(settings.model)
    verify_file(file.path, manifest, file.place)
    return ServedModel("own", manifest, _tokenizer(settings, manifest, file), file=file)


def _tokenizer(settings: Settings, manifest: Manifest, file: ModelFile) -> Callable[[], Tokenizer]:
    """What opens the file's tokenizer; without custom operators where their library is missing."""
    text_ops = text_ops_folder(settings)
    if not (text_ops / LIBRARY).exists() and manifest.signatures.keys() >= set(SIGNATURES):
        return partial(open_byte_tokenizer, settings.model, settings.runtime, file.place, manifest.normalizer)
    verify_text_ops(text_ops, manifest)
    return partial(
        open_text_model, settings.model, text_ops, settings.runtime, file.place, manifest.normalizer
    )


def text_ops_folder(settings: Settings) -> Path:
    """Where the shared object with TF-Text's operators is."""
    return settings.text_ops or settings.model.parent / "text_ops"
