"""Whether a TFLite model is a decoder that the engine can run: as litert-torch exports it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from app.errors import ModelRefusedError
from app.model.kinds import StaticDecoder
from app.model.manifest import SignatureSpec, TensorSpec
from app.model.shape import ModelShape
from app.model.tables import GraphTables

PREFILL = re.compile(r"prefill_(\d+)")
KEYS = re.compile(r"kv_cache_k_(\d+)")
SMALL = ("tokens", "input_pos", "mask")


@dataclass(frozen=True, slots=True)
class DecoderFile:
    """What the engine needs to know."""

    decoder: StaticDecoder
    shape: ModelShape


def is_decoder(tables: GraphTables) -> bool:
    """Whether a file has the signatures of a decoder, understood or not."""
    return any(name == "decode" or name.startswith("prefill") for name in tables.signatures)


def read_decoder(
    path: Path, tables: GraphTables, begin: int, end: int, start_id: int | None = None
) -> DecoderFile:
    """Sizes of the decoder between two bytes of a file.

    Raises:
        ModelRefusedError: A signature is missing, or has inputs, outputs or shapes that are not understood.
    """
    check_operators(path, tables)
    decode = tables.signatures.get("decode")
    widths = sorted(int(found[1]) for name in tables.signatures if (found := PREFILL.fullmatch(name)))
    if decode is None or not widths:
        raise ModelRefusedError(
            f"{path}: a decoder needs the signatures decode and prefill_N;"
            f" it has {', '.join(sorted(tables.signatures)) or 'none'}"
        )
    caches = {name: spec for name, spec in decode.inputs.items() if name not in SMALL}
    for name, width in [("decode", 1), *((f"prefill_{width}", width) for width in widths)]:
        _check_inputs(path, name, tables.signatures[name], caches)
        _check_shapes(path, name, tables.signatures[name], caches, width)
    layers = len(caches) // 2
    _, heads, length, size = caches["kv_cache_k_0"].shape
    logits = decode.outputs.get("logits", TensorSpec(shape=(), dtype="nothing"))
    if logits.dtype != "float32" or len(logits.shape) != 3 or logits.shape[:2] != (1, 1):
        raise ModelRefusedError(
            f"{path}: decode answers logits of {logits.dtype} {list(logits.shape)},"
            " not of float32 [1, 1, vocabulary]"
        )
    room = length - (start_id is not None)
    return DecoderFile(
        StaticDecoder(begin, end, tuple(widths), {name: c.shape for name, c in caches.items()}, start_id),
        ModelShape(layers, heads, 1, size, logits.shape[2], room),
    )


def check_operators(path: Path, tables: GraphTables, known: frozenset[str] = frozenset()) -> None:
    """Refuse custom operators beside the known ones, by name.

    Raises:
        ModelRefusedError: There are such.
    """
    custom = sorted(operator.name for operator in tables.operators if operator.custom)
    flex = [name for name in custom if name.startswith("Flex")]
    if flex:
        raise ModelRefusedError(
            f"{path}: uses TensorFlow operators ({', '.join(flex)}) that need the Flex delegate, which no"
            " runtime here has. Convert it without SELECT_TF_OPS"
        )
    if "DISPATCH_OP" in custom:
        raise ModelRefusedError(f"{path}: compiled for another accelerator; export it for the CPU")
    unknown = sorted(set(custom) - known)
    if unknown:
        raise ModelRefusedError(f"{path}: uses custom operators that are not known: {', '.join(unknown)}")


def _check_inputs(path: Path, name: str, signature: SignatureSpec, caches: dict[str, TensorSpec]) -> None:
    layers = sum(bool(KEYS.fullmatch(cache)) for cache in caches)
    expected = {f"kv_cache_{kind}_{n}" for kind in "kv" for n in range(layers)}
    unknown = sorted(set(signature.inputs) - expected - set(SMALL))
    missing = sorted((expected | set(SMALL)) - set(signature.inputs)) if layers else ["kv_cache_k_0"]
    if unknown:
        reasons = {"embeddings": "an external embedder", "param_tensor": "parameter tensors"}
        reason = next((r for n, r in reasons.items() if n in unknown), "")
        reason = "local masks" if "mask_local" in unknown or "mask_global" in unknown else reason
        raise ModelRefusedError(
            f"{path}: signature {name} has inputs that are not understood:"
            f" {', '.join(unknown[:4])}{f' ({reason})' if reason else ''}"
        )
    if missing:
        raise ModelRefusedError(f"{path}: signature {name} lacks the inputs {', '.join(missing[:4])}")
    for cache in expected - set(signature.outputs):
        raise ModelRefusedError(f"{path}: signature {name} does not return {cache}")


def _check_shapes(
    path: Path, name: str, signature: SignatureSpec, caches: dict[str, TensorSpec], width: int
) -> None:
    shape = caches["kv_cache_k_0"].shape
    if len(shape) != 4 or shape[0] != 1 or min(shape) < 1:
        raise ModelRefusedError(
            f"{path}: signature {name}: kv_cache_k_0 is {list(shape)}, not [1, heads, length, size]"
        )
    _, heads, length, size = shape
    expected = {
        "tokens": TensorSpec(shape=(1, width), dtype="int32"),
        "input_pos": TensorSpec(shape=(width,), dtype="int32"),
        "mask": TensorSpec(shape=(1, 1, width, length), dtype="float32"),
    }
    for cache in caches:
        places = (1, heads, length, size) if KEYS.fullmatch(cache) else (1, heads, size, length)
        expected[cache] = TensorSpec(shape=places, dtype="float32")
    for tensor, wanted in expected.items():
        for found in filter(None, (signature.inputs.get(tensor), signature.outputs.get(tensor))):
            if found != wanted:
                raise ModelRefusedError(
                    f"{path}: signature {name}: {tensor} is {found.dtype} {list(found.shape)},"
                    f" not {wanted.dtype} {list(wanted.shape)}"
                )
