"""Tokenizer, tiny model and service on an emulated arm64 processor give what they give on this one."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.model.manifest import read_manifest
from models.evaluation.samples import sample_texts
from tests.arm64.emulated import ROOT, Emulated, make_emulated, place_model
from tests.conftest import ARTIFACTS
from tests.service_process import end, free_port, service_process, wait_until
from tests.tiny import TOY_VOCABULARY, gguf_fields, gguf_tensors, tiny_checkpoint, write_gguf

pytestmark = pytest.mark.timeout(3600)

MODEL = ARTIFACTS / "autocomplete.tflite"
SIZES = ("--sequence-length", "128", "--serving-window", "40", "--serving-tokens", "24", "--no-quality")
GREEDY = ("the cat", "--temperature", "0", "--max-tokens", "12")
ASKED = {"prompt": "The capital of France is", "max_tokens": 12}
PATIENTLY = ("-m", "tests.arm64.patiently")
SLOW = {"AUTOCOMPLETE_REQUEST_TIMEOUT_SECONDS": "1200"}
UNGUARDED = {"AUTOCOMPLETE_PROFANITY": "off"}
"""Random weights may write anything."""


@pytest.fixture(scope="module")
def emulated() -> Emulated:
    return make_emulated(ROOT / "tests/artifacts/arm64")


@pytest.fixture(scope="module")
def model(emulated: Emulated) -> str:
    """The real file's path there."""
    return place_model(MODEL, emulated)


@pytest.fixture(autouse=True)
def timed(request: pytest.FixtureRequest, model: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f" {time.monotonic() - began:.0f} s", end="")


def here(*arguments: str, given: str = "") -> str:
    """What Python prints on this machine's processor."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | UNGUARDED,
        input=given,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return done.stdout


def test_the_processor_is_another(emulated: Emulated) -> None:
    code = "import platform; print(platform.machine(), *platform.python_version_tuple()[:2])"
    assert emulated.run("-c", code) == "aarch64 3 13\n"


def test_token_ids_and_their_texts_are_the_same(emulated: Emulated, model: str) -> None:
    texts = json.dumps(sample_texts(300))
    there = json.loads(emulated.run("-m", "tests.arm64.tokens", model, given=texts))
    assert there == json.loads(here("-m", "tests.arm64.tokens", str(MODEL), given=texts))
    assert len(there) == 300


def test_a_tiny_model_is_built_and_completes_alike(emulated: Emulated, model: str, tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama", TOY_VOCABULARY)
    source = emulated.project / "Toy.F32.gguf"
    write_gguf(source, gguf_fields(checkpoint), gguf_tensors(checkpoint))
    (tmp_path / "downloads").symlink_to(ARTIFACTS / "downloads")
    built, ours = Path(model).with_name("toy.tflite"), tmp_path / "toy.tflite"
    emulated.run("-m", "models", "build", "--source", source.name, "--output", str(built), *SIZES)
    here("-m", "models", "build", "--source", str(source), "--output", str(ours), *SIZES)
    theirs = read_manifest(emulated.folder / "root" / built.relative_to("/"))
    platform = {"sha256", "tools", "text_ops"}  # each NumPy rounds sums in its own way
    assert theirs.model_dump(exclude=platform) == read_manifest(ours).model_dump(exclude=platform)
    complete = ("autocomplete_service", "complete", *GREEDY, "--model")
    found = emulated.run(*PATIENTLY, *complete, str(built), settings=SLOW | UNGUARDED)
    assert found == here("-m", *complete, str(ours))
    assert found.strip()


def test_the_service_answers_alike(emulated: Emulated, model: str) -> None:
    port = free_port()
    settings = SLOW | {"AUTOCOMPLETE_MODEL": model, "AUTOCOMPLETE_PORT": str(port)}
    server = subprocess.Popen(emulated.command(*PATIENTLY, "app"), env=emulated.environment(settings))
    try:
        wait_until(lambda: has_ended(server, 1) or status_of(port) == 200, 1200)
        there = complete(port)
    finally:
        end(server)
    with service_process() as service:
        ours = complete(service.address[1])
    assert there["choices"][0]["text"] == ours["choices"][0]["text"]
    assert there["usage"] == ours["usage"]
    assert server.returncode == 0


def has_ended(server: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ends in that time: the emulated service answers few questions a second."""
    with suppress(subprocess.TimeoutExpired):
        server.wait(seconds)
    return server.poll() is not None


def status_of(port: int) -> int:
    """Of the service's readiness; 0 while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def complete(port: int) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1200)
    try:
        connection.request("POST", "/complete", json.dumps(ASKED), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200, body
        return body
    finally:
        connection.close()
