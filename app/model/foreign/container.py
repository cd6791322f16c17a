"""The container `.litertlm`: a header with a table of sections, then the sections.

The header is LiteRT-LM's FlatBuffer (`schema/core/litertlm_header_schema.fbs`) between byte 32 and the
offset that stands at byte 24; only it is read here, whatever the size of the file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import ModelRefusedError
from app.model.foreign.optional import required

MAGIC = b"LITERTLM"
VERSION = 1
"""Major version of the format that is understood."""

BEGIN, END_AT = 32, 24
LARGEST_HEADER = 2**20

UNPACKED_LENGTH = struct.Struct("<Q")
"""Stands before the compressed tokenizer."""


DECODER = "tf_lite_prefill_decode"


SERVED = (
    "TFLiteModel",
    "LlmMetadataProto",
    "ExecutorMetadataProto",
    "HF_Tokenizer_Zlib",
    "GenericBinaryData",
)


NOT_SERVED = {
    "SP_Tokenizer": "a SentencePiece tokenizer; a tokenizer.json is understood",
    "TFLiteWeights": "weights outside the model",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A range of bytes and what it is.

    Attributes:
        kind: Name in the schema's `AnySectionDataType`.
        items: Text values by key, e.g. `model_type`.
    """

    kind: str
    begin: int
    end: int
    items: dict[str, str]


@dataclass(frozen=True, slots=True)
class Container:
    """A `.litertlm` file."""

    path: Path
    sections: tuple[Section, ...]

    def of_kind(self, kind: str) -> list[Section]:
        """Sections of one kind, in their order."""
        return [section for section in self.sections if section.kind == kind]

    def read(self, section: Section) -> bytes:
        """A section's bytes."""
        with self.path.open("rb") as file:
            file.seek(section.begin)
            return file.read(section.end - section.begin)


def is_container(path: Path) -> bool:
    """Whether a file's name or its first bytes say that it is a container."""
    try:
        with path.open("rb") as file:
            return path.suffix == ".litertlm" or file.read(len(MAGIC)) == MAGIC
    except OSError:
        return path.suffix == ".litertlm"


def read_container(path: Path) -> Container:
    """The table of a container's sections.

    Raises:
        ModelRefusedError: The file cannot be read, is no container, a damaged or an unknown one.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(BEGIN)
            if head[: len(MAGIC)] != MAGIC:
                raise ModelRefusedError(f"{path}: not a .litertlm container: it does not begin with LITERTLM")
            if len(head) < BEGIN:
                raise ValueError
            (major,) = struct.unpack_from("<I", head, len(MAGIC))
            if major != VERSION:
                raise ModelRefusedError(
                    f"{path}: a container of version {major}; version {VERSION} is understood"
                )
            (end,) = struct.unpack_from("<Q", head, END_AT)
            if not BEGIN < end <= min(size, LARGEST_HEADER):
                raise ValueError
            sections = tuple(_sections(file.read(end - BEGIN)))
    except OSError as error:
        raise ModelRefusedError(f"{path}: {error.strerror}") from None
    except (struct.error, ValueError, TypeError, IndexError, AttributeError):
        raise ModelRefusedError(f"{path}: the container's header is damaged") from None
    for section in sections:
        if not end <= section.begin < section.end <= size:
            raise ModelRefusedError(
                f"{path}: section {section.kind} is bytes {section.begin} to {section.end}, the file has"
                f" {size}: copied in part?"
            )
    return Container(path, sections)


def _sections(header: bytes) -> Iterator[Section]:
    schema = required("litert_lm_builder.litertlm_header_schema_py_generated")
    kinds = {number: name for name, number in vars(schema.AnySectionDataType).items() if name[0] != "_"}
    table = schema.LiteRTLMMetaData.GetRootAs(header, 0).SectionMetadata()
    for n in range(table.ObjectsLength()):
        entry = table.Objects(n)
        items = dict(filter(None, (_item(schema, entry.Items(i)) for i in range(entry.ItemsLength()))))
        kind = kinds.get(entry.DataType(), f"of unknown type {entry.DataType()}")
        yield Section(kind, entry.BeginOffset(), entry.EndOffset(), items)


def _item(schema: Any, pair: Any) -> tuple[str, str] | None:
    """Key and value of a pair whose value is a text."""
    if pair.ValueType() != schema.VData.StringValue:
        return None
    text, union = schema.StringValue(), pair.Value()
    text.Init(union.Bytes, union.Pos)
    return pair.Key().decode(), text.Value().decode()


def model_section(container: Container) -> Section:
    """The decoder.

    Raises:
        ModelRefusedError: There is none, it is for another accelerator, or it needs others beside it.
    """
    for section in container.sections:
        if section.kind not in SERVED:
            what = NOT_SERVED.get(section.kind, f"a section {section.kind}")
            raise ModelRefusedError(f"{container.path}: has {what}, which is not understood")
    models = container.of_kind("TFLiteModel")
    kinds = [section.items.get("model_type", DECODER) for section in models]
    others = sorted({kind.removeprefix("tf_lite_") for kind in kinds if kind != DECODER})
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
        (length,) = UNPACKED_LENGTH.unpack_from(data)
        content = zlib.decompress(data[UNPACKED_LENGTH.size :])
        if len(content) != length:
            raise ValueError
    except (struct.error, zlib.error, ValueError):
        raise ModelRefusedError(f"{container.path}: the tokenizer's section is damaged") from None
    return content
