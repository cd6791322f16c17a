"""The lanes of a word search: each hypothesis is decoded in one of its own, behind the same prompt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.engine.batch.sequence import Sequence
from app.engine.batch.word_search import BEAM, Found, Word, WordSearch
from app.engine.kv.arrays import Floats
from app.engine.kv.decode_cache import DecodeCache, Lane
from app.model.vocabulary import Vocabulary

SEARCH_LANES = BEAM - 1
"""Lanes that a search takes beside its sequence's own; one search runs at a time."""


class SearchLanes:
    """A search for the first words of one sequence.

    Attributes:
        sequence: Whose first word is searched.
        words: What was found, the likeliest first, once it is done.
        logits: [V] behind the prompt.
    """

    def __init__(self, sequence: Sequence, vocabulary: Vocabulary, cache: DecodeCache) -> None:
        self.sequence = sequence
        self.words: list[Found] = []
        self.logits: Floats = np.empty(0, np.float32)
        self._vocabulary = vocabulary
        self._cache = cache
        self._wanted = sequence.lanes
        self._before: Found | None = None
        self._typed = 0.0
        self._others: list[Found] = []
        biased = sequence.sampler.biased
        self._search = WordSearch(vocabulary, sequence.typed, self._wanted, sequence.left, biased=biased)
        self._lanes: list[Lane] = []
        self._rows: list[Floats] = []
        self._prefix = sequence.prompt

    @property
    def done(self) -> bool:
        """Whether nothing is left to compute."""
        return not self._search.live

    def begin(self, logits: Floats) -> None:
        """Start from the logits [V] behind the prompt, whose rows are in the sequence's lane."""
        assert self.sequence.lane is not None
        self._lanes = [self.sequence.lane]
        self.logits = logits.copy()
        self._start(logits)

    def apply(self, logits: Floats) -> None:
        """Take the logits [B, V] of a decode step, by slot."""
        cache, base = self._cache, len(self._prefix)
        rows = [cache.rows(lane.slot, base, lane.length).copy() for lane in self._lanes]
        parents = self._search.advance(logits[[lane.slot for lane in self._lanes]], rows)
        self._go_on([rows[parent] for parent in parents])

    def outcome(self) -> list[Found | None]:
        """What the sequence goes on with, and then its alternatives; None: with what is chosen from `logits`.

        A person's own phrase comes first where it is likelier than the best word.
        """
        blend, words = self.sequence.blend, self.words
        if blend.phrases and (not words or blend.leads(self._typed + words[0].mass)):
            share, pieces = blend.share(self._typed), self._vocabulary.pieces
            others = [found for found in words if not blend.begins(found.word.text, pieces)]
            return [None, *(replace(found, mass=found.mass + share) for found in others)][: self._wanted]
        blend.phrases = ()
        return [*words] or [None]

    def close(self) -> None:
        """Give the lanes back, but for the sequence's own."""
        for lane in self._lanes[1:]:
            self._cache.close(lane)
        del self._lanes[1:]

    def _start(self, logits: Floats) -> None:
        self._search.start(logits)
        nothing = self._cache.rows(0, 0, 0)
        self._go_on([nothing] * len(self._search.live))

    def _go_on(self, rows: list[Floats]) -> None:
        """Give each hypothesis that goes on its lane.

        Args:
            rows: For each of them [2L, n - 1, KV, HD]: keys and values of all its tokens but the newest.
        """
        going = self._search.settle(rows)
        self._rows = [rows[index] for index in going]
        if self._search.live:
            self._place()
        elif not self._continues_behind_the_word():
            self._finish()

    def _place(self) -> None:
        cache, base = self._cache, len(self._prefix)
        for lane in self._lanes[max(1, len(self._rows)) :]:
            cache.close(lane)
        del self._lanes[max(1, len(self._rows)) :]
        cache.reserve(base + self._search.depth)
        while len(self._lanes) < len(self._rows):
            self._lanes.append(cache.fork(self._lanes[0], base))
        for lane, word, rows in zip(self._lanes, self._search.live, self._rows, strict=True):
            lane.tokens = np.concatenate([self._prefix, word.tokens]).astype(np.int32)
            lane.length = base + rows.shape[1]
            cache.write(lane.slot, base, rows)

    def _continues_behind_the_word(self) -> bool:
        """Search the next word where what is typed is most likely a whole one, and others are wanted."""
        ranked = self._search.ranked()
        if self._before or not ranked or self._wanted == 1:
            return False
        best = ranked[0]
        whole = best.word.text == self.sequence.typed and best.logits is not None
        if not whole or not self._fits(best.word):
            return False
        assert best.logits is not None
        self._before, self._others, self._typed = best, ranked[1:], self._search.total
        lane, base = self._lanes[0], len(self._prefix)
        self._cache.write(lane.slot, base, best.rows)
        self._prefix = np.concatenate([self._prefix, best.word.tokens]).astype(np.int32)
        left = self.sequence.left - len(best.word.tokens)
        ending, biased = self._vocabulary.ending, self._search.biased
        self._search = WordSearch(self._vocabulary, b"", self._wanted, left, ending, biased)
        self._start(best.logits)
        return True

    def _fits(self, word: Word) -> bool:
        """Whether there is room for one more word behind it."""
        return self.sequence.left > len(word.tokens) + 1

    def _finish(self) -> None:
        """Rank the words: those of the next word behind what is typed, and those that go on with it."""
        self.close()
        words, before = self._search.ranked(), self._before
        if before is None:
            self._typed = self._search.total
        else:
            following = [_behind(before, found) for found in words]
            # That the typed word has ended says little about the next one, so it is left out there.
            first = [replace(following[0], mass=words[0].mass)] if words else [before]
            words = [*first, *sorted((*following[1:], *self._others), key=lambda found: -found.mass)]
        lane, prompt = self._lanes[0], self.sequence.prompt
        lane.tokens, lane.length = self.sequence.tokens, len(prompt)
        self.words = [found for found in words if len(found.word.tokens) <= self.sequence.left][
            : self._wanted
        ]


def _behind(before: Found, found: Found) -> Found:
    """A word behind another, as one path."""
    first, second = before.word, found.word
    word = Word(
        first.tokens + second.tokens,
        first.values + second.values,
        first.score + second.score,
        b"",
        first.text + second.text,
    )
    rows = np.concatenate([before.rows, found.rows], axis=1)
    return replace(found, word=word, mass=before.mass + found.mass, rows=rows)
