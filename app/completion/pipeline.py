"""The pipeline, and the only place that knows its order.

A prompt passes the guard, is tokenized and cut to its window (`Preparation`); the engine continues it,
and each choice becomes a text that passes the guard (`ChoiceWriter`); what came of it is counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from app.completion.concurrency import gather_all
from app.completion.guard_thread import GuardThread
from app.completion.job import Job, Opened, Outcome, Usage
from app.completion.output import ChoiceOutput
from app.completion.preparation import Preparation
from app.completion.run import PieceQueue, Run
from app.completion.timings import Timings
from app.completion.writer import ChoiceWriter
from app.engine.interface import Engine
from app.errors import DeadlineExceededError, NotReadyError
from app.guard.guard import Guard
from app.guard.token_bias import LogitBias
from app.guard.verdict import Verdict
from app.metrics import Metrics


class Pipeline:
    """Completes jobs with one model and engine.

    Attributes:
        guard: Checks prompts and completions; replaced while running when the operator's lists change.
        bias: Logit bias against the tokens that this guard flags.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        preparation: Preparation,
        writer: ChoiceWriter,
        guard: Guard,
        bias: LogitBias,
        metrics: Metrics,
        guard_thread: GuardThread,
    ) -> None:
        self._engine = engine
        self._preparation = preparation
        self._writer = writer
        self.guard = guard
        self.bias = bias
        self._metrics = metrics
        self._guard_thread = guard_thread

    async def run(self, job: Job, pieces: PieceQueue | None = None, *, first_index: int = 0) -> Outcome:
        """Complete a job; each piece is put into the queue, where there is one, as soon as it may be shown.

        Raises:
            NotReadyError: The engine is loading or dead.
            ContentFilterError: The guard rejected the prompt.
            InvalidRequestError: The prompt is longer than its window, and may not be cut.
            DeadlineExceededError: The deadline passed before any text was generated.
            EngineFailedError: The engine failed on this job.
        """
        started = time.perf_counter()
        if self._engine.state != "ready":
            raise NotReadyError
        guard, bias = self.guard, self.bias
        outputs: list[ChoiceOutput] = []
        try:
            async with asyncio.timeout(job.timeout) as limit:
                start = await self._preparation.prepare(job, guard)
                run = Run(job, first_index, pieces, guard, bias, start, started)
                run.put(Opened(start.window))
                outputs += [self._writer.open(run, first_index + number) for number in range(job.choices)]
                await gather_all([self._writer.write(run, outputs, number) for number in range(job.choices)])
        except TimeoutError:
            if not limit.expired():
                raise
            if not outputs:
                raise DeadlineExceededError from None
            _cut_short(run, outputs)
        finally:
            del limit  # it knows its task, which knows the error: avoid a reference cycle through this frame
        return self._outcome(run, outputs)

    async def moderate(self, text: str) -> Verdict:
        """What the guard says of a text, whatever the policy."""
        guard = self.guard
        return await self._guard_thread.run(len(text), lambda: guard.check(text))

    async def masked(self, text: str) -> str:
        """A text with masks where the guard finds something, whatever the policy."""
        guard = self.guard
        return await self._guard_thread.run(len(text), lambda: guard.mask(text, guard.check(text)))

    def _outcome(self, run: Run, outputs: Sequence[ChoiceOutput]) -> Outcome:
        start = run.start
        echo = start.prompt.text if run.job.echo else ""
        healed = len(start.typed.decode(errors="ignore"))
        healed = min(healed, len(start.prompt.text))  # a prefix space is not typed
        outcome = Outcome(
            choices=tuple(replace(output.choice(echo), healed=healed) for output in outputs),
            usage=_usage(run, outputs),
            window=run.start.window,
            policy=run.job.policy,
            attempts=max(output.attempt for output in outputs),
            seed=run.job.sampling.seed,
            timings=Timings.slowest(run.started, [output.times for output in outputs]),
        )
        self._observe(outcome, flagged=sum(output.flagged for output in outputs))
        return outcome

    def _observe(self, outcome: Outcome, *, flagged: int) -> None:
        """Count a completed job, and the choices in which the guard found something."""
        metrics, usage, timings = self._metrics, outcome.usage, outcome.timings
        if flagged:
            metrics.guard_hits.labels("completion", outcome.policy).inc(flagged)
        metrics.prompt_tokens.inc(usage.prompt)
        metrics.prompt_length.observe(usage.prompt)
        metrics.completion_length.observe(usage.completion)
        for choice in outcome.choices:
            metrics.finished.labels(choice.finish_reason).inc()
            metrics.healed.inc(choice.healed > 0)
        metrics.queue_seconds.observe(timings.queue_ms / 1000)
        metrics.prefill_seconds.observe(timings.prefill_ms / 1000)
        metrics.decode_seconds.observe(timings.decode_ms / 1000)


def _cut_short(run: Run, outputs: Sequence[ChoiceOutput]) -> None:
    """End the choices that the deadline has interrupted.

    Raises:
        DeadlineExceededError: It has interrupted all of them, and none has any text.
    """
    late = [output for output in outputs if output.reason is None]
    pieces = [output.close("timeout") for output in late]
    if len(late) == len(outputs) and not any(output.tokens for output in late):
        raise DeadlineExceededError
    for piece in pieces:
        run.put(piece)


def _usage(run: Run, outputs: Sequence[ChoiceOutput]) -> Usage:
    prefilled = [output.times.prefilled for output in outputs]
    return Usage(
        prompt=len(run.start.window.ids),
        completion=sum(output.tokens for output in outputs),
        cached=max(prompt.cached_tokens for prompt in prefilled if prompt is not None),
    )
