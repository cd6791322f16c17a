"""The whole measurement: carets, texts that are typed, phrases, and refusals at any keystroke."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.typing.carets import Caret, draw, in_phrases
from bench.typing.client import PLAIN, Client, Options
from bench.typing.positions import AMONG, Position, ask_at
from bench.typing.texts import NAMES, Text, spread
from bench.typing.typist import Refusal, Session, refusals, type_text

ALTERNATIVES = Options(alternatives=AMONG - 1)

Track = Callable[[Sequence[Text], str], Iterable[Text]]
"""Goes through some texts and shows, under a name, how far it has come."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    Attributes:
        texts: All texts; those of kind `NAMES` are measured apart.
        typed: How many of the others are typed whole, with suggestions.
        each: Carets of each place in a text.
        seed: Of these carets.
        min_confidence: Values that the service is given, one after the other, while the same texts are typed.
        phrases: Those of the texts of kind `NAMES`.
    """

    texts: tuple[Text, ...]
    typed: int
    each: int = 1
    seed: int = 7
    min_confidence: tuple[float, ...] = ()
    phrases: tuple[str, ...] = ()

    @property
    def ordinary(self) -> list[Text]:
        """Texts as most people write them."""
        return [text for text in self.texts if text.kind != NAMES]

    @property
    def named(self) -> list[Text]:
        """Texts full of names and terms."""
        return [text for text in self.texts if text.kind == NAMES]

    def drawn(self, text: Text) -> list[Caret]:
        """Carets of a text."""
        return draw(text.body, self.each, self.seed)


@dataclass(frozen=True, slots=True)
class Typed:
    """A text and what it took to type it."""

    text: Text
    session: Session


@dataclass(frozen=True, slots=True)
class Named:
    """Texts with names and product terms.

    Attributes:
        inside: Carets in words of phrases.
        outside: Carets in other words.
        typed: The texts, typed whole.
    """

    inside: tuple[Position, ...] = ()
    outside: tuple[Position, ...] = ()
    typed: tuple[Typed, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured; what the service does not offer stays empty.

    Attributes:
        positions: One suggestion at each caret.
        among: The same carets, asked with alternatives.
        typed: Texts typed whole.
        certain: The same texts, by the `min_confidence` that the service was given.
        named: Texts of kind `NAMES` without phrases.
        phrased: The same with phrases.
        milliseconds: Of each request at carets and while texts were typed.
        keystrokes: At how many it was asked whether the service refuses.
        refusals: Those at which it did.
        errors: How often each error was answered, whatever was asked.
    """

    positions: tuple[Position, ...] = ()
    among: tuple[Position, ...] = ()
    typed: tuple[Typed, ...] = ()
    certain: Mapping[float, tuple[Typed, ...]] = field(default_factory=dict)
    named: Named = Named()
    phrased: Named = Named()
    milliseconds: tuple[float, ...] = ()
    keystrokes: int = 0
    refusals: tuple[Refusal, ...] = ()
    errors: Mapping[str, int] = field(default_factory=dict)


def measure(client: Client, plan: Plan, track: Track) -> Iterator[Measurement]:
    """Measure one part after the other; after each, all that is known so far.

    Raises:
        httpx.HTTPError: The service cannot be reached.
    """
    for found in _parts(client, plan, track):
        yield replace(found, errors=dict(client.errors))


def _parts(client: Client, plan: Plan, track: Track) -> Iterator[Measurement]:
    found = Measurement(positions=_ask(client, track(plan.ordinary, "carets"), plan.drawn, PLAIN))
    yield found
    if client.supports(ALTERNATIVES):
        texts = track(plan.ordinary, "carets, alternatives")
        found = replace(found, among=_ask(client, texts, plan.drawn, ALTERNATIVES))
        yield found
    typed = spread(plan.ordinary, plan.typed)
    found = replace(found, typed=_type(client, track(typed, "typed"), PLAIN))
    found = replace(found, milliseconds=tuple(client.milliseconds()))
    yield found
    for value in plan.min_confidence:
        if client.supports(options := Options(min_confidence=value)):
            texts = track(typed, f"typed, min_confidence {value}")
            found = replace(found, certain={**found.certain, value: _type(client, texts, options)})
            yield found
    found = replace(found, named=_named(client, plan, track, PLAIN))
    yield found
    if client.supports(phrased := Options(phrases=plan.phrases)):
        found = replace(found, phrased=_named(client, plan, track, phrased))
        yield found
    refused: list[Refusal] = []
    for text in track(plan.texts, "every keystroke"):
        refused += refusals(text.body, client.ask)
    keystrokes = sum(len(text.body) for text in plan.texts)
    yield replace(found, keystrokes=keystrokes, refusals=tuple(refused))


def _named(client: Client, plan: Plan, track: Track, options: Options) -> Named:
    def inside(text: Text) -> list[Caret]:
        return in_phrases(text.body, plan.phrases)

    def outside(text: Text) -> list[Caret]:
        return [caret for caret in plan.drawn(text) if caret not in inside(text)]

    name = "names and terms, phrases" if options.phrases else "names and terms"
    return Named(
        _ask(client, track(plan.named, name), inside, options),
        _ask(client, plan.named, outside, options),
        _type(client, track(plan.named, f"typed, {name}"), options),
    )


def _ask(
    client: Client, texts: Iterable[Text], carets: Callable[[Text], list[Caret]], options: Options
) -> tuple[Position, ...]:
    return tuple(
        ask_at(text, caret, lambda prompt: client.ask(prompt, options))
        for text in texts
        for caret in carets(text)
    )


def _type(client: Client, texts: Iterable[Text], options: Options) -> tuple[Typed, ...]:
    return tuple(
        Typed(text, type_text(text.body, lambda prompt: client.ask(prompt, options))) for text in texts
    )
