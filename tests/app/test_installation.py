from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from app.installation import (
    ROOT,
    build_command,
    default_model,
    module_command,
    module_environment,
    product_version,
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    return tmp_path


def test_a_checkout_keeps_its_model_in_itself(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = Path("models/artifacts/autocomplete.tflite")
    assert default_model(checkout) == checkout / inside
    monkeypatch.chdir(checkout)
    assert default_model(checkout) == inside


def test_without_one_the_model_is_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/home/someone/data")
    assert default_model(tmp_path) == Path("/home/someone/data/autocomplete-service/autocomplete.tflite")


def test_the_version_is_pyprojects_or_the_installed_packages(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert product_version(checkout) == "1.2.3"
    monkeypatch.setattr(metadata, "version", {"autocomplete-service": "4.5.6"}.get)
    assert product_version(tmp_path / "site-packages") == "4.5.6"


def test_the_build_is_a_module_in_a_checkout_and_a_command_elsewhere(checkout: Path, tmp_path: Path) -> None:
    assert build_command(checkout) == "python -m models build"
    assert build_command(tmp_path / "site-packages") == "autocomplete build"


def test_a_module_is_this_projects_whatever_the_working_folder_has(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise RuntimeError('another project')")
    command = [*module_command("app.resources"), "argument"]
    subprocess.run(command, cwd=tmp_path, env=module_environment(), check=True)


def test_a_users_pythonpath_comes_behind_this_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/theirs", "", str(ROOT), "/more"]))
    assert module_environment()["PYTHONPATH"] == os.pathsep.join([str(ROOT), "/theirs", "/more"])
    monkeypatch.delenv("PYTHONPATH")
    assert module_environment()["PYTHONPATH"] == str(ROOT)
    assert module_environment()["PATH"] == os.environ["PATH"]


def test_a_module_runs_on_the_same_python() -> None:
    assert module_command("app") == (sys.executable, "-P", "-m", "app")
