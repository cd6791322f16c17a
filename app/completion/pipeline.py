"""The pipeline, and the only place that knows its order.

A prompt passes the guard, is tokenized and cut to its window; the engine continues it; a draft turns the
tokens into text, ends it at a stop string and passes it through the guard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from app.completion.context_window import Window, keep_newest, window_limit
from app.completion.detokenizer import Detokenizer
from app.completion.job import Job, Outcome, Piece, Prompt, Timings, Usage
from app.completion.output import Draft
from app.completion.output_guard import LateScreen, Screen
from app.completion.stop_strings import StopScanner
from app.completion.tokenizer_pool import Tokenization
from app.engine.interface import Engine, Steps
from app.engine.messages import Generation
from app.errors import ContentFilterError, DeadlineExceededError, InvalidRequestError, NotReadyError
from app.guard.guard import Guard
from app.guard.stream import GuardStream
from app.guard.token_bias import LogitBias
from app.metrics import Metrics
from app.model.manifest import Manifest
from app.model.tokenizer import Tokenizer

T = TypeVar("T")

RETRY_TEMPERATURE = 0.8
"""At least this on a retry: a greedy sample would come out the same again."""

READ_TOKENS = 64
"""Tokens that are turned into text at once where nobody reads along."""

GATHERED_TOKENS = 8
"""Tokens that the engine reports at once there; a stop string needs each as soon as it is known."""

SEEDS = 2**63

Deliver = Callable[[Piece], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Run:
    """A job on its way: the prompt as the guard left it, the tokens the model sees, who reads along."""

    job: Job
    guard: Guard
    prompt: Prompt
    window: Window
    deliver: Deliver | None
    started: float

    async def show(self, piece: Piece | None) -> None:
        if piece and self.deliver:
            await self.deliver(piece)


class Completer:
    """Completes jobs with one model and engine.

    Attributes:
        guard: Reads prompts and completions; replaced while running when the operator's lists change.
        bias: Against tokens that the guard would find; belongs to it.
    """

    def __init__(
        self,
        *,
        manifest: Manifest,
        engine: Engine,
        tokenizer: Tokenizer,
        tokenization: Tokenization,
        guard: Guard,
        bias: LogitBias,
        retries: int,
        metrics: Metrics,
    ) -> None:
        self._manifest = manifest
        self._engine = engine
        self._tokenizer = tokenizer
        self._tokenization = tokenization
        self.guard = guard
        self.bias = bias
        self._retries = retries
        self._metrics = metrics

    async def run(self, job: Job, deliver: Deliver | None = None) -> Outcome:
        """Complete a job; `deliver` is awaited for each piece of text as soon as it may be shown.

        Raises:
            NotReadyError: The engine is loading or dead.
            ContentFilterError: The guard rejected the prompt.
            InvalidRequestError: The prompt is longer than its window, and may not be cut.
            DeadlineExceededError: The time was over before anything was generated.
            EngineFailedError: The engine failed on this job.
        """
        started = time.perf_counter()
        if self._engine.state != "ready":
            raise NotReadyError
        guard = self.guard
        prompt = self._filtered(job, guard)
        drafts: list[Draft] = []
        try:
            async with asyncio.timeout(job.timeout) as limit:
                run = _Run(job, guard, prompt, await self._window(job, prompt), deliver, started)
                drafts += [self._draft(run, index) for index in range(job.choices)]
                await together([self._write(run, drafts, index) for index in range(job.choices)])
        except TimeoutError:
            if not limit.expired():
                raise
            if not drafts:
                raise DeadlineExceededError from None
            await self._cut_short(run, drafts)
        return self._outcome(run, drafts)

    def _filtered(self, job: Job, guard: Guard) -> Prompt:
        """The prompt as the guard lets it pass; all of it is read, also what the window will drop."""

        def check(text: str) -> str:
            verdict = guard.check(text)
            if not verdict.flagged:
                return text
            self._metrics.guard_hits.labels("prompt", job.policy).inc()
            if job.policy == "reject":
                raise ContentFilterError
            return guard.mask(text, verdict)

        return job.prompt if job.policy == "off" else job.prompt.filtered(check)

    async def _window(self, job: Job, prompt: Prompt) -> Window:
        """The tokens that the model sees; a prompt without a token is continued like the start of a text."""
        ids = await self._tokenization.ids(prompt) or self._manifest.end_ids[:1]
        limit = window_limit(self._manifest.sequence_length, job.reserved, job.window)
        window = keep_newest(ids, limit, lambda number: self._tokenizer.detokenize([number]))
        if window.dropped:
            if job.refuse_truncation:
                raise InvalidRequestError("prompt", f"longer than its window of {limit} tokens")
            self._metrics.truncated.inc()
        return window

    def _draft(self, run: _Run, index: int, attempt: int = 1) -> Draft:
        policy, guard, before = run.job.policy, run.guard, run.prompt.before
        screen: Screen | None = None
        if policy != "off":
            screen = (
                GuardStream(guard, before, policy=policy)
                if run.deliver
                else LateScreen(guard, before, policy)
            )

        def spell(number: int, before: str) -> str:
            text = self._tokenizer.detokenize([number]).decode(errors="replace")
            return "" if screen and guard.check(text, before=before).flagged else text

        return Draft(
            index,
            attempt,
            Detokenizer(self._tokenizer),
            StopScanner(run.job.stop),
            screen,
            gather=1 if run.deliver or run.job.stop else READ_TOKENS,
            spell=None if run.job.sampling.logprobs is None else spell,
        )

    async def _write(self, run: _Run, drafts: list[Draft], index: int) -> None:
        """Write one choice: anew while the guard rejects it, nothing of it was shown and retries are left."""
        if run.job.echo:
            await run.show(Piece(index, run.prompt.text))
        await self._sample(run, drafts[index])
        while drafts[index].reason == "content_filter" and drafts[index].attempt <= self._retries:
            if run.deliver and drafts[index].text:
                break
            self._metrics.guard_retries.inc()
            drafts[index] = self._draft(run, index, drafts[index].attempt + 1)
            await self._sample(run, drafts[index])

    async def _sample(self, run: _Run, draft: Draft) -> None:
        """Write one draft to its end; leaving early, for whatever reason, frees the engine's slot."""
        try:
            async with self._engine.generate(self._generation(run, draft)) as steps:
                await self._read(run, draft, steps)
        finally:
            self._metrics.generation_tokens.inc(draft.tokens)

    async def _read(self, run: _Run, draft: Draft, steps: Steps) -> None:
        """Read a generation to its end, or until the draft has one."""
        async for tokens in steps:
            now = time.perf_counter()
            if draft.first_token is None:
                draft.first_token, draft.prefilled = now, steps.prefilled
                self._metrics.first_token_seconds.observe(now - run.started)
            else:
                self._metrics.inter_token_seconds.observe((now - draft.last_token) / len(tokens.ids))
            draft.last_token = now
            if piece := draft.push(tokens):
                await run.show(piece)
            if draft.reason:
                return
        if draft.first_token is None:
            draft.first_token = draft.last_token = time.perf_counter()
            draft.prefilled = steps.prefilled
        await run.show(
            draft.close("length" if steps.finished and steps.finished.reason == "length" else "stop")
        )

    def _generation(self, run: _Run, draft: Draft) -> Generation:
        job, sampling = run.job, run.job.sampling
        if draft.attempt > 1:
            sampling = replace(sampling, temperature=max(sampling.temperature, RETRY_TEMPERATURE))
        seed = (sampling.seed + draft.index + job.choices * (draft.attempt - 1)) % SEEDS
        if seed != sampling.seed or self.bias:
            sampling = replace(sampling, seed=seed, logit_bias=self._bias(job))
        room = self._manifest.sequence_length - len(run.window.ids)
        return Generation(
            prompt=run.window.ids,
            max_tokens=min(job.max_tokens, room),
            sampling=sampling,
            stop_ids=self._manifest.end_ids,
            gather=1 if run.deliver or job.stop else GATHERED_TOKENS,
        )

    def _bias(self, job: Job) -> LogitBias:
        own = job.sampling.logit_bias
        return (*own, *self.bias) if job.policy != "off" else own

    async def _cut_short(self, run: _Run, drafts: list[Draft]) -> None:
        """End what the deadline has caught; if that is everything and nothing was written, it is an error."""
        late = [draft for draft in drafts if draft.reason is None]
        pieces = [draft.close("timeout") for draft in late]
        if len(late) == len(drafts) and not any(draft.text for draft in late):
            raise DeadlineExceededError
        for piece in pieces:
            await run.show(piece)

    def _outcome(self, run: _Run, drafts: list[Draft]) -> Outcome:
        for draft in drafts:
            if draft.flagged:
                self._metrics.guard_hits.labels("completion", run.job.policy).inc()
        before = run.prompt.text if run.job.echo else ""
        choices = tuple(draft.choice(before) for draft in drafts)
        begun = [(draft.first_token, draft.last_token) for draft in drafts if draft.first_token is not None]
        prefilled = [draft.prefilled for draft in drafts if draft.prefilled is not None]
        timings = Timings(
            queue_ms=_milliseconds(prompt.queue_seconds for prompt in prefilled),
            prefill_ms=_milliseconds(prompt.prefill_seconds for prompt in prefilled),
            decode_ms=_milliseconds(last - first for first, last in begun),
            first_token_ms=_milliseconds(first - run.started for first, _ in begun),
        )
        outcome = Outcome(
            choices=choices,
            usage=Usage(
                prompt=len(run.window.ids),
                completion=sum(draft.tokens for draft in drafts),
                cached=max(prompt.cached_tokens for prompt in prefilled),
            ),
            window=run.window,
            policy=run.job.policy,
            attempts=max(draft.attempt for draft in drafts),
            seed=run.job.sampling.seed,
            timings=timings,
        )
        self._metrics.observe_outcome(outcome)
        return outcome


def _milliseconds(seconds: Iterable[float]) -> float:
    return round(max(seconds) * 1000, 3)


async def together(works: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """The results of works done side by side; the first failure ends the others and is raised as it is."""
    if len(works) == 1:
        return [await works[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
