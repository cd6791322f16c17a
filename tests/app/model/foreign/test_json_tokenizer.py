from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from app.errors import ModelRefusedError
from app.model.foreign.json_tokenizer import JsonTokenizer, read_tokenizer
from models.checkpoint.vocabulary import Vocabulary
from tests.plugged import tokenizer_json
from tests.tiny import TOY_VOCABULARY


def toy(vocabulary: int = 261) -> JsonTokenizer:
    return read_tokenizer("toy", tokenizer_json().encode(), vocabulary)


def test_ids_are_those_of_the_vocabulary() -> None:
    tokens = TOY_VOCABULARY.tokens
    assert toy().tokenize("the é") == [tokens.index(piece) for piece in (b"the", b" ", b"\xc3", b"\xa9")]


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    tokenizer = toy()
    assert tokenizer.detokenize(tokenizer.tokenize(text)).decode() == text


def test_a_special_token_is_text_one_way_and_its_name_the_other() -> None:
    tokenizer = toy()
    assert 260 not in tokenizer.tokenize("<|im_end|>")
    assert tokenizer.detokenize([260]) == b"<|im_end|>"
    assert tokenizer.special_tokens == {"<|endoftext|>": 0, "<|im_end|>": 260}


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        toy().tokenize("\ud800")


@pytest.mark.parametrize("outside", [-1, 261])
def test_an_id_outside_the_vocabulary_is_refused(outside: int) -> None:
    with pytest.raises(ValueError, match="a token id is outside the vocabulary"):
        toy().detokenize([5, outside])


def test_ids_of_the_model_without_a_token_stand_for_nothing() -> None:
    assert toy(300).detokenize([34, 299]) == b"!"


def test_the_id_of_a_text_that_is_one_token() -> None:
    tokenizer = toy()
    assert tokenizer.id_of("<|im_end|>") == 260
    assert tokenizer.id_of("!") == 34
    assert tokenizer.id_of("ab") is None


def test_a_real_vocabulary_gives_the_same_ids_as_the_graph_does(smollm2_vocabulary: Vocabulary) -> None:
    content = tokenizer_json(smollm2_vocabulary).encode()
    tokenizer = read_tokenizer("real", content, len(smollm2_vocabulary.tokens))
    known = [i for i in range(len(smollm2_vocabulary.tokens)) if i not in smollm2_vocabulary.specials]
    assert tokenizer.detokenize(known) == b"".join(smollm2_vocabulary.tokens[i] for i in known)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"[" * 100_000])
def test_what_is_no_tokenizer_json_is_refused(content: bytes) -> None:
    with pytest.raises(ModelRefusedError, match=r"x: the tokenizer is not a tokenizer\.json, or a damaged"):
        read_tokenizer("x", content, 261)


def test_a_tokenizer_that_lacks_its_model_is_refused() -> None:
    described = json.loads(tokenizer_json()) | {"model": {"type": "BPE"}}
    with pytest.raises(ModelRefusedError, match="x: the tokenizer cannot be read: "):
        read_tokenizer("x", json.dumps(described).encode(), 261)


def test_another_kind_of_tokenizer_is_named() -> None:
    tokenizer = Tokenizer(models.BPE({"a": 0}, []))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    with pytest.raises(ModelRefusedError, match="decodes by ByteFallback, Fuse, Replace, Sequence"):
        read_tokenizer("x", tokenizer.to_str().encode(), 1)


def test_a_tokenizer_without_a_decoder_is_refused() -> None:
    with pytest.raises(ModelRefusedError, match="decodes by nothing"):
        read_tokenizer("x", Tokenizer(models.BPE({"a": 0}, [])).to_str().encode(), 1)
