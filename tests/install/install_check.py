"""The wheel on the other Pythons of this machine: help, build, complete, serve, beside other projects."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from app.installation import product_version
from app.model.manifest import read_manifest
from models.build import build
from models.options import BuildOptions
from models.progress import Stages
from tests.conftest import ARTIFACTS
from tests.install.pythons import find_pythons
from tests.service_process import end, free_port, wait_until
from tests.tiny import TOY_VOCABULARY, gguf_fields, gguf_tensors, tiny_checkpoint, write_gguf

ROOT = Path(__file__).parents[2]
RUNNING = f"3.{sys.version_info.minor}"
OTHERS = {version: path for version, path in find_pythons().items() if version != RUNNING}
SIZES = ("--sequence-length", "128", "--serving-window", "40", "--serving-tokens", "24", "--no-quality")
GREEDY = ("the cat", "--temperature", "0", "--max-tokens", "12")


@dataclass(frozen=True)
class Installed:
    """The wheel in an environment, with a data folder of its own and another project around it."""

    command: Path
    data: Path
    folders: tuple[Path, Path]

    def run(self, *arguments: str, folder: int = 0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.command, *arguments],
            cwd=self.folders[folder],
            env=self.environment(folder),
            capture_output=True,
            text=True,
        )

    def environment(self, folder: int) -> dict[str, str]:
        others = {"PYTHONPATH": str(self.folders[folder]), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        return os.environ | others | {"XDG_DATA_HOME": str(self.data), "AUTOCOMPLETE_PROFANITY": "off"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(Path(sys.executable), "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoint = tiny_checkpoint("llama", TOY_VOCABULARY)
    path = tmp_path_factory.mktemp("source") / "Toy.F32.gguf"
    return write_gguf(path, gguf_fields(checkpoint), gguf_tensors(checkpoint))


@pytest.fixture(scope="module", params=OTHERS or [RUNNING])
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """Packages named `app` and `models` lie in site-packages, and in one of two working folders."""
    root = tmp_path_factory.mktemp(f"python{request.param}")
    subprocess.run([OTHERS.get(request.param, sys.executable), "-m", "venv", root / "venv"], check=True)
    python = root / "venv/bin/python"
    hashed = ("--no-deps", "--require-hashes", "--only-binary=:all:")
    pip(python, "install", *hashed, "-r", str(ROOT / "locks/build.txt"))
    pip(python, "install", "--no-deps", str(wheel))
    (packages,) = (root / "venv/lib").glob("python*/site-packages")
    empty, project = root / "empty", root / "project"
    empty.mkdir()
    for folder in (packages, project):
        for name in ("app", "models"):
            (folder / name).mkdir(parents=True)
            (folder / name / "__init__.py").write_text("raise RuntimeError('another project')")
    downloads = root / "data/autocomplete-service/downloads"
    downloads.parent.mkdir(parents=True)
    downloads.symlink_to(ARTIFACTS / "downloads")
    return Installed(root / "venv/bin/autocomplete", root / "data", (empty, project))


def pip(python: Path, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


@pytest.fixture(scope="module")
def built(installed: Installed, source: Path) -> Path:
    """The model file in the user's data folder, built in a folder of another project."""
    done = installed.run("build", "--source", str(source), *SIZES, folder=1)
    assert done.returncode == 0, done.stderr
    return installed.data / "autocomplete-service/autocomplete.tflite"


def test_every_command_has_help(installed: Installed) -> None:
    assert installed.run("--version").stdout == f"autocomplete {product_version()}\n"
    for command in ((), ("serve",), ("complete",), ("build",), ("verify",), ("bench",)):
        done = installed.run(*command, "--help", folder=1)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Usage: " in done.stdout


def test_a_missing_model_is_one_line(installed: Installed) -> None:
    done = installed.run("complete", "x", "--model", "missing.tflite")
    error = "missing.manifest.json: not found; build the model with: autocomplete build\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", error)


def test_the_file_is_as_this_python_builds_it(built: Path, source: Path, tmp_path: Path) -> None:
    options = BuildOptions(
        source, tmp_path / built.name, 128, serving_window=40, serving_tokens=24, quality_tokens=0
    )
    (tmp_path / "downloads").symlink_to(ARTIFACTS / "downloads")
    ours = build(options, Stages(4, Console(quiet=True)))
    rounded = {"sha256", "tools"}  # each NumPy has its own BLAS, which rounds sums in its own way
    assert read_manifest(built).model_dump(exclude=rounded) == ours.model_dump(exclude=rounded)


def test_it_completes_as_this_python_does(installed: Installed, built: Path) -> None:
    found = [installed.run("complete", *GREEDY, folder=folder) for folder in (0, 1)]
    assert [done.returncode for done in found] == [0, 0], found[0].stderr + found[1].stderr
    ours = subprocess.run(
        [sys.executable, "-m", "autocomplete_service", "complete", *GREEDY, "--model", str(built)],
        cwd=ROOT,
        env=os.environ | {"AUTOCOMPLETE_PROFANITY": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [done.stdout for done in found] == [ours.stdout] * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_in_a_folder_of_another_project(installed: Installed, built: Path, workers: int) -> None:
    port = free_port()
    server = subprocess.Popen(
        [installed.command, "serve", "--port", str(port), "--workers", str(workers)],
        cwd=installed.folders[1],
        env=installed.environment(1),
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: server.poll() is not None or ask(port, "GET", "/readyz")[0] == 200, 60)
        status, body = ask(port, "POST", "/complete", {"prompt": "the cat", "max_tokens": 4})
        assert (status, json.loads(body)["model"]) == (200, "toy")
    finally:
        end(server)
    assert server.returncode == 0


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """Status and body; status 0 while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()
