from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.manifest import (
    Manifest,
    manifest_path,
    read_manifest,
    verify_file,
    verify_text_ops,
    write_manifest,
)
from tests.fakes import tiny_manifest

CONTENT = bytes(range(250)) * 4


@pytest.fixture
def manifest() -> Manifest:
    return tiny_manifest().model_copy(
        update={"sha256": hashlib.sha256(CONTENT).hexdigest(), "bytes": len(CONTENT)}
    )


@pytest.fixture
def model(manifest: Manifest, tmp_path: Path) -> Path:
    """A model file and its manifest."""
    path = tmp_path / manifest.file
    path.write_bytes(CONTENT)
    write_manifest(manifest, tmp_path)
    return path


def test_a_manifest_is_read_as_it_was_written(model: Path, manifest: Manifest) -> None:
    assert manifest_path(model).name == "tiny.manifest.json"
    assert read_manifest(model) == manifest
    assert sorted(path.name for path in model.parent.iterdir()) == ["tiny.manifest.json", "tiny.tflite"]


def test_a_manifest_can_be_read_by_people(model: Path) -> None:
    text = manifest_path(model).read_text(encoding="utf-8")
    assert text.startswith('{\n  "format": 2,\n  "id": "tiny",\n  "file": "tiny.tflite",\n')
    assert text.endswith("}\n")


def test_the_right_file_passes(model: Path, manifest: Manifest) -> None:
    verify_file(model, manifest)


def test_a_missing_manifest_says_how_to_build_the_model(model: Path) -> None:
    manifest_path(model).unlink()
    with pytest.raises(ModelRefusedError, match=r"tiny\.manifest\.json: not found; build the model with: "):
        read_manifest(model)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 2}', "\x00"])
def test_what_is_no_manifest_is_refused_in_one_line(model: Path, text: str) -> None:
    manifest_path(model).write_text(text)
    with pytest.raises(
        ModelRefusedError, match=r"tiny\.manifest\.json: not a manifest of this service: "
    ) as caught:
        read_manifest(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"format": 1}, "format: Input should be 2"),
        ({"bytes": "many"}, "bytes: Input should be a valid integer"),
        ({"unknown": 1}, "unknown: Extra inputs are not permitted"),
        ({"end_ids": None}, "end_ids: Input should be a valid array"),
        ({"end_ids": [1, "x"]}, "end_ids.1: Input should be a valid integer"),
        ({"signatures": []}, "signatures: Input should be an object"),
    ],
)
def test_a_manifest_of_another_form_is_refused_by_the_field(
    model: Path, change: dict[str, object], fault: str
) -> None:
    path = manifest_path(model)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelRefusedError, match=f"not a manifest of this service: {fault}"):
        read_manifest(model)


def test_a_manifest_that_cannot_be_read_is_refused(model: Path) -> None:
    manifest_path(model).unlink()
    manifest_path(model).mkdir()
    with pytest.raises(ModelRefusedError, match="not a manifest of this service: Is a directory"):
        read_manifest(model)


def test_a_manifest_of_another_file_is_refused(model: Path) -> None:
    other = model.rename(model.with_name("other.tflite"))
    manifest_path(model).rename(manifest_path(other))
    with pytest.raises(ModelRefusedError, match=r"written for tiny\.tflite, not for other\.tflite"):
        read_manifest(other)


def test_a_missing_file_is_refused(model: Path, manifest: Manifest) -> None:
    model.unlink()
    with pytest.raises(ModelRefusedError, match=r"tiny\.tflite: No such file or directory"):
        verify_file(model, manifest)


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"\0"])
def test_a_file_of_another_size_is_refused(model: Path, manifest: Manifest, content: bytes) -> None:
    model.write_bytes(content)
    reason = rf"tiny\.tflite: {len(content)} bytes, the manifest says 1000: built or copied in part\?"
    with pytest.raises(ModelRefusedError, match=reason):
        verify_file(model, manifest)


@pytest.mark.parametrize("place", [0, 500, 999])
def test_one_flipped_bit_is_refused(model: Path, manifest: Manifest, place: int) -> None:
    content = bytearray(CONTENT)
    content[place] ^= 1
    model.write_bytes(content)
    with pytest.raises(
        ModelRefusedError, match=f"its sha256 is .*, the manifest says {manifest.sha256[:16]}"
    ):
        verify_file(model, manifest)


@pytest.fixture
def text_ops(tmp_path: Path) -> Path:
    """A folder with one shared object of the manifest's."""
    folder = tmp_path / "text_ops"
    folder.mkdir()
    (folder / "ops.so").write_bytes(CONTENT)
    return folder


def with_ops(manifest: Manifest) -> Manifest:
    return manifest.model_copy(update={"text_ops": {"ops.so": manifest.sha256, "LICENSE": "not loaded"}})


def test_shared_objects_that_are_the_manifests_pass(text_ops: Path, manifest: Manifest) -> None:
    verify_text_ops(text_ops, with_ops(manifest))


def test_a_shared_object_that_was_changed_is_refused(text_ops: Path, manifest: Manifest) -> None:
    (text_ops / "ops.so").write_bytes(CONTENT[1:])
    with pytest.raises(ModelRefusedError, match=r"text_ops/ops\.so: its sha256 is .*, the manifest says "):
        verify_text_ops(text_ops, with_ops(manifest))


def test_a_shared_object_that_is_missing_is_refused(text_ops: Path, manifest: Manifest) -> None:
    (text_ops / "ops.so").unlink()
    with pytest.raises(ModelRefusedError, match=r"text_ops/ops\.so: No such file or directory"):
        verify_text_ops(text_ops, with_ops(manifest))


def test_a_manifest_that_could_not_be_written_whole_is_not_there(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(manifest, tmp_path)

    def fail(path: Path, text: str) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="disk full"):
        write_manifest(manifest.model_copy(update={"id": "other"}), tmp_path)
    assert read_manifest(tmp_path / manifest.file) == manifest
