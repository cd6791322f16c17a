"""The fields that the module completes, where it draws the ghost, and which fields it leaves alone."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenField
from tests.browser.ghost import expect_ghost, settle, value
from tests.browser.scripted_service import ScriptedService, continuation

FOX = " jumps over the lazy dog."
LONG = "x jumps over the lazy dog and runs away into the deep woods."
EDITABLE = '<div class="field" contenteditable>{}</div>'
PLAIN = "<style>.field { color: #000; caret-color: transparent } body { --autocomplete-ghost: #000 }</style>"
PADDED = """<style>.field { padding: 13px 21px 7px 33px; border: 5px solid; font: 19px/1.7 "DejaVu Serif";
    letter-spacing: .05em; box-sizing: border-box; height: 200px }</style>"""


def picture(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("L")


@pytest.mark.parametrize(
    ("body", "typed", "rest"),
    [
        ('<textarea class="field" rows="4"></textarea>', "The quick brown fo", LONG),
        (PADDED + '<textarea class="field"></textarea>', "The quick brown fo", LONG),
        (
            '<textarea class="field" rows="4" dir="rtl"></textarea>',
            "שלום לכולם אני ",
            "רוצה לכתוב משהו ארוך מאוד",
        ),
    ],
    ids=["plain", "padded", "right to left"],
)
def test_the_ghost_stands_where_the_text_will_stand_to_the_pixel(
    scripted: ScriptedService, open_field: OpenField, body: str, typed: str, rest: str
) -> None:
    scripted.answer = lambda body: continuation(rest if body["prompt"] == typed else "")
    page = open_field(PLAIN + body)
    page.keyboard.insert_text(typed)
    expect_ghost(page, rest)
    suggested = picture(page)
    page.keyboard.press("Tab")
    settle(page)
    assert value(page) == typed + rest
    assert ImageChops.difference(suggested, picture(page)).getbbox() is None


def ghost_box(page: Page) -> dict[str, float]:
    box: dict[str, float] = page.evaluate(
        """() => {
            const root = document.querySelector("autocomplete-ghost").shadowRoot;
            const { left, right, top, bottom } = root.querySelector(".ghost span").getBoundingClientRect();
            return { left, right, top, bottom };
        }"""
    )
    return box


SHOWN = "autocomplete-text autocomplete-ghost .ghost:not([hidden])"
"""A ghost that is hidden keeps its last text."""

TOP = """document.querySelector("autocomplete-ghost").shadowRoot.querySelector(".ghost span")
    .getBoundingClientRect().top"""


def is_bubble(page: Page) -> bool:
    return page.locator("autocomplete-ghost").locator(".bubble").count() == 1


def test_an_input_is_completed(scripted: ScriptedService, open_field: OpenField) -> None:
    scripted.answer = lambda body: continuation(" jumps\nover" if body["prompt"] == "fox" else "")
    page = open_field('<input class="field">')
    page.keyboard.type("fox")
    expect_ghost(page, " jumps\nover")
    page.keyboard.press("Tab")
    assert value(page) == "fox jumps over"


def test_a_contenteditable_is_completed_and_can_be_undone(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: continuation(FOX if body["prompt"] == "one\ntwo fox" else "")
    page = open_field(EDITABLE.format("<p>one</p><p>two <b>f</b></p>"))
    page.keyboard.press("Control+End")
    page.keyboard.type("ox")
    expect_ghost(page, FOX)
    assert not is_bubble(page)
    page.keyboard.press("Tab")
    expect(page.locator("p").last).to_have_text("two fox" + FOX)
    page.keyboard.press("Control+z")
    expect(page.locator("p").last).to_have_text("two fox")


def test_a_contenteditable_is_read_as_a_person_reads_it(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field(
        EDITABLE.format(
            "\n  Dear <i>Ms</i>\n Miller,<div><br></div><ul><li>one</li><li>two<br>three</li></ul>end"
        )
    )
    page.keyboard.press("Control+End")
    page.keyboard.type("  .")
    expect_ghost(page, FOX)
    assert scripted.prompts[-1] == " Dear Ms Miller,\n\none\ntwo\nthree\nend  ."


def test_the_ghost_in_a_contenteditable_stands_behind_the_caret(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: continuation(" jumps" if body["prompt"] == "The fox" else "")
    page = open_field(EDITABLE.format(""))
    page.keyboard.type("The fox")
    expect_ghost(page, " jumps")
    ghost = ghost_box(page)
    page.keyboard.press("Tab")
    settle(page)
    text = page.evaluate(
        """() => {
            const range = document.createRange();
            range.selectNodeContents(document.querySelector(".field"));
            const { right, top, bottom } = range.getBoundingClientRect();
            return { right, top, bottom };
        }"""
    )
    assert {name: ghost[name] for name in text} == pytest.approx(text, abs=1)


@pytest.mark.parametrize(
    "body",
    [
        '<textarea class="field">one two</textarea>',
        '<input class="field" value="one two">',
        EDITABLE.format("one two"),
    ],
    ids=["textarea", "input", "contenteditable"],
)
def test_in_the_middle_of_a_text_the_suggestion_stands_below_the_caret_and_covers_no_line_of_it(
    scripted: ScriptedService, open_field: OpenField, body: str
) -> None:
    page = open_field(body)
    page.keyboard.press("Home")
    for _ in "one":
        page.keyboard.press("ArrowRight")
    page.keyboard.type("s")
    expect_ghost(page, FOX)
    assert is_bubble(page)
    scripted.answer = lambda body: continuation("")
    page.keyboard.press("Control+ArrowRight")
    assert value(page) == "ones jumps two"


def test_at_the_end_of_a_line_that_is_followed_by_others_the_ghost_stands_in_the_line(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field('<textarea class="field" rows="6">fo\nsecond line</textarea>')
    page.keyboard.press("Control+Home")
    page.keyboard.press("End")
    page.keyboard.type("x")
    expect_ghost(page, FOX)
    assert not is_bubble(page)
    assert scripted.asked[-1]["suffix"] == "\nsecond line"


def test_what_would_leave_the_field_stands_below_the_caret(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field('<input class="field" style="width: 90px">')
    page.keyboard.type("The fox")
    expect_ghost(page, FOX)
    assert is_bubble(page)


def test_the_ghost_follows_a_field_that_scrolls_or_changes_its_size(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field('<textarea class="field" rows="6">' + "line\n" * 30 + "</textarea>")
    page.evaluate("document.querySelector('.field').setSelectionRange(54, 54)")
    page.keyboard.type("The fox")
    expect_ghost(page, FOX)
    before = ghost_box(page)["top"]
    page.evaluate("document.querySelector('.field').scrollTop += 10")
    page.wait_for_function(f"{TOP} === {before - 10}")
    page.evaluate("document.querySelector('.field').before('moved', document.createElement('br'))")
    page.evaluate("document.querySelector('.field').style.height = '200px'")
    page.wait_for_function(f"{TOP} === {before - 10 + 24}")
    page.evaluate("document.querySelector('.field').scrollTop = 1000")
    expect(page.locator("autocomplete-ghost").locator(".ghost")).to_be_hidden()


def test_in_a_text_that_runs_right_to_left_the_ghost_stands_left_of_the_caret_and_ctrl_left_takes_a_word(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: continuation(" לכולם וברכה" if body["prompt"] == "שלום" else "")
    page = open_field('<textarea class="field" dir="rtl"></textarea>')
    page.keyboard.insert_text("שלום")
    expect_ghost(page, " לכולם וברכה")
    assert not is_bubble(page)
    assert (
        ghost_box(page)["right"]
        < page.evaluate("document.querySelector('.field').getBoundingClientRect().right") - 30
    )
    page.keyboard.press("Control+ArrowLeft")
    assert value(page) == "שלום לכולם"


def test_a_suggestion_that_runs_against_the_field_stands_below_the_caret(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    scripted.answer = lambda body: continuation(" לכולם")
    page = open_field()
    page.keyboard.insert_text("שלום")
    expect_ghost(page, " לכולם")
    assert is_bubble(page)


def test_with_forced_colours_the_ghost_is_recognised_without_colour(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field(forced_colors="active")
    page.keyboard.type("The fox")
    expect_ghost(page, FOX)
    style = page.evaluate(
        """() => {
            const root = document.querySelector("autocomplete-ghost").shadowRoot;
            const style = getComputedStyle(root.querySelector(".ghost span"));
            return [style.fontStyle, style.textDecorationLine, style.textDecorationStyle];
        }"""
    )
    assert style == ["italic", "underline", "dotted"]


def test_a_screen_reader_is_told_politely_and_only_once_the_person_pauses(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field()
    page.clock.install()
    page.keyboard.type("The fox")
    expect_ghost(page, FOX)
    status = page.locator("autocomplete-ghost").get_by_role("status")
    page.clock.run_for(900)
    expect(status).to_have_text("")
    page.clock.run_for(200)
    expect(status).to_have_text(f"Suggestion:{FOX}. Tab accepts.")
    page.keyboard.press("Control+ArrowRight")
    expect(status).to_have_text("Accepted: jumps")
    expect(page.locator(".field")).to_have_attribute("aria-autocomplete", "inline")
    assert page.locator("autocomplete-ghost").locator(".ghost").get_attribute("aria-hidden") == "true"


@pytest.mark.parametrize(
    "body",
    [
        '<input class="secret" type="password">',
        '<input class="secret" autocomplete="one-time-code">',
        '<input class="secret" autocomplete="section-a cc-number">',
        '<input class="secret" type="email">',
        '<p class="secret">not a field</p>',
    ],
)
def test_fields_that_hold_a_secret_or_no_text_are_refused(open_field: OpenField, body: str) -> None:
    page = open_field('<input class="field">' + body)
    refusal = page.evaluate(
        """import("/autocomplete.js").then(({ attach }) => attach(document.querySelector(".secret")))
            .then(() => "", (error) => error.message)"""
    )
    assert refusal.startswith("attach: a textarea, a text input that holds no secret")


@pytest.mark.parametrize(
    "change", ["field.type = 'password'", "field.readOnly = true", "field.autocomplete = 'new-password'"]
)
def test_a_field_that_becomes_one_is_left_alone(
    scripted: ScriptedService, open_field: OpenField, change: str
) -> None:
    page = open_field('<input class="field">')
    page.evaluate("change => { const field = document.querySelector('.field'); eval(change); }", change)
    page.keyboard.type("secret")
    settle(page)
    assert scripted.asked == []


def test_the_custom_element_completes_the_field_in_it(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field(
        '<input class="field"><autocomplete-text url="." key="k" max-tokens="3">'
        "<textarea></textarea></autocomplete-text>"
    )
    page.locator("textarea").press_sequentially("fox")
    expect(page.locator(SHOWN)).to_have_text(FOX.strip())
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('autocomplete-text').value") == "fox" + FOX
    assert scripted.asked[0]["max_tokens"] == 3
    assert scripted.keys[0] == "Bearer k"
    page.evaluate("document.querySelector('autocomplete-text').remove()")


def test_the_custom_element_makes_a_field_that_a_form_sends(
    scripted: ScriptedService, open_field: OpenField
) -> None:
    page = open_field(
        '<input class="field"><form><autocomplete-text name="letter" placeholder="Write"'
        ' min-confidence="0.9"></autocomplete-text></form>'
    )
    scripted.answer = lambda body: continuation(FOX, confidence=0.8)
    page.get_by_role("textbox", name="Write").press_sequentially("fox")
    settle(page)
    expect(page.locator("autocomplete-text autocomplete-ghost .ghost")).to_be_hidden()
    page.evaluate("document.querySelector('autocomplete-text').setAttribute('min-confidence', '0.5')")
    page.keyboard.type("y")
    expect(page.locator(SHOWN)).to_have_text(FOX.strip())
    assert page.evaluate("[...new FormData(document.querySelector('form'))]") == [["letter", "foxy"]]
