"""A prompt on its way to its logits: what is known of it is found, the rest is computed."""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.batch.sequence import Sequence
from app.engine.batch.speculation import EXTENDED
from app.engine.kv.arrays import Floats
from app.engine.kv.budget import MemoryBudget
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry, PrefixCache
from app.engine.runtimes.interface import Runner


@dataclass(frozen=True, slots=True)
class PromptEnd:
    """A prompt that is computed.

    Attributes:
        logits: [V] behind its last token.
        entry: Where its keys and values are; None where they are in the sequence's lane.
        known: Whether all of it, and perhaps what follows it, was computed before.
    """

    logits: Floats
    entry: Entry | None
    known: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """Tokens that a sequence has taken without any computation.

    Attributes:
        rows: The entry that holds the keys and values of the sequence's first tokens, and of how many.
        tokens: How many were taken.
    """

    rows: tuple[Entry, int]
    tokens: int


class Prefill:
    """Computes prompts, one call at a time."""

    def __init__(
        self, runner: Runner, cache: DecodeCache, prefixes: PrefixCache, budget: MemoryBudget, chunk: int
    ) -> None:
        self._runner = runner
        self._cache = cache
        self._prefixes = prefixes
        self._budget = budget
        self._chunk = chunk

    def advance(self, sequence: Sequence) -> PromptEnd | None:
        """Make one call at most for a sequence's prompt; its end, once it is reached.

        Raises:
            RuntimeError: The runtime has failed.
        """
        if sequence.entry is None:
            found = self._known(sequence) or self._nearly_known(sequence)
            if found is not None:
                return found
        return self._next_chunk(sequence)

    def _known(self, sequence: Sequence) -> PromptEnd | None:
        """A prompt that was computed before, with the logits behind it."""
        if not self._runner.exact:
            return None
        length = len(sequence.prompt)
        entry = self._prefixes.known(sequence.prompt, sequence.generation.owner)
        if entry is None:
            return None
        self._prefixes.touch(entry)
        sequence.report.cached = length
        return PromptEnd(entry.logits[length], entry, known=True)

    def follow(self, sequence: Sequence) -> Known | None:
        """Take the next tokens of a sequence while the logits that choose them were computed before."""
        found, owner = None, sequence.generation.owner
        while not sequence.ended:
            length = sequence.length
            entry = self._prefixes.known(sequence.tokens[:length], owner)
            if entry is None:
                break
            found = Known((entry, length), found.tokens + 1 if found else 1)
            sequence.take(length, entry.logits[length])
        if found is not None:
            self._prefixes.touch(found.rows[0])
        return found

    def _nearly_known(self, sequence: Sequence) -> PromptEnd | None:
        """The last tokens of a prompt whose beginning is cached, as while a text is typed.

        They are computed in the decode cache while it is free.

        The calls keep their shapes from one request to the next, which `prefill` would change each time; what
        is computed beyond the prompt is dropped.
        """
        if self._cache.lanes:
            return None
        prompt = sequence.prompt
        entry, start = self._prefixes.find(prompt[:-1], sequence.generation.owner)
        rest = prompt[start:]
        if entry is None or len(rest) > EXTENDED or start > self._runner.shape.sequence_length - EXTENDED:
            return None
        self._prefixes.touch(entry)
        sequence.report.cached = start
        lane = sequence.lane = self._cache.open(sequence.tokens, entry.rows[:, :start])
        self._cache.reserve(start + EXTENDED)
        self._budget.balance()
        logits: Floats
        if len(rest) == 1:
            logits = self._runner.decode(self._cache, [int(rest[0])], [start])[0]
        else:
            tokens = [*map(int, rest), *[0] * (EXTENDED - len(rest))]
            found = self._runner.extend(self._cache, tokens, start)
            self._cache.write(lane.slot, start, found.rows[:, : len(rest)])
            logits = found.logits[len(rest) - 1]
        lane.length = len(prompt)
        return PromptEnd(logits, None)

    def _next_chunk(self, sequence: Sequence) -> PromptEnd | None:
        if sequence.entry is None:  # not at admission: the sequence ahead may begin alike
            acquired = self._prefixes.acquire(sequence.prompt, sequence.generation.owner)
            sequence.entry, sequence.report.cached = acquired
        entry = sequence.entry
        chunk = sequence.prompt[entry.length : entry.length + self._chunk]
        logits: Floats = self._runner.prefill(entry, chunk, [len(chunk) - 1])[0]
        return PromptEnd(logits, entry) if entry.length == len(sequence.prompt) else None
