"""The likeliest first words behind what is typed: a beam over the ways to write each of them.

A word may be written by several token sequences, and a token that begins with what is typed may be less
likely than two shorter ones (Phan et al., 2024, https://arxiv.org/abs/2410.09303). So a few hypotheses go on
token by token until their word has ended, the likeliest first; the probabilities of all paths that spell one
word are added up. A search ends as soon as no hypothesis can change which words are the likeliest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.engine.kv.arrays import Floats, Ints
from app.model.vocabulary import Vocabulary, is_word_character

COVERS = 4
"""Hypotheses that begin with a token that begins with all that is typed."""

SHORTER = 2
"""Hypotheses that begin with a token shorter than that."""

BEAM = COVERS + SHORTER
"""Hypotheses that are kept, and most that one of them goes on with."""

WIDTH = 4
"""Hypotheses computed in one call: two to four rows cost XNNPACK's int8 products as much, five twice that."""

SHORTER_SHARE = 0.5
"""Of the probability at the first token: where shorter tokens hold more of it, the first word is searched."""

DEPTH = 7
"""Tokens at which no hypothesis goes on; so many calls but one at most."""

FAINT = math.log(20.0)
"""Hypotheses this much less likely than the best word are dropped."""


@dataclass(frozen=True, slots=True)
class Word:
    """A way to write a first word, or the beginning of one.

    Attributes:
        tokens: Its tokens, from the beginning of what was typed.
        values: Their log probabilities.
        score: Their sum.
        rest: Bytes of what is typed that the tokens do not reach yet.
        text: All bytes of the tokens.
    """

    tokens: tuple[int, ...]
    values: tuple[float, ...]
    score: float
    rest: bytes
    text: bytes

    def extended(self, token: int, value: float, piece: bytes) -> Word:
        """With one token more."""
        return Word(
            (*self.tokens, token),
            (*self.values, value),
            self.score + value,
            self.rest[len(piece) :],
            self.text + piece,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A word that has ended.

    Attributes:
        word: Its likeliest path.
        mass: Log of the probability of all paths that spell it, its end included.
        logits: [V] behind the path, without biases; None where the path's last token shows the end itself.
    """

    word: Word
    mass: float
    logits: Floats | None

    @property
    def computed(self) -> tuple[int, ...]:
        """The tokens of its path that have been computed: the last one only where its logits were needed."""
        return self.word.tokens if self.logits is not None else self.word.tokens[:-1]


@dataclass(slots=True)
class WordSearch:
    """A beam over one first word.

    Attributes:
        vocabulary: The model's tokens.
        typed: Bytes that the text must go on with.
        wanted: Words to find.
        left: Most tokens of a word.
        within: Where nothing is typed, the tokens that may come first.
        biased: Adds a request's biases to logits; what is kept of them stays the model's own.
        live: Hypotheses that are computed next, the likeliest first.
        total: Log of the probability that the text goes on with `typed`.
        found: Words that have ended, by their text behind what is typed.
    """

    vocabulary: Vocabulary
    typed: bytes
    wanted: int
    left: int
    within: Ints | None = None
    biased: Callable[[Floats], Floats] = lambda logits: logits
    live: list[Word] = field(default_factory=list)
    total: float = -math.inf
    found: dict[str, Found] = field(default_factory=dict)
    _waiting: list[Word] = field(default_factory=list)
    _steps: int = 0

    @property
    def depth(self) -> int:
        """Most tokens of a hypothesis."""
        return min(DEPTH, self.left)

    @property
    def leader(self) -> Found | None:
        """The likeliest word so far."""
        return next(iter(self._by_mass()), None)

    def start(self, logits: Floats) -> None:
        """Take the logits [V] behind the prompt."""
        values = log_softmax(self.biased(logits))
        covers, shorter = self.vocabulary.covers(self.typed), self.vocabulary.shorter(self.typed)
        if not self.typed and self.within is not None:
            covers = np.intersect1d(covers, self.within)
        self._see(0.0, values[covers])
        empty = Word((), (), 0.0, self.typed, b"")
        first = [*_best(values, covers, COVERS), *_best(values, shorter, SHORTER if len(covers) else BEAM)]
        self._go_on(empty.extended(t, float(values[t]), self.vocabulary.pieces[t]) for t in first)

    def advance(self, logits: Sequence[Floats]) -> None:
        """Take the logits [V] behind each live hypothesis."""
        self._steps += 1
        words = list(self._waiting)
        for word, row in zip(self.live, logits, strict=True):
            values = log_softmax(self.biased(row))
            words += [
                word.extended(token, float(values[token]), self.vocabulary.pieces[token])
                for token in _best(values, self._after(word, values, row), BEAM)
            ]
        self._go_on(words)

    def ranked(self) -> list[Found]:
        """The words, the likeliest first; `mass` relative to what is typed."""
        return [replace(found, mass=min(0.0, found.mass - self.total)) for found in self._by_mass()]

    def _by_mass(self) -> list[Found]:
        return sorted(self.found.values(), key=lambda found: (-found.mass, found.word.tokens))

    def _go_on(self, words: Iterable[Word]) -> None:
        """Take the words whose text shows their end; of the others the likeliest are computed next."""
        going = []
        for word in words:
            shown = first_word(self._behind(word))
            if not word.rest and shown is not None:
                self._add(shown, Found(word, word.score, None))
            elif len(word.tokens) < self.depth:
                going.append(word)
        best = max((found.mass for found in self.found.values()), default=-math.inf)
        kept = sorted((w for w in going if w.score > best - FAINT), key=lambda w: (-w.score, w.tokens))[:BEAM]
        if self._steps == DEPTH - 1 or self._decided(kept):
            kept = []
        self.live, self._waiting = kept[:WIDTH], kept[WIDTH:]

    def _after(self, word: Word, values: Floats, logits: Floats) -> Ints:
        """Ids that may follow a hypothesis; where its word may end here, it is found as well."""
        if word.rest:
            covers = self.vocabulary.covers(word.rest)
            self._see(word.score, values[covers])
            return np.concatenate([covers, self.vocabulary.shorter(word.rest)])
        ended = log_sum(values[self.vocabulary.ending])
        self._add(self._behind(word), Found(word, word.score + ended, logits))
        return self.vocabulary.continuing

    def _see(self, score: float, values: Floats) -> None:
        """A path is about to write all that is typed."""
        if len(values):
            self.total = float(np.logaddexp(self.total, score + log_sum(values)))

    def _behind(self, word: Word) -> str:
        """Its text behind what is typed."""
        return word.text[len(self.typed) :].decode(errors="replace")

    def _add(self, text: str, found: Found) -> None:
        known = self.found.get(text)
        if known is None:
            self.found[text] = found
            return
        mass = float(np.logaddexp(known.mass, found.mass))
        likelier = found if found.word.score > known.word.score else known
        self.found[text] = replace(likelier, mass=mass)

    def _decided(self, kept: Sequence[Word]) -> bool:
        """Whether the hypotheses could lift no other word among the wanted ones.

        A word gains by hypotheses that it begins with alone. So one that is not found yet has at most what a
        hypothesis has together with those that this one begins with.
        """
        if len(self.found) < self.wanted:
            return False
        beginnings = [
            (word.text[len(self.typed) :].decode(errors="ignore"), math.exp(word.score)) for word in kept
        ]

        def gain(text: str) -> float:
            return sum(share for beginning, share in beginnings if text.startswith(beginning))

        masses = sorted(((found.mass, text) for text, found in self.found.items()), reverse=True)
        others = [math.exp(mass) + gain(text) for mass, text in masses[self.wanted :]]
        unseen = [gain(text) for text, _ in beginnings]
        return math.exp(masses[self.wanted - 1][0]) > max([*others, *unseen], default=0.0)


def is_uncertain(vocabulary: Vocabulary, typed: bytes, logits: Floats) -> bool:
    """Whether tokens shorter than what is typed hold so much of the probability that the word is searched."""
    covers, shorter = vocabulary.covers(typed), vocabulary.shorter(typed)
    whole = len(covers) == 1 and vocabulary.pieces[covers[0]] == typed
    if whole or not len(shorter):  # what is one token and no other begins with is no unfinished word
        return False
    largest = float(logits[np.concatenate([covers, shorter])].max())
    short = float(np.exp(logits[shorter] - largest).sum(dtype=float))
    return short > SHORTER_SHARE * (short + float(np.exp(logits[covers] - largest).sum(dtype=float)))


def first_word(text: str) -> str | None:
    """A text up to the end of its first word, where it goes on behind that; else None.

    Punctuation alone is a word; white space alone is none yet.
    """
    start = next((n for n, c in enumerate(text) if is_word_character(c)), len(text))
    if start and start == len(text):
        return text if text.strip() else None
    end = next((n for n in range(start, len(text)) if not is_word_character(text[n])), len(text))
    return text[:end] if end < len(text) else None


def log_softmax(logits: Floats) -> Floats:
    """Log probabilities [V].

    Raises:
        FloatingPointError: The logits are not finite.
    """
    largest = logits.max()
    if not np.isfinite(largest):
        raise FloatingPointError("the model's logits are not finite")
    shifted = logits - largest
    result: Floats = shifted - np.float32(math.log(float(np.exp(shifted).sum(dtype=float))))
    return result


def log_sum(values: Floats) -> float:
    """Log of the sum of probabilities that are given as logs [N], of which there are some.

    NumPy's `logaddexp.reduce` takes eight times as long.
    """
    largest = float(values.max())
    if largest == -math.inf:
        return largest
    return largest + math.log(float(np.exp(values - np.float32(largest)).sum(dtype=float)))


def _best(values: Floats, ids: Ints, count: int) -> list[int]:
    """The `count` likeliest of the ids; of equals the lowest."""
    if len(ids) > count:
        threshold = np.partition(values[ids], len(ids) - count)[len(ids) - count]
        ids = ids[values[ids] >= threshold]
    order = np.lexsort((ids, -values[ids]))
    return [int(t) for t in ids[order][:count]]
