"""The plain page of examples/, from another origin than the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, expect

from tests.fakes import FakeEngine

EXAMPLES = Path(__file__).parents[2] / "examples"
FOX = " jumps over"


@pytest.fixture
def origin() -> Iterator[str]:
    """A server of the examples' folder."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(EXAMPLES))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_of_an_origin_that_cors_names_is_completed(
    browser: Browser, listen: Callable[..., str], origin: str
) -> None:
    url = listen(FakeEngine(scripts=[FOX]), cors_origins=(origin,))
    page = browser.new_page()
    page.goto(f"{origin}/page.html?service={url}")
    page.wait_for_function("() => Boolean(customElements.get('autocomplete-text'))")
    for field in page.locator("input, textarea").all():
        field.press_sequentially("The fox")
        ghost = field.locator("xpath=following-sibling::*[1]").locator(".ghost")
        expect(ghost).to_be_visible()
        expect(ghost).to_have_text(FOX.strip())
        page.keyboard.press("Tab")
        expect(field).to_have_value("The fox" + FOX)
    assert page.locator("input, textarea").count() == 3
    page.close()


def test_a_page_of_another_origin_is_refused(
    browser: Browser, listen: Callable[..., str], origin: str
) -> None:
    url = listen(cors_origins=("https://a.example",))
    page = browser.new_page()
    with page.expect_event("pageerror") as fault:
        page.goto(f"{origin}/page.html?service={url}")
    assert "Failed to fetch dynamically imported module" in str(fault.value)
    page.close()
