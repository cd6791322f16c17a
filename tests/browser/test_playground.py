"""The playground, as a person uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.fakes import FakeEngine

Listen = Callable[..., str]
START = "The quick brown fox"
FOX = " jumps over the lazy dog."


def playground(open_page: OpenPage, url: str, **window: object) -> Page:
    page = open_page(url, **window)
    page.goto(url)
    expect(page.locator("#model")).to_contain_text("tiny")
    return page


def write(page: Page, words: str = START) -> None:
    page.locator("#text").press_sequentially(words)


def ghost(page: Page, words: str = FOX) -> None:
    expect(page.locator("#ghost")).to_have_text(words, use_inner_text=False)


@pytest.fixture
def page(listen: Listen, open_page: OpenPage) -> Page:
    return playground(open_page, listen())


def test_ghost_text_appears_after_a_pause_and_tab_accepts_it(page: Page, screenshots: Path) -> None:
    write(page)
    page.screenshot(path=screenshots / "typing.png")
    ghost(page)
    page.screenshot(path=screenshots / "ghost.png")
    page.keyboard.press("Tab")
    expect(page.locator("#text")).to_have_value(START + FOX)
    expect(page.locator("#text")).to_be_focused()
    page.screenshot(path=screenshots / "accepted.png")


def test_escape_dismisses(page: Page) -> None:
    write(page)
    ghost(page)
    page.keyboard.press("Escape")
    ghost(page, "")
    expect(page.locator("#text")).to_have_value(START)


@pytest.mark.parametrize("key", ["Control+ArrowRight", "Alt+ArrowRight"])
def test_a_word_is_accepted(page: Page, key: str) -> None:
    write(page)
    ghost(page)
    page.keyboard.press(key)
    expect(page.locator("#text")).to_have_value(START + " jumps")
    ghost(page, " over the lazy dog.")


def test_typing_along_keeps_the_rest_and_other_typing_drops_it(page: Page) -> None:
    write(page)
    ghost(page)
    page.keyboard.type(" ju")
    ghost(page, "mps over the lazy dog.")
    page.keyboard.type("x")
    expect(page.locator("#ghost")).not_to_contain_text("mps over")


def test_what_was_accepted_can_be_undone(page: Page) -> None:
    write(page)
    ghost(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Control+z")
    expect(page.locator("#text")).to_have_value(START)


def test_tab_moves_on_when_there_is_nothing_to_accept(page: Page) -> None:
    write(page)
    ghost(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(page.locator("#another")).to_be_focused()


def test_every_control_is_reached_by_keyboard(page: Page) -> None:
    page.locator("#text").focus()
    reached = []
    for _ in range(11):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    starters = page.locator("#starters button").all_text_contents()
    assert reached[:3] == starters
    assert reached[3:9] == ["another", "copy", "clear", "window", "temperature", "length"]
    assert reached[9:] == ["Try the API", "Reference"]


def test_a_new_suggestion_is_asked_for(listen: Listen, open_page: OpenPage) -> None:
    page = playground(open_page, listen(FakeEngine(scripts=[" one", " two", " three"])))
    write(page)
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


def test_a_wait_is_shown(listen: Listen, open_page: OpenPage, screenshots: Path) -> None:
    page = playground(open_page, listen(FakeEngine(pause=30)))
    write(page)
    expect(page.locator(".waiting")).to_have_count(1)
    page.wait_for_timeout(900)
    page.screenshot(path=screenshots / "waiting.png")
    page.keyboard.press("Escape")
    expect(page.locator(".waiting")).to_have_count(0)


def test_what_the_window_dropped_is_said(page: Page) -> None:
    page.locator("#window").fill("8")
    write(page)
    expect(page.locator("#speed")).to_contain_text("11 oldest tokens not seen")


def test_clear_empties_the_text(page: Page) -> None:
    write(page)
    page.locator("#clear").click()
    expect(page.locator("#text")).to_have_value("")
    ghost(page, "")


def test_copy_puts_the_text_on_the_clipboard(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    write(page)
    page.locator("#copy").click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == START


def test_the_sliders_begin_at_the_models_defaults_and_reach_the_engine(
    listen: Listen, open_page: OpenPage
) -> None:
    engine = FakeEngine()
    page = playground(open_page, listen(engine, default_temperature=0.3))
    assert [page.locator(f"#{name}").input_value() for name in ("window", "temperature")] == ["128", "0.3"]
    page.locator("#window").fill("8")
    page.locator("#temperature").fill("1.5")
    write(page)
    ghost(page)
    assert bytes(engine.generations[-1].prompt).decode() == START[-8:]
    assert engine.generations[-1].sampling.temperature == 1.5


def test_speed_and_time_to_the_first_token_are_shown(page: Page) -> None:
    write(page)
    ghost(page)
    expect(page.locator("#speed")).to_contain_text("tokens/s")
    expect(page.locator("#speed")).to_contain_text("ms")


def test_a_rejected_prompt_is_explained(page: Page, screenshots: Path) -> None:
    write(page, "what the fuck")
    expect(page.get_by_role("alert")).to_contain_text("The content filter rejects this text.")
    page.screenshot(path=screenshots / "rejected.png")
    page.keyboard.press("Backspace")
    expect(page.locator("#message")).to_be_hidden()


def test_a_key_press_cancels_the_running_request(listen: Listen, open_page: OpenPage) -> None:
    engine = FakeEngine(pause=0.2)
    page = playground(open_page, listen(engine))
    write(page)
    page.wait_for_function("() => document.getElementById('ghost').textContent.length > 0")
    assert engine.running == 1
    page.keyboard.type("!")
    ghost(page, "")
    page.wait_for_timeout(100)
    assert engine.running == 0


def test_text_is_never_read_as_markup(listen: Listen, open_page: OpenPage) -> None:
    page = playground(open_page, listen(FakeEngine(scripts=["<img src=x onerror=alert(1)>"])))
    write(page, "<b>bold</b>")
    ghost(page, "<img src=x onerror=alert(1)>")
    assert page.locator(".editor img, .editor b").count() == 0


def test_a_phones_width_fits_without_scrolling_sideways(
    listen: Listen, open_page: OpenPage, screenshots: Path
) -> None:
    page = playground(open_page, listen(), width=360)
    write(page)
    ghost(page)
    page.screenshot(path=screenshots / "phone.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_it_is_dark_where_the_system_is(listen: Listen, open_page: OpenPage, screenshots: Path) -> None:
    page = playground(open_page, listen(), dark=True)
    write(page)
    ghost(page)
    page.screenshot(path=screenshots / "dark.png")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 28)"


def test_the_first_paint_is_soon_and_the_page_weighs_at_most_60_kb(page: Page) -> None:
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    paint, loaded = page.evaluate(
        """[
            performance.getEntriesByName('first-contentful-paint')[0].startTime,
            [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
                .map(entry => [new URL(entry.name).pathname, entry.transferSize]),
        ]"""
    )
    weight = sum(size for _, size in loaded)
    print(f"first contentful paint {paint:.0f} ms, {weight} bytes: {loaded}")
    assert {"/", "/static/playground.css", "/static/playground.js", "/model"} <= {name for name, _ in loaded}
    assert 0 < weight <= 60_000
    assert paint < 1000
