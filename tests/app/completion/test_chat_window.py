"""Conversations over their window keep their system message and whole turns."""

from __future__ import annotations

import pytest

from app.completion.chat_template import ChatPrompt, ChatTemplate, Message
from app.completion.chat_window import keep_turns
from tests.fakes import CHAT_TEMPLATE, END, ByteTokenizer

TEMPLATE = ChatTemplate(CHAT_TEMPLATE, {"<|end|>": END})
SYSTEM = Message("system", "be brief")


def kept(*messages: Message, limit: int) -> str:
    return bytes(keep_turns(ChatPrompt(messages, TEMPLATE), limit, ByteTokenizer())).decode()


def rendered(*messages: Message) -> str:
    return bytes(ChatPrompt(messages, TEMPLATE).tokens(ByteTokenizer())).decode()


def turn(number: int) -> tuple[Message, Message]:
    return Message("user", f"question {number}"), Message("assistant", f"answer {number}")


@pytest.mark.parametrize(("turns", "room"), [(5, 3), (5, 1), (2, 1)])
def test_the_oldest_turns_are_left_out_with_their_answers(turns: int, room: int) -> None:
    everything = [message for number in range(turns) for message in turn(number)]
    newest = [message for number in range(turns - room, turns) for message in turn(number)]
    expected = rendered(SYSTEM, *newest)
    assert kept(SYSTEM, *everything, limit=len(expected)) == expected
    assert kept(SYSTEM, *everything, limit=len(expected) + 5) == expected


def test_a_turn_that_is_too_long_alone_loses_its_beginning_and_keeps_the_system_message() -> None:
    text = kept(SYSTEM, *turn(0), Message("user", "x" * 500 + " the end"), limit=60)
    assert text.startswith("system: be brief\nuser: xx")
    assert text.endswith("x the end\nassistant:")
    assert len(text) == 60


def test_it_loses_no_part_of_a_character() -> None:
    text = kept(SYSTEM, Message("user", "日本語" * 30), limit=60)
    assert text.startswith("system: be brief\nuser: ")
    assert text.endswith("日本語\nassistant:")
    assert "\ufffd" not in text
    assert 58 <= len(text.encode()) <= 60


def test_without_a_system_message_whole_turns_are_kept() -> None:
    expected = rendered(*turn(1), Message("user", "last"))
    assert kept(*turn(0), *turn(1), Message("user", "last"), limit=len(expected)) == expected


def test_several_system_messages_at_the_beginning_stay() -> None:
    more = Message("system", "be kind")
    expected = rendered(SYSTEM, more, Message("user", "last"))
    assert kept(SYSTEM, more, *turn(0), Message("user", "last"), limit=len(expected)) == expected


def test_a_system_message_that_fills_the_window_alone_is_returned_over_the_limit() -> None:
    messages = (Message("system", "x" * 100), Message("user", "hi"))
    assert kept(*messages, limit=50) == rendered(*messages)
    assert kept(messages[0], limit=50) == rendered(messages[0])


def test_an_answer_that_the_model_is_to_go_on_with_stays_behind_its_question() -> None:
    begun = (Message("user", "count"), Message("assistant", "1, 2,"))
    expected = rendered(SYSTEM, *begun)
    assert kept(SYSTEM, *turn(0), *begun, limit=len(expected)) == expected
