"""What the module shows in a page of the scripted service."""

from __future__ import annotations

from playwright.sync_api import Page

SHOWS = """text => {
    const block = document.querySelector("autocomplete-ghost").shadowRoot.querySelector(".ghost");
    const drawn = block.hidden ? "" : block.textContent.replace("\\u200b", "");
    return drawn === text && attachment.text === text;
}"""


def expect_ghost(page: Page, text: str) -> None:
    """Wait until exactly this is suggested, and drawn."""
    page.wait_for_function(SHOWS, arg=text, timeout=5000)


def settle(page: Page) -> None:
    """Wait until no request is in flight and what it brought is drawn."""
    page.wait_for_function("inFlight === 0", timeout=10_000)
    page.evaluate("new Promise(requestAnimationFrame)")


def value(page: Page) -> str:
    """The field's text."""
    text: str = page.evaluate("attachment.field.text()")
    return text
