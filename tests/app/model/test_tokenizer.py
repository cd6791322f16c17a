from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.errors import ModelRefusedError
from app.model.manifest import SignatureSpec, TensorSpec
from app.model.text_ops import LIBRARY
from app.model.tokenizer import TextModel, open_text_model
from models.checkpoint.vocabulary import Vocabulary
from models.graphs.tokenizer import detokenize, write_tokenizer
from models.tflite import ops
from models.tflite.graph import Graph, Model, Op, Tensor
from tests.conftest import Runtime

BYTES = tuple(bytes([byte]) for byte in range(256))
HE, NUL_NUL, END = 256, 257, 258
VOCABULARY = Vocabulary(
    tokens=(*BYTES, b"he", b"\0\0", b"<|end|>"),
    merges=((b"h", b"e"), (b"\0", b"\0")),
    specials=frozenset([END]),
    digits=False,
)

Write = Callable[[Graph], Tensor]


@pytest.fixture
def save(tmp_path: Path) -> Callable[[Model], Path]:
    def save(model: Model) -> Path:
        path = tmp_path / "model.tflite"
        model.save(path)
        return path

    return save


@pytest.fixture
def save_graph(save: Callable[[Model], Path]) -> Callable[[Write], Path]:
    """Saves a file with the one signature `f() -> y`."""

    def save_graph(write: Write) -> Path:
        model = Model("test")
        graph = model.subgraph("f")
        graph.output("y", write(graph))
        model.signature(graph)
        return save(model)

    return save_graph


@pytest.fixture
def file(save: Callable[[Model], Path]) -> Path:
    """A tokenizer, and a generation that writes "he" behind the prompt."""
    model = Model("test")
    write_tokenizer(model, VOCABULARY)
    graph = model.subgraph("serving_default")
    prompt = graph.input("prompt", [1], "string")
    graph.output("output_0", detokenize(graph, VOCABULARY, graph.constant([HE], "int32"), after=prompt))
    model.signature(graph)
    return save(model)


@pytest.fixture
def text_model(file: Path, text_ops: Path, runtime: Runtime) -> TextModel:
    return open_text_model(file, text_ops, runtime)


def custom(name: str) -> Write:
    def write(graph: Graph) -> Tensor:
        x = graph.input("x", [1, 4])
        return graph.operator(
            Op.CUSTOM, [x], [((1, 4), "float32")], custom=name, custom_options=b"\0\0\1\0\0$\1"
        )[0]

    return write


def test_a_text_becomes_ids_and_comes_back(text_model: TextModel) -> None:
    assert text_model.tokenize("he é") == [HE, 0x20, 0xC3, 0xA9]
    assert text_model.detokenize([HE, 0x20, 0xC3]) == b"he \xc3"


def test_nothing_becomes_nothing(text_model: TextModel) -> None:
    assert text_model.tokenize("") == []
    assert text_model.detokenize([]) == b""


def test_nuls_are_kept(text_model: TextModel) -> None:
    assert text_model.tokenize("a\0\0\0") == [0x61, NUL_NUL, 0]
    assert text_model.detokenize([0x61, NUL_NUL, 0]) == b"a\0\0\0"


def test_a_special_token_is_text_one_way_and_its_name_the_other(text_model: TextModel) -> None:
    assert text_model.tokenize("<|end|>") == list(b"<|end|>")
    assert text_model.detokenize([END]) == b"<|end|>"


def test_any_number_of_ids_is_detokenized(text_model: TextModel) -> None:
    numbers = [n % 257 for n in range(10_000)]
    assert text_model.detokenize(numbers) == b"".join(VOCABULARY.tokens[n] for n in numbers)


@pytest.mark.parametrize("outside", [-1, 259, 2**31, 2**32 + 1, -(2**40)])
def test_an_id_outside_the_vocabulary_is_refused_and_the_next_call_works(
    text_model: TextModel, outside: int
) -> None:
    with pytest.raises(ValueError, match="a token id is outside the vocabulary"):
        text_model.detokenize([HE, outside])
    assert text_model.detokenize([HE]) == b"he"


