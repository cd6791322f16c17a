"""The likeliest first words behind what is typed: a beam over the ways to write each of them.

A word may be written by several token sequences, and a token that begins with what is typed may be less
likely than two shorter ones (Phan et al., 2024, https://arxiv.org/abs/2410.09303). So a few hypotheses go on
token by token until their word has ended; the probabilities of all paths that spell one word are added up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.engine.kv.arrays import Floats, Ints
from app.model.vocabulary import Vocabulary, is_word_character

COVERS = 4
"""Hypotheses that begin with a token that begins with all that is typed."""

SHORTER = 2
"""Hypotheses that begin with a token shorter than that."""

BEAM = COVERS + SHORTER

SHORTER_SHARE = 0.5
"""Of the probability at the first token: where shorter tokens hold more of it, the first word is searched."""

DEPTH = 7
"""Tokens after which no hypothesis goes on."""

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
        rows: Keys and values [2L, n, KV, HD] of the path's tokens; one fewer where `logits` is None.
    """

    word: Word
    mass: float
    logits: Floats | None
    rows: Floats


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
        live: Hypotheses whose next token is to be computed; their lanes are the caller's.
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
    _steps: int = 0

    @property
    def depth(self) -> int:
        """Most tokens of a hypothesis."""
        return min(DEPTH, self.left)

    def start(self, logits: Floats) -> None:
        """Take the logits [V] behind the prompt."""
        values = log_softmax(self.biased(logits))
        covers, shorter = self.vocabulary.covers(self.typed), self.vocabulary.shorter(self.typed)
        if not self.typed and self.within is not None:
            covers = np.intersect1d(covers, self.within)
        self._see(0.0, values[covers])
        empty = Word((), (), 0.0, self.typed, b"")
        first = [*_best(values, covers, COVERS), *_best(values, shorter, SHORTER if len(covers) else BEAM)]
        self.live = [empty.extended(t, float(values[t]), self.vocabulary.pieces[t]) for t in first]

    def settle(self, rows: Sequence[Floats]) -> list[int]:
        """Take out the hypotheses whose text shows the end of their word; the indices of those that go on.

        Args:
            rows: For each live hypothesis keys and values [2L, n - 1, KV, HD] of its tokens but the newest.
        """
        going = []
        for index, word in enumerate(self.live):
            shown = self._shown(word)
            if not word.rest and shown is not None:
                self._add(shown, Found(word, word.score, None, rows[index]))
            else:
                going.append(index)
        self.live = [self.live[index] for index in going]
        return going

    def advance(self, logits: Floats, rows: Sequence[Floats]) -> list[int]:
        """Take the logits behind each live hypothesis; for each new one the index of the one it goes on from.

        Args:
            logits: [N, V].
            rows: For each live hypothesis keys and values [2L, n, KV, HD] of its tokens.
        """
        self._steps += 1
        extended: list[tuple[float, int, Word]] = []
        for index, word in enumerate(self.live):
            values = log_softmax(self.biased(logits[index]))
            allowed = self._after(word, values, logits[index], rows[index])
            for token in _best(values, allowed, BEAM):
                longer = word.extended(token, float(values[token]), self.vocabulary.pieces[token])
                extended.append((longer.score, index, longer))
        best = max((found.mass for found in self.found.values()), default=-math.inf)
        kept = sorted((e for e in extended if e[0] > best - FAINT), key=lambda e: (-e[0], e[2].tokens))[:BEAM]
        if self._steps == self.depth - 1 or self._decided(kept):
            kept = []
        self.live = [word for _, _, word in kept]
        return [index for _, index, _ in kept]

    def ranked(self) -> list[Found]:
        """The words, the likeliest first; `mass` relative to what is typed."""
        words = sorted(self.found.values(), key=lambda found: (-found.mass, found.word.tokens))
        return [replace(found, mass=min(0.0, found.mass - self.total)) for found in words]

    def _after(self, word: Word, values: Floats, logits: Floats, rows: Floats) -> Ints:
        """Ids that may follow a hypothesis; where its word may end here, it is found as well."""
        if word.rest:
            covers = self.vocabulary.covers(word.rest)
            self._see(word.score, values[covers])
            return np.concatenate([covers, self.vocabulary.shorter(word.rest)])
        ended = float(np.logaddexp.reduce(values[self.vocabulary.ending].astype(float)))
        text = word.text[len(self.typed) :].decode(errors="replace")
        self._add(text, Found(word, word.score + ended, logits.copy(), rows))
        return np.flatnonzero(self.vocabulary.continues).astype(np.int32)

    def _see(self, score: float, values: Floats) -> None:
        """A path is about to write all that is typed."""
        if len(values):
            mass = score + float(np.logaddexp.reduce(values.astype(float)))
            self.total = float(np.logaddexp(self.total, mass))

    def _shown(self, word: Word) -> str | None:
        return first_word(word.text[len(self.typed) :].decode(errors="replace"))

    def _add(self, text: str, found: Found) -> None:
        known = self.found.get(text)
        if known is None:
            self.found[text] = found
            return
        mass = float(np.logaddexp(known.mass, found.mass))
        likelier = found if found.word.score > known.word.score else known
        self.found[text] = replace(likelier, mass=mass)

    def _decided(self, kept: Sequence[tuple[float, int, Word]]) -> bool:
        """Whether all hypotheses together could lift no other word among the wanted ones."""
        masses = sorted((math.exp(found.mass) for found in self.found.values()), reverse=True)
        rest = sum(math.exp(score) for score, _, _ in kept)
        following = masses[self.wanted] if len(masses) > self.wanted else 0.0
        return len(masses) >= self.wanted and masses[self.wanted - 1] > following + rest


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


def _best(values: Floats, ids: Ints, count: int) -> list[int]:
    """The `count` likeliest of the ids; of equals the lowest."""
    if len(ids) > count:
        threshold = np.partition(values[ids], len(ids) - count)[len(ids) - count]
        ids = ids[values[ids] >= threshold]
    order = np.lexsort((ids, -values[ids]))
    return [int(t) for t in ids[order][:count]]
