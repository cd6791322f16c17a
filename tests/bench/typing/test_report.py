from __future__ import annotations

from rich.console import Console

from bench.typing.carets import Caret, Place
from bench.typing.measurement import Measurement, Named, Typed
from bench.typing.positions import Position
from bench.typing.report import as_json, rows, table
from bench.typing.suggestion import Suggestion
from bench.typing.texts import Text
from bench.typing.typist import Refusal, Session

ENGLISH, GERMAN = Text("note", "en", "english"), Text("note", "de", "deutsch")


def at(place: Place, right: bool, text: Text = ENGLISH, confidence: float | None = None) -> Position:
    suggestion = Suggestion("yes" if right else "no", confidence, alternatives=("yes",))
    return Position(text, Caret(place, 1), "yes", suggestion)


SESSION = Session(
    characters=100, keys=50, keys_by_word=60, states=40, wrong=10, refused=0, withheld=0, agreed=20, steady=19
)
FOUND = Measurement(
    positions=(
        at("word", False, confidence=0.2),
        at("space", True, confidence=0.8),
        at("mid2", False, confidence=0.75),
        at("mid3", True, confidence=0.98),
        at("mid4+", True, confidence=0.99),
        at("mid4+", True, GERMAN),
        at("space", False, GERMAN),
    ),
    among=(at("mid2", False), at("space", True)),
    typed=(Typed(ENGLISH, SESSION), Typed(GERMAN, SESSION)),
    certain={0.35: (Typed(ENGLISH, SESSION),)},
    named=Named((at("mid2", False),), (at("mid3", True),), (Typed(ENGLISH, SESSION),)),
    phrased=Named((at("mid2", True),), (at("mid3", True),), ()),
    milliseconds=(30.0, 20.0, 10.0),
    keystrokes=200,
    refusals=(Refusal("x" * 50, "400 content_filter"),),
    errors={"400 content_filter": 1},
)


def test_each_line_has_its_value_and_the_number_of_cases() -> None:
    known = {row.what: row.estimate and (row.estimate.value, row.estimate.count) for row in rows(FOUND)}
    assert known == {
        "after a word": (0.0, 1),
        "after a space": (1.0, 1),
        "in a word, 2 letters typed": (0.0, 1),
        "in a word, 3 letters typed": (1.0, 1),
        "in a word, 4 letters and more": (1.0, 1),
        "in a word, all": (2 / 3, 3),
        "other languages, in a word": (1.0, 1),
        "other languages, after a space": (0.0, 1),
        "right one among three, in a word": (1.0, 1),
        "right one among three, after a space": (1.0, 1),
        "AUC of the confidence": (1.0, 5),
        "right, of those stated 0.7 to 0.9": (0.5, 2),
        "right, of those stated 0.97 and more": (1.0, 2),
        "keystrokes saved": (0.5, 100),
        "keystrokes saved, a key for each word": (0.4, 100),
        "keystrokes saved, other languages": (0.5, 100),
        "ghost text steady": (0.95, 20),
        "shown but wrong": (0.25, 40),
        "keystrokes saved, min_confidence 0.35": (0.5, 100),
        "keystrokes saved, min_confidence 0.35, a key for each word": (0.4, 100),
        "keystrokes saved, min_confidence 0.35, other languages": None,
        "ghost text steady, min_confidence 0.35": (0.95, 20),
        "shown but wrong, min_confidence 0.35": (0.25, 40),
        "right, of what is shown at a caret, min_confidence 0.35": (0.75, 4),
        "carets at which something is shown, min_confidence 0.35": (0.8, 5),
        "names and terms, in a word, without phrases": (0.0, 1),
        "names and terms, after a space, without phrases": None,
        "other words of these texts, in a word, without phrases": (1.0, 1),
        "keystrokes saved in these texts, without phrases": (0.5, 100),
        "names and terms, in a word, with phrases": (1.0, 1),
        "names and terms, after a space, with phrases": None,
        "other words of these texts, in a word, with phrases": (1.0, 1),
        "keystrokes saved in these texts, with phrases": None,
        "keystrokes at which a text is refused": (1 / 200, 200),
        "request, median": (20.0, 3),
        "request, 95th percentile": (29.0, 3),
    }


def test_the_table_is_markdown_and_what_is_not_known_is_a_dash() -> None:
    console = Console(width=140)
    with console.capture() as printed:
        console.print(table(rows(FOUND)))
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.get().splitlines()]
    assert ["what", "unit", "value", "95 %", "n"] in lines
    assert ["shown but wrong", "per 100 keys", "25.0", "25.0 to 25.0", "40"] in lines
    assert ["AUC of the confidence", "area", "1.000", "1.000 to 1.000", "5"] in lines
    assert ["keystrokes saved in these texts, with phrases", "%", "–", "–", "–"] in lines
    assert ["request, median", "ms", "20", "10 to 30", "3"] in lines


def test_a_file_keeps_lines_curves_refusals_and_errors() -> None:
    kept = as_json(FOUND)
    saved = next(row for row in kept["rows"] if row["what"] == "keystrokes saved")
    assert saved == {
        "what": "keystrokes saved",
        "unit": "%",
        "value": 0.5,
        "low": 0.5,
        "high": 0.5,
        "n": 100,
    }
    assert {"what": "keystrokes saved in these texts, with phrases", "unit": "%"} in kept["rows"]
    assert [one["min_confidence"] for one in kept["thresholds"][:3]] == [0.0, 0.05, 0.1]
    assert kept["thresholds"][0]["coverage"]["value"] == 1.0
    assert [one["stated"] for one in kept["reliability"]] == [0.2, 0.75, 0.8, 0.985]
    assert kept["refusals"] == [{"typed": "x" * 40, "error": "400 content_filter"}]
    assert kept["errors"] == {"400 content_filter": 1}


def test_nothing_measured_is_a_table_of_dashes() -> None:
    assert {row.estimate for row in rows(Measurement())} == {None}
    assert as_json(Measurement())["thresholds"][0] == {
        "min_confidence": 0.0,
        "precision": None,
        "coverage": None,
    }
