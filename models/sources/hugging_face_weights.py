"""Weights of Hugging Face directories under our names, from `*.safetensors`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  # gives NumPy the number format bfloat16
import numpy as np

from app.model.recognition import POINTER, is_pointer
from models.checkpoint.architecture import Architecture
from models.checkpoint.weights import Lazy
from models.errors import SourceError
from models.sources.family import Family
from models.sources.fields import read_json
from models.tflite.graph import Array

INDEX = "model.safetensors.index.json"

PREFIXES = (
    "_orig_mod.",
    "model.text_model.",
    "model.language_model.",
    "language_model.model.",
    "language_model.",
    "model.",
    "transformer.",
    "gpt_neox.",
)
"""What stands before a decoder's names: one or more of them, in this order."""

OTHERS = (
    "vision_tower.",
    "vision_model.",
    "multi_modal_projector.",
    "connector.",
    "visual.",
    "audio_tower.",
)
"""Beginnings of names of what is not the language model."""

BUFFERS = (
    ".attn.bias",
    ".attn.masked_bias",
    ".attention.bias",
    ".attention.masked_bias",
    ".rotary_emb.inv_freq",
    ".attn.rotary_emb.inv_freq",
    "embed_positions.inv_freq",
)
"""Endings of tensors that are no weights: masks and frequencies that old files carry."""

NUMBERS = {"F64", "F32", "F16", "BF16"}
"""Number formats of safetensors that are weights as they are."""


def read_weights(folder: Path, family: Family, arch: Architecture, *, shared: bool) -> dict[str, Lazy]:
    """Every weight of the architecture by our names, fused as they are stored.

    Args:
        folder: Of the checkpoint.
        family: How it names them.
        arch: What it describes.
        shared: Whether a layer's two norms are one.

    Raises:
        SourceError: A file is damaged, a tensor is missing, has no use, or is no float.
    """
    tensors, weights = _tensors(folder), dict[str, Lazy]()

    def take(ours: str, theirs: str, *, optional: bool = False) -> None:
        for name in theirs.split("|"):
            found = {suffix: tensors.pop(f"{name}.{kind}", None) for suffix, kind in SUFFIXES.items()}
            weights.update({f"{ours}{suffix}": each for suffix, each in found.items() if each})
            if found[""]:
                return
        if not optional:
            raise SourceError(f"{folder}: the tensor {theirs.split('|')[0]}.weight is missing")

    for ours, theirs in family.top.items():
        take(ours, theirs, optional=ours == "head" or ours in family.weightless)
    for n in range(arch.layers):
        for ours, each in family.names.items():
            name = f"{n}.{ours}"
            if each is None or (shared and ours == "norm2"):
                continue
            if ours in ("q_norm", "k_norm") and not arch.head_norm:
                continue
            if "{head}" in each:
                heads = arch.heads if ours == "q_norm" else arch.kv_heads
                _stack(folder, weights, tensors, name, f"{family.layer}.{n}.{each}", heads)
                continue
            take(name, _spelled(family, n, each), optional=ours in family.weightless)
        if arch.activation == "xielu":
            parts = [f"{family.layer}.{n}.mlp.act_fn.{part}" for part in CURVE]
            weights[f"{n}.curve"] = _curve(folder, [tensors.pop(part, None) for part in parts], parts)
        if shared:
            _share(weights, n)
    if "embedding_norm" in family.weightless:
        weights["embedding_norm"] = Lazy((arch.width,), lambda: np.ones(arch.width, np.float32))
    if tensors:
        raise SourceError(f"{folder}: nothing known has a use for the tensor {min(tensors)}")
    return weights


CURVE = ("alpha_p", "alpha_n", "beta", "eps")
"""Of xIELU; the last one moves the seam of its halves by a millionth and is left out."""


def _curve(folder: Path, found: list[Lazy | None], names: list[str]) -> Lazy:
    """The numbers of xIELU, of which two are stored before their softplus."""
    for each, name in zip(found[:3], names, strict=False):
        if each is None:
            raise SourceError(f"{folder}: the tensor {name} is missing")
    return Lazy((3,), lambda: curve(*(float(each.make().reshape(-1)[0]) for each in found[:3] if each)))


