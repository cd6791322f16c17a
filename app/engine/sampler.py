"""From logits to the next token, on the host: every request has its own settings and its own randomness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from app.engine.kv.arrays import Floats, Ints
from app.engine.messages import Logprob, Sampling

UNLIKELY = 12.0
"""Logits so far below the largest, weights under 1e-5, are looked at only when a cut needs them."""


GREEDY = 1e-5
"""Temperatures below this are 0: dividing by them overflows, and vLLM draws the line here, too."""


class Sampler:
    """Chooses one sequence's tokens. The random numbers depend on the seed and the step alone."""

    def __init__(self, sampling: Sampling, prompt: Sequence[int], stop_ids: Sequence[int] = ()) -> None:
        self._sampling = sampling
        self._stop_ids = np.array(stop_ids, np.int64)
        self._chosen = 0
        self._random = np.random.Generator(np.random.PCG64(sampling.seed))
        self._seen = set(prompt) if sampling.repetition_penalty != 1.0 else set()
        self._generated: Counter[int] = Counter()
        self._biased = np.array([token for token, _ in sampling.logit_bias], np.int64)
        self._bias = np.array([bias for _, bias in sampling.logit_bias], np.float32)

    def choose(
        self, logits: Floats, allowed: Ints | None = None, *, given: bool = False
    ) -> tuple[int, Logprob | None]:
        """The next token for logits [V], and its logprob where the request asks for one.

        Args:
            logits: [V].
            allowed: Ids among which it is chosen, and to which its logprob is conditional; None for all.
            given: Whether it only repeats what a person has typed: then no penalty applies.

        Raises:
            FloatingPointError: The logits are not finite.
        """
        scores = self._adjust(logits, penalize=not given)
        if allowed is not None:
            scores = scores[allowed]
        best = int(np.argmax(scores))
        if allowed is not None:  # of equals the lowest id, as among all tokens
            equal = np.flatnonzero(scores == scores[best])
            best = int(equal[np.argmin(allowed[equal])]) if len(equal) else best
        if not np.isfinite(scores[best]):
            raise FloatingPointError("the model's logits are not finite")
        if self._sampling.temperature >= GREEDY:
            best = self._draw(scores, float(scores[best]))
        token = best if allowed is None else int(allowed[best])
        self.observe(token, given=given)
        wanted = self._sampling.logprobs
        return token, None if wanted is None else logprob(logits, token, wanted, allowed)

    def score(self, logits: Floats, token: int) -> Logprob | None:
        """Take a token that is given, and its logprob where the request asks for one.

        Raises:
            FloatingPointError: The logits are not finite.
        """
        if not np.isfinite(logits.max()):
            raise FloatingPointError("the model's logits are not finite")
        self.observe(token, given=True)
        wanted = self._sampling.logprobs
        return None if wanted is None else logprob(logits, token, wanted)

    def observe(self, token: int, *, given: bool = False) -> None:
        """A token was chosen; later penalties count it, unless it only repeats what was typed."""
        if self._sampling.repetition_penalty != 1.0:
            self._seen.add(token)
        if not given:
            self._generated[token] += 1
            self._chosen += 1

    def biased(self, logits: Floats) -> Floats:
        """Logits [..., V] with the request's biases, on a copy where there are any."""
        if not len(self._biased):
            return logits
        adjusted = logits.copy()
        self._add_bias(adjusted)
        return adjusted

    def _adjust(self, logits: Floats, *, penalize: bool) -> Floats:
        """Penalties and biases, on a copy where there are any."""
        s = self._sampling
        repeated = penalize and s.repetition_penalty != 1.0
        penalized = penalize and (s.presence_penalty or s.frequency_penalty)
        endless = self._chosen < s.min_tokens
        if not repeated and not penalized and not endless and not s.logit_bias:
            return logits
        adjusted = logits.copy()
        if repeated:
            seen = np.fromiter(self._seen, np.int64, len(self._seen))
            scores = adjusted[seen]
            adjusted[seen] = np.where(
                scores > 0, scores / s.repetition_penalty, scores * s.repetition_penalty
            )
        if penalized:
            for token, count in self._generated.items():
                adjusted[token] -= s.presence_penalty + s.frequency_penalty * count
        self._add_bias(adjusted)
        if endless:
            adjusted[self._stop_ids] = -np.inf
        return adjusted

    def _add_bias(self, logits: Floats) -> None:
        """Add the request's biases to logits [..., V] in place; a token may have several."""
        np.add.at(logits.T, self._biased, self._bias.reshape(-1, *[1] * (logits.ndim - 1)))

    def _draw(self, logits: Floats, largest: float) -> int:
        """Sample with temperature, then top-k, top-p and min-p, in the order of Hugging Face's warpers."""
        s = self._sampling
        ids = np.flatnonzero(logits >= largest - UNLIKELY * s.temperature)
        weights = _weights(logits[ids], largest, s.temperature)
        total = float(weights.sum())
        if s.top_k == 0 or s.top_k > len(ids):
            # The unlikely tokens count as well, and may even be needed.
            total = float(np.exp((logits - np.float32(largest)) / np.float32(s.temperature)).sum(dtype=float))
            if s.top_k or weights.sum() < s.top_p * total or s.top_p == 1.0:
                ids, weights = np.arange(len(logits)), _weights(logits, largest, s.temperature)
                total = float(weights.sum())
        if 0 < s.top_k < len(ids):
            kept = _largest(weights, s.top_k)
            ids, weights = ids[kept], weights[kept]
            total = float(weights.sum())
        if s.top_p < 1.0:
            kept = _nucleus(weights, s.top_p * total)
            ids, weights = ids[kept], weights[kept]
        if s.min_p > 0.0:
            kept = np.flatnonzero(weights >= s.min_p)  # the likeliest token weighs 1
            ids, weights = ids[kept], weights[kept]
        below = np.cumsum(weights)
        place = int(np.searchsorted(below, self._random.random() * below[-1], side="right"))
        return int(ids[min(place, len(ids) - 1)])


