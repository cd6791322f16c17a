"""Rotary positions as checkpoints describe them: frequencies, scaled or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.checkpoint.architecture import Rotary
from models.sources.fields import Fields
from models.tflite.graph import Array


@dataclass(frozen=True, slots=True)
class Span:
    """What a rotation is made for.

    Attributes:
        head_size: Rows of a head.
        turned: Rows that are rotated.
        context: Positions that the checkpoint names; a scaling that depends on the length has another limit.
    """

    head_size: int
    turned: int
    context: int


def frequencies(base: float, turned: int) -> Array:
    """Radians a position, float64 [turned / 2]."""
    found: Array = base ** -(np.arange(0, turned, 2) / turned)
    return found


def rotary(span: Span, turning: Array, amplitude: float = 1.0) -> Rotary:
    """A rotation of the first pairs of a head; the others stand still."""
    still = [0.0] * (span.head_size // 2 - len(turning))
    return Rotary((*map(float, turning), *still), amplitude)


def read_rotary(parameters: Fields, base: float, span: Span) -> tuple[Rotary, int]:
    """The rotation that `rope_scaling` or `rope_parameters` describes, and the positions that it holds for.

    Raises:
        SourceError: The scaling is of an unknown kind, or says something unknown.
    """
    kind = parameters.text(parameters.named("rope_type", "type"), "default")
    plain, context = frequencies(base, span.turned), span.context
    amplitude = 1.0
    match kind:
        case "default" | "mrope":
            turning = plain
        case "linear":
            turning = plain / parameters.number("factor")
        case "llama3":
            turning = _llama3(parameters, plain)
        case "yarn":
            turning, amplitude = _yarn(parameters, base, span)
            context = min(context, _beyond(parameters, context))
        case "longrope" | "su":
            turning, amplitude, context = _longrope(parameters, plain, span)
        case "dynamic":
            alpha = parameters.number("alpha", 0.0)
            factor = parameters.number("factor", 1.0)
            stretched = base * alpha ** (span.turned / (span.turned - 2)) if alpha else base
            turning = frequencies(stretched, span.turned) if factor >= 0 else plain
            context = min(context, parameters.count("original_max_position_embeddings", context))
        case _:
            raise parameters.error(f"uses rotary positions of the kind {kind}, which is not supported")
    parameters.refuse_unread(INERT.get(kind, ()))
    return rotary(span, turning, amplitude), context


INERT = {
    "default": ("factor", "original_max_position_embeddings", "mrope_section"),
    "mrope": ("mrope_section",),
    "yarn": ("max_position_embeddings", "finetuned"),
    "dynamic": ("beta_fast", "beta_slow", "mscale", "mscale_all_dim", "max_position_embeddings"),
}
"""Of each kind: what it may say without a consequence below its limit of positions."""


def _beyond(parameters: Fields, context: int) -> int:
    """Positions up to which queries need no factor of their own (Llama 4's)."""
    grows = parameters.number("llama_4_scaling_beta", 0.0) > 0
    return parameters.count("original_max_position_embeddings") if grows else context


def _llama3(parameters: Fields, plain: Array) -> Array:
    """Short waves stay, long ones are stretched, between the two a mixture (Llama 3.1)."""
    factor, original = parameters.number("factor"), parameters.number("original_max_position_embeddings")
    low, high = parameters.number("low_freq_factor"), parameters.number("high_freq_factor")
    waves = 2 * np.pi / plain
    share = np.clip((original / waves - low) / (high - low), 0, 1)
    found: Array = (1 - share) * plain / factor + share * plain
    return found


def _yarn(parameters: Fields, base: float, span: Span) -> tuple[Array, float]:
    """NTK by parts (Peng et al., 2024), and the factor of what is turned."""
    original = parameters.number("original_max_position_embeddings")
    factor = parameters.number("factor", span.context / original)
    fast, slow = parameters.number("beta_fast", 32.0), parameters.number("beta_slow", 1.0)

    def place(turns: float) -> float:
        """Of the dimension that turns so often over the original positions."""
        return span.turned * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))

    first, last = place(fast), place(slow)
    if parameters.get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, span.turned - 1)
    last += 0.001 * (first == last)
    stretched = np.clip((np.arange(span.turned // 2) - first) / (last - first), 0, 1)
    plain = frequencies(base, span.turned)
    return plain / factor * stretched + plain * (1 - stretched), _yarn_amplitude(parameters, factor)


def _yarn_amplitude(parameters: Fields, factor: float) -> float:
    scale, over = parameters.number("mscale", 0.0), parameters.number("mscale_all_dim", 0.0)

    def grown(by: float) -> float:
        return 0.1 * by * math.log(factor) + 1 if factor > 1 else 1.0

    found = grown(scale) / grown(over) if scale and over else grown(1.0)
    return parameters.number("attention_factor", found)


def _longrope(parameters: Fields, plain: Array, span: Span) -> tuple[Array, float, int]:
    """Factors of each wave up to the original positions (LongRoPE's short ones); further ones have others."""
    original = parameters.count("original_max_position_embeddings", span.context)
    factor = parameters.number("factor", span.context / original)
    grown = math.sqrt(1 + math.log(factor) / math.log(original)) if factor > 1 else 1.0
    amplitude = parameters.number("attention_factor", grown)
    parameters.get("long_factor", None)
    short = parameters.get("short_factor")
    return plain / _factors(parameters, short, len(plain)), amplitude, original


def _factors(parameters: Fields, found: Sequence[float], count: int) -> Array:
    if not isinstance(found, list | np.ndarray) or len(found) != count:
        raise parameters.error(f"short_factor is no list of {count} numbers")
    return np.array(found, float)
