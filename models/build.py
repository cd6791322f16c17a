"""From a checkpoint to `autocomplete.tflite`, its manifest and the shared objects of its custom operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from app.errors import ModelRefusedError
from app.model.manifest import Manifest, read_manifest, verify_file, write_manifest
from app.model.template import compile_template
from models.checkpoint.architecture import Checkpoint
from models.checkpoint.weights import without
from models.downloads.text_ops import extract_text_ops
from models.downloads.wheels import fetch_wheel
from models.errors import BuildError
from models.evaluation.perplexity import WINDOW, cut, measure, read_text
from models.graphs.decoder import Decoder
from models.graphs.layers import Layers
from models.graphs.merge_table import merge_table
from models.graphs.serving_default import Generation, write_serving
from models.graphs.tokenizer import write_tokenizer
from models.manifest import make_manifest
from models.options import BuildOptions, check
from models.progress import Stages
from models.quantization.activation_ranges import fixed_ranges
from models.quantization.constants import Parameters, scale_queries
from models.quantization.gptq import round_layers
from models.quantization.rotation import rotate, turns_hidden
from models.quantization.rounding import Ranges
from models.quantization.scale_migration import migrate
from models.sources import checkpoint_of, default_checkpoint, named_checkpoint, read_checkpoint
from models.tflite.graph import Model, Quantized


@dataclass(frozen=True, slots=True)
class Integers:
    """What the calibration text has decided.

    Attributes:
        rounded: Matrices that are integers already, by the name that the graphs use.
        ranges: Of the activations around those that have fixed scales.
    """

    rounded: Mapping[str, Quantized]
    ranges: Mapping[str, Ranges]


MIGRATED = 2
"""Windows of the calibration text by which scales move from activations to weights."""

NO_INTEGERS = Integers({}, {})


def build(options: BuildOptions, stages: Stages) -> Manifest:
    """Build everything; an artefact appears under its name only when it is whole.

    Raises:
        BuildError: The options do not fit the checkpoint, or the checkpoint cannot be read.
    """
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with stages.stage("Read the checkpoint"):
        checkpoint = _checkpoint(options)
        check(checkpoint, options)
        _check_template(checkpoint)
        _check_tokenizer(checkpoint)
    with stages.stage("Fetch the custom operators"):
        wheel = fetch_wheel("tensorflow-text", options.downloads)
        text_ops = extract_text_ops(wheel, options.output.parent / "text_ops")
    model = _model(checkpoint, options, stages)
    with stages.stage("Save the file"):
        digest = model.save(options.output)
    manifest = make_manifest(checkpoint, options, model, digest, text_ops)
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
        checkpoint = checkpoint_of(model, manifest.source, source)
    with stages.stage("Measure the quality") as advance:
        quality = measure(model, manifest, checkpoint, tokens, advance)
    manifest = manifest.model_copy(update={"quality": quality.record})
    write_manifest(manifest, model.parent)
    return manifest


def _model(checkpoint: Checkpoint, options: BuildOptions, stages: Stages) -> Model:
    integers = NO_INTEGERS
    if options.scheme.integer:
        checkpoint, integers = _calibrate(rotate(checkpoint), options, stages)
    with stages.stage("Write the graphs"):
        return write_model(checkpoint, options, integers)


def _calibrate(checkpoint: Checkpoint, options: BuildOptions, stages: Stages) -> tuple[Checkpoint, Integers]:
    """Integers for the layers' matrices, and the checkpoint without those."""
    ids = read_text("calibration", checkpoint.vocabulary)
    length = min(WINDOW, checkpoint.architecture.context_length)
    windows = cut(ids, options.calibration_tokens, length, checkpoint.start_id)
    ranges = dict[str, Ranges]()
    if checkpoint.architecture.pre_norm and not turns_hidden(checkpoint):
        checkpoint = migrate(checkpoint, windows[:MIGRATED])
    if options.scheme.fixed:
        with stages.stage("Find the range of activations") as advance:
            ranges = fixed_ranges(checkpoint, windows, advance)
    with stages.stage("Calibrate and round") as advance:
        rounded = round_layers(checkpoint, options.scheme, windows, advance)
    done = {part for name in rounded for part in name.split("+")}
    return replace(checkpoint, weights=without(checkpoint.weights, done)), Integers(rounded, ranges)


def write_model(checkpoint: Checkpoint, options: BuildOptions, integers: Integers = NO_INTEGERS) -> Model:
    """All subgraphs and signatures of the file, in memory.

    Raises:
        BuildError: The options do not fit the checkpoint.
    """
    arch = checkpoint.architecture
    check(checkpoint, options)
    model = Model(f"{checkpoint.name}, text in, text out")
    weights = scale_queries(checkpoint.weights, arch)
    parameters = Parameters(weights, options.scheme, integers.rounded, integers.ranges)
    decoder = Decoder(model, Layers(arch, parameters, options.sequence_length))
    decoder.write_decode()
    decoder.write_start()
    decoder.write_prefill()
    decoder.write_extend()
    write_tokenizer(model, checkpoint.vocabulary)
    baked = Generation(
        options.serving_window,
        options.serving_tokens,
        checkpoint.end_ids[0] if checkpoint.start_id is None else checkpoint.start_id,
        checkpoint.end_ids,
        options.serving_sampler,
        starts=checkpoint.start_id is not None,
    )
    write_serving(model, decoder, checkpoint.vocabulary, baked)
    model.weight_bytes = parameters.bytes
    return model


def _check_template(checkpoint: Checkpoint) -> None:
    """See whether the service can parse the chat template.

    Raises:
        BuildError: It cannot.
    """
    try:
        compile_template(checkpoint.chat_template or "")
    except ModelRefusedError as error:
        raise BuildError(f"{checkpoint.source}: {error}") from None


def _check_tokenizer(checkpoint: Checkpoint) -> None:
    """See whether the merges are those of the tokens.

    Raises:
        BuildError: They are not.
    """
    try:
        merge_table(checkpoint.vocabulary)
    except ValueError as error:
        raise BuildError(f"{checkpoint.source}: tokenizer: {error}") from None


def _checkpoint(options: BuildOptions) -> Checkpoint:
    if options.source is None:
        return default_checkpoint(options.downloads)
    named = named_checkpoint(str(options.source), options.downloads, accepted=options.accept_terms)
    return named or read_checkpoint(options.source)
