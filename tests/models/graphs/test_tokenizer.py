from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from app.model.manifest import SignatureSpec, TensorSpec
from app.model.tables import list_operators
from app.model.tokenizer import TextModel, open_text_model
from models.checkpoint.vocabulary import Prefix, Vocabulary
from models.evaluation.perplexity import TEXTS
from models.evaluation.reference_tokenizer import make_oracle
from models.evaluation.samples import sample_texts
from models.graphs.merge_table import merge_table
from models.graphs.tokenizer import detokenize, tokenize, write_tokenizer
from models.tflite.graph import Array, Model, Tensor
from tests.conftest import Runtime

pytestmark = pytest.mark.slow

Compile = Callable[..., Callable[..., Array]]

TOY = Vocabulary((b"a", b"bc", b"\0", b"<|end|>", "é".encode()), (), frozenset([3]), digits=False)


def string(text: bytes) -> Array:
    return np.array([text], dtype=object)


def ids(*numbers: int) -> Array:
    return np.array(numbers, np.int32)


@pytest.fixture(scope="module", params=["digits", "numbers"])
def vocabulary(request: pytest.FixtureRequest, smollm2_vocabulary: Vocabulary) -> Vocabulary:
    """SmolLM2's, once with its own pre-tokenizer and once with GPT-2's."""
    return replace(smollm2_vocabulary, digits=request.param == "digits")


@pytest.fixture(scope="module")
def file(vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = Model("tokenizer")
    write_tokenizer(model, vocabulary)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.tflite"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def reference(vocabulary: Vocabulary) -> Tokenizer:
    return make_oracle(vocabulary)


@pytest.fixture
def text_model(file: Path, text_ops: Path, runtime: Runtime) -> TextModel:
    return open_text_model(file, text_ops, runtime)


def spelled(vocabulary: Vocabulary, text: bytes) -> bytes:
    """The text without the bytes that no token stands for."""
    known = merge_table(vocabulary).ids[:256] >= 0
    return bytes(byte for byte in text if known[byte])


def test_ids_are_the_oracles(text_model: TextModel, reference: Tokenizer, vocabulary: Vocabulary) -> None:
    texts = sample_texts(2500)
    differing = [text for text in texts if text_model.tokenize(text) != reference.encode(text).ids]
    assert differing == []


def test_ids_stand_for_the_text(text_model: TextModel, vocabulary: Vocabulary) -> None:
    for text in sample_texts(500):
        assert text_model.detokenize(text_model.tokenize(text)) == spelled(vocabulary, text.encode())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_ids_of_any_text_are_the_oracles(text_model: TextModel, reference: Tokenizer, text: str) -> None:
    assert text_model.tokenize(text) == reference.encode(text).ids


def test_long_texts_are_the_oracles(text_model: TextModel, reference: Tokenizer) -> None:
    rng = random.Random(3)
    letters = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(500))
    for text in (letters, " ".join(sample_texts(500))[:30_000], "ab" * 4000, "x" + " " * 5000):
        assert text_model.tokenize(text) == reference.encode(text).ids


def test_bytes_that_are_no_utf8_come_back(compiled: Compile, vocabulary: Vocabulary) -> None:
    def there_and_back(text: Tensor) -> Tensor:
        return detokenize(text.graph, vocabulary, tokenize(text.graph, vocabulary, text))

    run = compiled(there_and_back, string(b""))
    rng = random.Random(2)
    for text in (
        b"\x80",
        b"\xf0",
        b"a\xffb\xe2\x82",
        *(rng.randbytes(rng.randrange(200)) for _ in range(200)),
    ):
        assert run(string(text)).tolist() == [spelled(vocabulary, text)]


def test_special_tokens_in_a_text_are_plain_text(text_model: TextModel, vocabulary: Vocabulary) -> None:
    ids = text_model.tokenize("<|im_end|>")
    assert vocabulary.specials.isdisjoint(ids)
    assert text_model.detokenize(ids) == b"<|im_end|>"


def test_the_id_of_a_special_token_is_its_name(text_model: TextModel) -> None:
    assert text_model.detokenize([2]) == b"<|im_end|>"


def test_pieces_are_joined_as_they_are(compiled: Compile) -> None:
    run = compiled(lambda x: detokenize(x.graph, TOY, x), ids(0))
    assert run(ids(0, 1, 2)).tolist() == [b"abc\0"]
    assert run(ids(3, 4)).tolist() == ["<|end|>é".encode()]
    assert run(ids()).tolist() == [b""]


def test_the_text_before_is_kept_byte_by_byte(compiled: Compile) -> None:
    run = compiled(lambda text, x: detokenize(x.graph, TOY, x, after=text), string(b""), ids(0))
    assert run(string(b"\xffz\0"), ids(1, 0)).tolist() == [b"\xffz\0bca"]
    assert run(string(b""), ids()).tolist() == [b""]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 2048, 63 * 64 - 1])
def test_any_number_of_ids_up_to_the_limit(compiled: Compile, count: int) -> None:
    numbers = [n % 2 for n in range(count)]
    run = compiled(lambda x: detokenize(x.graph, TOY, x), ids(0))
    assert run(ids(*numbers)).tolist() == [b"".join(TOY.tokens[n] for n in numbers)]


def test_the_width_sets_the_limit(compiled: Compile) -> None:
    run = compiled(lambda x: detokenize(x.graph, TOY, x, width=4), ids(0))
    assert run(ids(*[0] * 11)).tolist() == [b"a" * 11]
    with pytest.raises(RuntimeError):
        run(ids(*[0] * 12))
    assert run(ids(*[1] * 11)).tolist() == [b"bc" * 11]


