import asyncio
from collections.abc import Sequence
from copy import copy

from app.guard import Guard
from app.guard.token_bias import ProfanityBias
from app.main import create_app
from app.model.tokenizer import read_vocabulary
from app.settings import Settings
from tests.fakes import ByteTokenizer, FakeEngine, tiny_manifest

TOKENS = [b"\n", b" shit", b"it", b"\n\n", b"Shit", b"\xff"] + [b"%d" % number for number in range(100)]


class TableTokenizer:
    def __init__(self) -> None:
        self.calls = 0

    def tokenize(self, text: str) -> list[int]:
        return [TOKENS.index(text.encode())]

    def detokenize(self, ids: Sequence[int]) -> bytes:
        self.calls += 1
        return b"".join(TOKENS[number] for number in ids)


def test_the_vocabulary_is_read_many_tokens_at_once() -> None:
    tokenizer = TableTokenizer()

    assert read_vocabulary(tokenizer, len(TOKENS)) == TOKENS
    assert tokenizer.calls < len(TOKENS)


def test_tokens_that_are_bad_words_are_biased(guard: Guard) -> None:
    assert ProfanityBias(TOKENS, -8.0).against(guard) == ((1, -8.0), (4, -8.0))
    assert ProfanityBias(TOKENS, 0.0).against(guard) == ()


def test_a_new_guard_comes_with_the_bias_that_belongs_to_it(guard: Guard) -> None:
    guards = [guard, copy(guard)]
    app = create_app(
        Settings(profanity_bias=-8),
        manifest=tiny_manifest(),
        engine=FakeEngine(),
        open_tokenizer=ByteTokenizer,
        guard=lambda: guards[-1],
    )
    service = app.state.service
    service.bias = ProfanityBias(TOKENS, -8.0)
    asyncio.run(service.refresh_guard())
    assert service.pipeline.bias == ()

    guards.reverse()
    asyncio.run(service.refresh_guard())
    assert service.pipeline.guard is guards[-1]
    assert service.pipeline.bias == ((1, -8.0), (4, -8.0))
