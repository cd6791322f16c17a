"""Input methods: nothing is asked while a word is converted; a phone's keyboard composes all it types."""

from __future__ import annotations

from playwright.sync_api import CDPSession, Page

from tests.browser.conftest import OpenField
from tests.browser.ghost import expect_ghost, settle, value
from tests.browser.scripted_service import ScriptedService, continuation

FOX = " jumps over the lazy dog."
COMPOSING_KEY = {"type": "rawKeyDown", "windowsVirtualKeyCode": 229}


def compose(session: CDPSession, text: str) -> None:
    end = {"selectionStart": len(text), "selectionEnd": len(text)}
    session.send("Input.imeSetComposition", {"text": text, **end})


def input_method(page: Page) -> CDPSession:
    return page.context.new_cdp_session(page)


def test_while_an_input_method_composes_nothing_is_asked_or_shown_and_no_key_is_taken(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    session = input_method(page)
    page.evaluate("window.taken = []")
    page.evaluate("addEventListener('keydown', event => taken.push([event.key, event.defaultPrevented]))")
    for text in ("k", "か", "かn", "かん"):
        compose(session, text)
        expect_ghost(page, "")
    session.send("Input.dispatchKeyEvent", COMPOSING_KEY | {"key": "Process", "code": "Tab"})
    assert page.evaluate("taken") == [["Process", False]]
    assert scripted.prompts == ["a"]
    session.send("Input.insertText", {"text": "感"})
    expect_ghost(page, FOX)
    assert value(page) == "a感"
    assert scripted.prompts == ["a", "a感"]


def test_an_answer_that_comes_while_composing_is_not_shown(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.seconds = 0.3
    page = open_field()
    page.keyboard.type("a")
    compose(input_method(page), "か")
    settle(page)
    expect_ghost(page, "")
    assert page.evaluate("shown") == []


def test_a_phones_keyboard_composes_each_word_and_gets_suggestions_in_it(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 700})
    session = input_method(page)
    for text in ("f", "fo", "fox"):
        session.send("Input.dispatchKeyEvent", COMPOSING_KEY | {"key": "Unidentified", "code": ""})
        compose(session, text)
        expect_ghost(page, FOX)
    assert scripted.prompts == ["f", "fo", "fox"]


def test_a_phones_keyboard_that_agrees_with_the_ghost_asks_nothing(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: continuation("ox jumps"[len(body["prompt"]) - 1 :])
    page = open_field(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 700})
    session = input_method(page)
    for text, ghost in (("f", "ox jumps"), ("fo", "x jumps"), ("fox", " jumps")):
        session.send("Input.dispatchKeyEvent", COMPOSING_KEY | {"key": "Unidentified", "code": ""})
        compose(session, text)
        expect_ghost(page, ghost)
    assert scripted.prompts == ["f"]


def test_a_phones_kana_are_converted_before_they_are_asked_about(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 700})
    session = input_method(page)
    session.send("Input.dispatchKeyEvent", COMPOSING_KEY | {"key": "Unidentified", "code": ""})
    compose(session, "かん")
    settle(page)
    assert scripted.asked == []
    session.send("Input.insertText", {"text": "感"})
    expect_ghost(page, FOX)
    assert scripted.prompts == ["感"]


def test_on_a_phone_a_tap_on_the_ghost_accepts_it(scripted: ScriptedService, open_field: OpenField) -> None:
    page = open_field(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 700})
    page.keyboard.type("fox")
    expect_ghost(page, FOX)
    scripted.answer = lambda body: continuation("")
    page.locator("autocomplete-ghost").locator(".ghost span").tap()
    page.wait_for_function("text => attachment.field.text() === text", arg="fox" + FOX)
