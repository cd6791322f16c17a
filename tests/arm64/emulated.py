"""Another processor on this machine: Debian's Python for arm64 on QEMU, with this project and its wheels."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from app.model.manifest import read_manifest, write_manifest
from models.downloads.text_ops import extract_text_ops
from models.downloads.wheels import LOCK

HERE = Path(__file__).parent.resolve()
ROOT = HERE.parents[1]
PYTHON = "3.13"
"""Debian 13's."""

ANY_PYTHON = "3.11"
"""What the pinned wheel of text operators is for; they depend on none."""

MARKERS = {
    "platform_machine": "aarch64",
    "sys_platform": "linux",
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
}
PLATFORMS = ("manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 42)))
EXACT = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary=:all:")
ENVIRONMENT = {"PATH": "/usr/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Emulated:
    """The folder that `root.sh` made; the project is in root/srv/autocomplete of it."""

    folder: Path

    @property
    def project(self) -> Path:
        return self.folder / "root/srv/autocomplete"

    def command(self, *arguments: str) -> list[str | Path]:
        """What runs Python there, on the processor of Amazon's and Ampere's machines."""
        return [HERE / "enter.sh", self.folder, "/usr/bin/python3", *arguments]

    def environment(self, settings: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            **ENVIRONMENT,
            "QEMU_CPU": "neoverse-n1",
            "PYTHONPATH": "/srv/autocomplete",
            **(settings or {}),
        }

    def run(self, *arguments: str, given: str = "", settings: Mapping[str, str] | None = None) -> str:
        """What Python prints there."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(settings),
            input=given,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def make_emulated(folder: Path) -> Emulated:
    """Unpacked once, with the wheels of the locks; the project's files are copied anew."""
    emulated = Emulated(folder)
    if not (folder / ".ready").exists():
        subprocess.run([HERE / "root.sh", folder], check=True)
        packages = folder / f"root/usr/local/lib/python{PYTHON}/dist-packages"
        pip(lines_of(ROOT / "locks/build.txt"), PYTHON, "install", "--no-compile", "--target", str(packages))
        (packages / "ai_edge_litert/libLiteRtWebGpuAccelerator.so").unlink(missing_ok=True)
        text_ops = [line for line in lines_of(LOCK) if line.startswith("tensorflow-text==")]
        pip(text_ops, ANY_PYTHON, "download", "--dest", str(folder / "downloads"))
        (folder / ".ready").touch()
    shutil.rmtree(emulated.project, ignore_errors=True)
    for name in ("app", "autocomplete_service", "locks", "models", "tests/arm64"):
        ignored = shutil.ignore_patterns("artifacts", "__pycache__")
        shutil.copytree(ROOT / name, emulated.project / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", emulated.project)
    return emulated


def place_model(model: Path, emulated: Emulated) -> str:
    """A copy of a built file, whose manifest names that platform's shared object; its path there."""
    folder = emulated.project / "models/artifacts"
    (folder / "downloads").mkdir(parents=True)
    (wheel,) = (emulated.folder / "downloads").glob("tensorflow_text-*.whl")
    os.link(wheel, folder / "downloads" / wheel.name)
    shutil.copy(model, folder)
    text_ops = extract_text_ops(wheel, folder / "text_ops")
    write_manifest(read_manifest(model).model_copy(update={"text_ops": text_ops}), folder)
    return f"/srv/autocomplete/models/artifacts/{model.name}"


def pip(requirements: list[str], python: str, *command: str) -> None:
    """Run this machine's pip for the other one and a version of Python."""
    tags = [
        "--implementation=cp",
        f"--python-version={python}",
        *(f"--platform={each}" for each in PLATFORMS),
    ]
    subprocess.run(
        [sys.executable, "-m", "pip", *command, *EXACT, *tags, "--requirement", "/dev/stdin"],
        input="\n".join(requirements),
        text=True,
        check=True,
    )


def lines_of(lock: Path) -> list[str]:
    """Requirements of a lock whose markers hold there, without them, and their hashes."""
    found = []
    for line in lock.read_text().replace("\\\n", " ").splitlines():
        if re.match(r"\w", line):
            text, *hashes = line.split(" --hash=")
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(MARKERS):
                requirement.marker = None
                found.append(" --hash=".join([str(requirement), *(each.strip() for each in hashes)]))
    return found
