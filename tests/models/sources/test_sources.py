"""Which checkpoint a model file is compared with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models import sources
from models.checkpoint.architecture import Checkpoint
from models.downloads import gemma
from models.errors import SourceError
from models.sources import DEFAULT, checkpoint_of, read_checkpoint
from tests.models.sources.test_hugging_face import write_folder
from tests.tiny import TOY_VOCABULARY, gguf_fields, gguf_tensors, tiny_checkpoint, write_gguf

TOY = tiny_checkpoint("llama", TOY_VOCABULARY)
MODEL = Path("models") / "toy.tflite"


def refuse(*_: object, **__: object) -> Checkpoint:
    raise AssertionError("nothing is to be fetched")


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Lets a toy be fetched under a file name; returns what a manifest calls it."""

    def fetch(file: str) -> str:
        path = write_gguf(tmp_path / file, gguf_fields(TOY), gguf_tensors(TOY))
        monkeypatch.setattr(sources, "default_checkpoint", lambda _: read_checkpoint(path))
        monkeypatch.setattr(sources, "fetch_gemma", lambda _, *, accepted: path)
        return read_checkpoint(path).source

    return fetch


@pytest.mark.parametrize("file", [DEFAULT, gemma.FILE])
def test_what_can_be_fetched_is_known_from_the_manifest(fetched: Callable[[str], str], file: str) -> None:
    source = fetched(file)
    assert checkpoint_of(MODEL, source, None).source == source


@pytest.mark.parametrize("file", [DEFAULT, gemma.FILE])
def test_another_file_of_the_same_name_is_not_taken_for_it(fetched: Callable[[str], str], file: str) -> None:
    fetched(file)
    other = f"{file} sha256:{'ab' * 32}"
    with pytest.raises(SourceError) as refusal:
        checkpoint_of(MODEL, other, None)
    assert str(refusal.value) == f"{MODEL}: built from {other}; say where that is: --source PATH"


def test_another_source_has_to_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "default_checkpoint", refuse)
    built_from = "qwen3-0.6b (Hugging Face directory)"
    with pytest.raises(
        SourceError, match=r"toy\.tflite: built from qwen3-0\.6b \(Hugging Face directory\); say"
    ):
        checkpoint_of(MODEL, built_from, None)
    path = write_gguf(tmp_path / "mine.gguf", gguf_fields(TOY), gguf_tensors(TOY))
    assert checkpoint_of(MODEL, built_from, path).name == "mine"


def test_hub_names_and_other_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"Qwen/Qwen3-0\.6B: if it is the name .*hf download Qwen/Qwen3-0\.6B"
    ):
        read_checkpoint(Path("Qwen/Qwen3-0.6B"))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(SourceError, match="build its folder: python -m models build --source "):
        read_checkpoint(tmp_path / "model.safetensors")


def test_a_pointer_of_git_lfs_is_named_wherever_a_file_is_read(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 270\n"
    folder = write_folder(tmp_path, TOY)
    for file in (folder / "model.safetensors", folder / "tokenizer.json", tmp_path / "toy.gguf"):
        content = file.read_bytes() if file.exists() else b""
        file.write_text(pointer)
        with pytest.raises(SourceError, match=f"{file.name}: it is a pointer of Git LFS .* git lfs pull"):
            read_checkpoint(file if file.suffix == ".gguf" else folder)
        file.write_bytes(content)


def test_an_address_is_not_fetched() -> None:
    with pytest.raises(SourceError, match="addresses are not fetched; fetch the model first"):
        read_checkpoint(Path("https://models.example/org/name"))


def test_a_split_file_says_how_to_join_it(tmp_path: Path) -> None:
    fields = gguf_fields(TOY) | {"split.no": 0, "split.count": 2, "split.tensors.count": 21}
    tensors = {name: each for name, each in gguf_tensors(TOY).items() if not name.startswith("blk.1")}
    path = write_gguf(tmp_path / "toy-00001-of-00002.gguf", fields, tensors)
    with pytest.raises(SourceError) as refusal:
        read_checkpoint(path)
    assert str(refusal.value) == (
        f"{path}: it is one of 2 files that a checkpoint was split into; join them and build the result: "
        "llama-gguf-split --merge FIRST-FILE JOINED-FILE"
    )
