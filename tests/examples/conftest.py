"""The examples that npm packages make, bundled by esbuild; `make test-examples` installs both."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import browser
from tests.browser.scripted_service import ScriptedService

__all__ = ["browser"]

EXAMPLES = Path(__file__).parents[2] / "examples"
BUNDLES = Path(__file__).parents[1] / "artifacts" / "examples"

OpenExample = Callable[[str], Page]


@pytest.fixture
def scripted() -> ScriptedService:
    """Serves the bundles, and answers as a test scripts it once it runs."""
    return ScriptedService(files=BUNDLES, body='<div id="root" style="height: 20rem"></div>')


@pytest.fixture
def bundle() -> Callable[[str], None]:
    """Bundles an example into what the service serves."""

    def bundled(name: str) -> None:
        esbuild = EXAMPLES / "node_modules" / ".bin" / "esbuild"
        output = BUNDLES / f"{Path(name).stem}.js"
        options = [
            "--bundle",
            "--jsx=automatic",
            "--loader:.ttf=dataurl",
            "--log-level=error",
            f"--outfile={output}",
        ]
        subprocess.run([esbuild, EXAMPLES / name, *options], check=True)

    return bundled
