"""Reads lines and prints what the guard says of each, to tune lists offline.

Run: python -m app.guard --deny-file my-words.tsv < texts.txt
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.guard import Guard, MalformedListError, Thresholds, load_guard

File = Annotated[Path | None, typer.Option(exists=True, dir_okay=False)]


def main(
    mask: Annotated[bool, typer.Option("--mask", help="Print each line with bad words masked.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each verdict as a JSON object.")] = False,
    allow_file: File = None,
    deny_file: File = None,
    threshold: Annotated[list[str], typer.Option(help="category=severity; may be given again.")] = [],  # noqa: B006
) -> None:
    """Read lines from stdin; print ok for each, or bad with its words, their places and what they are."""
    try:
        severities = {name: int(value) for name, _, value in (pair.partition("=") for pair in threshold)}
        guard = load_guard(allow_file=allow_file, deny_file=deny_file, thresholds=Thresholds.of(severities))
    except (MalformedListError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    for line in sys.stdin:
        print(_answer(guard, line.rstrip("\n"), mask, as_json), flush=True)


def _answer(guard: Guard, text: str, mask: bool, as_json: bool) -> str:
    verdict = guard.check(text)
    if as_json:
        spans = [span._asdict() for span in verdict.spans]
        masked = {"masked": guard.mask(text, verdict)} if mask else {}
        return json.dumps(
            {"flagged": verdict.flagged, "categories": verdict.categories, "spans": spans, **masked}
        )
    if mask:
        return guard.mask(text, verdict)
    if not verdict.flagged:
        return "ok"
    found = (
        f"{text[span.start : span.end]!r} {span.start}-{span.end} {span.category} {span.severity}"
        for span in verdict.spans
    )
    return "bad\t" + "\t".join(found)


if __name__ == "__main__":
    typer.run(main)
