"""What the service must know of a model file, and how a file of this project is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from app.model.file import ModelFile, open_model_file
from app.model.kinds import Foreign
from app.model.manifest import Manifest, read_manifest, verify_file, verify_text_ops
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
    text_ops = text_ops_folder(settings)
    verify_text_ops(text_ops, manifest)
    open_tokenizer = partial(
        open_text_model, settings.model, text_ops, settings.runtime, file.place, manifest.normalizer
    )
    return ServedModel("own", manifest, open_tokenizer, file=file)


def text_ops_folder(settings: Settings) -> Path:
    """Where the shared object with TF-Text's operators is."""
    return settings.text_ops or settings.model.parent / "text_ops"
