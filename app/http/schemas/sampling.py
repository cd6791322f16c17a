"""How the next token is chosen: the fields that every completing route has."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from app.completion.defaults import given, sampling_with_defaults
from app.engine.messages import Sampling
from app.http.schemas.fields import Body, Penalty, RepetitionPenalty, Seed, Share, Stop, Temperature, TopK
from app.settings import Settings

CacheSalt = Annotated[str, Field(min_length=1, max_length=256)]


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

    cache_salt: CacheSalt | None = Field(
        default=None,
        description="Only requests with the same salt find in the caches what was computed for this one",
    )

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings, none or several."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    def sampling(
        self, settings: Settings, *, logprobs: int | None, logit_bias: tuple[tuple[int, float], ...] = ()
    ) -> Sampling:
        """The engine's parameters, with the server's defaults where the request says nothing."""
        return sampling_with_defaults(
            settings,
            temperature=self.temperature,
            top_k=None if self.top_k is None else max(0, self.top_k),
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias=logit_bias,
            seed=self.seed,
            logprobs=logprobs,
        )


class TypingRequest(SamplingRequest):
    """The same for what is shown while somebody types: the same text at the same place, by default."""

    def sampling(
        self, settings: Settings, *, logprobs: int | None, logit_bias: tuple[tuple[int, float], ...] = ()
    ) -> Sampling:
        """The engine's parameters, with the server's defaults for typing."""
        sampling = super().sampling(settings, logprobs=logprobs, logit_bias=logit_bias)
        return replace(
            sampling,
            temperature=given(self.temperature, settings.complete_temperature),
            repetition_penalty=given(self.repetition_penalty, settings.complete_repetition_penalty),
        )
