"""The documentation pages with the network cut: every other host is a failure (see `open_page`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

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
    page.goto(f"{url}/redoc")
    expect(page.locator('[id="tag/completion/operation/complete"]')).to_contain_text("/complete")
    page.screenshot(path=screenshots / "redoc.png")