def _weights(logits: Floats, largest: float, temperature: float) -> npt.NDArray[np.float64]:
    """Probabilities in units of the likeliest token's."""
    weights: npt.NDArray[np.float64] = np.exp((logits.astype(np.float64) - largest) / temperature)
    return weights


def _largest(weights: npt.NDArray[np.floating[Any]], count: int) -> npt.NDArray[np.intp]:
    """Indices, ascending, of the `count` largest; of equals the first."""
    threshold = np.partition(weights, len(weights) - count)[len(weights) - count]
    above = np.flatnonzero(weights > threshold)
    equal = np.flatnonzero(weights == threshold)[: count - len(above)]
    return np.sort(np.concatenate([above, equal]))


def _nucleus(weights: npt.NDArray[np.float64], mass: float) -> npt.NDArray[np.intp]:
    """Indices, ascending, of the fewest largest weights that hold `mass` together."""
    order = np.argsort(-weights, kind="stable")
    count = int(np.searchsorted(np.cumsum(weights[order]), mass)) + 1
    return np.sort(order[:count])


def logprob(logits: Floats, token: int, top: int, allowed: Ints | None = None) -> Logprob:
    """Logprobs of the chosen token and of the `top` likeliest, from logits [V], among the allowed ids."""
    among = logits if allowed is None else logits[allowed]
    largest = float(among.max())
    normalizer = largest + float(np.log(np.exp(among - np.float32(largest)).sum(dtype=float)))
    best = _largest(among, min(top, len(among))) if top else np.array([], np.intp)
    best = best[np.argsort(-among[best], kind="stable")]
    ids = best if allowed is None else allowed[best]
    ranked = tuple((int(i), float(logits[i]) - normalizer) for i in ids)
    return Logprob(float(logits[token]) - normalizer, ranked)
