"""Request bodies become jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from app.completion.chat_template import ChatPrompt, ChatTemplate, Message, Scalar
from app.completion.constraint import Constraint
from app.completion.context_window import keep_characters
from app.completion.defaults import given, job_with_defaults
from app.completion.infill import InfillPrompt, Snippet
from app.completion.job import Job
from app.completion.limits import Limits
from app.completion.line_limits import LineLimits
from app.completion.prompt import PlainPrompt, Prompt, TokenPrompt
from app.errors import InvalidRequestError
from app.http.schemas.chat import ChatRequest
from app.http.schemas.complete import CompleteRequest
from app.http.schemas.completions import CompletionRequest
from app.http.schemas.infill import InfillRequest
from app.http.schemas.openai import OpenAIRequest
from app.http.schemas.responses import ResponseRequest
from app.model.tokenizer import Tokenizer
from app.settings import Settings

CANNOT_FILL = (
    "this model has no tokens for filling in the middle; serve one that has, such as Qwen2.5-Coder,"
    " StarCoder2, CodeGemma or DeepSeek-Coder, or send prompt and suffix to /complete"
)


def complete_job(body: CompleteRequest, settings: Settings, limits: Limits) -> Job:
    """The job that a request to `/complete` asks for; nothing cuts a constrained text at a word.

    Raises:
        InvalidRequestError: The prompt is over its limit, and may not be cut; or fields exclude each other.
    """
    constraint = body.constraint
    if constraint is not None:
        _check_uncut(body, constraint)
    prompt = _plain_prompt(body.prompt, limits, refuse=body.truncation == "error")
    filled = _filled_in(prompt, body.suffix, limits)
    return job_with_defaults(
        settings,
        limits,
        filled or prompt,
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
        until=body.until if constraint is None else "token",
        min_confidence=given(body.min_confidence, 0.0),
        scored=constraint is None,
        alternatives=given(body.alternatives, 0),
        phrases=given(body.phrases, []),
        suffix="" if filled else given(body.suffix, ""),
        owner=given(body.cache_salt, ""),
        session=given(body.session, ""),
        constraint=constraint,
    )


def _check_uncut(body: CompleteRequest, constraint: Constraint) -> None:
    """Refuse what would cut a constrained text, or make another of it.

    Raises:
        InvalidRequestError: A field asks for that.
    """
    asked = {
        "until": body.until not in (None, "token"),
        "min_confidence": body.min_confidence,
        "alternatives": body.alternatives,
        "phrases": body.phrases,
    }
    for field, value in asked.items():
        if value:
            raise InvalidRequestError(field, f"not together with {constraint.field}")


def infill_job(body: InfillRequest, settings: Settings, limits: Limits) -> Job:
    """The job that a request to `/infill` asks for; texts over the character limit are cut.

    What is kept free for the completion does not depend on the request: so a request that only shows new
    snippets has the beginning of those that follow it.

    Raises:
        InvalidRequestError: The model has no tokens for it.
    """
    if not limits.fills:
        raise InvalidRequestError(None, CANNOT_FILL)
    most = limits.prompt_characters
    caret = _plain_prompt(body.input_prefix + body.prompt, limits)
    snippets = tuple(Snippet(each.text[:most], each.filename[:most]) for each in body.input_extra)
    sampling = body.sampling(settings, logprobs=None)
    tokens = given(body.n_predict, settings.default_max_tokens)
    return job_with_defaults(
        settings,
        limits,
        InfillPrompt(caret, body.input_suffix[:most], min(len(body.prompt), len(caret.text)), snippets),
        sampling,
        max_tokens=limits.max_tokens if tokens < 0 else min(tokens, limits.max_tokens),
        reserved=min(settings.default_max_tokens, limits.max_tokens),
        choices=min(body.n_cmpl, limits.choices) if sampling.temperature else 1,
        stop=body.stops,
        token_healing=given(body.token_healing, limits.heals),
        lines=LineLimits(body.n_indent, max(0, given(body.t_max_predict_ms, 0)) / 1000),
        owner=given(body.cache_salt, ""),
    )


def completion_jobs(
    body: CompletionRequest, settings: Settings, limits: Limits, tokenizer: Tokenizer
) -> list[Job]:
    """The jobs that a request to `/v1/completions` asks for: one for each prompt.

    With `echo` and `logprobs` the prompt is scored, all of it.

    Raises:
        InvalidRequestError: Too many completions, more samples than are shown, or a token id that the model
            does not have.
    """
    if len(body.prompts) * given(body.n, 1) > limits.choices:
        raise InvalidRequestError("prompt", f"prompts times n: at most {limits.choices} is accepted")
    if given(body.best_of, given(body.n, 1)) != given(body.n, 1):
        raise InvalidRequestError("best_of", "only the value of n is supported: nothing is ranked")
    max_tokens = min(given(body.max_tokens, settings.default_max_tokens), limits.max_tokens)
    scored = bool(body.echo) and body.logprobs is not None
    if scored and body.suffix:
        raise InvalidRequestError("suffix", "echo with logprobs scores a prompt, which has no suffix")
    constraint = body.constraint
    jobs = [
        _openai_job(
            body,
            settings,
            limits,
            _prompt(prompt, limits, tokenizer),
            max_tokens=max_tokens,
            reserved=min(max_tokens, 1) if scored else 1,
            window=limits.sequence_tokens if scored else None,
            logprobs=body.logprobs,
            echo=bool(body.echo),
            token_healing=bool(body.token_healing) and not scored,
            scores_prompt=scored,
            constraint=constraint,
        )
        for prompt in body.prompts
    ]
    return [_with_suffix(job, body.suffix, limits) for job in jobs]


def chat_job(body: ChatRequest, settings: Settings, limits: Limits, template: ChatTemplate) -> Job:
    """The job that a request to `/v1/chat/completions` asks for: as many tokens as fit, if it does not say.

    Raises:
        InvalidRequestError: The messages are too long together, or a token id is none of the model's.
    """
    asked = given(body.max_completion_tokens, body.max_tokens)
    return _openai_job(
        body,
        settings,
        limits,
        _conversation(
            [(message.role, message.text) for message in body.messages],
            "messages",
            limits,
            template,
            given(body.chat_template_kwargs, {}),
        ),
        max_tokens=min(given(asked, limits.max_tokens), limits.max_tokens),
        reserved=_reply(asked, settings, limits),
        window=limits.sequence_tokens,
        logprobs=given(body.top_logprobs, 0) if body.logprobs else None,
        constraint=body.constraint,
    )


def response_job(body: ResponseRequest, settings: Settings, limits: Limits, template: ChatTemplate) -> Job:
    """The job that a request to `/v1/responses` asks for: a conversation, as in `chat_job`.

    Raises:
        InvalidRequestError: The input is too long.
    """
    job = _openai_job(
        body,
        settings,
        limits,
        _conversation(body.messages, "input", limits, template),
        max_tokens=min(given(body.max_output_tokens, limits.max_tokens), limits.max_tokens),
        reserved=_reply(body.max_output_tokens, settings, limits),
        window=limits.sequence_tokens,
        logprobs=None,
    )
    return replace(job, refuse_truncation=body.truncation == "disabled")


def _reply(asked: int | None, settings: Settings, limits: Limits) -> int:
    """Tokens that a conversation leaves to its reply: what is asked for, but not more than half of all."""
    return min(given(asked, settings.default_max_tokens), limits.sequence_tokens - limits.default_window)


def _conversation(
    turns: Sequence[tuple[str, str]],
    field: str,
    limits: Limits,
    template: ChatTemplate,
    options: Mapping[str, Scalar] = MappingProxyType({}),
) -> ChatPrompt:
    """The prompt of turns, each a role and a text; a developer's are the system's."""
    messages = tuple(Message("system" if role == "developer" else role, text) for role, text in turns)
    prompt = ChatPrompt(messages, template, options, field)
    if prompt.characters > limits.prompt_characters:
        reason = f"at most {limits.prompt_characters} characters are accepted together"
        raise InvalidRequestError(field, reason)
    return prompt


def _openai_job(
    body: OpenAIRequest,
    settings: Settings,
    limits: Limits,
    prompt: Prompt,
    *,
    max_tokens: int | None,
    reserved: int,
    window: int | None = None,
    logprobs: int | None,
    echo: bool = False,
    token_healing: bool = False,
    scores_prompt: bool = False,
    constraint: Constraint | None = None,
) -> Job:
    min_tokens = given(body.min_tokens, 0)
    if scores_prompt:  # clients that only want the prompt's scores ask for one token, and count on it
        min_tokens = max(min_tokens, 1)
    sampling = body.sampling(settings, logprobs=logprobs, logit_bias=_logit_bias(body, limits))
    if constraint is not None and body.repetition_penalty is None:  # quotes and brackets must repeat
        sampling = replace(sampling, repetition_penalty=1.0)
    return job_with_defaults(
        settings,
        limits,
        prompt,
        replace(sampling, min_tokens=min_tokens),
        max_tokens=max_tokens,
        reserved=reserved,
        window=window,
        choices=body.n,
        stop=body.stops,
        echo=echo,
        refuse_truncation=scores_prompt,
        token_healing=token_healing,
        owner=given(body.cache_salt, ""),
        stop_ids=given(body.stop_token_ids, []),
        endless=bool(body.ignore_eos),
        scores_prompt=scores_prompt,
        constraint=constraint,
    )


def _prompt(prompt: str | list[int], limits: Limits, tokenizer: Tokenizer) -> Prompt:
    """A text, or token ids with the text that they stand for.

    Raises:
        InvalidRequestError: A token id is none of the model's.
    """
    if isinstance(prompt, str):
        return _plain_prompt(prompt, limits)
    if max(prompt) > limits.token_id:
        raise InvalidRequestError("prompt", f"token ids are at most {limits.token_id}")
    newest = prompt[-limits.prompt_characters :]
    text = tokenizer.detokenize(newest).decode(errors="replace")
    if len(newest) < len(prompt) or len(text) > limits.prompt_characters:
        return replace(_plain_prompt(text, limits), shortened=True)
    return TokenPrompt(tuple(prompt), text)


def _filled_in(prompt: Prompt, suffix: str | None, limits: Limits) -> InfillPrompt | None:
    """A prompt with the text behind the caret; None where there is none, or the model does not read it."""
    if not limits.fills or not (suffix and suffix.strip()):
        return None
    return InfillPrompt(prompt if isinstance(prompt, PlainPrompt) else PlainPrompt(prompt.text), suffix)


def _with_suffix(job: Job, suffix: str | None, limits: Limits) -> Job:
    """The job with a text behind the caret."""
    filled = _filled_in(job.prompt, suffix, limits)
    return replace(job, prompt=filled) if filled else replace(job, suffix=given(suffix, ""))


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
