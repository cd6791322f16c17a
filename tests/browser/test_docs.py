"""The documentation pages with the network cut: every other host is a failure (see `open_page`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import OpenPage

Listen = Callable[..., str]


def test_swagger_ui_shows_the_routes_and_tries_one(
    listen: Listen, open_page: OpenPage, screenshots: Path
) -> None:
    url = listen()
    page = open_page(url)
    page.goto(f"{url}/docs")
    route = page.locator("#operations-completion-complete")
    expect(route).to_contain_text("/complete")
    page.screenshot(path=screenshots / "docs.png", full_page=True)
    route.locator(".opblock-summary-control").click()
    route.get_by_role("button", name="Try it out").click()
    route.get_by_role("button", name="Execute").click()
    expect(route.locator(".live-responses-table")).to_contain_text("finish_reason")


def test_redoc_shows_the_routes(listen: Listen, open_page: OpenPage, screenshots: Path) -> None:
    url = listen()
    page = open_page(url)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{url}/redoc")
    expect(page.locator('[id="tag/completion/operation/complete"]')).to_contain_text("/complete")
    page.screenshot(path=screenshots / "redoc.png")
    assert [text for text in said if "Content Security Policy" in text] == []


def test_where_keys_are_configured_chromium_asks_for_one_and_the_docs_open(
    listen: Listen, browser: Browser
) -> None:
    url = listen(api_keys=("secret",))
    context = browser.new_context(http_credentials={"username": "me", "password": "secret"})
    page = context.new_page()
    page.goto(f"{url}/docs")
    expect(page.locator("#operations-completion-complete")).to_contain_text("/complete", timeout=30_000)
    context.close()
