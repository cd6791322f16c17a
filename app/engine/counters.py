"""What an engine has done since its start: one set of counters for both schedulers."""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.messages import Stats


@dataclass(slots=True)
class Counters:
    """Counts calls and tokens; see Stats for the names."""

    decode_steps: int = 0
    decode_rows: int = 0
    cached_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    known_tokens: int = 0
    searches: int = 0
    masks: int = 0
    mask_seconds: float = 0.0

    def count_decode(self, tokens: int) -> None:
        """One call computed so many new tokens."""
        self.decode_steps += 1
        self.decode_rows += tokens

    def stats(self, *, slots_busy: int, waiting: int, prefix_bytes: int = 0) -> Stats:
        """The counters, with levels now."""
        return Stats(
            slots_busy=slots_busy,
            waiting=waiting,
            decode_steps=self.decode_steps,
            decode_rows=self.decode_rows,
            cached_tokens=self.cached_tokens,
            prefix_bytes=prefix_bytes,
            drafted_tokens=self.drafted_tokens,
            accepted_tokens=self.accepted_tokens,
            known_tokens=self.known_tokens,
            searches=self.searches,
            masks=self.masks,
            mask_seconds=self.mask_seconds,
        )
