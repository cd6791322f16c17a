"""One choice: tokens in, text that may be shown out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.completion.detokenizer import Detokenizer
from app.completion.job import Piece, TokenLogprob, TopLogprob
from app.completion.logprobs import ShownLogprobs, TopTokens
from app.completion.output import ChoiceOutput
from app.completion.stop_strings import StopScanner
from app.engine.messages import Logprob, Tokens
from app.guard.guard import Guard
from app.guard.stream import GuardStream
from tests.fakes import ByteTokenizer


def tokens(text: str | bytes) -> Tokens:
    """A token for each byte, with the same logprob and one alternative."""
    ids = tuple(text.encode() if isinstance(text, str) else text)
    return Tokens(1, ids, tuple(Logprob(-0.5, ((ord("x"), -1.5),)) for _ in ids))


def output(
    stop: Sequence[str] = (),
    guard: GuardStream | None = None,
    *,
    logprobs: bool = False,
    stream_interval: int = 1,
) -> ChoiceOutput:
    tokenizer = ByteTokenizer()
    return ChoiceOutput(
        3,
        1,
        Detokenizer(tokenizer),
        StopScanner(stop),
        guard,
        ShownLogprobs(TopTokens(tokenizer, None)) if logprobs else None,
        stream_interval=stream_interval,
    )


def test_tokens_become_pieces_that_add_up_to_the_text() -> None:
    choice = output()
    assert choice.push(tokens("one ")) == Piece(3, "one ")
    assert choice.push(tokens("two")) == Piece(3, "two")
    assert choice.close("length") is None
    assert (choice.text, choice.tokens, choice.reason) == ("one two", 7, "length")


def test_half_a_character_waits_for_the_rest_of_it() -> None:
    choice = output()
    assert choice.push(tokens(b"na\xc3")) == Piece(3, "na")
    assert choice.push(tokens(b"\xaf")) == Piece(3, "ï")


def test_a_character_that_is_never_completed_is_not_shown() -> None:
    choice = output()
    assert choice.push(tokens(b"\xe6\x97")) is None
    assert choice.close("stop") is None


def test_fewer_tokens_than_the_interval_wait_for_more_or_for_the_end() -> None:
    choice = output(stream_interval=4)
    assert choice.push(tokens("abc")) is None
    assert choice.push(tokens("d")) == Piece(3, "abcd")
    assert choice.push(tokens("e")) is None
    assert choice.close("stop") == Piece(3, "e")
    assert choice.tokens == 5


def test_a_stop_string_over_several_tokens_ends_the_choice_before_it() -> None:
    choice = output(stop=["END"])
    assert choice.push(tokens("one E")) == Piece(3, "one ")
    assert (choice.push(tokens("N")), choice.reason) == (None, None)
    assert choice.push(tokens("D more")) is None
    assert (choice.text, choice.reason) == ("one ", "stop")


def test_what_might_have_become_a_stop_string_is_shown_at_the_end() -> None:
    choice = output(stop=["END"])
    choice.push(tokens("one EN"))
    assert choice.close("length") == Piece(3, "EN")
    assert (choice.text, choice.reason) == ("one EN", "length")


def test_a_stop_string_that_the_end_completes_is_the_reason() -> None:
    choice = output(stop=["two"], stream_interval=64)
    choice.push(tokens("one two three"))
    assert choice.close("length") == Piece(3, "one ")
    assert choice.reason == "stop"


def test_the_guard_reads_the_text_before_a_stop_string_only(guard: Guard) -> None:
    choice = output(stop=["END"], guard=GuardStream(guard, policy="reject"))
    choice.push(tokens("fine END fuck off"))
    assert (choice.text, choice.reason, choice.flagged) == ("fine ", "stop", False)


def test_a_rejected_choice_ends_and_shows_nothing_of_itself(guard: Guard) -> None:
    choice = output(guard=GuardStream(guard, policy="reject"), logprobs=True)
    choice.push(tokens("you fuck off, "))
    choice.close("length")
    assert (choice.text, choice.reason, choice.flagged) == ("you ", "content_filter", True)
    ended = choice.choice("echo ")
    assert (ended.index, ended.text, ended.finish_reason, ended.logprobs) == (3, "", "content_filter", ())


def test_a_masked_choice_goes_on(guard: Guard) -> None:
    choice = output(guard=GuardStream(guard, policy="mask"))
    choice.push(tokens("you fuck off"))
    choice.close("stop")
    assert (choice.text, choice.reason, choice.flagged) == ("you ████ off", "stop", True)


def test_an_ended_choice_begins_with_the_text_that_an_echo_puts_before() -> None:
    choice = output()
    choice.push(tokens("two"))
    choice.close("length")
    assert choice.choice("one ").text == "one two"
    assert choice.choice().logprobs is None


def test_a_choice_that_has_not_ended_cannot_be_reported() -> None:
    with pytest.raises(AssertionError):
        output().choice()


def test_pieces_carry_the_logprobs_of_their_tokens() -> None:
    choice = output(stop=["END"], logprobs=True)
    top = (TopLogprob(b"x", -1.5),)
    assert choice.push(tokens("aE")) == Piece(3, "a", (TokenLogprob(b"a", 0, -0.5, top),))
    assert choice.push(tokens("b")) == Piece(
        3, "Eb", (TokenLogprob(b"E", 1, -0.5, top), TokenLogprob(b"b", 2, -0.5, top))
    )
    choice.close("stop")
    reported = choice.choice().logprobs
    assert reported is not None
    assert b"".join(token.data for token in reported) == b"aEb"
