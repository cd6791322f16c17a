"""When the module asks and what it shows while a person types."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.browser.conftest import OpenField
from tests.browser.ghost import expect_ghost, settle, value
from tests.browser.scripted_service import ScriptedService, continuation, error

LETTER = (
    "Dear Ms Miller, thank you for your letter of Monday. We have found the parcel, and it will be with you "
    "by the end of this week."
)
KEYS_A_SECOND = 12


def reader(text: str, wrong_every: int = 4) -> Any:
    """Knows what will be written, and is wrong at one caret in so many."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        at = len(body["prompt"])
        rest = text[at:] if text.startswith(body["prompt"]) else ""
        right = rest[:2] + rest[2:].split(" ")[0] + " "
        return continuation(" zebras" if at % wrong_every == 0 else right, confidence=0.8)

    return answer


def check_shown(scripted: ScriptedService, shown: list[tuple[str, str]]) -> None:
    """Everything that was shown continued the text that it stood behind, as one answer said."""
    told = {
        body["prompt"]: scripted.answer(body)["choices"][0]["text"]  # type: ignore[index]
        for body in scripted.asked
    }
    for before, ghost in shown:
        starts = [before[:length] for length in range(len(before) + 1)]
        assert any(start + told.get(start, "") == before + ghost for start in starts), (before, ghost)