def test_a_lone_surrogate_is_refused(text_model: TextModel) -> None:
    with pytest.raises(UnicodeEncodeError):
        text_model.tokenize("\ud800")


def test_complete_runs_the_files_own_generation(text_model: TextModel) -> None:
    assert text_model.complete("is ☺ ") == "is ☺ he"


def test_signatures_have_names_shapes_and_types(text_model: TextModel) -> None:
    text, ids = TensorSpec(shape=(1,), dtype="string"), TensorSpec(shape=(-1,), dtype="int32")
    texts = TensorSpec(shape=(-1,), dtype="string")
    assert text_model.signatures() == {
        "tokenize": SignatureSpec(inputs={"text": text}, outputs={"ids": ids}),
        "detokenize": SignatureSpec(inputs={"ids": ids}, outputs={"text": text}),
        "tokenize_bytes": SignatureSpec(inputs={"code": ids}, outputs={"ids": ids}),
        "pieces": SignatureSpec(inputs={"ids": ids}, outputs={"pieces": texts}),
        "serving_default": SignatureSpec(inputs={"prompt": text}, outputs={"output_0": text}),
    }


@pytest.mark.tflite_runtime
def test_two_models_live_side_by_side(file: Path, text_ops: Path) -> None:
    models = [open_text_model(file, text_ops, runtime) for runtime in ("litert", "tflite-runtime", "auto")]
    assert [model.tokenize("he") for model in models] == [[HE]] * 3


def test_a_file_without_a_signature_says_so(
    save_graph: Callable[[Write], Path], tmp_path: Path, runtime: Runtime
) -> None:
    path = save_graph(lambda graph: graph.input("x", [1]) + 1.0)
    text_model = open_text_model(path, tmp_path, runtime)  # no custom operator, so no shared object is needed
    for call in (text_model.tokenize, text_model.complete):
        with pytest.raises(ModelRefusedError, match="the model file has no signature"):
            call("a")


def test_flex_operators_are_named(
    save_graph: Callable[[Write], Path], text_ops: Path, runtime: Runtime
) -> None:
    path = save_graph(custom("FlexStringJoin"))
    with pytest.raises(ModelRefusedError) as refusal:
        open_text_model(path, text_ops, runtime)
    assert str(refusal.value) == (
        f"{path}: uses TensorFlow operators (FlexStringJoin) that need the Flex delegate, which no runtime"
        " here has. Convert it without SELECT_TF_OPS, or: python -m models build"
    )


def test_foreign_custom_operators_are_named(
    save_graph: Callable[[Write], Path], text_ops: Path, runtime: Runtime
) -> None:
    path = save_graph(custom("TFText>RegexSplit"))
    with pytest.raises(
        ModelRefusedError, match=r"uses custom operators that TF-Text does not have: TFText>RegexSplit$"
    ):
        open_text_model(path, text_ops, runtime)


def test_a_missing_shared_object_is_named(file: Path, tmp_path: Path, runtime: Runtime) -> None:
    with pytest.raises(ModelRefusedError, match=rf"^{tmp_path}/{LIBRARY}: cannot be loaded: .*No such file"):
        open_text_model(file, tmp_path, runtime)


@pytest.mark.tflite_runtime
def test_a_file_that_is_too_new_for_the_runtime_says_how_to_build_it(
    save_graph: Callable[[Write], Path], text_ops: Path
) -> None:
    def write(graph: Graph) -> Tensor:
        return ops.fully_connected(
            graph.input("x", [1, 4]), graph.constant(np.ones((4, 4), np.float32)), None, version=12
        )

    path = save_graph(write)
    with pytest.raises(ModelRefusedError) as refusal:
        open_text_model(path, text_ops, "tflite-runtime")
    assert str(refusal.value).startswith(
        f"{path}: tflite-runtime cannot load it: "
        "Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'."
    )
    assert str(refusal.value).endswith(
        "Build it for that runtime: python -m models build --target tflite-runtime"
    )
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, text_ops: Path, runtime: Runtime) -> None:
    path = tmp_path / "text.tflite"
    path.write_text("a text that is no model")
    with pytest.raises(ModelRefusedError, match="not a TFLite model"):
        open_text_model(path, text_ops, runtime)
