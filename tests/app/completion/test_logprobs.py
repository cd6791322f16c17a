"""Log probabilities are reported once their tokens' characters have been shown."""

from __future__ import annotations

import pytest

from app.completion.job import TokenLogprob, TopLogprob
from app.completion.logprobs import ScoredPrompt, ShownLogprobs, TopTokens
from app.engine.messages import Logprob, Tokens
from app.guard.guard import Guard
from tests.fakes import ByteTokenizer

TOP = ((ord("x"), -1.5), (ord("y"), -2.5))
SHOWN_TOP = (TopLogprob(b"x", -1.5), TopLogprob(b"y", -2.5))

PARROT = "🦜".encode()


def with_tokens(
    *texts: str, guard: Guard | None = None, top: tuple[tuple[int, float], ...] = TOP, before: str = ""
) -> ShownLogprobs:
    logprobs = ShownLogprobs(TopTokens(ByteTokenizer(), guard, before))
    for text in texts:
        logprobs.add(text, Logprob(-0.5, top), text.encode())
    return logprobs


def parrot(*, unshown: bool = False, last: int = 4) -> ShownLogprobs:
    """The bytes of one character, each a token; the first `last` of them."""
    logprobs = ShownLogprobs(TopTokens(ByteTokenizer(), None), unshown=unshown)
    for at in range(last):
        whole = at == 3
        logprobs.add("🦜" if whole else "", Logprob(-0.5, ()), PARROT[at : at + 1], inside=not whole)
    return logprobs


def test_a_token_is_reported_once_all_of_it_is_shown() -> None:
    logprobs = with_tokens("one", " two")
    assert logprobs.report("one t", ended=False) == (TokenLogprob(b"one", 0, -0.5, SHOWN_TOP),)
    assert logprobs.report("one t", ended=False) == ()
    assert logprobs.report("one two", ended=False) == (TokenLogprob(b" two", 3, -0.5, SHOWN_TOP),)
    assert [token.data for token in logprobs.reported] == [b"one", b" two"]


def test_at_the_end_a_token_is_reported_as_far_as_it_is_shown() -> None:
    logprobs = with_tokens("one", " two", " three")
    assert [token.data for token in logprobs.report("one t", ended=True)] == [b"one", b" t"]


def test_tokens_inside_a_character_are_reported_with_their_own_bytes_once_it_is_shown() -> None:
    logprobs = parrot()
    assert logprobs.report("", ended=False) == ()
    reported = logprobs.report("🦜", ended=False)
    assert b"".join(token.data for token in reported) == PARROT
    assert [(len(token.data), token.offset) for token in reported] == [(1, 0)] * 4


def test_tokens_of_a_character_that_is_never_complete_are_not_reported() -> None:
    assert parrot(last=3).report("", ended=True) == ()
    assert len(parrot(last=3, unshown=True).report("", ended=True)) == 3


def test_tokens_inside_a_masked_character_do_not_show_its_bytes() -> None:
    reported = parrot().report("█", ended=True)
    assert b"".join(token.data for token in reported) == "█".encode()


def test_a_masked_token_comes_without_alternatives() -> None:
    logprobs = with_tokens("you ", "word")
    assert logprobs.report("you ████", ended=True) == (
        TokenLogprob(b"you ", 0, -0.5, SHOWN_TOP),
        TokenLogprob("████".encode(), 4, -0.5, ()),
    )


def test_an_alternative_that_the_guard_flags_at_its_place_is_left_out(guard: Guard) -> None:
    top = ((ord("k"), -0.1), (ord("n"), -0.2))
    shown = with_tokens("fuc", "n", guard=guard, top=top).report("fucn", ended=True)
    assert shown[1].top == (TopLogprob(b"n", -0.2),)
    unguarded = with_tokens("fuc", "n", top=top).report("fucn", ended=True)
    assert unguarded[1].top == (TopLogprob(b"k", -0.1), TopLogprob(b"n", -0.2))


def test_an_alternative_that_ends_a_bad_word_of_the_prompt_is_left_out(guard: Guard) -> None:
    top = ((ord("k"), -0.1), (ord("n"), -0.2))
    logprobs = with_tokens("n", guard=guard, top=top, before="what the fuc")
    assert logprobs.report("n", ended=True)[0].top == (TopLogprob(b"n", -0.2),)


def test_an_alternative_without_a_text_is_left_out() -> None:
    assert with_tokens("a", top=((256, -0.1),)).report("a", ended=True)[0].top == ()


@pytest.mark.parametrize("size", [1, 2, 10])
def test_a_scored_prompt_takes_its_own_tokens_and_leaves_the_rest(size: int) -> None:
    scored = ScoredPrompt(ByteTokenizer(), TopTokens(ByteTokenizer(), None), "fox", ord("f"), 2)
    ids, rest = tuple(b"ox ju"), b""
    for at in range(0, len(ids), size):
        part = ids[at : at + size]
        left = scored.take(Tokens(1, part, tuple(Logprob(-float(number), TOP) for number in part)))
        assert len(left.logprobs) == len(left.ids)
        rest += bytes(left.ids)
    assert rest == b" ju"
    assert scored.complete
    assert scored.reported == (
        TokenLogprob(b"f", -3, None, None),
        TokenLogprob(b"o", -2, -111.0, SHOWN_TOP),
        TokenLogprob(b"x", -1, -120.0, SHOWN_TOP),
    )


def test_a_space_that_the_tokenizer_has_put_before_a_prompt_is_not_shown() -> None:
    tokenizer, top = ByteTokenizer(), TopTokens(ByteTokenizer(), None)
    scored = ScoredPrompt(tokenizer, top, "ab", None, 3, prefix_space=True)
    scored.take(Tokens(1, tuple(b" ab"), (Logprob(-1.0, ()),) * 3))
    assert [(token.data, token.offset) for token in scored.reported] == [(b"", -2), (b"a", -2), (b"b", -1)]


def test_the_first_token_of_a_text_has_no_probability_also_behind_a_start_token() -> None:
    scored = ScoredPrompt(ByteTokenizer(), TopTokens(ByteTokenizer(), None), "ab", None, 2)
    scored.take(Tokens(1, tuple(b"ab"), (Logprob(-1.0, ()), Logprob(-2.0, ()))))
    assert [token.logprob for token in scored.reported] == [None, -2.0]
