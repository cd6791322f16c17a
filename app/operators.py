"""The operators that a model file names, read without loading the model."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import ModelRefusedError

TEXT_OPERATORS = frozenset(
    {
        "FastBertNormalize",
        "FastWordpieceTokenizeWithOffsets",
        "RaggedTensorToTensor",
        "SentenceFragmentsV2",
        "TFText>ByteSplitByOffsets",
        "TFText>ByteSplitWithOffsets",
        "TFText>FastSentencepieceDetokenize",
        "TFText>FastSentencepieceTokenize",
        "TFText>FastWordpieceDetokenize",
        "TFText>NgramsStringJoin",
        "TFText>RoundRobinGenerateMasks",
        "TFText>RoundRobinTrim",
        "TFText>Utf8Binarize",
        "TFText>WhitespaceTokenizeWithOffsetsV2",
    }
)
"""Custom operators in `tflite_registrar.so` of tensorflow-text 2.21.1."""


@dataclass(frozen=True, order=True, slots=True)
class Operator:
    """An operator that a file uses: its schema name, or a custom operator's own."""

    name: str
    version: int
    custom: bool


def list_operators(model: Path) -> tuple[Operator, ...]:
    """Operators of a `.tflite` file, sorted by name.

    The file is mapped: only the pages with its tables are read, not its weights.

    Raises:
        ModelRefusedError: The file cannot be read, or is not a TFLite model.
    """
    try:
        with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[4:8] != b"TFL3":
                raise ValueError
            return tuple(sorted(_operators(data)))
    except OSError as error:
        raise ModelRefusedError(f"{model}: {error.strerror}") from None
    except (struct.error, TypeError, ValueError):  # also: an offset leads out of the file, or to no table
        raise ModelRefusedError(f"{model}: not a TFLite model, or a damaged one") from None


def _operators(data: mmap.mmap) -> set[Operator]:
    from ai_edge_litert import schema_py_generated as schema

    return operators_of(schema.Model.GetRootAs(data, 0))


def operators_of(model: Any) -> set[Operator]:
    """Operators of a `Model` of LiteRT's schema classes."""
    from ai_edge_litert import schema_py_generated as schema

    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if name.isupper()}
    found = set()
    for n in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(n)
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = builtin == schema.BuiltinOperator.CUSTOM
        name = code.CustomCode().decode() if custom else names.get(builtin, f"BUILTIN_{builtin}")
        found.add(Operator(name, code.Version(), custom))
    return found
