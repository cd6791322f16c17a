"""The playground, as a person uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.fakes import FakeEngine

Listen = Callable[..., str]
START = "The quick brown fox"
FOX = " jumps over the lazy dog."
ALTERNATIVES = [{"text": " runs", "confidence": 0.25}, {"text": " sits", "confidence": 0.0625}]


HONOUR_ALL = """
    const ask = window.fetch;
    window.fetch = async (address, options) => {
        const answer = await ask(address, options);
        if (address !== "model" || !answer.ok) return answer;
        return Response.json({ ...await answer.json(), refused: [] });
    };
"""
"""Says in the page that the model file takes every field."""


def playground(open_page: OpenPage, url: str, **window: object) -> Page:
    page = open_page(url, **window)
    page.add_init_script(HONOUR_ALL)
    page.goto(url)
    expect(page.locator("#model")).to_contain_text("tiny")
    page.locator("#max_tokens").fill("64")
    return page


def write(page: Page, words: str = START) -> None:
    page.locator("#text").press_sequentially(words)


def ghost(page: Page, words: str = FOX) -> None:
    block = page.locator("autocomplete-ghost .ghost")
    if words:
        expect(block).to_be_visible()
        expect(block).to_have_text(words.strip())
    else:
        expect(block).to_be_hidden()


def answer_with(page: Page, text: str, **choice: Any) -> None:
    """Answer in the service's place, with what it says of a suggestion."""
    answer = {
        "choices": [{"index": 0, "text": text, "finish_reason": "length", **choice}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "cached_tokens": 11},
        "window": {"limit": 128, "dropped_tokens": 0, "truncated": False},
        "timings": {"queue_ms": 0.1, "prefill_ms": 4.0, "decode_ms": 20.0, "first_token_ms": 9.4},
    }
    page.route("**/complete", lambda route: route.fulfill(json=answer))


@pytest.fixture
def page(listen: Listen, open_page: OpenPage) -> Page:
    return playground(open_page, listen())


def test_ghost_text_appears_while_typing_and_tab_accepts_it(page: Page, screenshots: Path) -> None:
    write(page)
    ghost(page)
    page.screenshot(path=screenshots / "ghost.png")
    page.keyboard.press("Tab")
    expect(page.locator("#text")).to_have_value(START + FOX)
    expect(page.locator("#text")).to_be_focused()


def test_the_accept_button_accepts(page: Page) -> None:
    write(page)
    ghost(page)
    page.locator("#accept").click()
    expect(page.locator("#text")).to_have_value(START + FOX)
    expect(page.locator("#text")).to_be_focused()


def test_escape_dismisses(page: Page) -> None:
    write(page)
    ghost(page)
    page.keyboard.press("Escape")
    ghost(page, "")
    expect(page.locator("#text")).to_have_value(START)
    expect(page.locator("#accept")).to_be_disabled()


def test_alternatives_are_listed_with_their_confidence_and_a_click_chooses_one(
    page: Page, screenshots: Path
) -> None:
    answer_with(page, " jumps over", confidence=0.625, alternatives=ALTERNATIVES)
    write(page)
    words = page.locator("#words button")
    expect(words).to_have_count(3)
    assert words.all_text_contents() == ["jumps over63 %", "runs25 %", "sits6 %"]
    page.screenshot(path=screenshots / "alternatives.png")
    words.nth(2).click()
    ghost(page, " sits")
    expect(words.first).to_contain_text("sits")
    expect(words.first).to_have_attribute("aria-pressed", "true")
    page.locator("#accept").click()
    expect(page.locator("#text")).to_have_value(START + " sits")


def test_a_word_in_the_middle_is_listed_with_its_beginning(page: Page) -> None:
    answer_with(page, "mps over", confidence=0.5)
    write(page, START + " ju")
    expect(page.locator("#words button")).to_have_text("jumps over50 %")
    expect(page.locator("#words i")).to_have_text("ju")


def test_what_is_not_sure_enough_is_said_to_be_so(page: Page) -> None:
    answer_with(page, "", finish_reason="confidence")
    write(page)
    expect(page.locator("#nothing")).to_have_text("Not sure enough to be shown.")
    ghost(page, "")


def test_times_and_cached_tokens_are_shown(page: Page) -> None:
    answer_with(page, FOX)
    write(page)
    expect(page.locator("#speed")).to_contain_text(" ms · first token 9 ms · 11 of 12 tokens cached")


def test_saved_keys_are_counted(page: Page) -> None:
    write(page, "The fox")
    ghost(page)
    page.keyboard.press("Tab")
    saved = round(100 * (len(FOX) - 1) / (len("The fox") + len(FOX)))
    expect(page.locator("#saved")).to_have_text(f"{saved} % of the keys saved")


def test_every_control_is_reached_by_keyboard(page: Page) -> None:
    page.locator("#text").focus()
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    starters = page.locator("#starters button").all_text_contents()
    controls = ["another", "copy", "clear", "max_tokens", "min_confidence", "temperature"]
    assert reached == starters + controls


def test_a_new_suggestion_is_asked_for(listen: Listen, open_page: OpenPage) -> None:
    page = playground(open_page, listen(FakeEngine(scripts=[" one", " two", " three"])))
    write(page, "a")
    ghost(page, " one")
    page.locator("#another").click()
    ghost(page, " two")
    page.keyboard.press("Control+Enter")
    ghost(page, " three")


