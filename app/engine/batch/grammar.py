"""What may come next of a text that must match a grammar: a mask of tokens at each step (llguidance)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from app.engine.counters import Counters
from app.engine.kv.arrays import Ints
from app.model.grammar import check_matcher, compile_grammar, grammar_tokenizer
from app.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

KEPT = 16
"""Grammars that stay compiled: a service asks with the same few over and over."""


class Matcher:
    """Follows one text through its grammar.

    Attributes:
        complete: Whether the text matches and nothing may follow.
    """

    def __init__(self, matcher: LLMatcher, size: int, counters: Counters) -> None:
        self._matcher = matcher
        self._size = size
        self._counters = counters
        self.complete = False
        self._accepting = False
        self._permits: npt.NDArray[np.bool_] = np.zeros(size, np.bool_)
        self._ids: Ints = np.zeros(0, np.int32)
        self._look()

    def permitted(self, ends: Ints) -> Ints:
        """Ids that may come next; where the text may end here, those of `ends` too."""
        return np.concatenate([self._ids, self.without(ends)]) if self._accepting else self._ids

    def among(self, ids: Ints) -> Ints:
        """Those of some ids that may come next."""
        kept: Ints = ids[self._permits[ids]]
        return kept

    def without(self, ids: Ints) -> Ints:
        """Those of some ids that may not."""
        return ids[~self._permits[ids]]

    def permits(self, tokens: Sequence[int]) -> bool:
        """Whether the text may go on with these tokens, one after the other."""
        return bool(self._matcher.validate_tokens(list(tokens)) == len(tokens))

    def take(self, token: int) -> None:
        """The text goes on with a token.

        Raises:
            ValueError: The grammar does not permit it, or has become too costly.
        """
        began = time.perf_counter()
        self._matcher.consume_token(token)
        self._look()
        self._counters.masks += 1
        self._counters.mask_seconds += time.perf_counter() - began

    def _look(self) -> None:
        """Which tokens may come next."""
        if self._matcher.is_stopped():
            self._permits[:] = False
            self._accepting = True
        else:
            mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
            self._permits = np.unpackbits(mask, count=self._size, bitorder="little").view(np.bool_)
            self._accepting = self._matcher.is_accepting()
        self._ids = np.flatnonzero(self._permits).astype(np.int32)
        self.complete = self._accepting and len(self._ids) == 0
        check_matcher(self._matcher)


class Grammars:
    """Compiles grammars for one vocabulary, one by one in a thread; the newest stay compiled."""

    def __init__(self, vocabulary: Vocabulary | None, counters: Counters) -> None:
        self._vocabulary = vocabulary
        self._counters = counters
        self._thread = ThreadPoolExecutor(1, "grammar")
        self._tokenizer: LLTokenizer | None = None
        self._compiled: OrderedDict[tuple[str, bytes], LLMatcher] = OrderedDict()

    def open(self, grammar: str, typed: bytes) -> Future[Matcher]:
        """A matcher of a text that begins with what was typed and goes on as a grammar says.

        Raises (from the future):
            ValueError: The grammar cannot be compiled for these tokens, or is too costly.
        """
        return self._thread.submit(self._open, grammar, typed)

    def _open(self, grammar: str, typed: bytes) -> Matcher:
        assert self._vocabulary is not None
        key = (grammar, typed)
        compiled = self._compiled.pop(key, None) or self._compile(grammar, typed)
        self._compiled[key] = compiled
        if len(self._compiled) > KEPT:
            self._compiled.popitem(last=False)
        # A copy shares the states of the lexer that the texts before have made.
        return Matcher(compiled.deep_copy(), len(self._vocabulary.pieces), self._counters)

    def _compile(self, grammar: str, typed: bytes) -> LLMatcher:
        assert self._vocabulary is not None
        self._tokenizer = self._tokenizer or grammar_tokenizer(self._vocabulary.pieces)
        return compile_grammar(self._tokenizer, grammar, typed.decode())
