"""What a person sees, and how often the service is asked, when it refuses or is not there."""

from __future__ import annotations

from typing import Any

from tests.browser.conftest import OpenField
from tests.browser.ghost import expect_ghost, settle
from tests.browser.scripted_service import ScriptedService, continuation, error

FOX = " jumps over the lazy dog."


def test_a_busy_service_is_asked_again_when_it_said_and_about_the_newest_text(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: error(429, "overloaded", {"Retry-After": "1"})
    page = open_field()
    page.keyboard.type("a")
    page.wait_for_function("errors.length === 1")
    page.keyboard.type("bc")
    scripted.answer = lambda body: continuation(FOX)
    expect_ghost(page, FOX)
    assert scripted.prompts == ["a", "abc"]
    assert page.evaluate("errors") == ["overloaded"]


def test_a_busy_service_is_asked_again_about_the_same_text(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    answers: list[Any] = [error(503, "not_ready", {"Retry-After": "0"}), continuation(FOX)]
    scripted.answer = lambda body: answers.pop(0)
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    assert scripted.prompts == ["a", "a"]


def test_without_a_key_it_asks_once_and_with_one_again(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: (
        continuation(FOX) if scripted.keys[-1] == "Bearer secret" else error(401, "unauthorized")
    )
    page = open_field()
    page.keyboard.type("a")
    page.wait_for_function("errors.length === 1")
    page.keyboard.type("bc")
    settle(page)
    assert scripted.prompts == ["a"]
    page.evaluate("attachment.configure({ key: 'secret' })")
    page.keyboard.type("d")
    expect_ghost(page, FOX)
    assert scripted.prompts == ["a", "abcd"]
    assert page.evaluate("errors") == ["unauthorized"]


def test_a_stopped_service_leaves_the_field_to_the_person_and_is_not_asked_at_each_key(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.route("**/complete", lambda route: route.abort("connectionrefused"))
    page.keyboard.type("abcdef")
    page.wait_for_function("errors.length === 1")
    assert page.evaluate("errors") == ["unreachable"]
    assert page.locator(".field").input_value() == "abcdef"
    assert page.evaluate("attachment.counters.requests") <= 6
    asked = page.evaluate("attachment.counters.requests")
    page.keyboard.type("gh")
    page.unroute("**/complete")
    expect_ghost(page, FOX)
    assert page.evaluate("attachment.counters.requests") == asked + 1
    assert scripted.prompts == ["abcdefgh"]


def test_a_refusal_by_the_guard_is_no_error_and_is_not_asked_again(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: (
        error(400, "content_filter") if body["prompt"].endswith("!") else continuation(FOX)
    )
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, FOX)
    page.keyboard.type("!")
    expect_ghost(page, "")
    settle(page)
    page.keyboard.type("b")
    expect_ghost(page, FOX)
    page.keyboard.press("Backspace")
    expect_ghost(page, "")
    assert scripted.prompts == ["a", "a!", "a!b"]
    assert page.evaluate("errors") == []


def test_a_failure_of_the_service_is_told_and_the_next_text_is_asked_about(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: error(500, "engine_failed") if body["prompt"] == "a" else continuation(FOX)
    page = open_field()
    page.keyboard.type("a")
    page.wait_for_function("errors.length === 1")
    page.keyboard.type("b")
    expect_ghost(page, FOX)
    assert page.evaluate("errors") == ["engine_failed"]


def test_half_a_character_is_not_shown(scripted: ScriptedService, open_field: OpenField) -> None:
    scripted.answer = lambda body: continuation(" caf\ufffd")
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, " caf")


def test_a_text_is_never_read_as_markup(scripted: ScriptedService, open_field: OpenField) -> None:
    scripted.answer = lambda body: continuation("<img src=x onerror=alert(1)>")
    page = open_field('<div class="field" contenteditable></div>')
    page.keyboard.type("<b>")
    expect_ghost(page, "<img src=x onerror=alert(1)>")
    page.keyboard.press("Tab")
    assert page.locator("img, b").count() == 0
