"""The memory of keys and values: what running sequences leave holds earlier prompts."""

from __future__ import annotations

from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import PrefixCache


class MemoryBudget:
    """Divides a number of bytes between the decode cache, which comes first, and the prefix cache."""

    def __init__(self, cache: DecodeCache, prefixes: PrefixCache) -> None:
        self._cache = cache
        self._prefixes = prefixes
        self._total = prefixes.budget

    def fits(self, lanes: int, longest: int) -> bool:
        """Whether so many lanes fit when the longest sequence has so many tokens."""
        return self._cache.cost(lanes, longest) <= self._total

    def balance(self) -> None:
        """Give the prefix cache what the decode cache does not use now."""
        self._prefixes.fit(max(self._total - self._cache.bytes, 0))
