"""How the next token is chosen: the fields that every completing route has."""

from __future__ import annotations

import secrets

from pydantic import Field

from app.completion.job import given
from app.engine.messages import Sampling
from app.http.schemas.fields import Body, Penalty, RepetitionPenalty, Seed, Share, Stop, Temperature, TopK
from app.settings import Settings

SMALLEST_TOP_P = 1e-6
"""A top_p of 0 means the likeliest token alone."""


class SamplingRequest(Body):
    """What is absent or null takes the server's default."""

    temperature: Temperature | None = Field(default=None, description="0 takes the likeliest token")
    top_k: TopK | None = Field(default=None, description="Choose among this many tokens; 0 among all")
    top_p: Share | None = Field(
        default=None, description="Choose among the likeliest tokens that have this probability together"
    )
    min_p: Share | None = Field(
        default=None, description="Choose among tokens with this share of the likeliest one's probability"
    )
    repetition_penalty: RepetitionPenalty | None = Field(
        default=None, description="Above 1 makes tokens that have occurred less likely"
    )
    presence_penalty: Penalty | None = Field(
        default=None, description="Subtracted from the logits of tokens already generated"
    )
    frequency_penalty: Penalty | None = Field(
        default=None, description="Subtracted once for each time a token was generated"
    )
    seed: Seed | None = Field(
        default=None,
        description="Same request, same seed: same text. Absent: a fresh one, reported in the answer",
    )
    stop: Stop = Field(
        default=None, description="The text ends before the first of these, which is not part of it"
    )

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings, none or several."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    def sampling(
        self, settings: Settings, *, logprobs: int | None, logit_bias: tuple[tuple[int, float], ...] = ()
    ) -> Sampling:
        """The engine's parameters, with the server's defaults where the request says nothing."""
        return Sampling(
            temperature=given(self.temperature, settings.default_temperature),
            top_k=given(self.top_k, 0),
            top_p=max(given(self.top_p, settings.default_top_p), SMALLEST_TOP_P),
            min_p=given(self.min_p, 0.0),
            repetition_penalty=given(self.repetition_penalty, settings.default_repetition_penalty),
            presence_penalty=given(self.presence_penalty, 0.0),
            frequency_penalty=given(self.frequency_penalty, 0.0),
            logit_bias=logit_bias,
            seed=secrets.randbits(32) if self.seed is None else self.seed,
            logprobs=logprobs,
        )
