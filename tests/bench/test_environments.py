from __future__ import annotations

from pathlib import Path

import pytest

from bench.environments import Environment


def test_an_environment_that_is_not_installed_says_what_to_do(tmp_path: Path) -> None:
    missing = Environment(tmp_path / "venv", ("numpy",))
    assert not missing.ready
    assert missing.versions() == {}
    with pytest.raises(RuntimeError, match=r"tool is not installed: make .*venv/\.ready"):
        missing.file("package/tool")


def test_files_of_packages_are_found(tmp_path: Path) -> None:
    place = tmp_path / "lib/python3.11/site-packages/package"
    place.mkdir(parents=True)
    (place / "tool").touch()
    (tmp_path / ".ready").touch()
    installed = Environment(tmp_path, ())
    assert installed.ready
    assert installed.file("package/tool") == place / "tool"