def test_at_12_keys_a_second_one_request_is_in_flight_and_none_for_keys_that_the_ghost_agrees_with(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer, scripted.seconds = reader(LETTER), 0.03
    page = open_field()
    page.locator(".field").press_sequentially(LETTER, delay=1000 / KEYS_A_SECOND)
    settle(page)
    shown: list[tuple[str, str]] = [tuple(pair) for pair in page.evaluate("shown")]
    agreed = {
        before + ghost[0]
        for before, ghost in shown
        if len(ghost) > 1 and LETTER.startswith(before + ghost[0])
    }
    counters = page.evaluate("attachment.counters")
    share = 100 * counters["requests"] / counters["keys"]
    print(f"{share:.0f} requests per 100 keys, {len(agreed)} keys agreed with")
    assert counters["keys"] == len(LETTER)
    assert len(agreed) > len(LETTER) / 2
    assert agreed.isdisjoint(scripted.prompts)
    assert counters["requests"] <= len(LETTER) - len(agreed)
    assert page.evaluate("mostInFlight") == 1
    check_shown(scripted, shown)


def test_a_slow_service_is_asked_for_each_key_at_once_and_the_request_before_is_aborted(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.seconds = 0.5
    page = open_field()
    page.locator(".field").press_sequentially("The quick", delay=1000 / KEYS_A_SECOND)
    expect_ghost(page, " jumps over the lazy dog.")
    assert scripted.prompts == ["The quick"[:length] for length in range(1, 10)]
    assert page.evaluate("mostInFlight") == 1
    assert page.evaluate("shown") == [["The quick", " jumps over the lazy dog."]]


@pytest.mark.parametrize("seed", range(4))
def test_no_suggestion_is_shown_for_another_text_however_it_is_edited(
    scripted: ScriptedService, open_field: OpenField, seed: int
) -> None:
    scripted.answer = lambda body: continuation(f"{body['prompt'][-1:]}b c{len(body['prompt']) % 7} abc")
    draw = random.Random(seed)
    page = open_field()
    for _ in range(120):
        scripted.seconds = draw.choice([0, 0.01, 0.04])
        page.keyboard.press(
            draw.choice(
                [*"aabbcc  .", "Backspace", "ArrowLeft", "End", "Tab", "Control+ArrowRight", "Control+z"]
            )
        )
        page.locator(".field").focus()
        page.wait_for_timeout(draw.choice([0, 5, 60]))
    settle(page)
    shown = [tuple(pair) for pair in page.evaluate("shown")]
    assert len(shown) > 20
    assert page.evaluate("mostInFlight") == 1
    check_shown(scripted, shown)


def test_backspace_shows_again_what_was_known_and_asks_nothing(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: continuation(f" after {len(body['prompt'])}")
    page = open_field()
    for length, letter in enumerate("abc", 1):
        page.keyboard.type(letter)
        expect_ghost(page, f" after {length}")
    page.keyboard.press("Backspace")
    expect_ghost(page, " after 2")
    page.keyboard.press("Backspace")
    expect_ghost(page, " after 1")
    assert scripted.prompts == ["a", "ab", "abc"]


def test_of_a_pasted_text_of_20000_characters_only_the_tail_is_sent_cut_in_steps_of_1024(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    text = "".join(f"{number:05d} " for number in range(3333)) + "ok"
    page = open_field()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+v")
    expect_ghost(page, " jumps over the lazy dog.")
    page.keyboard.type("!?")
    expect_ghost(page, " jumps over the lazy dog.")
    assert value(page) == text + "!?"
    first, *others = scripted.prompts
    assert text.endswith(first)
    assert (len(text) - len(first)) % 1024 == 0
    assert 4096 - 1024 < len(first) <= 4096
    assert others == [first + "!", first + "!?"]


def test_characters_beyond_16_bits_are_counted_as_the_service_counts_them(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.evaluate("document.querySelector('.field').value = '😀'.repeat(5000)")
    page.keyboard.press("Control+End")
    page.keyboard.type("a")
    expect_ghost(page, " jumps over the lazy dog.")
    assert scripted.prompts == ["😀" * (5000 - 1024) + "a"]


def test_what_is_not_sure_enough_is_not_shown(scripted: ScriptedService, open_field: OpenField) -> None:
    scripted.answer = lambda body: continuation(" next", confidence=0.2 if body["prompt"] == "a" else 0.6)
    page = open_field()
    page.keyboard.type("a")
    settle(page)
    assert page.evaluate("shown") == []
    page.keyboard.type("b")
    expect_ghost(page, " next")
    assert [body["min_confidence"] for body in scripted.asked] == [0.4, 0.4]


def test_before_a_letter_nothing_is_asked_and_elsewhere_the_text_behind_the_caret_is_sent(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.locator(".field").fill("one (two) three")
    settle(page)
    scripted.asked.clear()
    for _ in "wo) three":
        page.keyboard.press("ArrowLeft")
    page.keyboard.type("x")
    settle(page)
    assert scripted.asked == []
    for _ in "wo":
        page.keyboard.press("ArrowRight")
    page.keyboard.type("!")
    expect_ghost(page, " jumps over the lazy dog.")
    assert [(body["prompt"], body["suffix"]) for body in scripted.asked] == [("one (txwo!", ") three")]


def test_moving_the_caret_hides_the_suggestion_and_asks_nothing(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.keyboard.type("The fox")
    expect_ghost(page, " jumps over the lazy dog.")
    asked = len(scripted.asked)
    page.keyboard.press("ArrowLeft")
    expect_ghost(page, "")
    page.keyboard.press("Shift+Home")
    expect_ghost(page, "")
    assert len(scripted.asked) == asked


def test_a_text_that_a_script_changed_loses_its_suggestion(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.keyboard.type("Sent.")
    expect_ghost(page, " jumps over the lazy dog.")
    page.evaluate("document.querySelector('.field').value = ''")
    expect_ghost(page, "")


def test_fields_that_an_older_service_does_not_know_are_left_out_from_then_on(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    def older(body: dict[str, Any]) -> Any:
        unknown = {"session", "alternatives"} & body.keys()
        return error(422, "invalid_request") if unknown else continuation(" word")

    scripted.answer = older
    page = open_field(options={"request": {"alternatives": 2}})
    page.keyboard.type("a")
    expect_ghost(page, " word")
    page.keyboard.type("b")
    expect_ghost(page, " word")
    assert scripted.prompts == ["a", "a", "a", "ab"]
    assert scripted.asked[-1]["min_confidence"] == 0.4
    assert page.evaluate("errors") == []


def test_a_field_that_a_model_file_cannot_honour_is_left_out_alone(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: (
        error(422, "invalid_request", field="temperature") if "temperature" in body else continuation(" word")
    )
    page = open_field()
    page.keyboard.type("a")
    expect_ghost(page, " word")
    assert set(scripted.asked[0]) - set(scripted.asked[1]) == {"temperature"}


def test_a_service_that_takes_shorter_prompts_gets_shorter_ones(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    def short(body: dict[str, Any]) -> Any:
        tall = len(body["prompt"]) > 2000
        return error(422, "invalid_request", field="prompt") if tall else continuation(" word")

    scripted.answer = short
    page = open_field()
    page.locator(".field").fill("abcd" * 1000)
    expect_ghost(page, " word")
    assert [len(prompt) for prompt in scripted.prompts] == [4000, 1952]


def test_what_a_request_says_is_the_integrators_to_choose(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field(options={"request": {"max_tokens": 3, "until": "word", "min_confidence": 0.1}})
    page.keyboard.type("a")
    expect_ghost(page, " jumps over the lazy dog.")
    body = scripted.asked[0]
    assert {name: body[name] for name in ("max_tokens", "until", "min_confidence", "temperature")} == {
        "max_tokens": 3,
        "until": "word",
        "min_confidence": 0.1,
        "temperature": 0,
    }


def test_an_empty_text_is_not_asked_about(scripted: ScriptedService, open_field: OpenField) -> None:
    page = open_field()
    page.locator(".field").fill(" \n ")
    settle(page)
    assert scripted.asked == []
