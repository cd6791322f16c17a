"""Debian's Chromium on the pages of the running service; every request to another host is a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests.app.conftest import compose, guard, listen
from tests.browser.scripted_service import ScriptedService

__all__ = ["compose", "guard", "listen"]

CHROMIUM = "/usr/bin/chromium"
SCREENSHOTS = Path(__file__).parents[1] / "artifacts"

OpenPage = Callable[..., Page]
OpenField = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens an address in a fresh window; at the end nothing may have failed or asked another host."""
    faults: list[str] = []
    pages: list[Page] = []

    def opened(url: str, *, width: int = 1000, dark: bool = False) -> Page:
        page = browser.new_page(
            viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light"
        )
        pages.append(page)

        def only_ours(route: Route) -> None:
            if route.request.url.startswith((url, "data:", "blob:")):
                route.continue_()
            else:
                faults.append(route.request.url)
                route.abort()

        page.route("**/*", only_ours)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield opened
    for page in pages:
        page.close()
    assert faults == []


@pytest.fixture(scope="session")
def screenshots() -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS


@pytest.fixture
def scripted() -> Iterator[ScriptedService]:
    """A running service, to be scripted before a page is opened."""
    service = ScriptedService()
    with service.running():
        yield service


@pytest.fixture
def open_field(browser: Browser, scripted: ScriptedService) -> Iterator[OpenField]:
    """Opens the scripted service's page, its field focused; `attachment` in the page holds the module."""
    contexts = []
    faults: list[str] = []

    def opened(body: str | None = None, options: dict[str, object] | None = None, **context: object) -> Page:
        scripted.body = body or scripted.body
        scripted.options = options or scripted.options
        contexts.append(browser.new_context(**context))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(scripted.url)
        page.wait_for_function("window.ready")
        page.locator(".field").focus()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