def test_an_empty_page_offers_beginnings(page: Page, screenshots: Path) -> None:
    page.screenshot(path=screenshots / "empty.png")
    starter = page.locator("#starters button").first
    words = starter.text_content()
    starter.click()
    expect(page.locator("#text")).to_have_value(words or "")
    ghost(page)
    expect(page.locator("#starters")).to_be_hidden()


def test_what_the_window_dropped_is_said(page: Page) -> None:
    write(page, START * 8)
    expect(page.locator("#speed")).to_contain_text("32 oldest tokens not seen")


def test_clear_empties_the_text_and_can_be_undone(page: Page) -> None:
    write(page)
    ghost(page)
    page.locator("#clear").click()
    expect(page.locator("#text")).to_have_value("")
    ghost(page, "")
    page.keyboard.press("Control+z")
    expect(page.locator("#text")).to_have_value(START)


def test_copy_puts_the_text_on_the_clipboard(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    write(page)
    page.locator("#copy").click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == START


def test_the_sliders_reach_the_service(page: Page) -> None:
    asked: list[dict[str, Any]] = []

    def note(route: Route) -> None:
        asked.append(json.loads(route.request.post_data or "{}"))
        route.continue_()

    page.route("**/complete", note)
    write(page, "a")
    page.wait_for_function("() => document.getElementById('speed').value")
    for name, value in (("max_tokens", "12"), ("min_confidence", "0.6"), ("temperature", "1.5")):
        page.locator(f"#{name}").fill(value)
    shown = [page.locator(f"#{name}-value").text_content() for name in ("max_tokens", "min_confidence")]
    write(page, "b")
    ghost(page, FOX[:12])
    assert {name: asked[0][name] for name in ("min_confidence", "temperature", "alternatives")} == {
        "min_confidence": 0.4,
        "temperature": 0,
        "alternatives": 2,
    }
    assert (asked[-1]["prompt"], asked[-1]["max_tokens"], asked[-1]["temperature"]) == ("ab", 12, 1.5)
    assert shown == ["12 tokens", "60 %"]


def test_a_slider_whose_field_the_model_file_cannot_honour_is_disabled(
    listen: Listen, open_page: OpenPage
) -> None:
    url = listen()
    page = open_page(url)
    page.goto(url)
    expect(page.locator("#min_confidence")).to_be_disabled()
    expect(page.locator("#temperature")).to_be_enabled()


def test_a_rejected_prompt_is_no_error(page: Page) -> None:
    write(page, "what the fuck")
    expect(page.locator("#nothing")).to_have_text("Nothing to suggest here.")
    expect(page.locator("#message")).to_be_hidden()
    ghost(page, "")


def test_a_busy_service_and_one_that_is_gone_are_named(page: Page, screenshots: Path) -> None:
    busy = {"error": {"code": "overloaded", "message": "the queue is full"}}
    page.route(
        "**/complete", lambda route: route.fulfill(status=429, headers={"Retry-After": "2"}, json=busy)
    )
    write(page, "a")
    expect(page.get_by_role("alert")).to_have_text("The service is busy. It is asked again in 2 s.")
    page.unroute("**/complete")
    ghost(page)
    expect(page.locator("#message")).to_be_hidden()
    page.route("**/complete", lambda route: route.abort())
    write(page, "b")
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached.")
    page.screenshot(path=screenshots / "gone.png")


def test_where_keys_are_configured_one_is_asked_for_and_kept_for_the_tab(
    listen: Listen, open_page: OpenPage, screenshots: Path
) -> None:
    url = listen(api_keys=("secret",))
    page = open_page(url)
    page.goto(url)
    key = page.get_by_label("This service asks for an API key")
    expect(key).to_be_focused()
    page.screenshot(path=screenshots / "login.png")
    key.fill("wrong")
    key.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The service does not accept this key.")
    key.fill("secret")
    key.press("Enter")
    expect(page.locator("#model")).to_contain_text("tiny")
    expect(key).to_be_hidden()
    page.locator("#max_tokens").fill("64")
    write(page)
    ghost(page)
    page.reload()
    expect(page.locator("#model")).to_contain_text("tiny")
    expect(key).to_be_hidden()


def test_a_phones_width_fits_without_scrolling_sideways(
    listen: Listen, open_page: OpenPage, screenshots: Path
) -> None:
    page = playground(open_page, listen(), width=360)
    page.screenshot(path=screenshots / "phone-empty.png")
    write(page)
    ghost(page)
    page.screenshot(path=screenshots / "phone.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_it_is_dark_where_the_system_is(listen: Listen, open_page: OpenPage, screenshots: Path) -> None:
    page = playground(open_page, listen(), dark=True)
    write(page)
    ghost(page)
    page.screenshot(path=screenshots / "dark.png")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 20, 23)"


def test_the_page_weighs_at_most_60_kb_when_it_is_painted(page: Page) -> None:
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
    paint, loaded = page.evaluate(
        """[
            performance.getEntriesByName('first-contentful-paint')[0].startTime,
            [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
                .map(entry => [new URL(entry.name).pathname, entry.transferSize]),
        ]"""
    )
    weight = sum(size for _, size in loaded)
    print(f"first contentful paint {paint:.0f} ms, {weight} bytes: {loaded}")
    names = {name for name, _ in loaded}
    assert {"/", "/static/playground.css", "/static/playground.js", "/autocomplete.js", "/model"} <= names
    assert 0 < weight <= 60_000
