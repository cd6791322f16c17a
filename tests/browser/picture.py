"""`python -m tests.browser.picture URL FILE`: the playground of a running service, for the README."""

from __future__ import annotations

import sys

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM

TEXT = "Dear Ms Miller,\n\nthank you for your letter. We would be happy to meet you at the beg"


def main(url: str, file: str) -> None:
    """Write a text, wait for a suggestion and take a picture of both."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 620})
        page.goto(url)
        page.locator("#text").press_sequentially(TEXT)
        page.keyboard.press("Control+Enter")
        page.locator("#words button").first.wait_for(timeout=60_000)
        page.screenshot(path=file)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
