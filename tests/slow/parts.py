"""The parts of the service that read what clients and the model write, each as some work on a text."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError

from app.completion.chat_template import ChatTemplate, Message
from app.completion.detokenizer import Detokenizer
from app.completion.healing import Healer
from app.completion.phrases import Phrases
from app.completion.stop_strings import StopScanner
from app.completion.suffix import SuffixScanner
from app.errors import InvalidRequestError
from app.guard import GuardStream, Thresholds, load_guard
from app.guard.unfinished import InnocentWords
from app.http.json_route import readable
from app.http.schemas.complete import CompleteRequest
from app.model.loader import open_own
from app.model.pieces import control_ids, read_vocabulary_of
from app.settings import Settings
from tests.app.guard.slow_texts import alphabet
from tests.fakes import ByteTokenizer
from tests.slow.search import Work

PIECE = 4
"""Characters of a token, as texts are passed on while they are generated."""

STOPS = tuple("aab" * size + "c" for size in range(1, 17))
"""As many stop strings as a request may have, of which every text of a and b has beginnings."""

JSON_UNITS = [*'{}[]",:\\ \n0123456789.eE+-', *("\\u", "\\ud83d", "\\ude00", '"prompt":', '"stop":', "null")]
TEMPLATE_UNITS = ["{{", "}}", "{%", "%}", "#}", "'"]


@dataclass(frozen=True, slots=True)
class Part:
    """A name, the work, what its patterns are made of, and the µs that no character may cost."""

    name: str
    work: Work
    units: list[str]
    most: float = 40.0


def pieces(text: str) -> list[str]:
    """A text as it is generated."""
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def parts() -> list[Part]:
    """All parts, on the model that the settings name."""
    model = open_own(Settings())
    assert model.file is not None
    manifest, tokenizer = model.manifest, model.open_tokenizer()
    vocabulary = read_vocabulary_of(model.file.place, manifest.vocabulary_size, control_ids(manifest))
    guard = load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())
    words = InnocentWords.of_tokens(vocabulary.pieces)
    healer = Healer(vocabulary, tokenizer, manifest)
    template = ChatTemplate(
        manifest.chat_template or "", manifest.special_tokens, manifest.named_tokens, manifest.token_strips
    )
    phrases = Phrases(["a" * size for size in range(1, 101)])
    units = alphabet()
    special = [*units, *manifest.special_tokens, *TEMPLATE_UNITS]

    def streamed(text: str) -> None:
        stream = GuardStream(guard)
        for piece in pieces(text):
            stream.push(piece)
        stream.finish()

    def typed(text: str) -> None:
        words.unfinished_from(guard, text, guard.check(text))

    def detokenized(text: str) -> None:
        detokenizer = Detokenizer(ByteTokenizer())
        for byte in text.encode():
            detokenizer.push([byte])

    def scanned(text: str) -> None:
        scanner = StopScanner(STOPS)
        for piece in pieces(text):
            scanner.push(piece)
        scanner.finish()

    def suffixed(text: str) -> None:
        scanner = SuffixScanner(text[:256], " ")
        for piece in pieces(text):
            scanner.push(piece)
        scanner.finish()

    def validated(body: bytes) -> None:
        with suppress(ValidationError):
            CompleteRequest.model_validate_json(readable(body))

    def rendered(text: str) -> None:
        with suppress(InvalidRequestError):
            template.tokens((Message("system", text), Message("user", text)), ByteTokenizer())

    return [
        Part("guard, whole text", guard.check, units, 15.0),
        Part("guard, stream of 4 characters each", streamed, units),
        Part("guard and innocent words, while typing", typed, units, 15.0),
        Part("tokenizer of the model file", tokenizer.tokenize, units),
        Part("healing of the last piece", healer.split, units),
        Part("detokenizer of single bytes", detokenized, units),
        Part("stop strings, 16", scanned, [*"abc", " ", "aab", "aabaab", *STOPS[:4]]),
        Part("suffix behind the caret", suffixed, units),
        Part("own phrases, 100", lambda text: phrases.fitting(text[-8192:]), ["a", "A", " ", "b", "."]),
        Part("JSON, as it comes", lambda text: validated(text.encode(errors="replace")), JSON_UNITS),
        Part("JSON, a prompt", lambda text: validated(json.dumps({"prompt": text}).encode()), special),
        Part("chat template of the model file", rendered, special),
    ]