def curve(p: float, n: float, beta: float) -> Array:
    """The p, n and b of xIELU from what is stored."""
    return np.array([np.logaddexp(0, p), beta + np.logaddexp(0, n), beta], np.float32)


SUFFIXES = {"": "weight", ".bias": "bias"}


def _spelled(family: Family, n: int, names: str) -> str:
    return "|".join(f"{family.layer}.{n}.{name}" for name in names.split("|"))


def _share(weights: dict[str, Lazy], n: int) -> None:
    """Attention's norm is the MLP's too."""
    for suffix in SUFFIXES:
        if f"{n}.norm1{suffix}" in weights:
            weights[f"{n}.norm2{suffix}"] = weights[f"{n}.norm1{suffix}"]


def _stack(
    folder: Path, weights: dict[str, Lazy], tensors: dict[str, Lazy], ours: str, theirs: str, heads: int
) -> None:
    """One vector of those of all heads."""
    names = [f"{theirs.format(head=head)}.weight" for head in range(heads)]
    if missing := [name for name in names if name not in tensors]:
        raise SourceError(f"{folder}: the tensor {missing[0]} is missing")
    parts = [tensors.pop(name) for name in names]
    size = sum(part.shape[0] for part in parts)
    weights[ours] = Lazy((size,), lambda: np.concatenate([part.make() for part in parts]))


def _tensors(folder: Path) -> dict[str, Lazy]:
    """Every tensor of the files that belong to the checkpoint, by its name without prefixes."""
    from safetensors import SafetensorError, safe_open

    found: dict[str, Lazy] = {}
    for path, wanted in _files(folder).items():
        try:
            with safe_open(path, "np") as file:
                names = set(file.keys())
                if missing := (wanted or set()) - names:
                    raise SourceError(f"{path}: the tensor {min(missing)} is missing")
                for name in sorted(wanted or names):
                    short = _short(name)
                    if not short.startswith(OTHERS) and not short.endswith(BUFFERS):
                        found[short] = _entry(path, file, name)
        except (OSError, SafetensorError) as error:
            reason = POINTER if is_pointer(path) else f"not readable as safetensors: {error}"
            raise SourceError(f"{path}: {reason}") from None
    return found


def _files(folder: Path) -> Mapping[Path, set[str] | None]:
    """The files that hold the weights and the names that each is asked for, or None for all.

    An index decides where there is one: a file beside it may be older.
    """
    if (folder / INDEX).exists():
        index = read_json(folder / INDEX).object("weight_map")
        found: dict[Path, set[str]] = {}
        for name, file in index.items():
            found.setdefault(folder / str(file), set()).add(name)
        for path in found:
            if not path.exists():
                raise SourceError(f"{path}: not found; {INDEX} names it")
        if found:
            return found
    if (folder / "model.safetensors").exists():
        return {folder / "model.safetensors": None}
    paths = [
        p for p in sorted(folder.glob("*.safetensors")) if not p.name.startswith(("adapter_", "consolidated"))
    ]
    if not paths:
        raise SourceError(f"{folder}: there is no .safetensors file; convert other weights to it first")
    return dict.fromkeys(paths)


def _short(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _entry(path: Path, file: Any, name: str) -> Lazy:
    part = file.get_slice(name)
    if part.get_dtype() not in NUMBERS:
        raise SourceError(
            f"{path}: the tensor {name} holds {part.get_dtype()}, no float of 16 to 64 bits: "
            "quantized weights are not supported; take the original ones, or a GGUF file"
        )
    return Lazy(tuple(part.get_shape()), lambda: _read(path, name))


def _read(path: Path, name: str) -> Array:
    """One tensor, float32.

    Raises:
        SourceError: It holds a number that is not finite.
    """
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        return finite(path, name, file.get_tensor(name).astype(np.float32))


def finite(path: Path, name: str, values: Array) -> Array:
    """The values, if none is infinite or no number.

    Raises:
        SourceError: One is.
    """
    if not np.isfinite(values).all():
        raise SourceError(f"{path}: the tensor {name} holds numbers that are not finite")
    return values
