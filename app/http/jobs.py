"""What OpenAI's two completion routes do alike."""

from __future__ import annotations

from app.completion.job import Job, Prompt, given
from app.completion.limits import Limits
from app.completion.service import Service
from app.errors import InvalidRequestError
from app.http.schemas.openai import OpenAIRequest
from app.model.manifest import Manifest


def job_of(
    body: OpenAIRequest,
    service: Service,
    prompt: Prompt,
    *,
    max_tokens: int,
    reserved: int,
    logprobs: int | None,
    echo: bool,
) -> Job:
    """The job that a request asks for.

    Raises:
        InvalidRequestError: `logit_bias` names a token that the model does not have.
    """
    settings, limits = service.settings, service.limits
    return Job(
        prompt=prompt,
        max_tokens=max_tokens,
        reserved=reserved,
        window=limits.default_window,
        sampling=body.sampling(settings, logprobs=logprobs, logit_bias=_bias(body, limits)),
        policy=settings.profanity,
        timeout=limits.timeout_ms / 1000,
        choices=given(body.n, 1),
        stop=body.stops,
        echo=echo,
    )


def fingerprint(manifest: Manifest) -> str:
    """Changes with the model file."""
    return f"fp_{manifest.sha256[:12]}"


def _bias(body: OpenAIRequest, limits: Limits) -> tuple[tuple[int, float], ...]:
    bias = tuple((int(number), value) for number, value in (body.logit_bias or {}).items())
    if any(number > limits.token_id for number, _ in bias):
        raise InvalidRequestError("logit_bias", f"token ids are at most {limits.token_id}")
    return bias
