from collections.abc import Sequence

from app.bias import ProfanityBias, read_vocabulary
from app.guard import Thresholds, load_guard

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


def test_tokens_that_are_bad_words_are_biased() -> None:
    guard = load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())

    assert ProfanityBias(TOKENS, -8.0).against(guard) == ((1, -8.0), (4, -8.0))
    assert ProfanityBias(TOKENS, 0.0).against(guard) == ()
