"""Checkpoints from GGUF files, however quantized."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.weights import Weights
from models.sources.fields import Fields
from models.sources.gguf_config import describe
from models.sources.gguf_reader import open_gguf
from models.sources.gguf_tokenizer import read_tokenizer
from models.sources.gguf_weights import FACTORS, read_curves, read_tensor, read_weights
from models.sources.layout import arrange
from models.sources.shapes import check_shapes


def read_gguf(path: Path) -> Checkpoint:
    """Load a GGUF file; the weights themselves are read when they are asked for.

    Raises:
        SourceError: It is damaged, or uses a feature that the decoder description has no word for.
    """
    values, tensors = open_gguf(path)
    fields = Fields(path, values)
    if (files := int(fields.number("split.count", 0))) > 1:
        raise fields.error(
            f"it is one of {files} files that a checkpoint was split into; join them and build the result: "
            "llama-gguf-split --merge FIRST-FILE JOINED-FILE"
        )
    factors = {name.split(".")[0]: read_tensor(path, tensors[name]) for name in FACTORS if name in tensors}
    arch, layout, family = describe(fields, tensors, factors)
    tokenizer = read_tokenizer(fields)
    stored = read_weights(path, arch, tensors, family) | read_curves(fields, arch)
    weights = Weights(arrange(path, arch, layout, stored))
    check_shapes(path, arch, weights)
    return Checkpoint(
        name=_name(path),
        source=f"{path.name} sha256:{_digest(path)}",
        licence=fields.text("general.license", "unknown"),
        architecture=arch,
        weights=weights,
        vocabulary=tokenizer.vocabulary,
        end_ids=tokenizer.end_ids,
        chat_template=fields.get("tokenizer.chat_template", None),
        special_tokens=tokenizer.special_tokens,
        start_id=tokenizer.start_id,
        named_tokens=tokenizer.named_tokens,
        infill_tokens=tokenizer.infill_tokens,
    )


def _name(path: Path) -> str:
    """A model id from the file's name: lower case, without the quantization's suffix."""
    return re.sub(r"[.-](I?Q\d\w*|F16|F32|BF16)$", "", path.stem, flags=re.IGNORECASE).lower()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
