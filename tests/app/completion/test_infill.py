from __future__ import annotations

from app.completion.infill import InfillPrompt, InfillTokens, Snippet
from app.completion.prompt import PlainPrompt
from tests.fakes import ByteTokenizer, infill_manifest, tiny_manifest


def prompt() -> InfillPrompt:
    snippets = (Snippet("one", "a.py"), Snippet("two", "b.py"))
    return InfillPrompt(PlainPrompt("before line", typing=4), "behind", 4, snippets)


def test_a_model_file_has_them_or_has_not() -> None:
    assert InfillTokens.of(tiny_manifest()) is None
    assert InfillTokens.of(infill_manifest()) == InfillTokens(1, 2, 3, 5, 6, (4, 5, 6))


def test_tokens_that_no_model_needs_may_be_missing() -> None:
    roles = {"prefix": 1, "suffix": 2, "middle": 3, "end": 7}
    found = InfillTokens.of(tiny_manifest().model_copy(update={"infill_tokens": roles}))
    assert found == InfillTokens(1, 2, 3, None, None, (7,))


def test_what_is_echoed_and_judged_is_the_text_before_the_caret() -> None:
    found = prompt()
    assert (found.text, found.before, found.unfinished, found.field) == (
        "before line", "before ", "line", "prompt",
    )  # fmt: skip
    assert found.parts == ("before ", "line")
    assert found.tokens(ByteTokenizer()) == list(b"before line")


def test_every_text_of_it_counts() -> None:
    found = prompt()
    assert found.texts == ("before line", "behind", "a.py", "one", "b.py", "two")
    assert found.characters == sum(map(len, found.texts))


def test_the_guard_sees_every_text_but_that_before_the_caret() -> None:
    seen: list[str] = []

    def guard(text: str) -> str:
        seen.append(text)
        return text.upper()

    found = prompt().filtered(guard)
    assert sorted(seen) == ["a.py", "b.py", "behind", "one", "two"]
    assert (found.text, found.suffix) == ("before line", "BEHIND")
    assert found.snippets == (Snippet("ONE", "A.PY"), Snippet("TWO", "B.PY"))
    plain = InfillPrompt(PlainPrompt("x"), "y").filtered(guard)
    assert (plain.suffix, plain.snippets) == ("Y", None)
