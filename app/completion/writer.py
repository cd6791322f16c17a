"""Writes one choice: the engine's tokens become its text, again where the guard rejects it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from app.completion.constraint import refusal
from app.completion.detokenizer import Detokenizer
from app.completion.job import AlternativeText, Job, Piece
from app.completion.line_limits import LineScanner
from app.completion.logprobs import ScoredPrompt, ShownLogprobs, TopTokens
from app.completion.output import ChoiceOutput
from app.completion.output_guard import BegunGuard, DeferredGuard, OutputGuard
from app.completion.preparation import Preparation
from app.completion.run import Run
from app.completion.stop_strings import StopScanner
from app.completion.suffix import SuffixScanner, likeliest
from app.completion.words import WordScanner
from app.engine.interface import Engine, Steps
from app.engine.messages import Alternative, Generation, Tokens
from app.errors import GrammarFailedError
from app.guard.stream import GuardStream
from app.guard.token_bias import LogitBias
from app.metrics import Metrics
from app.model.manifest import Manifest
from app.model.tokenizer import Tokenizer

BANNED = -100.0
"""Added to the logit of a token that a healed choice must not begin with."""

RETRY_TEMPERATURE = 0.8
"""Lowest temperature of a retry: a greedy sample would be the same text again."""

DETOKENIZED_TOKENS = 64
"""Tokens that are detokenized at once where the completion is not streamed."""

REPORTED_TOKENS = 8
"""Tokens that the engine reports at once there; with stop strings it reports each."""

SEEDS = 2**63

NOTHING = -100.0
"""Log of a probability that is not known."""

NEVER = -1e9
"""Added to the logit of a token that must not be chosen."""


class ChoiceWriter:
    """Writes the choices of jobs with one model and engine."""

    def __init__(
        self,
        *,
        manifest: Manifest,
        engine: Engine,
        tokenizer: Tokenizer,
        preparation: Preparation,
        retries: int,
        metrics: Metrics,
    ) -> None:
        self._manifest = manifest
        self._special = frozenset(manifest.special_tokens.values())
        self._engine = engine
        self._tokenizer = tokenizer
        self._preparation = preparation
        self._retries = retries
        self._metrics = metrics

    def open(self, run: Run, index: int, attempt: int = 1) -> ChoiceOutput:
        """An empty choice."""
        guarded = run.job.policy != "off"
        logprobs: ShownLogprobs | None = None
        if run.job.sampling.logprobs is not None:
            before = run.start.prompt.before
            top = TopTokens(self._tokenizer, run.guard if guarded else None, before)
            logprobs = ShownLogprobs(top, unshown=run.job.scores_prompt)
        return ChoiceOutput(
            index,
            attempt,
            Detokenizer(self._tokenizer, len(run.start.typed), self._special),
            StopScanner(run.job.stop),
            _output_guard(run),
            logprobs,
            _word_scanner(run.job),
            SuffixScanner("" if run.job.constraint else run.job.suffix, run.start.prompt.before),
            LineScanner(run.job.lines),
            stream_interval=1 if run.streamed or run.job.is_watched else DETOKENIZED_TOKENS,
        )

    async def write(self, run: Run, outputs: list[ChoiceOutput], number: int) -> None:
        """Write one choice; again while it is rejected, nothing of it was shown and retries are left."""
        output = outputs[number]
        if run.job.echo and not run.job.scores_prompt:
            run.put(Piece(output.index, run.start.prompt.text))
        await self._sample(run, output)
        banned: LogitBias = ()
        while self._is_retried(run, output):
            self._metrics.guard_retries.inc()
            banned += _first_token(run, output)
            output = outputs[number] = self.open(run, output.index, output.attempt + 1)
            await self._sample(run, output, banned)
        if run.job.suffix and output.text and output.alternatives and not run.streamed:
            await self._prefer(run, output)

    async def _prefer(self, run: Run, output: ChoiceOutput) -> None:
        """Put that candidate first which the suffix goes on from best."""

        async def probability(text: str) -> float:
            """Log of the probability that the suffix begins behind the text."""
            ids, piece = await self._preparation.behind(run.job, run.start, text)
            generation = Generation(ids, 1, typed=piece, scores=True, owner=run.job.owner)
            async with self._engine.generate(generation) as steps:
                async for _ in steps:
                    pass
            found = steps.finished.typed if steps.finished is not None else None
            return NOTHING if found is None else found

        if best := await likeliest(output.candidates, probability):
            output.take(best)

    def _is_retried(self, run: Run, output: ChoiceOutput) -> bool:
        shown = run.streamed and output.text != ""
        return output.reason == "content_filter" and not shown and output.attempt <= self._retries

    async def _sample(self, run: Run, output: ChoiceOutput, banned: LogitBias = ()) -> None:
        """Write one sample to its end; an exception or a cancellation frees the engine's slot."""
        try:
            async with self._engine.generate(self._generation(run, output, banned)) as steps:
                await self._read(run, output, steps)
        except GrammarFailedError as error:
            assert run.job.constraint is not None
            raise refusal(run.job.constraint, error.message) from None
        finally:
            self._metrics.generation_tokens.inc(output.tokens)

    async def _read(self, run: Run, output: ChoiceOutput, steps: Steps) -> None:
        """Read tokens until the generation ends, or a stop string or the guard ends the output."""
        scored = self._scored_prompt(run)
        async for tokens in steps:
            self._note_times(run, output, steps, tokens)
            if scored is not None and not output.scored:
                tokens = scored.take(tokens)
                if scored.complete:
                    output.scored = scored.reported
                    if output.attempt == 1:
                        run.put(Piece(output.index, run.start.prompt.text, scored.reported))
            if output.reason is None and run.job.max_tokens and tokens.ids:
                run.put(output.push(tokens))
            if output.reason and not run.job.alternatives:
                return
        if output.times.first is None:
            output.times.first = output.times.last = time.perf_counter()
            output.times.prefilled = steps.prefilled
        at_length = steps.finished is not None and steps.finished.reason == "length"
        if output.reason is None:
            run.put(output.close("length" if at_length else "stop"))
        if steps.finished is not None:
            output.alternatives = self._alternatives(run, steps.finished.alternatives)

    def _scored_prompt(self, run: Run) -> ScoredPrompt | None:
        """Where the prompt's tokens are scored, what takes them; a start token is not the text's."""
        if not run.job.scores_prompt:
            return None
        top = TopTokens(self._tokenizer, run.guard if run.job.policy != "off" else None)
        first, *rest = run.start.window.ids
        return ScoredPrompt(
            self._tokenizer,
            top,
            run.start.prompt.text,
            None if first == self._manifest.start_id else first,
            len(rest),
            prefix_space=self._manifest.prefix_space,
        )

    def _alternatives(self, run: Run, found: Sequence[Alternative]) -> tuple[AlternativeText, ...]:
        """The texts of other suggestions, each once, but for those that the guard rejects."""
        texts: dict[str, float] = {}
        plain = replace(run.job.sampling, logprobs=None)  # other words come without
        silent = replace(run, pieces=None, job=replace(run.job, min_confidence=0.0, sampling=plain))
        for alternative in found:
            output = self.open(silent, 0)
            output.push(Tokens(0, alternative.ids, scores=alternative.scores))
            if output.reason is None:
                output.close("length")
            if output.text.strip() and output.reason != "content_filter":
                texts.setdefault(output.text, alternative.probability)
        return tuple(AlternativeText(text, probability) for text, probability in texts.items())

    def _note_times(self, run: Run, output: ChoiceOutput, steps: Steps, tokens: Tokens) -> None:
        now, times = time.perf_counter(), output.times
        if times.first is None:
            times.first, times.prefilled = now, steps.prefilled
            self._metrics.first_token_seconds.observe(now - run.started)
        else:
            self._metrics.inter_token_seconds.observe((now - times.last) / len(tokens.ids))
        times.last = now

    def _generation(self, run: Run, output: ChoiceOutput, banned: LogitBias) -> Generation:
        job, sampling = run.job, run.job.sampling
        if output.attempt > 1 and not banned:
            sampling = replace(sampling, temperature=max(sampling.temperature, RETRY_TEMPERATURE))
        number = output.index - run.first_index
        seed = (sampling.seed + number + job.choices * (output.attempt - 1)) % SEEDS
        if seed != sampling.seed or run.bias or job.endless or banned:
            sampling = replace(sampling, seed=seed, logit_bias=(*self._bias(run), *banned))
        room = self._manifest.sequence_length - len(run.start.window.ids)
        prompt, forced = run.start.window.ids, tuple[int, ...]()
        if job.scores_prompt:
            prompt, forced = prompt[:1], prompt[1:]
        return Generation(
            prompt=prompt,
            max_tokens=max(1, len(forced) + min(job.max_tokens, room)),
            sampling=sampling,
            stop_ids=(*self._manifest.end_ids, *run.start.end_ids, *job.stop_ids),
            forced=forced,
            typed=run.start.typed,
            scores=job.scored,
            alternatives=job.alternatives if output.attempt == 1 else 0,
            phrases=run.start.phrases if output.attempt == 1 else (),
            owner=job.owner,
            stream_interval=1 if run.streamed or job.is_watched else REPORTED_TOKENS,
            grammar=run.start.grammar,
        )

    def _bias(self, run: Run) -> LogitBias:
        bias = run.job.sampling.logit_bias
        if run.job.endless:
            bias += tuple((number, NEVER) for number in (*self._manifest.end_ids, *run.start.end_ids))
        return (*bias, *run.bias) if run.job.policy != "off" else bias


def _first_token(run: Run, output: ChoiceOutput) -> LogitBias:
    """A ban on the token that a rejected choice has written over what is typed: another word comes out.

    Without one, or with random samples, the next sample is another one by itself.
    """
    if not run.start.typed or run.job.sampling.temperature or output.first_token is None:
        return ()
    return ((output.first_token, BANNED),)


def _output_guard(run: Run) -> OutputGuard | None:
    """The guard of one choice: piece by piece where it is streamed, at its end where it is not."""
    policy = run.job.policy
    if policy == "off":
        return None
    prompt = run.start.prompt
    kind = GuardStream if run.streamed else DeferredGuard
    guard: OutputGuard = kind(run.guard, prompt.before, policy)
    return BegunGuard(guard, prompt.unfinished) if prompt.unfinished else guard


def _word_scanner(job: Job) -> WordScanner | None:
    """What ends a choice at a whole word; None where every token counts."""
    if job.until == "token" and not job.scored:
        return None
    return WordScanner(job.until, job.min_confidence)
