"""How one family writes its folders: a row of the table in models/sources/families.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from models.sources.fields import Fields
from models.sources.layout import Fused
from models.sources.tensor_names import LAYER, TOP

Names = Mapping[str, str | None]
Said = dict[str, Any]
Says = Callable[[Fields], bool]
Kinds = Callable[[Fields, int], bool]


def always(fields: Fields, n: int = 0) -> bool:
    """For every checkpoint, or every layer."""
    return True


def never(fields: Fields, n: int = 0) -> bool:
    """For no checkpoint, or no layer."""
    return False


def says(name: str, default: bool = False) -> Says:
    """Where a field of the configuration is true."""
    return lambda fields: bool(fields.get(name, default))


def but_every(period: int, *names: str) -> Kinds:
    """For all layers but every so-many-th; a field may name the number."""

    def kind(fields: Fields, n: int) -> bool:
        named = fields.get(fields.named(*names), period) if names else period
        return bool((n + 1) % (named if isinstance(named, int) and named else period))

    return kind


@dataclass(frozen=True, slots=True)
class Family:
    """How one `model_type` writes a model, and what it leaves unsaid.

    Attributes:
        layer, names: Tensors of layer N are called `LAYER.N.NAME`; a name of None is not there.
        top: The tensors outside the layers.
        defaults: Fields of the configuration that may be missing, with what they are then.
        gain: Added to stored gains.
        sliding: Layers with a window, where the configuration does not list them.
        straight: Layers without rotation; told the configuration, the number, and whether there is a window.
        plain_where_sliding: Whether layers with a window turn by an unscaled base of their own.
        weightless: Norms that compute without weights of their own.
        shared_norm: Whether attention and MLP read one norm.
        direction: Sign of the rotation.
        root: Whether embeddings are multiplied by the root of their width.
        activations: Names of activations that mean another one in its files.
    """

    names: Names = field(default_factory=lambda: LAYER)
    top: Mapping[str, str] = field(default_factory=lambda: TOP)
    layer: str = "layers"
    defaults: Said = field(default_factory=dict)
    norm: Literal["rms", "layer"] = "rms"
    gain: float = 0.0
    gated: bool = True
    positions: Literal["rope", "learned", "linear"] = "rope"
    interleaved: bool = False
    direction: float = 1.0
    first_position: int = 0
    fused: Fused = "stacked"
    transposed: bool = False
    parallel: Says = never
    shared_norm: Says = never
    pre_norm: bool = True
    post_norm: Says = never
    head_norm: Literal["", "head", "row"] = ""
    has_head_norm: Says = always
    head_norm_kind: Literal["rms", "layer"] = "rms"
    head_norm_last: bool = False
    sliding: Kinds = never
    straight: Callable[[Fields, int, int], bool] = lambda fields, n, window: False
    plain_where_sliding: bool = False
    weightless: tuple[str, ...] = ()
    root: bool = False
    activations: Mapping[str, str] = field(default_factory=dict)


def by_no_rope_layers(fields: Fields, n: int, window: int) -> bool:
    """SmolLM3: a list of layers with a rotation, or every so-many-th without."""
    interval = fields.count("no_rope_layer_interval", 4)
    listed = fields.get("no_rope_layers", None)
    return not listed[n] if listed else not (n + 1) % interval


def where_windows_are_missing(fields: Fields, n: int, window: int) -> bool:
    """EXAONE 4: where some layers have a window, the others are not turned."""
    return "sliding_window" in fields and not window


def falcon_is_parallel(fields: Fields) -> bool:
    """Falcon: where attention and MLP read the same hidden state."""
    return bool(fields.get("new_decoder_architecture", False) or fields.get("parallel_attn"))


def falcon_shares_its_norm(fields: Fields) -> bool:
    """Falcon: where they read it through one norm."""
    norms = fields.get("num_ln_in_parallel_attn", 2 if fields.get("new_decoder_architecture", False) else 1)
    return bool(fields.get("parallel_attn")) and norms != 2


def is_local(fields: Fields, n: int) -> bool:
    """GPT-Neo: layers are listed, or groups of layers with how often each comes."""
    groups = fields.get("attention_types", [])
    layers = fields.get("attention_layers", [kind for kinds, times in groups for kind in kinds * times])
    return bool(layers[n] == "local")


def from_the_window_layer_on(fields: Fields, n: int) -> bool:
    """Qwen 2 and 3."""
    return n >= int(fields.number("max_window_layers", 28))


def like(
    family: Family, *, names: Names | None = None, defaults: Said | None = None, **changes: Any
) -> Family:
    """A family that writes most things as another one does; names and defaults are added to the other's."""
    merged: dict[str, Any] = {
        "names": {**family.names, **(names or {})},
        "defaults": {**family.defaults, **(defaults or {})},
    }
    return replace(family, **merged, **changes)
