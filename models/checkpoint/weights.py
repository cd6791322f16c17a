"""Weights that are made when somebody asks for them, so that a model is never in memory whole.

A source gives each weight as a function that reads it; a rewriting (models/quantization/rotation.py) gives
functions that ask those. Who needs a weight several times in a row keeps its layer (`LayerByLayer`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from models.tflite.graph import Array


@dataclass(frozen=True, slots=True)
class Lazy:
    """One weight: its shape, and what makes it, float32."""

    shape: tuple[int, ...]
    make: Callable[[], Array]


class Weights(Mapping[str, Array]):
    """Weights by name, made anew at each access."""

    def __init__(self, entries: Mapping[str, Lazy]) -> None:
        self.entries = entries

    def __getitem__(self, name: str) -> Array:
        return self.entries[name].make()

    def __contains__(self, name: object) -> bool:
        return name in self.entries  # the inherited one would make it

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class LayerByLayer(Mapping[str, Array]):
    """Weights of which the last layer that was asked for is kept."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = weights
        self._layer = ""
        self._kept: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        layer = name.split(".")[0]
        if layer != self._layer:
            self._layer, self._kept = layer, {}
        if name not in self._kept:
            self._kept[name] = self._weights[name]
        return self._kept[name]

    def __contains__(self, name: object) -> bool:
        return name in self._weights

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)


def lazy(weights: Mapping[str, Array]) -> dict[str, Lazy]:
    """An entry for each weight, made when it is asked for."""
    return {name: Lazy(shape_of(weights, name), partial(weights.__getitem__, name)) for name in weights}


def shape_of(weights: Mapping[str, Array], name: str) -> tuple[int, ...]:
    """A weight's shape; a lazy one is not made for it."""
    return weights.entries[name].shape if isinstance(weights, Weights) else weights[name].shape


def changed(weights: Mapping[str, Array], changes: Mapping[str, Callable[[Array], Array]]) -> Weights:
    """The same weights, some of them put through a function that keeps their shape."""
    entries = lazy(weights)
    for name in changes.keys() & entries.keys():
        old, change = entries[name], changes[name]
        entries[name] = Lazy(old.shape, partial(_made, old, change))
    return Weights(entries)


def _made(old: Lazy, change: Callable[[Array], Array]) -> Array:
    return change(old.make())


def without(weights: Mapping[str, Array], names: set[str]) -> Weights:
    """The weights but those."""
    return Weights({name: entry for name, entry in lazy(weights).items() if name not in names})
