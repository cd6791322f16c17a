"""The manifest beside a model file: what the file is, and the proof that it is that file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import ModelRefusedError
from app.installation import build_command
from app.model.recognition import advice

InfillRole = Literal["prefix", "suffix", "middle", "pad", "repository", "file", "end"]
"""What a token stands for where the middle of a text is filled in."""


class TensorSpec(BaseModel):
    """Shape and dtype of one signature tensor; -1 is a dynamic dimension."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, ...]
    dtype: str


class SignatureSpec(BaseModel):
    """One signature of the file: its inputs and outputs by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


class Manifest(BaseModel):
    """Contents of `manifest.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    format: Literal[2] = 2
    id: str = Field(description="The name under which the model is served")
    file: str = Field(description="The model file's name, beside the manifest")
    sha256: str
    bytes: int
    weight_bytes: int = Field(default=0, description="Of `bytes`: weights, their scales, norms and tables")
    source: str = Field(description="Where the weights come from, with their sha256 where known")
    licence: str
    quantization: str
    target: str = Field(description="The runtime that the file was built for")
    architecture: str
    parameters: int
    sequence_length: int = Field(description="Prompt and completion together, in tokens")
    default_window: int = Field(description="Prompt tokens kept by default")
    vocabulary_size: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    start_id: int | None = Field(default=None, description="The token before every prompt; null for nothing")
    end_ids: tuple[int, ...] = Field(description="Tokens that end a text")
    chat_template: str | None = None
    special_tokens: dict[str, int] = Field(default_factory=dict)
    named_tokens: dict[str, str] = Field(
        default_factory=dict, description="Tokens by the chat template's names for them: bos_token, eos_token"
    )
    token_strips: dict[str, Literal["left", "right", "both"]] = Field(
        default_factory=dict, description="Special tokens that take white space on a side of them away"
    )
    infill_tokens: dict[InfillRole, int] = Field(
        default_factory=dict, description="Tokens for filling in the middle of a text; empty for none"
    )
    normalizer: Literal["NFC"] | None = Field(
        default=None, description="Unicode normalization that a text needs before `tokenize`"
    )
    word_patterns: tuple[str, ...] = Field(
        default=(),
        description="Regular expressions by which `tokenize` cuts words, one after the other",
    )
    prefix_space: bool = Field(default=False, description="Whether `tokenize` puts a space before a text")
    sampling: dict[Literal["temperature", "top_k", "top_p", "min_p", "repetition_penalty"], float] = Field(
        default_factory=dict, description="What the checkpoint's authors advise, the defaults of /v1"
    )
    signatures: dict[str, SignatureSpec]
    serving: dict[str, float] = Field(default_factory=dict, description="Baked into `serving_default`")
    custom_ops: tuple[str, ...]
    text_ops: dict[str, str] = Field(description="sha256 of the shared objects with the custom ops, by name")
    tools: dict[str, str] = Field(description="Versions of what built the file")
    quality: dict[str, float | str | None] = Field(
        default_factory=dict, description="Beside the float32 reference; empty where it was not measured"
    )


def read_manifest(model: Path) -> Manifest:
    """The manifest of a model file: `NAME.manifest.json` beside `NAME.tflite`.

    Raises:
        ModelRefusedError: It is missing, malformed, or written for another file name.
    """
    path = manifest_path(model)
    if not path.exists() and (known := advice(model)):
        raise ModelRefusedError(f"{model}: {known}")
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ModelRefusedError(f"{path}: not found; build the model with: {build_command()}") from None
    except (OSError, ValidationError) as error:
        reason = _first_fault(error) if isinstance(error, ValidationError) else error.strerror
        again = f"build the model anew with: {build_command()}"
        raise ModelRefusedError(f"{path}: not a manifest of this service: {reason}; {again}") from None
    if manifest.file != model.name:
        raise ModelRefusedError(f"{path}: written for {manifest.file}, not for {model.name}")
    return manifest


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    return ": ".join([*([".".join(map(str, fault["loc"]))] if fault["loc"] else []), fault["msg"]])


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """Write the manifest under a temporary name and rename it into place."""
    path = manifest_path(folder / manifest.file)
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")
    return part.replace(path)


def manifest_path(model: Path) -> Path:
    """Where the manifest of a model file stands."""
    return model.with_suffix(".manifest.json")


def verify_file(model: Path, manifest: Manifest, place: Path | None = None) -> None:
    """Compare the file with its manifest before any interpreter sees it; `place` is where it is open.

    Raises:
        ModelRefusedError: The file is missing, cut short, or its sha256 differs.
    """
    try:
        size = (place or model).stat().st_size
    except OSError as error:
        raise ModelRefusedError(f"{model}: {error.strerror}") from None
    if size != manifest.bytes:
        raise ModelRefusedError(
            f"{model}: {size} bytes, the manifest says {manifest.bytes}: built or copied in part?"
        )
    _compare(model, manifest.sha256, place)


def verify_text_ops(folder: Path, manifest: Manifest) -> None:
    """Compare the shared objects with their manifest before they are loaded.

    Raises:
        ModelRefusedError: One is missing, or its sha256 differs.
    """
    for name, digest in manifest.text_ops.items():
        if name.endswith((".so", ".dylib")):
            _compare(folder / name, digest)


def _compare(path: Path, expected: str, place: Path | None = None) -> None:
    try:
        with (place or path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelRefusedError(f"{path}: {error.strerror}") from None
    if digest != expected:
        raise ModelRefusedError(f"{path}: its sha256 is {digest[:16]}…, the manifest says {expected[:16]}…")
