from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.typing.measurement import Measurement, Plan, measure
from bench.typing.texts import Text
from tests.bench.typing.service import REFUSED, Answer, Service, choice

TEXT = Text("note", "en", "I am writing now")
NAMED = Text("names", "en", "I like the Grand Hotel")
EVERYTHING = ("alternatives", "min_confidence", "phrases")


def silent(texts: Sequence[Text], _: str) -> Iterable[Text]:
    return texts


def run(answer: Answer, fields: tuple[str, ...]) -> tuple[Service, list[Measurement]]:
    service = Service(answer, fields)
    plan = Plan((TEXT, NAMED), typed=1, min_confidence=(0.25, 0.5), phrases=("Grand Hotel",))
    return service, list(measure(service.client(), plan, silent))


def test_a_service_without_the_fields_of_typing_is_measured_by_what_it_has() -> None:
    service, parts = run(lambda _: choice(""), ())
    last = parts[-1]
    assert [found.caret.at for found in last.positions] == [12, 13, 7, 8, 10]
    assert [one.session.keys for one in last.typed] == [16]
    assert [found.caret.at for found in last.named.inside] == [13, 14, 17, 19, 20]
    assert [found.caret.at for found in last.named.outside] == [10]
    assert [one.session.keys for one in last.named.typed] == [22]
    assert (last.among, last.certain, last.phrased.inside, last.phrased.typed) == ((), {}, (), ())
    assert {name for body in service.asked for name in body} == {"prompt", "max_tokens", "temperature"}


def test_what_a_service_offers_is_asked() -> None:
    service, parts = run(lambda body: choice("ting" if "phrases" in body else "", confidence=0.3), EVERYTHING)
    last = parts[-1]
    assert [found.caret for found in last.among] == [found.caret for found in last.positions]
    assert [(value, len(typed)) for value, typed in last.certain.items()] == [(0.25, 1), (0.5, 1)]
    assert {found.suggestion.text for found in last.named.inside} == {""}
    assert {found.suggestion.text for found in last.phrased.inside} == {"ting"}
    assert {tuple(body["phrases"]) for body in service.asked if "phrases" in body} == {("Grand Hotel",)}
    assert {body["alternatives"] for body in service.asked if "alternatives" in body} == {2}


def test_texts_with_names_are_measured_apart() -> None:
    _, parts = run(lambda _: choice(""), EVERYTHING)
    last = parts[-1]
    assert {found.text for found in (*last.positions, *last.among)} == {TEXT}
    assert {one.text for one in last.typed} == {TEXT}
    assert {one.text for one in (*last.named.typed, *last.phrased.typed)} == {NAMED}


def test_each_part_is_there_as_soon_as_it_is_measured() -> None:
    _, parts = run(lambda _: choice(""), EVERYTHING)
    assert [len(part.positions) for part in parts] == [5] * 8
    assert [len(part.certain) for part in parts] == [0, 0, 0, 1, 2, 2, 2, 2]
    assert [part.keystrokes for part in parts] == [0] * 7 + [16 + 22]


def test_every_keystroke_of_every_text_is_asked_and_refusals_are_kept() -> None:
    _, parts = run(lambda body: REFUSED if body["prompt"] == "I like the Grand H" else choice(""), ())
    last = parts[-1]
    assert [(one.prompt, one.error) for one in last.refusals] == [
        ("I like the Grand H", "400 content_filter")
    ]
    assert last.errors == {"400 content_filter": 2}  # while the text was typed, and at every keystroke


def test_times_are_those_of_plain_requests_at_carets_and_while_typing() -> None:
    _, parts = run(lambda _: choice(""), EVERYTHING)
    assert parts[-1].milliseconds == (0.0,) * 15  # 15 keystrokes of the text; carets are some of them
