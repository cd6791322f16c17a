"""The lanes of a word search: hypotheses are decoded in lanes of their own, behind the same prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from app.engine.batch.sequence import Sequence
from app.engine.batch.word_search import WIDTH, Found, Word, WordSearch
from app.engine.kv.arrays import Floats, Ints
from app.engine.kv.decode_cache import DecodeCache, Lane
from app.engine.kv.prefix_cache import Branch, Path
from app.model.vocabulary import Vocabulary

SEARCH_LANES = WIDTH - 1
"""Lanes that a search takes beside its sequence's own; one search runs at a time."""


class SearchLanes:
    """A search for the first words of one sequence.

    Attributes:
        sequence: Whose first word is searched.
        words: What was found, the likeliest first, once it is done.
        logits: [V] behind the prompt.
        branches: What was computed behind the prompt, by the tokens of each path.
    """

    def __init__(
        self, sequence: Sequence, vocabulary: Vocabulary, cache: DecodeCache, known: Mapping[Path, Branch]
    ) -> None:
        self.sequence = sequence
        self.words: list[Found] = []
        self.logits: Floats = np.empty(0, np.float32)
        self.branches = dict(known)
        self._vocabulary = vocabulary
        self._cache = cache
        self._wanted = sequence.lanes
        self._before: Found | None = None
        self._typed = 0.0
        self._others: list[Found] = []
        biased = sequence.sampler.biased
        self._search = WordSearch(vocabulary, sequence.typed, self._wanted, sequence.left, biased=biased)
        self._lanes: list[Lane] = []
        self._paths: list[Path] = []

    @property
    def done(self) -> bool:
        """Whether nothing is left to compute."""
        return not self._search.live

    def begin(self, logits: Floats) -> None:
        """Start from the logits [V] behind the prompt, whose rows are in the sequence's lane."""
        assert self.sequence.lane is not None
        self._lanes = [self.sequence.lane]
        self.logits = logits.copy()
        self._search.start(self.logits)
        self._go_on()

    def apply(self, logits: Floats) -> None:
        """Take the logits [B, V] of a decode step, by slot."""
        base = len(self.sequence.prompt)
        for lane, path in zip(self._lanes, self._paths, strict=True):
            rows = self._cache.rows(lane.slot, base, lane.length).copy()
            self.branches[path] = Branch(logits[lane.slot].copy(), rows)
        self._go_on()

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

    def write(self, sequence: Sequence, found: Found) -> None:
        """A sequence takes a word, and what follows it as far as that is computed; its lane gets the rows."""
        assert sequence.lane is not None
        start, path = len(sequence.prompt), found.computed
        sequence.take_word(found)
        while not sequence.ended and (branch := self.branches.get(sequence.written)):
            path = sequence.written
            sequence.take(sequence.length, branch.logits)
        self._cache.reserve(start + len(path) + 1)
        self._cache.write(sequence.lane.slot, start, self._rows(path))
        sequence.lane.length = start + len(path)

    def close(self) -> None:
        """Give the lanes back, but for the sequence's own."""
        for lane in self._lanes[1:]:
            self._cache.close(lane)
        del self._lanes[1:]

    def _go_on(self) -> None:
        """Take what is known of the live hypotheses; place the others in lanes."""
        while live := [self._path(word) for word in self._search.live]:
            new = [path for path in live if path not in self.branches]
            if new:
                self._place(new + self._ahead()[: WIDTH - len(new)])
                return
            for path in live:  # those used last are kept
                self.branches[path] = self.branches.pop(path)
            self._search.advance([self.branches[path].logits for path in live])
        if self._continues_behind_the_word():
            self._go_on()
        else:
            self._finish()

    def _ahead(self) -> list[Path]:
        """What most likely follows the best word so far: computed where a call has room for it."""
        leader = self._search.leader
        if leader is None:
            return []
        path = self._path(leader.word)
        if leader.logits is not None:
            path += (self._likeliest(leader.logits, self._vocabulary.ending),)
        while path in self.branches:
            path += (self._likeliest(self.branches[path].logits),)
        ended = path[-1] in self.sequence.generation.stop_ids
        return [] if ended or len(path) >= self.sequence.left else [path]

    def _likeliest(self, logits: Floats, allowed: Ints | None = None) -> int:
        values = self._search.biased(logits)
        return int(np.argmax(values) if allowed is None else allowed[np.argmax(values[allowed])])

    def _path(self, word: Word) -> Path:
        """The tokens of a word behind the prompt."""
        return (self._before.word.tokens if self._before else ()) + word.tokens

    def _place(self, paths: list[Path]) -> None:
        """Give each path its lane, up to its last token, which the next step feeds."""
        cache, prompt = self._cache, self.sequence.prompt
        self._paths = paths
        for lane in self._lanes[len(paths) :]:
            cache.close(lane)
        del self._lanes[len(paths) :]
        cache.reserve(len(prompt) + max(map(len, paths)))
        while len(self._lanes) < len(paths):
            self._lanes.append(cache.fork(self._lanes[0], len(prompt)))
        for lane, path in zip(self._lanes, paths, strict=True):
            lane.tokens = np.concatenate([prompt, path]).astype(np.int32)
            lane.length = len(prompt) + len(path) - 1
            cache.write(lane.slot, len(prompt), self._rows(path[:-1]))

    def _rows(self, path: Path) -> Floats:
        """Keys and values [2L, n, KV, HD] of the tokens of a path that was computed."""
        return self.branches[path].rows if path else self._cache.rows(0, 0, 0)

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
        left = self.sequence.left - len(best.word.tokens)
        ending, biased = self._vocabulary.ending, self._search.biased
        self._search = WordSearch(self._vocabulary, b"", self._wanted, left, ending, biased)
        self._search.start(best.logits)
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
    return replace(found, word=word, mass=before.mass + found.mass)
