"""Log probabilities are reported once their tokens' characters have been shown."""

from __future__ import annotations

from app.completion.job import TokenLogprob
from app.completion.logprobs import ShownLogprobs
from app.engine.messages import Logprob
from app.guard.guard import Guard
from tests.fakes import ByteTokenizer

TOP = ((ord("x"), -1.5), (ord("y"), -2.5))
SHOWN_TOP = (("x", -1.5), ("y", -2.5))


def with_tokens(
    *texts: str, guard: Guard | None = None, top: tuple[tuple[int, float], ...] = TOP
) -> ShownLogprobs:
    logprobs = ShownLogprobs(ByteTokenizer(), guard)
    for text in texts:
        logprobs.add(text, Logprob(-0.5, top))
    return logprobs


def test_a_token_is_reported_once_all_of_it_is_shown() -> None:
    logprobs = with_tokens("one", " two")
    assert logprobs.report("one t", ended=False) == (TokenLogprob("one", 0, -0.5, SHOWN_TOP),)
    assert logprobs.report("one t", ended=False) == ()
    assert logprobs.report("one two", ended=False) == (TokenLogprob(" two", 3, -0.5, SHOWN_TOP),)
    assert [token.token for token in logprobs.reported] == ["one", " two"]


def test_at_the_end_a_token_is_reported_as_far_as_it_is_shown() -> None:
    logprobs = with_tokens("one", " two", " three")
    assert [token.token for token in logprobs.report("one t", ended=True)] == ["one", " t"]


def test_a_token_without_a_character_is_reported_with_the_next_one() -> None:
    logprobs = with_tokens("", "ï")
    assert [(token.token, token.offset) for token in logprobs.report("ï", ended=False)] == [("", 0), ("ï", 0)]


def test_a_masked_token_comes_without_alternatives() -> None:
    logprobs = with_tokens("you ", "word")
    assert logprobs.report("you ████", ended=True) == (
        TokenLogprob("you ", 0, -0.5, SHOWN_TOP),
        TokenLogprob("████", 4, -0.5, ()),
    )


def test_an_alternative_that_the_guard_flags_at_its_place_is_left_out(guard: Guard) -> None:
    top = ((ord("k"), -0.1), (ord("n"), -0.2))
    shown = with_tokens("fuc", "n", guard=guard, top=top).report("fucn", ended=True)
    assert shown[1].top == (("n", -0.2),)
    unguarded = with_tokens("fuc", "n", top=top).report("fucn", ended=True)
    assert unguarded[1].top == (("k", -0.1), ("n", -0.2))


def test_an_alternative_without_a_text_is_left_out() -> None:
    assert with_tokens("a", top=((256, -0.1),)).report("a", ended=True)[0].top == ()
