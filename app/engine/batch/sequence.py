"""One generation on its way through the scheduler: its tokens, where it stands, what may come next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from app.engine.batch.grammar import Matcher
from app.engine.batch.phrase_blend import PhraseBlend
from app.engine.batch.speculation import Record
from app.engine.batch.word_search import Found
from app.engine.kv.arrays import Floats, Ints
from app.engine.kv.decode_cache import Lane
from app.engine.kv.prefix_cache import LOGITS_KEPT, Branches, Entry
from app.engine.messages import (
    Alternative,
    Failed,
    Finished,
    FromEngine,
    Generation,
    Logprob,
    Score,
)
from app.engine.report import Report
from app.engine.sampler import Sampler
from app.model.vocabulary import Vocabulary

FAINTEST = 1e-30
"""Least probability: its logarithm is finite."""


@dataclass(eq=False, slots=True)
class Sequence:
    """Waiting at first, then prefilling (it has an entry), then running (it has a lane).

    Attributes:
        tokens: int32, prompt and completion; the first `length` are known.
        exact: Whether logits mean the same whatever call computed them, and may be kept.
        typed: Bytes that the next tokens must begin with (token healing); empty once they are written.
        following: Ids that may come next, where the word before must not go on; None for all.
        matcher: Where it stands in the grammar that it must match; None for anything.
        entry: What its prompt is computed into.
        lane: Where it is decoded.
        blend: A person's own phrases that it may be writing.
        record: Success with drafted tokens.
        logits: Copies of what followed the first n tokens, by n, for requests to come.
        branches: What a search has computed behind the prompt, for requests to come.
        typed_score: Log of the probability of what is typed, where there are scores.
        probability: Of its first word, where the ways to write it were searched.
        alternatives: The sequences of the other first words.
        leader: The sequence whose alternative this is.
    """

    number: int
    generation: Generation
    vocabulary: Vocabulary | None
    tokens: Ints
    length: int
    sampler: Sampler
    report: Report
    exact: bool = True
    typed: bytes = b""
    following: Ints | None = None
    matcher: Matcher | None = None
    entry: Entry | None = None
    lane: Lane | None = None
    blend: PhraseBlend = field(default_factory=lambda: PhraseBlend(()))
    record: Record = field(default_factory=Record)
    logits: dict[int, Floats] = field(default_factory=dict)
    branches: Branches = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)
    typed_score: float | None = None
    probability: float | None = None
    alternatives: list[Sequence] = field(default_factory=list)
    leader: Sequence | None = None
    ended: str | None = None

    @classmethod
    def of(
        cls,
        number: int,
        generation: Generation,
        now: float,
        vocabulary: Vocabulary | None = None,
        *,
        exact: bool = True,
    ) -> Sequence:
        """A sequence that waits."""
        known = len(generation.prompt)
        tokens = np.zeros(known + generation.max_tokens, np.int32)
        tokens[:known] = generation.prompt
        return cls(
            number,
            generation,
            vocabulary,
            tokens,
            known,
            Sampler(generation.sampling, generation.prompt, generation.stop_ids),
            Report(number, generation.stream_interval, now),
            exact,
            typed=generation.typed,
            blend=PhraseBlend(generation.phrases),
        )

    @property
    def prompt(self) -> Ints:
        """The tokens that were given."""
        return self.tokens[: len(self.generation.prompt)]

    @property
    def written(self) -> tuple[int, ...]:
        """The tokens that were generated."""
        return tuple(int(token) for token in self.tokens[len(self.generation.prompt) : self.length])

    @property
    def left(self) -> int:
        """Tokens that may still be generated."""
        return len(self.tokens) - self.length

    @property
    def forced(self) -> tuple[int, ...]:
        """The tokens that follow, whichever the model would choose."""
        return self.generation.forced[self.length - len(self.generation.prompt) :]

    @property
    def may_search(self) -> bool:
        """Whether its first word may be searched; within a grammar none is."""
        generation = self.generation
        return bool(self.typed or generation.alternatives) and self.left > 1 and not generation.grammar

    @property
    def lanes(self) -> int:
        """Lanes that it takes with its alternatives."""
        return 1 + self.generation.alternatives

    def remember(self, position: int, logits: Floats) -> None:
        """Keep the logits that follow the first `position` tokens, of the first few positions."""
        if self.exact and len(self.logits) < LOGITS_KEPT:
            self.logits[position] = logits.copy()

    def choose(self, logits: Floats) -> None:
        """Choose the next token from logits [V]; it may be the end."""
        if self.forced:
            self._take_forced(logits, self.forced[0])
            return
        if self.matcher is not None and self.matcher.complete:
            self.finish("stop")
            return
        permitted = self._allowed()
        try:
            mixed, allowed = self.blend.mix(logits, permitted)
            token, logprob = self.sampler.choose(mixed, allowed, given=bool(self.typed))
            score = self._score(mixed, token, allowed) if self.generation.scores else None
            phrase_ended = self.blend.observe(token, logits, permitted)
        except (ArithmeticError, LookupError, ValueError) as error:
            self.fail(str(error))
            return
        self.following = self.vocabulary.behind(token) if self.vocabulary and phrase_ended else None
        if token in self.generation.stop_ids:
            self.finish("stop")
            return
        self.append(token)
        self._report(token, logprob, score)
        if self._is_complete(token):
            self.finish("stop")
        elif self.left == 0 and not self.ended:
            self.finish("length")

    def _is_complete(self, token: int) -> bool:
        """Take a chosen token through the grammar; whether nothing may follow it."""
        if self.matcher is None:
            return False
        try:
            self.matcher.take(token)
        except ValueError as error:
            self.fail(str(error), grammar=True)
            return False
        return self.matcher.complete

    def _take_forced(self, logits: Floats, token: int) -> None:
        try:
            logprob = self.sampler.score(logits, token)
        except ArithmeticError as error:
            self.fail(str(error))
            return
        self.append(token)
        self._report(token, logprob, None)
        if self.left == 0:
            self.finish("length")

    def append(self, token: int) -> None:
        """The next token is known."""
        self.tokens[self.length] = token
        self.length += 1
        if self.typed:
            assert self.vocabulary is not None
            self.typed = self.typed[len(self.vocabulary.pieces[token]) :]

    def take(self, position: int, logits: Floats) -> None:
        """Take the logits [V] that follow the first `position` tokens, and choose the next one."""
        if not self.ended:
            self.remember(position, logits)
            self.choose(logits)

    def take_word(self, found: Found) -> None:
        """Go on behind a word that was searched."""
        word = found.word
        shown = len(word.text) > len(self.generation.typed)
        scores = [0.0] * (len(word.tokens) - 1) + [found.mass]  # the whole word's, where its last token ends
        for token, value, score in zip(word.tokens, word.values, scores, strict=True):
            self.sampler.observe(token, given=bool(self.typed))
            self.append(token)
            logprob = None if self.generation.sampling.logprobs is None else Logprob(value, ())
            self._report(token, logprob, Score(score, 0.0) if self.generation.scores else None)
        self.probability = math.exp(found.mass) if shown else None
        if self.left == 0:
            self.finish("length")
        elif found.logits is not None:
            assert self.vocabulary is not None
            self.following = self.vocabulary.ending
            self.take(self.length, found.logits)

    def branch(self, now: float) -> Sequence:
        """A sequence for another first word, which is continued by the likeliest tokens."""
        sampling = replace(self.generation.sampling, temperature=0.0)
        generation = replace(self.generation, alternatives=0, phrases=(), sampling=sampling)
        other = Sequence.of(self.number, generation, now, self.vocabulary, exact=self.exact)
        other.leader = self
        return other

    def _report(self, token: int, logprob: Logprob | None, score: Score | None) -> None:
        if score is not None:
            self.scores.append(score)
        if self.leader is None:
            self.report.add(token, logprob, score)

    def finish(self, reason: str) -> None:
        """It has written its last token."""
        self.ended = reason

    def fail(self, message: str, *, grammar: bool = False) -> None:
        """It ends with an error, and its alternatives with it; whether its grammar is the reason."""
        self.ended = "failed"
        self.report.end = Failed(self.number, message, grammar)

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.ended == "failed"

    def flush(self) -> list[FromEngine]:
        """The messages that are due; the end once the alternatives have ended, too."""
        if self.ended and self.report.end is None and all(other.ended for other in self.alternatives):
            self.report.end = Finished(
                self.number,
                self.ended,
                self.probability,
                tuple(other.as_alternative() for other in self.alternatives),
                self.typed_score,
            )
        return self.report.flush()

    def as_alternative(self) -> Alternative:
        """What the leader reports of it."""
        return Alternative(self.written, tuple(self.scores), self.probability or 0.0)

    def _allowed(self) -> Ints | None:
        """Ids that may come next; None where every token may."""
        if self.vocabulary is None:
            return None
        if self.typed:
            covers = self._matching(self.vocabulary.covers(self.typed))
            return covers if len(covers) else self._matching(self.vocabulary.shorter(self.typed))[-1:]
        if self.matcher is not None:
            return self.matcher.permitted(np.array(self.generation.stop_ids, np.int32))
        return self.following

    def _matching(self, ids: Ints) -> Ints:
        return ids if self.matcher is None else self.matcher.among(ids)

    def _score(self, logits: Floats, token: int, allowed: Ints | None) -> Score:
        assert self.vocabulary is not None
        largest = logits.max()
        weights = np.exp(logits - largest)
        total = float(weights.sum(dtype=float))
        ended = 1.0 - float(weights @ self.vocabulary.word_weight) / total
        among = total if allowed is None else float(weights[allowed].sum(dtype=float))
        chosen = float(logits[token] - largest) - math.log(among)
        if self.typed and self.typed_score is None:
            self.typed_score = math.log(max(among / total, FAINTEST))
        return Score(min(0.0, chosen), 0.0 if self.following is not None else math.log(max(ended, 1e-9)))