@pytest.mark.parametrize("outside", [-1, 5, 6, 260, 261, 262, 2**31 - 1, -(2**31)])
def test_an_id_outside_the_vocabulary_is_refused_and_the_next_call_works(
    compiled: Compile, outside: int
) -> None:
    run = compiled(lambda x: detokenize(x.graph, TOY, x), ids(0))
    with pytest.raises(RuntimeError, match="gather index out of bounds"):
        run(ids(0, outside))
    assert run(ids(0, 1)).tolist() == [b"abc"]


@pytest.mark.parametrize(
    ("prefix", "before_space"), [("none", True), ("first", False), ("each", True), ("each", False)]
)
def test_ids_of_characters_are_the_oracles(
    tmp_path: Path, text_ops: Path, runtime: Runtime, prefix: Prefix, before_space: bool
) -> None:
    vocabulary = replace(sentence_piece(), prefix=prefix, prefix_before_space=before_space)
    text_model, oracle = opened(vocabulary, tmp_path, text_ops, runtime), make_oracle(vocabulary)
    texts = [text for text in sample_texts(300) if text] + ["<x> a<x>b", "\n\n\n a", "a   b▁▁c", "<s> <0x0A>"]
    differing = [text for text in texts if text_model.tokenize(text) != oracle.encode(text).ids]
    assert differing == []
    for text in texts:
        there = "" if prefix == "none" or text.startswith(("<x>", "\n\n")) else " "
        there = "" if text.startswith((" ", "▁")) and not before_space else there
        if "<x>" not in text and "\n\n" not in text:
            spaced = (there + text).replace("▁", " ")
            assert text_model.detokenize(text_model.tokenize(text)) == spaced.encode()
    assert text_model.tokenize("") == []


def test_added_tokens_of_bytes_are_words_of_their_own(
    tmp_path: Path, text_ops: Path, runtime: Runtime, smollm2_vocabulary: Vocabulary
) -> None:
    added = {b"  ": 49_152, b"   ": 49_153, b"<user>": 49_154}
    vocabulary = replace(
        smollm2_vocabulary, tokens=(*smollm2_vocabulary.tokens, *added), added=tuple(added.items())
    )
    text_model, oracle = opened(vocabulary, tmp_path, text_ops, runtime), make_oracle(vocabulary)
    for text in (*sample_texts(200), "a    b<user> it's", "<user>'s", "x  'll", "  <user><user>"):
        assert text_model.tokenize(text) == oracle.encode(text).ids
        assert text_model.detokenize(text_model.tokenize(text)) == spelled(vocabulary, text.encode())


def opened(vocabulary: Vocabulary, folder: Path, text_ops: Path, runtime: Runtime) -> TextModel:
    model = Model("tokenizer")
    write_tokenizer(model, vocabulary)
    model.save(folder / "tokenizer.tflite")
    return open_text_model(folder / "tokenizer.tflite", text_ops, runtime)


def sentence_piece() -> Vocabulary:
    """Common pieces of a text, each with every merge that makes it of two others; all bytes; added tokens."""
    text = read_source("quality").replace(" ", "▁")
    found = Counter(text[at : at + size] for size in range(1, 8) for at in range(0, len(text) - size, 3))
    common = [piece for piece, _ in found.most_common(3000) if len(piece) == 1 or "\n" not in piece]
    pieces = [piece for piece in common if "▁" not in piece[1:] or set(piece) == {"▁"}]
    pieces += [piece for piece in ("▁▁", "▁▁▁", "é", "你", "\u3000") if piece not in pieces]
    splits = [(p[:at], p[at:]) for p in pieces for at in range(1, len(p))]
    known, added = set(pieces), ["<x>", "\n\n", "\n\n\n"]
    tokens = ["<s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces, *added]
    return Vocabulary.from_characters(
        tokens,
        [(left, right) for left, right in splits if left in known and right in known],
        [0],
        prefix="none",
        added={text: tokens.index(text) for text in added},
    )


def read_source(name: str) -> str:
    return (TEXTS / f"{name}.txt").read_text(encoding="utf-8")


def test_the_file_has_two_signatures_and_the_same_two_without_custom_operators(text_model: TextModel) -> None:
    text, numbers = TensorSpec(shape=(1,), dtype="string"), TensorSpec(shape=(-1,), dtype="int32")
    texts = TensorSpec(shape=(-1,), dtype="string")
    assert text_model.signatures() == {
        "tokenize": SignatureSpec(inputs={"text": text}, outputs={"ids": numbers}),
        "detokenize": SignatureSpec(inputs={"ids": numbers}, outputs={"text": text}),
        "tokenize_bytes": SignatureSpec(inputs={"code": numbers}, outputs={"ids": numbers}),
        "pieces": SignatureSpec(inputs={"ids": numbers}, outputs={"pieces": texts}),
    }


def test_the_file_is_small_and_its_operators_are_of_version_one(file: Path) -> None:
    assert file.stat().st_size < 1_900_000
    operators = list_operators(file)
    assert {operator.version for operator in operators} == {1}
    custom = {operator.name for operator in operators if operator.custom}
    assert custom == {"TFText>ByteSplitWithOffsets", "TFText>NgramsStringJoin"}


def test_constants_are_stored_once(vocabulary: Vocabulary) -> None:
    once, twice = Model("once"), Model("twice")
    write_tokenizer(once, vocabulary)
    write_tokenizer(twice, vocabulary)
    write_tokenizer(twice, vocabulary)
    assert len(twice.pack()) - len(once.pack()) < 50_000
