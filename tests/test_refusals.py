"""Damaged and foreign files end the start with one line of their own: never a signal, never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.tflite.graph import Graph, Op, Tensor
from tests.plugged import (
    Part,
    parts,
    toy_checkpoint,
    toy_executor,
    write_container,
    write_decoder,
    write_graph,
    write_whole,
)
from tests.tiny import TinyModel

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]

Spoil = Callable[[Path, TinyModel, Path], Path]
"""Makes the file: from a folder, a model of this project and a decoder that was exported elsewhere."""


def own(change: Callable[[bytes], bytes]) -> Spoil:
    """A model of this project whose bytes have changed since its manifest was written."""

    def spoil(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
        path = folder / tiny.path.name
        shutil.copy(tiny.path.with_suffix(".manifest.json"), folder)
        path.write_bytes(change(tiny.path.read_bytes()))
        return path

    return spoil


def other_manifest(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
    path = folder / "other.tflite"
    shutil.copy(tiny.path, path)
    shutil.copy(tiny.path.with_suffix(".manifest.json"), folder / "other.manifest.json")
    return path


def no_manifest(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
    return Path(shutil.copy(tiny.path, folder / "lost.tflite"))


def content(name: str, data: bytes) -> Spoil:
    def spoil(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return spoil


def custom(name: str) -> Spoil:
    """A text-to-text file with an operator that nothing here has."""

    def write(graph: Graph) -> Tensor:
        prompt = graph.input("prompt", [1], "string")
        return graph.operator(Op.CUSTOM, [prompt], [((1,), "string")], custom=name)[0]

    return lambda folder, tiny, decoder: write_graph(folder / "custom.tflite", "serving_default", write)


def no_signature(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
    return write_graph(folder / "odd.tflite", "classify", lambda graph: graph.input("x", [1, 4]) + 1.0)


def no_tokenizer_beside(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
    return Path(shutil.copy(decoder, folder / "decoder.tflite"))


def bool_mask(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
    mask = write_decoder(folder / "mask.tflite", toy_checkpoint(), mask_dtype="bool")
    return write_container(folder / "mask.litertlm", parts(mask))


def container(**changes: Part | None) -> Spoil:
    return lambda folder, tiny, decoder: write_container(folder / "toy.litertlm", parts(decoder, **changes))


def cut_container(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
    path = write_container(folder / "cut.litertlm", parts(decoder))
    path.write_bytes(path.read_bytes()[:-5000])
    return path


def npu(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
    items = {"model_type": "tf_lite_prefill_decode", "backend_constraint": "npu"}
    model: Part = ("TFLiteModel", items, decoder.read_bytes())
    return write_container(folder / "npu.litertlm", parts(decoder, model=model))


def embedder(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
    beside: Part = ("TFLiteModel", {"model_type": "tf_lite_embedder"}, decoder.read_bytes())
    return write_container(folder / "embedder.litertlm", parts(decoder, beside=beside))


def too_new(folder: Path, tiny: TinyModel, decoder: Path) -> Path:
    """A text-to-text file whose tables read well, with an operator of a version that is not there yet."""

    def write(graph: Graph) -> Tensor:
        prompt = graph.input("prompt", [1], "string")
        return graph.operator(Op.RESHAPE, [prompt], [((1,), "string")], version=99)[0]

    return write_graph(folder / "new.tflite", "serving_default", write)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


SPOILED: dict[str, tuple[Spoil, str]] = {
    "cut": (own(lambda data: data[:-1]), "built or copied in part?"),
    "one bit flipped": (own(flipped), "its sha256 is"),
    "empty, with a manifest": (own(lambda data: b""), "0 bytes, the manifest says"),
    "another file's manifest": (other_manifest, "written for tiny.tflite, not for other.tflite"),
    "no manifest": (no_manifest, "built by this project, but lost.manifest.json is missing"),
    "missing": (lambda folder, tiny, decoder: folder / "no.tflite", "not found; build the model with"),
    "empty": (content("empty.tflite", b""), "not a TFLite model, or a damaged one"),
    "random bytes": (content("r.tflite", bytes(range(256)) * 40), "not a TFLite model, or a damaged one"),
    "a zip": (content("z.litertlm", b"PK\3\4" + b"\0" * 999), "it does not begin with LITERTLM"),
    "another version": (content("v.litertlm", b"LITERTLM\x07" + b"\0" * 99), "a container of version 7"),
    "a damaged header": (
        content("h.litertlm", b"LITERTLM\1" + b"\0" * 15 + b"\xff" * 99),
        "the container's header is damaged",
    ),
    "a container cut short": (cut_container, "copied in part?"),
    "Flex": (
        custom("FlexStringJoin"),
        "uses TensorFlow operators (FlexStringJoin) that need the Flex delegate",
    ),
    "an unknown operator": (custom("Mystery"), "uses custom operators that are not known: Mystery"),
    "no signature": (no_signature, "its signatures: classify"),
    "another mask": (bool_mask, "mask is bool [1, 1, 1, 256], not float32 [1, 1, 1, 256]"),
    "another accelerator": (npu, "its model is for npu; this service runs on the CPU"),
    "an external embedder": (embedder, "its decoder needs other models beside it (embedder)"),
    "no tokenizer": (container(tokenizer=None), "has no tokenizer"),
    "no tokenizer beside": (no_tokenizer_beside, "a decoder without a tokenizer"),
    "SentencePiece": (container(other=("SP_Tokenizer", {}, b"x")), "has a SentencePiece tokenizer"),
    "a damaged tokenizer": (
        container(tokenizer=("HF_Tokenizer_Zlib", {}, b"\0" * 99)),
        "the tokenizer's section is damaged",
    ),
    "local masks": (
        container(
            executor=(
                "ExecutorMetadataProto",
                {},
                toy_executor(lambda e: setattr(e.attention_mask_settings, "sliding_window_size", 64)),
            )
        ),
        "asks for local attention masks, which this service does not do",
    ),
    "no model inside": (
        container(model=("TFLiteModel", {}, b"no model here")),
        "not a TFLite model, or a damaged one",
    ),
    "an operator that is too new": (too_new, "Didn't find op for builtin opcode 'RESHAPE' version '99'"),
}


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_decoder(tmp_path_factory.mktemp("decoder-") / "decoder.tflite", toy_checkpoint())


@pytest.mark.parametrize("name", SPOILED)
def test_a_file_that_cannot_be_served_ends_the_start_with_its_own_line(
    name: str, tiny_model: TinyModel, decoder: Path, tmp_path: Path
) -> None:
    spoil, reason = SPOILED[name]
    path = spoil(tmp_path, tiny_model, decoder)
    environment = {
        "AUTOCOMPLETE_MODEL": str(path),
        "AUTOCOMPLETE_PORT": "0",
        "AUTOCOMPLETE_LOG_LEVEL": "error",
    }
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        timeout=60,
        text=True,
        check=False,
    )
    assert 1 <= done.returncode <= 127
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert str(path.parent) in last
    assert reason in last


def test_a_text_to_text_file_with_the_operators_of_tf_text_missing_is_refused(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "classic.tflite")
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=os.environ | {"AUTOCOMPLETE_MODEL": str(path), "AUTOCOMPLETE_PORT": "0"},
        stderr=subprocess.PIPE,
        timeout=60,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "TFText>" in done.stderr.splitlines()[-1]
