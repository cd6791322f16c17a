"""A person's own phrases beside the model: each token's probability is a mixture of both (interpolation).

With a weight w a person is about to write a phrase, and with 1 - w what the model expects:
P(t) = (1 - w) · P_model(t) + w · [the phrase goes on with t]. Each token that is written moves the weights
by Bayes' rule, so that a phrase takes over where the model finds what is typed unlikely otherwise. Gmail
Smart Compose blends a person's words with its model alike (Chen et al., 2019, https://arxiv.org/abs/1906.00080).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.batch.word_search import log_softmax
from app.engine.kv.arrays import Floats, Ints
from app.engine.messages import Phrase

FAINTEST = 1e-9
"""Least weight of the model: its logarithm stays finite."""


@dataclass(slots=True)
class PhraseBlend:
    """Phrases that one sequence may be writing.

    Attributes:
        phrases: Those that agree with all tokens so far; their tokens are the ones to come, their weights the
            probability of each.
    """

    phrases: tuple[Phrase, ...]

    @property
    def weight(self) -> float:
        """Probability that one of the phrases is written."""
        return sum(phrase.weight for phrase in self.phrases)

    def leads(self, log_probability: float) -> bool:
        """Whether a phrase is likelier than what the model finds so likely."""
        return self.weight > (1.0 - self.weight) * math.exp(log_probability)

    def share(self, log_probability: float) -> float:
        """Log of the model's share, once text has been typed that it finds so likely."""
        model = (1.0 - self.weight) * math.exp(log_probability)
        return math.log(max(model, FAINTEST) / max(model + self.weight, FAINTEST))

    def mix(self, logits: Floats, allowed: Ints | None) -> tuple[Floats, Ints | None]:
        """Log probabilities [V] of model and phrases together, and the ids that may come.

        A phrase's next token may come, too. Where only the phrase permits it, as it is shorter than what is
        typed, the model's probability does not count: it is that of other words as well.
        """
        if not self.phrases:
            return logits, allowed
        mixed: Floats = log_softmax(logits) + np.float32(math.log(self._model))
        for token in self._next:
            own = math.log(sum(p.weight for p in self.phrases if p.tokens[0] == token))
            if allowed is not None and token not in allowed:
                mixed[token] = own
                allowed = np.append(allowed, np.int32(token))
            else:
                mixed[token] = np.logaddexp(mixed[token], own)
        return mixed, allowed

    def observe(self, token: int, logits: Floats, allowed: Ints | None) -> bool:
        """A token was written; whether it most likely ends a phrase.

        Args:
            token: Its id.
            logits: [V], the model's.
            allowed: Ids that the model was permitted; None for all.
        """
        if not self.phrases:
            return False
        model = 0.0
        if allowed is None or token in allowed:
            model = self._model * math.exp(float(log_softmax(logits)[token]))
        kept = [phrase for phrase in self.phrases if phrase.tokens[0] == token]
        total = model + sum(phrase.weight for phrase in kept)
        self.phrases = tuple(
            Phrase(phrase.tokens[1:], phrase.weight / total) for phrase in kept if len(phrase.tokens) > 1
        )
        return sum(phrase.weight for phrase in kept if len(phrase.tokens) == 1) > total / 2

    def begins(self, text: bytes, pieces: Sequence[bytes]) -> bool:
        """Whether a phrase, whose tokens have these bytes, begins with a text."""
        texts = (b"".join(pieces[token] for token in phrase.tokens) for phrase in self.phrases)
        return any(phrase.startswith(text) for phrase in texts)

    @property
    def _model(self) -> float:
        return max(FAINTEST, 1.0 - self.weight)

    @property
    def _next(self) -> list[int]:
        return sorted({phrase.tokens[0] for phrase in self.phrases})
