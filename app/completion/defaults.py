"""What a request gets where it says nothing: jobs and sampling with the server's defaults."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TypeVar

from app.completion.constraint import Constraint
from app.completion.job import Job, Policy, stricter
from app.completion.limits import Limits
from app.completion.line_limits import UNLIMITED, LineLimits
from app.completion.prompt import PlainPrompt, Prompt
from app.completion.words import Until
from app.engine.messages import Sampling
from app.model.manifest import Manifest
from app.settings import Settings

T = TypeVar("T")

SMALLEST_TOP_P = 1e-6
"""A top_p of 0 means the likeliest token alone."""


def given(value: T | None, default: T) -> T:
    """What the request says, or the default where it says nothing."""
    return default if value is None else value


def job_with_defaults(
    settings: Settings,
    limits: Limits,
    prompt: Prompt,
    sampling: Sampling,
    *,
    max_tokens: int | None = None,
    reserved: int | None = None,
    window: int | None = None,
    policy: Policy | None = None,
    timeout_ms: int | None = None,
    choices: int | None = None,
    stop: Sequence[str] = (),
    echo: bool = False,
    refuse_truncation: bool = False,
    token_healing: bool = False,
    until: Until | None = "token",
    min_confidence: float = 0.0,
    scored: bool = False,
    alternatives: int = 0,
    phrases: Sequence[str] = (),
    suffix: str = "",
    lines: LineLimits = UNLIMITED,
    owner: str = "",
    session: str = "",
    stop_ids: Sequence[int] = (),
    endless: bool = False,
    scores_prompt: bool = False,
    constraint: Constraint | None = None,
) -> Job:
    """A job; see its attributes. Of the server's policy and the request's, the stricter one counts."""
    max_tokens = given(max_tokens, min(settings.default_max_tokens, limits.max_tokens))
    return Job(
        prompt=prompt,
        max_tokens=max_tokens,
        reserved=given(reserved, max_tokens),
        window=given(window, limits.default_window),
        sampling=sampling,
        policy=stricter(settings.profanity, policy),
        timeout=given(timeout_ms, limits.timeout_ms) / 1000,
        choices=given(choices, 1),
        stop=tuple(stop),
        echo=echo,
        refuse_truncation=refuse_truncation,
        token_healing=token_healing and limits.heals,
        until=until,
        min_confidence=min_confidence,
        scored=scored and limits.heals,
        alternatives=alternatives,
        phrases=tuple(phrases),
        suffix=suffix,
        lines=lines,
        owner=owner,
        session=session,
        stop_ids=tuple(stop_ids),
        endless=endless,
        scores_prompt=scores_prompt,
        constraint=constraint,
    )


def plain_job(
    settings: Settings,
    limits: Limits,
    text: str,
    *,
    max_tokens: int | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    stop: Sequence[str] = (),
) -> Job:
    """The job that continues a text, with the text before it.

    Raises:
        InvalidRequestError: An argument is over its limit, or the model file cannot honour it.
    """
    for name, value in {"max_tokens": max_tokens, "temperature": temperature, "seed": seed}.items():
        if value is not None:
            limits.check_supported(name)
    limits.check("prompt", text, "prompt_characters")
    limits.check("stop", list(stop), "stop_characters")
    if max_tokens is not None:
        limits.check("max_tokens", max_tokens, "max_tokens")
    sampling = sampling_with_defaults(settings, temperature=temperature, seed=seed)
    return job_with_defaults(
        settings, limits, PlainPrompt(text), sampling, max_tokens=max_tokens, stop=stop, echo=True
    )


def advised_settings(settings: Settings, manifest: Manifest) -> Settings:
    """Settings whose sampling is what the model's authors advise, where nobody has set it."""
    advised = {f"default_{name}": value for name, value in manifest.sampling.items()}
    if "default_top_k" in advised:
        advised["default_top_k"] = int(advised["default_top_k"])
    set_by_someone = settings.model_fields_set
    free = {name: value for name, value in advised.items() if name not in set_by_someone}
    return settings.model_copy(update=free)


def sampling_with_defaults(
    settings: Settings,
    *,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float | None = None,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    logit_bias: tuple[tuple[int, float], ...] = (),
    seed: int | None = None,
    logprobs: int | None = None,
) -> Sampling:
    """The engine's parameters; a seed that is not given is drawn."""
    return Sampling(
        temperature=given(temperature, settings.default_temperature),
        top_k=given(top_k, settings.default_top_k),
        top_p=max(given(top_p, settings.default_top_p), SMALLEST_TOP_P),
        min_p=given(min_p, settings.default_min_p),
        repetition_penalty=given(repetition_penalty, settings.default_repetition_penalty),
        presence_penalty=given(presence_penalty, 0.0),
        frequency_penalty=given(frequency_penalty, 0.0),
        logit_bias=logit_bias,
        seed=secrets.randbits(32) if seed is None else seed,
        logprobs=logprobs,
    )
