from __future__ import annotations

from pathlib import Path

import pytest

from models.checkpoint.vocabulary import Vocabulary
from models.evaluation.reference_tokenizer import make_oracle, source_tokenizer
from tests.tiny import TOY_VOCABULARY


@pytest.mark.parametrize("digits", [True, False])
def test_the_oracle_spells_every_byte_and_takes_special_tokens_as_text(digits: bool) -> None:
    vocabulary = Vocabulary(TOY_VOCABULARY.tokens, TOY_VOCABULARY.merges, TOY_VOCABULARY.specials, digits)
    oracle = make_oracle(vocabulary)
    for text in ("the 12 é\0 😀", "<|im_end|>"):
        ids = oracle.encode(text).ids
        assert b"".join(vocabulary.tokens[i] for i in ids) == text.encode()
        assert vocabulary.specials.isdisjoint(ids)
        assert oracle.decode(ids) == text


def test_the_sources_own_file_decides_where_it_has_one(tmp_path: Path) -> None:
    other = Vocabulary(TOY_VOCABULARY.tokens, (), TOY_VOCABULARY.specials, digits=True)
    assert source_tokenizer(tmp_path, TOY_VOCABULARY)("the") == [258]
    make_oracle(other).save(str(tmp_path / "tokenizer.json"))
    assert source_tokenizer(tmp_path, TOY_VOCABULARY)("the") == [117, 105, 102]
    assert source_tokenizer(None, TOY_VOCABULARY)("the") == [258]
