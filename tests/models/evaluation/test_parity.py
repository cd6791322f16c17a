from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rich.console import Console

from app.errors import ModelRefusedError
from app.model.manifest import write_manifest
from models.checkpoint.architecture import Checkpoint
from models.checkpoint.vocabulary import Vocabulary
from models.evaluation import parity as verification
from models.evaluation.parity import Agreement, verify
from models.evaluation.reference_tokenizer import source_tokenizer
from models.evaluation.samples import PROMPTS
from models.progress import Stages
from tests.tiny import (
    TOY_VOCABULARY,
    TinyModel,
    build_tiny,
    gguf_fields,
    gguf_tensors,
    tiny_checkpoint,
    write_gguf,
)


@pytest.fixture(scope="module")
def toy(text_ops: Path, tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    return build_tiny(tmp_path_factory.mktemp("toy"), tiny_checkpoint("llama", TOY_VOCABULARY), text_ops)


def source(folder: Path, checkpoint: Checkpoint) -> Path:
    return write_gguf(folder / "toy.gguf", gguf_fields(checkpoint), gguf_tensors(checkpoint))


def stages() -> Stages:
    return Stages(3, Console(quiet=True))


def test_a_float32_file_agrees_with_its_source_in_everything(toy: TinyModel, tmp_path: Path) -> None:
    found = verify(toy.path, source(tmp_path, toy.checkpoint), 100, stages())
    assert found.tokens > 10 * len(PROMPTS)
    assert found == Agreement(100, 100, len(PROMPTS), len(PROMPTS), found.tokens, found.tokens)


def test_other_weights_do_not_agree(toy: TinyModel, tmp_path: Path) -> None:
    other = tiny_checkpoint("llama", TOY_VOCABULARY, seed=2)
    found = verify(toy.path, source(tmp_path, other), 40, stages())
    assert (found.texts, found.texts_equal) == (40, 40)
    assert found.prompts_equal == 0
    assert found.tokens_equal < 0.2 * found.tokens


def test_another_tokenizer_does_not_agree(
    toy: TinyModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unmerged = Vocabulary(TOY_VOCABULARY.tokens, (), TOY_VOCABULARY.specials, digits=True)
    oracle = source_tokenizer(None, unmerged)
    monkeypatch.setattr(verification, "source_tokenizer", lambda source, vocabulary: oracle)
    found = verify(toy.path, source(tmp_path, toy.checkpoint), 100, stages())
    assert 0 < found.texts_equal < 100


def test_a_file_that_is_not_the_manifests_is_refused(toy: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / toy.path.name
    shutil.copy(toy.path, path)
    write_manifest(toy.manifest.model_copy(update={"sha256": "0" * 64}), tmp_path)
    with pytest.raises(ModelRefusedError, match="its sha256 is"):
        verify(path, source(tmp_path, toy.checkpoint), 40, stages())


def test_tokens_count_up_to_the_first_difference(
    toy: TinyModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = [[1, 2, 3, 4], [1, 2], [5], [1, 2, 3]]
    wanted = [[1, 2, 9, 4], [1, 2], [6], [1, 2]]
    monkeypatch.setattr(verification, "PROMPTS", ("a", "b", "c", "d"))
    monkeypatch.setattr(verification, "_greedy", lambda *arguments: found)
    monkeypatch.setattr(verification, "_reference", lambda *arguments: wanted)
    agreement = verify(toy.path, source(tmp_path, toy.checkpoint), 40, stages())
    assert (agreement.prompts, agreement.prompts_equal) == (4, 1)
    assert (agreement.tokens, agreement.tokens_equal) == (9, 2 + 2 + 0 + 2)
