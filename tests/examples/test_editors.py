"""React, CodeMirror 6 and Monaco, completed as the examples do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.scripted_service import ScriptedService, continuation

FOX = " jumps over"
Bundle = Callable[[str], None]


@contextmanager
def example(name: str, browser: Browser, bundle: Bundle, service: ScriptedService) -> Iterator[Page]:
    bundle(name)
    stem = name.split(".")[0]
    service.answer = lambda body: continuation(FOX if body["prompt"] == "The fox" else "")
    service.body += (
        f'<link rel="stylesheet" href="/files/{stem}.css"><script src="/files/{stem}.js" defer></script>'
    )
    faults: list[str] = []
    with service.running():
        page = browser.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{service.url}/?service={service.url}")
        yield page
        page.close()
    assert set(faults) <= {"Canceled"}  # Monaco says so of each suggestion that it no longer waits for


def test_a_react_component_is_completed_and_its_state_follows(
    browser: Browser, bundle: Bundle, scripted: ScriptedService
) -> None:
    with example("react.jsx", browser, bundle, scripted) as page:
        page.locator("textarea").press_sequentially("The fox")
        expect(page.locator("autocomplete-ghost .ghost")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.locator("textarea")).to_have_value("The fox" + FOX)
        expect(page.locator("label")).to_contain_text("Letter, 18 characters")


def test_codemirror_shows_a_ghost_and_tab_accepts_it(
    browser: Browser, bundle: Bundle, scripted: ScriptedService
) -> None:
    with example("codemirror.js", browser, bundle, scripted) as page:
        editor = page.locator(".cm-content")
        editor.press_sequentially("The fox")
        expect(page.locator(".ghost")).to_have_text(FOX)
        page.keyboard.press("Escape")
        expect(page.locator(".ghost")).to_have_count(0)
        page.keyboard.type("x")
        page.keyboard.press("Backspace")
        expect(page.locator(".ghost")).to_have_text(FOX)
        page.keyboard.press("Tab")
        expect(page.locator(".ghost")).to_have_count(0)
        expect(editor).to_have_text("The fox" + FOX)
        page.keyboard.press("Control+z")
        expect(page.locator(".ghost")).to_have_text(FOX)


@pytest.mark.timeout(600)
def test_monaco_shows_a_ghost_and_tab_accepts_it(
    browser: Browser, bundle: Bundle, scripted: ScriptedService
) -> None:
    with example("monaco.js", browser, bundle, scripted) as page:
        page.locator(".monaco-editor .view-lines").click()
        page.keyboard.type("The fox")
        expect(page.locator(".ghost-text-decoration").first).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.locator(".view-lines")).to_have_text("The fox" + FOX)
