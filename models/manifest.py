"""The manifest of a built file: what went into it and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version

from app.model.manifest import Manifest, SignatureSpec, TensorSpec
from models.checkpoint.architecture import Checkpoint
from models.checkpoint.rules import word_patterns
from models.options import BuildOptions
from models.tflite.graph import Graph, Model

TOOLS = ("ai-edge-litert", "flatbuffers", "gguf", "numpy")
UNPACKED = {"tensorflow-text": "2.21.1"}
"""Version of the wheel that shared objects are taken from; it is not installed."""


def make_manifest(
    checkpoint: Checkpoint, options: BuildOptions, model: Model, digest: str, text_ops: Mapping[str, str]
) -> Manifest:
    """Describe a saved file.

    Args:
        checkpoint: What it was built from.
        options: What was asked for.
        model: The file's graphs.
        digest: The file's sha256.
        text_ops: sha256 of the shared objects beside it, by name.
    """
    arch = checkpoint.architecture
    return Manifest(
        id=checkpoint.name,
        file=options.output.name,
        sha256=digest,
        bytes=options.output.stat().st_size,
        weight_bytes=model.weight_bytes,
        source=checkpoint.source,
        licence=checkpoint.licence,
        quantization=options.quantize,
        target=options.target,
        architecture=arch.family,
        parameters=checkpoint.parameters,
        sequence_length=options.sequence_length,
        default_window=options.sequence_length // 2,
        vocabulary_size=arch.vocabulary,
        layers=arch.layers,
        heads=arch.heads,
        kv_heads=arch.kv_heads,
        head_size=arch.head_size,
        start_id=checkpoint.start_id,
        end_ids=checkpoint.end_ids,
        chat_template=checkpoint.chat_template,
        special_tokens=dict(checkpoint.special_tokens),
        sampling=dict(checkpoint.sampling),
        named_tokens=dict(checkpoint.named_tokens),
        token_strips=dict(checkpoint.token_strips),
        infill_tokens=dict(checkpoint.infill_tokens),
        normalizer="NFC" if checkpoint.vocabulary.nfc else None,
        word_patterns=word_patterns(checkpoint.vocabulary),
        prefix_space=checkpoint.vocabulary.prefix != "none",
        signatures={graph.name: _signature(graph) for graph in model.signatures},
        serving={
            "window": options.serving_window,
            "max_tokens": options.serving_tokens,
            **asdict(options.serving_sampler),
        },
        custom_ops=model.custom_ops,
        text_ops=dict(text_ops),
        tools={tool: version(tool) for tool in TOOLS} | UNPACKED,
    )


def _signature(graph: Graph) -> SignatureSpec:
    return SignatureSpec(
        inputs={name: TensorSpec(shape=t.shape, dtype=t.dtype) for name, t in graph.inputs},
        outputs={name: TensorSpec(shape=t.shape, dtype=t.dtype) for name, t in graph.outputs},
    )
