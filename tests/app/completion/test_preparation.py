"""What the engine goes on from: over the byte tokenizer, with a vocabulary of a few tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.completion.chat_template import ChatPrompt, ChatTemplate, Message
from app.completion.defaults import job_with_defaults, sampling_with_defaults
from app.completion.guard_thread import GuardThread
from app.completion.healing import Healer
from app.completion.infill import InfillPrompt
from app.completion.job import Job
from app.completion.limits import Limits
from app.completion.phrases import BEGUN, CONTINUED, Phrases
from app.completion.preparation import Preparation
from app.completion.prompt import PlainPrompt
from app.completion.tokenizer_pool import TokenizerPool
from app.engine.messages import Phrase
from app.errors import ContentFilterError, InvalidRequestError
from app.guard.guard import Guard
from app.guard.unfinished import InnocentWords
from app.metrics import Metrics
from app.model.manifest import Manifest
from app.model.vocabulary import Vocabulary
from app.settings import Settings
from tests.fakes import ByteTokenizer, infill_manifest, tiny_manifest

pytestmark = pytest.mark.anyio

PIECES = [*(bytes([number]) for number in range(256)), b"", b" the", b" Kestrel"]


def preparation(
    *,
    heals: bool = True,
    phrases: Phrases | None = None,
    manifest: Manifest | None = None,
    innocent_words: InnocentWords | None = None,
) -> Preparation:
    tokenizer = ByteTokenizer()
    return Preparation(
        manifest=manifest or tiny_manifest(),
        tokenizer=tokenizer,
        tokenizer_pool=TokenizerPool(tokenizer, ByteTokenizer),
        metrics=Metrics(),
        guard_thread=GuardThread(),
        healer=Healer(Vocabulary.of(PIECES), tokenizer, tiny_manifest()) if heals else None,
        innocent_words=innocent_words,
        phrases=phrases,
    )


def job(prompt: str, **fields: Any) -> Job:
    settings = Settings()
    limits = Limits.of(settings, sequence_length=256, vocabulary_size=257, heals=True)
    sampling = sampling_with_defaults(settings, seed=1)
    return job_with_defaults(
        settings, limits, PlainPrompt(prompt), sampling, **({"token_healing": True} | fields)
    )


async def test_the_last_piece_is_no_part_of_the_window(guard: Guard) -> None:
    start = await preparation().prepare(job("see th"), guard)
    assert (bytes(start.window.ids), start.typed, start.phrases) == (b"see", b" th", ())


async def test_without_healing_all_of_it_is(guard: Guard) -> None:
    for heals, token_healing in ((True, False), (False, True)):
        start = await preparation(heals=heals).prepare(job("see th", token_healing=token_healing), guard)
        assert (bytes(start.window.ids), start.typed) == (b"see th", b"")


async def test_phrases_of_request_and_server_that_fit_are_handed_on(guard: Guard) -> None:
    prepared = preparation(phrases=Phrases(["Kestrel House", "SpectraDock"]))
    start = await prepared.prepare(job("at Kest", phrases=["Oak Row", "Kester"]), guard)
    texts = {bytes(phrase.tokens): phrase.weight for phrase in start.phrases}
    assert texts == pytest.approx({b" Kester": BEGUN / 2, b" Kestrel House": BEGUN / 2}, rel=1e-9)


async def test_a_beginning_that_no_token_has_makes_a_phrase_likely(guard: Guard) -> None:
    start = await preparation().prepare(job("our Spec", phrases=["SpectraDock"]), guard)
    assert start.typed == b"c"
    assert start.phrases == (Phrase(tuple(b"ctraDock"), CONTINUED),)


async def test_the_servers_phrases_are_left_out_where_nothing_is_healed(guard: Guard) -> None:
    prepared = preparation(phrases=Phrases(["Kestrel House"]))
    start = await prepared.prepare(job("at Kest", token_healing=False, phrases=["Kester"]), guard)
    assert [bytes(phrase.tokens) for phrase in start.phrases] == [b"er"]


async def test_a_phrase_is_guarded_as_the_prompt_is(guard: Guard) -> None:
    phrases = ["fuck off", "fudge"]
    with pytest.raises(ContentFilterError):
        await preparation().prepare(job("fu", phrases=phrases, policy="reject"), guard)
    settings = Settings(profanity="mask")
    limits = Limits.of(settings, sequence_length=256, vocabulary_size=257, heals=True)
    sampling = sampling_with_defaults(settings, seed=1)
    masked = job_with_defaults(
        settings, limits, PlainPrompt("fu"), sampling, phrases=phrases, token_healing=True
    )
    start = await preparation().prepare(masked, guard)
    assert [bytes(phrase.tokens) for phrase in start.phrases] == [b"udge"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [("<s>{{ messages[0].content }}", b"\x01hi"), ("{{ messages[0].content }}", b"hi"), ("", b"\x01")],
)
async def test_the_template_says_whether_a_chat_has_a_start_token(
    guard: Guard, source: str, expected: bytes
) -> None:
    manifest = tiny_manifest().model_copy(update={"start_id": 1})
    template = ChatTemplate(source, {"<s>": 1})
    chat = replace(job(""), prompt=ChatPrompt((Message("user", "hi"),), template))
    start = await preparation(manifest=manifest).prepare(chat, guard)
    assert bytes(start.window.ids) == expected


async def test_a_prompt_over_its_window_may_be_refused(guard: Guard) -> None:
    with pytest.raises(InvalidRequestError, match="longer than its window of 4 tokens"):
        await preparation().prepare(job("abcdefgh", window=4, refuse_truncation=True), guard)


async def test_a_word_that_is_typed_before_a_suffix_is_judged_with_the_completion(guard: Guard) -> None:
    """The text behind the caret is not being typed."""
    words = InnocentWords.of_tokens([b" night"])
    prepared = preparation(manifest=infill_manifest(), innocent_words=words)
    typed = replace(job(""), prompt=InfillPrompt(PlainPrompt("a concert last nig"), " out"))
    start = await prepared.prepare(typed, guard)
    assert (start.prompt.before, start.prompt.unfinished) == ("a concert last ", "nig")
    assert (start.typed, bytes(start.window.ids)) == (b"g", b"\x01a concert last ni\x02 out\x03")
    with pytest.raises(ContentFilterError):
        await prepared.prepare(replace(typed, prompt=InfillPrompt(PlainPrompt("a"), "last nig")), guard)


async def test_phrases_fit_what_is_typed_before_a_suffix(guard: Guard) -> None:
    prepared = preparation(manifest=infill_manifest())
    typed = replace(job("", phrases=["Kestrel House"]), prompt=InfillPrompt(PlainPrompt("at Kest"), "."))
    start = await prepared.prepare(typed, guard)
    assert [bytes(phrase.tokens) for phrase in start.phrases] == [b" Kestrel House"]
    assert start.end_ids == (4, 5, 6)
