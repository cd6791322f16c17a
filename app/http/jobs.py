"""Request bodies become jobs."""

from __future__ import annotations

from app.completion.chat_template import ChatPrompt, ChatTemplate, Message
from app.completion.context_window import keep_characters
from app.completion.defaults import given, job_with_defaults
from app.completion.job import Job
from app.completion.limits import Limits
from app.completion.prompt import PlainPrompt, Prompt
from app.errors import InvalidRequestError
from app.http.schemas.chat import ChatRequest
from app.http.schemas.complete import CompleteRequest
from app.http.schemas.completions import CompletionRequest
from app.http.schemas.openai import OpenAIRequest
from app.settings import Settings


def complete_job(body: CompleteRequest, settings: Settings, limits: Limits) -> Job:
    """The job that a request to `/complete` asks for.

    Raises:
        InvalidRequestError: The prompt is over its limit, and may not be cut.
    """
    return job_with_defaults(
        settings,
        limits,
        _plain_prompt(body.prompt, limits, refuse=body.truncation == "error"),
        body.sampling(settings, logprobs=body.logprobs),
        max_tokens=body.max_tokens,
        window=body.context_window,
        policy=body.profanity,
        timeout_ms=body.timeout_ms,
        choices=body.n,
        stop=body.stops,
        echo=body.echo,
        refuse_truncation=body.truncation == "error",
        token_healing=given(body.token_healing, limits.heals),
        until=body.until,
        min_confidence=given(body.min_confidence, 0.0),
        scored=True,
        alternatives=given(body.alternatives, 0),
        phrases=given(body.phrases, []),
        suffix=given(body.suffix, ""),
        owner=given(body.cache_salt, ""),
    )


def completion_jobs(body: CompletionRequest, settings: Settings, limits: Limits) -> list[Job]:
    """The jobs that a request to `/v1/completions` asks for: one for each prompt.

    Raises:
        InvalidRequestError: Too many completions, or `logit_bias` names a token that the model does not have.
    """
    if len(body.prompts) * given(body.n, 1) > limits.choices:
        raise InvalidRequestError("prompt", f"prompts times n: at most {limits.choices} is accepted")
    return [
        _openai_job(
            body,
            settings,
            limits,
            _plain_prompt(prompt, limits),
            max_tokens=body.max_tokens,
            logprobs=body.logprobs,
            echo=bool(body.echo),
            token_healing=bool(body.token_healing),
        )
        for prompt in body.prompts
    ]


def chat_job(body: ChatRequest, settings: Settings, limits: Limits, template: ChatTemplate) -> Job:
    """The job that a request to `/v1/chat/completions` asks for: as many tokens as fit, if it does not say.

    Raises:
        InvalidRequestError: The messages are too long together, or `logit_bias` names a token that the model
            does not have.
    """
    messages = tuple(
        Message("system" if message.role == "developer" else message.role, message.text)
        for message in body.messages
    )
    prompt = ChatPrompt(messages, template)
    if prompt.characters > limits.prompt_characters:
        reason = f"at most {limits.prompt_characters} characters are accepted together"
        raise InvalidRequestError("messages", reason)
    asked = given(body.max_completion_tokens, body.max_tokens)
    return _openai_job(
        body,
        settings,
        limits,
        prompt,
        max_tokens=given(asked, limits.max_tokens),
        reserved=given(asked, 1),
        logprobs=given(body.top_logprobs, 0) if body.logprobs else None,
    )


def _openai_job(
    body: OpenAIRequest,
    settings: Settings,
    limits: Limits,
    prompt: Prompt,
    *,
    max_tokens: int | None,
    reserved: int | None = None,
    logprobs: int | None,
    echo: bool = False,
    token_healing: bool = False,
) -> Job:
    return job_with_defaults(
        settings,
        limits,
        prompt,
        body.sampling(settings, logprobs=logprobs, logit_bias=_logit_bias(body, limits)),
        max_tokens=max_tokens,
        reserved=reserved,
        choices=body.n,
        stop=body.stops,
        echo=echo,
        token_healing=token_healing,
        owner=given(body.cache_salt, ""),
    )


def _plain_prompt(text: str, limits: Limits, *, refuse: bool = False) -> PlainPrompt:
    """A text, cut at its beginning where it is over the character limit."""
    if refuse:
        limits.check("prompt", text, "prompt_characters")
    kept = keep_characters(text, limits.prompt_characters)
    return PlainPrompt(kept, shortened=len(kept) < len(text))


def _logit_bias(body: OpenAIRequest, limits: Limits) -> tuple[tuple[int, float], ...]:
    bias = tuple((int(number), value) for number, value in (body.logit_bias or {}).items())
    if any(number > limits.token_id for number, _ in bias):
        raise InvalidRequestError("logit_bias", f"token ids are at most {limits.token_id}")
    return bias
