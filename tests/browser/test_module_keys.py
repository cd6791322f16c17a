"""What the keys do while a suggestion is shown, and that they are left alone while none is."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenField
from tests.browser.ghost import expect_ghost, settle, value
from tests.browser.scripted_service import ScriptedService, continuation

FOX = " jumps over the lazy dog."
TWO_FIELDS = '<textarea class="field"></textarea><button id="next">Next</button>'


def once(scripted: ScriptedService, text: str = FOX, prompt: str = "a", **choice: object) -> None:
    """Script a suggestion for one text, and none for others."""
    scripted.answer = lambda body: (
        continuation(text, **choice) if body["prompt"] == prompt else continuation("")
    )


def test_tab_accepts_all_and_the_next_suggestion_is_asked_for(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.press("Tab")
    assert value(page) == "a" + FOX
    expect_ghost(page, FOX)
    assert scripted.prompts == ["a", "a" + FOX]
    expect(page.locator(".field")).to_be_focused()


def test_tab_moves_on_where_nothing_is_suggested(scripted: ScriptedService, open_field: OpenField) -> None:
    once(scripted)
    page = open_field(TWO_FIELDS)
    page.keyboard.type("b")
    settle(page)
    page.keyboard.press("Tab")
    expect(page.locator("#next")).to_be_focused()


def test_tab_with_shift_moves_back_and_accepts_nothing(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field('<button id="before">Before</button><textarea class="field"></textarea>')
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#before")).to_be_focused()
    assert value(page) == "a"
    expect_ghost(page, "")


@pytest.mark.parametrize("key", ["Control+ArrowRight", "Alt+ArrowRight"])
def test_a_word_is_accepted_and_the_rest_stays_without_a_request(
    scripted: ScriptedService, open_field: OpenField, key: str
) -> None:
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.press(key)
    expect_ghost(page, " over the lazy dog.")
    page.keyboard.press(key)
    expect_ghost(page, " the lazy dog.")
    assert value(page) == "a jumps over"
    assert scripted.prompts == ["a"]


@pytest.mark.parametrize(
    ("typed", "suggestion", "word"),
    [
        ("Fra", "nce is large", "nce"),
        ("It is 3", ".14 or so", ".14"),
        ("I can", "'t go", "'t"),
        ("Yes", ", of course", ", of"),
        ("Hello", "\n\nDear all", "\n\nDear"),
        ("我们", "明天去北京", "明天"),
        ("ฉัน", "กินข้าว", "กิน"),
        ("the end", "...", "..."),
    ],
)
def test_a_word_is_unicodes(
    scripted: ScriptedService, open_field: OpenField, typed: str, suggestion: str, word: str
) -> None:
    once(scripted, suggestion, typed)
    page = open_field()
    page.keyboard.insert_text(typed)
    expect_ghost(page, suggestion)
    page.keyboard.press("Control+ArrowRight")
    assert value(page) == typed + word


def test_a_word_is_found_without_the_browsers_segmenter(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.evaluate("delete Intl.Segmenter")
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.press("Control+ArrowRight")
    assert value(page) == "a jumps"


def test_escape_is_quiet_for_that_text_and_the_next_key_asks(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.press("Escape")
    expect_ghost(page, "")
    page.keyboard.type("b")
    expect_ghost(page, FOX)
    page.keyboard.press("Backspace")
    expect_ghost(page, "")
    settle(page)
    assert scripted.prompts == ["a", "ab"]


def test_escape_reaches_the_page_where_nothing_is_suggested(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.evaluate("window.pressed = []; addEventListener('keydown', event => pressed.push(event.key))")
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.evaluate("pressed") == ["a", "Escape"]


def test_what_was_accepted_can_be_undone_and_is_suggested_again_without_a_request(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    once(scripted)
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.press("Tab")
    settle(page)
    page.keyboard.press("Control+z")
    expect_ghost(page, FOX)
    assert value(page) == "a"
    page.keyboard.press("Control+Shift+z")
    assert value(page) == "a" + FOX
    assert scripted.prompts == ["a", "a" + FOX]


def test_a_browser_without_execcommand_writes_too_and_tells_the_page(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    once(scripted)
    page = open_field()
    page.evaluate("document.execCommand = () => false; window.inputs = 0")
    page.evaluate("document.querySelector('.field').addEventListener('input', () => inputs += 1)")
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.press("Tab")
    assert value(page) == "a" + FOX
    assert page.evaluate("inputs") == 2


ALTERNATIVES = [{"text": " runs", "confidence": 0.4}, {"text": " sits", "confidence": 0.1}]


@pytest.mark.parametrize(("onward", "back"), [("Alt+]", "Alt+["), ("ArrowDown", "ArrowUp")])
def test_alternatives_are_cycled_and_the_chosen_one_is_accepted(
    scripted: ScriptedService, open_field: OpenField, onward: str, back: str
) -> None:
    once(scripted, confidence=0.8, alternatives=ALTERNATIVES)
    page = open_field(options={"request": {"alternatives": 2}})
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    for key, ghost in [(onward, " runs"), (onward, " sits"), (onward, FOX), (back, " sits")]:
        page.keyboard.press(key)
        expect_ghost(page, ghost)
    page.keyboard.type(" s")
    expect_ghost(page, "its")
    page.keyboard.press("Tab")
    assert value(page) == "a sits"
    settle(page)
    assert scripted.prompts == ["a", "a sits"]
    assert scripted.asked[0]["alternatives"] == 2


def test_arrows_move_the_caret_where_there_is_nothing_to_choose(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.keyboard.type("one\na")
    expect_ghost(page, FOX)
    page.keyboard.press("ArrowUp")
    expect_ghost(page, "")
    assert page.evaluate("document.querySelector('.field').selectionStart") == 1


def test_a_key_that_agrees_with_a_sure_alternative_shows_it_at_once_and_with_an_unsure_one_asks(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    once(scripted, confidence=0.5, alternatives=ALTERNATIVES)
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.type(" r")
    expect_ghost(page, "uns")
    assert scripted.prompts == ["a"]
    page.keyboard.press("Backspace")
    page.keyboard.type("s")
    expect_ghost(page, "")
    settle(page)
    assert scripted.prompts == ["a", "a s"]


def test_counters_say_what_was_shown_accepted_and_kept(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    once(scripted)
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.press("Tab")
    settle(page)
    assert page.evaluate("attachment.counters") == {
        "keys": 1, "requests": 2, "shown": 1, "accepted": 1, "kept": 1,
    }  # fmt: skip
    page.keyboard.press("Backspace")
    assert page.evaluate("[attachment.counters.accepted, attachment.counters.kept]") == [1, 0]


def test_after_detach_nothing_is_asked_and_nothing_is_left_in_the_page(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    before = page.evaluate("document.body.childElementCount")
    page.evaluate("attachment.detach()")
    page.keyboard.type("a")
    page.evaluate("new Promise(requestAnimationFrame)")
    assert scripted.asked == []
    assert page.evaluate("document.body.childElementCount") == before - 1
    assert page.locator("[aria-autocomplete]").count() == 0
