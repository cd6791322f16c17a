"""A runner whose logits are a function of the whole sequence, read back from the caches it was given.

A token's key and value rows hold its id and its position, so that a row lost, stale or out of place changes
every later token.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from app.engine.kv.arrays import Floats, Ints
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry
from app.engine.runtimes.interface import Drafted
from app.model.shape import ModelShape

SHAPE = ModelShape(layers=1, kv_heads=1, group=1, head_size=16, vocabulary=97, sequence_length=160)


class FakeRunner:
    """Counts its calls; raises what `fail` says, once.

    With a `memory` its logits depend on that many newest tokens only, so that greedy text runs into a loop.
    """

    def __init__(self, memory: int = 10**6) -> None:
        self.memory = memory
        self.shape = SHAPE
        self.exact = True
        self.prefills: list[int] = []
        self.decodes: list[int] = []
        self.extends: list[int] = []
        self.fail: Exception | None = None

    def prefill(self, entry: Entry, tokens: Ints, rows: Sequence[int]) -> Floats:
        self._maybe_fail()
        self.prefills.append(len(tokens))
        start = entry.length
        new = np.stack([row(int(t), start + n) for n, t in enumerate(tokens)])[None, :, None]  # [1, T, 1, HD]
        entry.room(len(tokens))[:] = new
        entry.extend(tokens)
        return np.stack([self._logits(read(entry.cached[:, : start + r + 1, 0])) for r in rows])

    def decode(self, cache: DecodeCache, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        self._maybe_fail()
        self.decodes.append(len(tokens))
        new = np.stack([row(t, p) for t, p in zip(tokens, positions, strict=True)])[None, :, None]
        cache.append(np.concatenate([new, new]), positions)
        view = cache.view(len(tokens))  # [2, B, 1, S, HD]
        return np.stack([self._logits(read(view[:, b, 0, : p + 1])) for b, p in enumerate(positions)])

    def extend(self, cache: DecodeCache, tokens: Sequence[int], position: int) -> Drafted:
        self._maybe_fail()
        self.extends.append(len(tokens))
        new = np.stack([row(t, position + n) for n, t in enumerate(tokens)])[None, :, None]
        old = cache.view(1)[:, 0, 0, :position]  # [2, P, HD]
        every = np.concatenate([old, np.concatenate([new[:, :, 0]] * 2)], 1)
        found = [self._logits(read(every[:, : position + n + 1])) for n in range(len(tokens))]
        return Drafted(np.stack(found), np.concatenate([new, new]))

    def _logits(self, tokens: Sequence[int]) -> Floats:
        return logits(tokens[-self.memory :])

    def _maybe_fail(self) -> None:
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error


def row(token: int, position: int) -> Floats:
    return np.array([token, position, *[0] * 14], np.float32)


def read(rows: Floats) -> list[int]:
    """The tokens of rows [2, n, HD]; wrong rows give wrong tokens."""
    keys, values = rows
    places = np.arange(len(keys))
    sound = (keys == values).all() and (keys[:, 1] == places).all()
    return [int(t) for t in keys[:, 0]] if sound else [96, *(int(t) for t in keys[:, 0])]


def logits(tokens: Sequence[int]) -> Floats:
    """Pseudo-random logits [V] of a sequence; read-only."""
    return _logits(tuple(tokens))


@lru_cache(maxsize=20_000)
def _logits(tokens: tuple[int, ...]) -> Floats:
    rng = np.random.Generator(np.random.PCG64(hash(tokens) & 0xFFFFFFFF))
    found: Floats = rng.normal(size=SHAPE.vocabulary).astype(np.float32) * 3
    found.setflags(write=False)
    return found
