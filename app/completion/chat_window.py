"""Conversations over their window: the system message and whole turns are kept, the newest."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from app.completion.chat_template import ChatPrompt, Message
from app.model.tokenizer import Tokenizer


def keep_turns(prompt: ChatPrompt, limit: int, tokenizer: Tokenizer) -> list[int]:
    """Tokens of a conversation that lacks its oldest turns, so that at most `limit` are left.

    System messages at the beginning stay. A turn is a user's message with the answers to it. Where the last
    turn alone is too long, its first message loses its beginning; where even that is not enough, all of it is
    returned, over the limit.
    """
    system, turns = _split(prompt.messages)
    counts = range(1, len(turns))
    fewest = bisect_left(
        counts, True, key=lambda count: len(_tokens(prompt, system, turns[count:], tokenizer)) <= limit
    )
    if fewest < len(counts):
        return _tokens(prompt, system, turns[counts[fewest] :], tokenizer)
    return _shorten(prompt, system, turns[-1] if turns else [], limit, tokenizer)


def _split(messages: Sequence[Message]) -> tuple[list[Message], list[list[Message]]]:
    """The system messages at the beginning, and the turns."""
    first = next((at for at, message in enumerate(messages) if message.role != "system"), len(messages))
    turns: list[list[Message]] = []
    for message in messages[first:]:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return list(messages[:first]), turns


def _shorten(
    prompt: ChatPrompt, system: list[Message], turn: list[Message], limit: int, tokenizer: Tokenizer
) -> list[int]:
    """Tokens of one turn whose first message has lost its beginning, as few characters as that takes."""
    ids = _tokens(prompt, system, [turn], tokenizer)
    if not turn:
        return ids
    first, *rest = turn
    content = tokenizer.tokenize(first.content)
    room = limit - (len(ids) - len(content))
    while len(ids) > limit and room > 0:
        text = tokenizer.detokenize(content[len(content) - room :]).decode(errors="ignore")
        ids = _tokens(prompt, system, [[replace(first, content=text), *rest]], tokenizer)
        room -= 1
    return ids


def _tokens(
    prompt: ChatPrompt, system: list[Message], turns: list[list[Message]], tokenizer: Tokenizer
) -> list[int]:
    messages = (*system, *(message for turn in turns for message in turn))
    return replace(prompt, messages=messages).tokens(tokenizer)
