"""The file that `make build` makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import InterpreterWithCustomOps, OpResolverType

from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import PrefixCache
from app.engine.runtimes.litert import open_litert
from app.engine.runtimes.weight_cache import PackedWeights
from app.engine.worker.offline import complete_greedily
from app.model.manifest import Manifest, read_manifest, verify_file
from app.model.shape import model_shape
from app.model.tables import list_operators
from app.model.text_ops import text_op_registerers
from app.model.tokenizer import TextModel, open_text_model
from models.checkpoint.vocabulary import Vocabulary
from models.evaluation.reference_tokenizer import make_oracle
from models.evaluation.samples import sample_texts
from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.slow

MODEL = ARTIFACTS / "autocomplete.tflite"

SCRIPT = """
import ctypes, sys
import numpy as np
from ai_edge_litert.interpreter import InterpreterWithCustomOps
text_ops = ctypes.CDLL(sys.argv[2] + "/libpybinds_library_common.so")
registerers = [text_ops.AddByteSplit, text_ops.AddNgramsStringJoin]
for add in registerers:
    add.argtypes = [ctypes.c_void_p]
interpreter = InterpreterWithCustomOps(model_path=sys.argv[1], custom_op_registerers=registerers)
complete = interpreter.get_signature_runner("serving_default")
sys.stdout.buffer.write(complete(prompt=np.array([b"I'm enjoying a"]))["output_0"][0])
"""


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(MODEL)


@pytest.fixture(scope="module")
def text_model(text_ops: Path) -> TextModel:
    return open_text_model(MODEL, text_ops, "litert")


def test_the_file_is_the_manifests(manifest: Manifest, text_model: TextModel) -> None:
    verify_file(MODEL, manifest)
    assert manifest.signatures == text_model.signatures()


def test_the_file_has_builtin_and_tf_text_operators_only(manifest: Manifest) -> None:
    builtin = {name for name in vars(schema.BuiltinOperator) if name.isupper()}
    operators = list_operators(MODEL)
    assert {operator.name for operator in operators if not operator.custom} < builtin
    custom = {operator.name for operator in operators if operator.custom}
    assert custom == {"TFText>ByteSplitWithOffsets", "TFText>NgramsStringJoin"}
    assert tuple(sorted(custom)) == manifest.custom_ops


def test_ten_lines_with_nothing_of_ours_complete_a_prompt(text_ops: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", SCRIPT, str(MODEL), str(text_ops)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    prompt = "I'm enjoying a"
    text = done.stdout.decode()
    assert text.startswith(f"{prompt} ")
    assert len(text.split()) > len(prompt.split()) + 20


def test_the_ids_of_two_thousand_texts_are_the_oracles(
    text_model: TextModel, smollm2_vocabulary: Vocabulary
) -> None:
    oracle = make_oracle(smollm2_vocabulary)
    texts = sample_texts(2000)
    assert [text for text in texts if text_model.tokenize(text) != oracle.encode(text).ids] == []


def test_the_file_is_little_more_than_its_parameters(manifest: Manifest) -> None:
    assert manifest.quantization == "dynamic"
    assert MODEL.stat().st_size <= 1.045 * manifest.parameters  # a byte each


def test_the_engine_knows_what_the_weights_know(manifest: Manifest, text_model: TextModel) -> None:
    prompts = ["The capital of France is", "One, two, three, four,", "The opposite of hot is"]
    ids = [text_model.tokenize(prompt) for prompt in prompts]
    found = [text_model.detokenize(tokens) for tokens in complete_greedily(MODEL, manifest, ids, 4)]
    for text, answer in zip(found, (b" Paris", b" five", b" cold"), strict=True):
        assert text.startswith(answer)


def test_serving_default_knows_it_as_well(text_model: TextModel) -> None:
    assert text_model.complete("The capital of France is").startswith("The capital of France is Paris")


def test_no_tensor_is_overwritten_while_it_is_needed(text_model: TextModel, text_ops: Path) -> None:
    """Tensors share memory in turns; LiteRT has had faults in that plan (LiteRT 8889, 8928)."""
    interpreter = InterpreterWithCustomOps(
        model_path=str(MODEL),
        custom_op_registerers=text_op_registerers(text_ops),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    names = ("tokenize", "detokenize", "serving_default")
    apart = TextModel({name: interpreter.get_signature_runner(name) for name in names})
    for text in sample_texts(40):
        ids = text_model.tokenize(text)
        assert apart.tokenize(text) == ids
        assert apart.detokenize(ids) == text_model.detokenize(ids)
    prompt = "The capital of France is"
    assert apart.complete(prompt) == text_model.complete(prompt)


def test_a_token_has_the_same_bits_in_any_chunk_and_in_a_decoding_batch(manifest: Manifest) -> None:
    shape = model_shape(manifest)
    runner = open_litert(MODEL, PackedWeights(ARTIFACTS, MODEL, manifest.sha256), shape, 2)
    text = np.random.Generator(np.random.PCG64(1)).integers(3, 49_000, 90).astype(np.int32)
    entry, _ = PrefixCache(shape, budget=0).acquire(text)
    whole = runner.prefill(entry, text, range(90)).copy()
    other, _ = PrefixCache(shape, budget=0).acquire(text)
    logits = [runner.prefill(other, part, range(len(part))).copy() for part in np.split(text, [37, 70])]
    assert np.array_equal(np.concatenate(logits), whole)
    assert np.array_equal(other.cached, entry.cached)
    cache = DecodeCache(shape, slots=3)
    cache.fit(90, 0)
    starts = [80, 5, 63]
    for slot, start in enumerate(starts):
        cache.load(slot, entry.cached[:, :start])
    for step in range(2):
        positions = [start + step for start in starts]
        assert np.array_equal(runner.decode(cache, text[positions].tolist(), positions), whole[positions])
    cache.load(0, entry.cached[:, :80])
    drafted = runner.extend(cache, text[80:84].tolist(), 80)
    assert np.array_equal(drafted.logits, whole[80:84])
