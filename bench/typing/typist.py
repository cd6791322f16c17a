"""A writer who types whole texts and takes from each suggestion what is right, never anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.typing.client import Options
from bench.typing.suggestion import Suggestion
from bench.typing.words import acceptable, is_right, next_word

WORTHWHILE = 3
"""Characters that a Tab must bring."""

ONE_TOKEN = Options(max_tokens=1)


@dataclass(frozen=True, slots=True)
class Session:
    """What it took to type one text.

    Attributes:
        characters: Of the text.
        keys: Pressed, where one Tab takes all that is right.
        keys_by_word: Pressed, where each word that is taken costs a key of its own.
        states: Keystrokes after which the service was asked.
        wrong: Of these, where the first word of what was shown was wrong.
        refused: Of these, where the service answered with an error.
        withheld: Of these, where the guard took the suggestion back.
        agreed: Of these, where the typed character was what the suggestion before began with.
        steady: Of the agreed ones, where the next suggestion began with the rest of that first word.
    """

    characters: int
    keys: int
    keys_by_word: int
    states: int
    wrong: int
    refused: int
    withheld: int
    agreed: int
    steady: int


def type_text(body: str, ask: Callable[[str], Suggestion]) -> Session:
    """Type a text with the help of a service."""
    keys = by_word = at = 1
    states = wrong = refused = withheld = agreed = steady = 0
    before = ""
    while at < len(body):
        found, rest = ask(body[:at]), body[at:]
        states += 1
        refused += bool(found.error)
        withheld += found.withheld
        wrong += found.shown and not is_right(found.text, next_word(rest))
        if before.startswith(body[at - 1]) and len(first := next_word(before)) > 1:
            agreed += 1
            steady += found.text.startswith(first[1:])
        size = acceptable(found.text, rest) if found.shown else 0
        taken = size >= WORTHWHILE
        keys += 1
        by_word += max(1, len(rest[:size].split())) if taken else 1
        at += size if taken else 1
        before = "" if taken else found.text
    return Session(len(body), keys, by_word, states, wrong, refused, withheld, agreed, steady)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A keystroke at which an innocent text was refused.

    Attributes:
        prompt: What had been typed.
        error: Status and code.
    """

    prompt: str
    error: str


def refusals(body: str, ask: Callable[[str, Options], Suggestion]) -> Iterator[Refusal]:
    """Keystrokes of a text that is typed without any help at which the service answers with an error."""
    for at in range(1, len(body) + 1):
        prompt = body[:at]
        if error := ask(prompt, ONE_TOKEN).error:
            yield Refusal(prompt, error)
