"""What comes before the engine: a prompt is guarded, tokenized without its last piece, cut to its window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.completion.chat_template import ChatPrompt
from app.completion.chat_window import keep_turns
from app.completion.constraint import Constraints
from app.completion.context_window import Window, keep_newest, window_limit
from app.completion.growing_texts import GrowingTexts
from app.completion.guard_thread import GuardThread
from app.completion.healing import Healer
from app.completion.infill import InfillPrompt, InfillTokens
from app.completion.infill_window import infill_ids, lay_out
from app.completion.job import Job
from app.completion.phrases import MOST_FITTING, Phrases, weighed
from app.completion.prompt import PlainPrompt, Prompt
from app.completion.tokenizer_pool import TokenizerPool
from app.engine.messages import Phrase
from app.errors import ContentFilterError, InvalidRequestError
from app.guard.guard import Guard
from app.guard.unfinished import InnocentWords
from app.guard.verdict import Verdict
from app.metrics import Metrics
from app.model.manifest import Manifest
from app.model.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Start:
    """What the engine goes on from.

    Attributes:
        prompt: As the guard lets it pass.
        window: The tokens of the prompt that the model sees.
        typed: Bytes that the first new tokens must begin with.
        phrases: A person's own that fit what is typed.
        end_ids: Tokens that end the text, beside those that end every text of the model.
        grammar: What the text behind `typed` must match; "" is anything.
    """

    prompt: Prompt
    window: Window
    typed: bytes
    phrases: tuple[Phrase, ...]
    end_ids: tuple[int, ...] = ()
    grammar: str = ""


class Preparation:
    """Prepares prompts for one model.

    Args:
        healer: None where the bytes of the model's tokens are not known.
        innocent_words: What an unfinished word may become; None where nothing is healed.
        phrases: The server's own, for prompts whose last piece is healed.
    """

    def __init__(
        self,
        *,
        manifest: Manifest,
        tokenizer: Tokenizer,
        tokenizer_pool: TokenizerPool,
        metrics: Metrics,
        guard_thread: GuardThread,
        healer: Healer | None = None,
        innocent_words: InnocentWords | None = None,
        phrases: Phrases | None = None,
    ) -> None:
        self._manifest = manifest
        self._tokenizer = tokenizer
        self._tokenizer_pool = tokenizer_pool
        self._metrics = metrics
        self._healer = healer
        self._innocent_words = innocent_words
        self._phrases = phrases or Phrases()
        self._guard_thread = guard_thread
        self._growing_texts = GrowingTexts()
        self._infill_tokens = InfillTokens.of(manifest)
        self._constraints = Constraints()

    async def prepare(self, job: Job, guard: Guard) -> Start:
        """Guard a job's prompt and phrases, tokenize and cut the prompt, and make its constraint a grammar.

        Raises:
            ContentFilterError: The guard rejected one of them.
            InvalidRequestError: The constraint cannot be honoured; or the prompt is longer than its window,
                and may not be cut.
        """
        grammar = ""
        if job.constraint is not None:
            grammar = await self._constraints.of(job.constraint)
            self._metrics.constrained.labels(job.constraint.kind).inc()
        prompt = await self._filtered(job, guard)
        own = await self._own_phrases(job, guard)
        window, typed, rare = await self._window(job, prompt)
        plain, tokens = _plain(prompt), self._infill_tokens
        window = replace(window, shortened=plain is not None and plain.shortened)
        if window.dropped or window.shortened:
            if job.refuse_truncation:
                raise InvalidRequestError(prompt.field, f"longer than its window of {window.limit} tokens")
            self._metrics.truncated.inc()
        ends = tokens.ends if tokens is not None and isinstance(prompt, InfillPrompt) else ()
        phrases = () if grammar else self._fitting(job, prompt, own, typed, rare=rare)
        return Start(prompt, window, typed, phrases, ends, grammar)

    async def _filtered(self, job: Job, guard: Guard) -> Prompt:
        """The prompt as the guard lets it pass; all of it is checked, also what the window will drop.

        A word that is being typed, and may become an innocent one, is judged with the completion.
        """
        if job.policy == "off":
            return job.prompt

        def check(text: str) -> str:
            return self._passed(job, guard, text, self._growing_texts.check(guard, text))

        match job.prompt:
            case PlainPrompt() as prompt:
                unread = self._growing_texts.unread(guard, prompt.text)
                return await self._guard_thread.run(unread, lambda: self._typed(job, guard, prompt))
            case InfillPrompt() as infill:
                unread = sum(self._growing_texts.unread(guard, text) for text in infill.texts)
                return await self._guard_thread.run(
                    unread,
                    lambda: replace(infill.filtered(check), caret=self._typed(job, guard, infill.caret)),
                )
        return await self._guard_thread.run(job.prompt.characters, lambda: job.prompt.filtered(check))

    def _typed(self, job: Job, guard: Guard, prompt: PlainPrompt) -> PlainPrompt:
        """A text at whose end somebody types, as the guard lets it pass."""
        text, typing = prompt.text, 0
        verdict = self._growing_texts.check(guard, text)
        if self._innocent_words is not None and job.token_healing:
            start = self._innocent_words.unfinished_from(guard, text, verdict)
            if start is not None:
                verdict, typing = verdict.before(start), len(text) - start
        return replace(prompt, text=self._passed(job, guard, text, verdict), typing=typing)

    def _passed(self, job: Job, guard: Guard, text: str, verdict: Verdict) -> str:
        """What the guard lets pass of a text, after its verdict."""
        if not verdict.flagged:
            return text
        self._metrics.guard_hits.labels("prompt", job.policy).inc()
        if job.policy == "reject":
            raise ContentFilterError
        return guard.mask(text, verdict)

    async def behind(self, job: Job, start: Start, text: str) -> tuple[tuple[int, ...], bytes]:
        """Tokens of a prompt with a text behind it, and the bytes with which the suffix begins."""
        assert self._healer is not None
        prompt = PlainPrompt(start.prompt.text + text)
        window, _, _ = await self._window(replace(job, token_healing=False), prompt)
        return window.ids, self._healer.first_piece(job.suffix).encode()

    async def _own_phrases(self, job: Job, guard: Guard) -> Phrases:
        """The request's phrases as the guard lets them pass: it rejects all of them, or drops some."""
        phrases = job.phrases
        if phrases and job.policy != "off":
            size = sum(map(len, phrases))
            clean = await self._guard_thread.run(
                size, lambda: tuple(phrase for phrase in phrases if not guard.check(phrase).flagged)
            )
            if len(clean) < len(phrases):
                self._metrics.guard_hits.labels("prompt", job.policy).inc()
                if job.policy == "reject":
                    raise ContentFilterError
            phrases = clean
        return Phrases(phrases)

    def _fitting(
        self, job: Job, prompt: Prompt, own: Phrases, typed: bytes, *, rare: bool
    ) -> tuple[Phrase, ...]:
        """The request's phrases and the server's that fit what is typed."""
        plain = _plain(prompt)
        if self._healer is None or plain is None:
            return ()
        sources = (own, self._phrases) if job.token_healing else (own,)
        fitting = [one for known in sources for one in known.fitting(plain.text)]
        return weighed(fitting[:MOST_FITTING], typed, self._healer.tokens, rare=rare)

    async def _window(self, job: Job, prompt: Prompt) -> tuple[Window, bytes, bool]:
        """The tokens that the model sees, the bytes that it must go on with, and whether these are rare.

        Of a text the newest tokens, of a conversation its system message and newest turns. For a prompt
        without tokens, the one that starts a text, or else the one that ends it. Whether a conversation
        begins with the token that starts a text is said by its template.
        """
        if isinstance(prompt, InfillPrompt):
            return await self._infill_window(job, prompt)
        ids, typed, rare = await self._tokenize(job, prompt)
        start_id = self._manifest.start_id
        if isinstance(prompt, ChatPrompt) and ids and ids[0] != start_id:
            start_id = None
        if not ids and start_id is None:
            ids = self._manifest.end_ids[:1]
        limit = window_limit(self._manifest.sequence_length, job.reserved, job.window)
        kept = ids
        if isinstance(prompt, ChatPrompt):
            kept = await self._turns(prompt, ids, limit)
        window = keep_newest(kept, limit, self._bytes_of, start_id)
        return replace(window, dropped=window.dropped + len(ids) - len(kept)), typed, rare

    async def _infill_window(self, job: Job, prompt: InfillPrompt) -> tuple[Window, bytes, bool]:
        """The same of a text with a caret in it; see `lay_out`."""
        assert self._infill_tokens is not None

        async def tokenize(text: str) -> list[int]:
            return await self._tokenizer_pool.ids(PlainPrompt(text)) if text else []

        healer = self._healer if job.token_healing and job.constraint is None else None
        ids = await infill_ids(prompt, self._infill_tokens, tokenize, healer)
        window = lay_out(
            ids,
            self._infill_tokens,
            start_id=self._manifest.start_id,
            length=self._manifest.sequence_length,
            reserved=job.reserved,
            window=job.window,
            token_bytes=self._bytes_of if prompt.snippets is None else None,
        )
        return window, ids.typed, ids.rare

    def _bytes_of(self, token: int) -> bytes:
        return self._healer.bytes_of(token) if self._healer else self._tokenizer.detokenize([token])

    async def _turns(self, prompt: ChatPrompt, ids: Sequence[int], limit: int) -> Sequence[int]:
        """The tokens of a conversation, without its oldest turns where they do not fit."""
        if len(ids) <= limit:
            return ids
        return await self._tokenizer_pool.run(
            prompt.characters, lambda tokenizer: keep_turns(prompt, limit, tokenizer)
        )

    async def _tokenize(self, job: Job, prompt: Prompt) -> tuple[Sequence[int], bytes, bool]:
        """Token ids of a prompt, without its last piece where that is healed, and the piece's bytes.

        The piece is rare where no token begins with all of it; it is not healed before a constrained text.
        """
        if self._healer is None or not _is_healed(job, prompt):
            return await self._tokenizer_pool.ids(prompt), b"", False
        healed = self._healer.split(prompt.text)
        if healed.ids and job.constraint is not None:
            return await self._tokenizer_pool.ids(prompt), b"", False
        before = await self._tokenizer_pool.ids(PlainPrompt(healed.before)) if healed.before else []
        return [*before, *healed.ids], healed.typed, bool(healed.ids)


def _is_healed(job: Job, prompt: Prompt) -> bool:
    return job.token_healing and isinstance(prompt, PlainPrompt)


def _plain(prompt: Prompt) -> PlainPrompt | None:
    """The text at whose end somebody types."""
    if isinstance(prompt, InfillPrompt):
        return prompt.caret
    return prompt if isinstance(prompt, PlainPrompt) else None
