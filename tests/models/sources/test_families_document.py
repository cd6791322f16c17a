from __future__ import annotations

from pathlib import Path

from models.sources.families import FAMILIES
from models.sources.families_document import family_table

PAGE = Path(__file__).parents[3] / "docs" / "models.md"


def test_the_documented_table_is_that_of_the_families() -> None:
    assert family_table() in PAGE.read_text(encoding="utf-8"), (
        "write it anew: python -m models.sources.families_document"
    )


def test_every_family_has_a_row() -> None:
    names = [row.split("`")[1] for row in family_table().splitlines()[2:]]
    assert names == list(FAMILIES)


def test_a_row_says_what_a_family_computes() -> None:
    rows = {row.split("`")[1]: row for row in family_table().splitlines()[2:]}
    assert rows["gemma3_text"] == (
        "| `gemma3_text` | `gemma3` | RMS before and behind, gain 1 + w, of queries and keys by head "
        "| rotary, another base in windows | gated MLP, windows in some layers |"
    )
    assert rows["phi"] == (
        "| `phi` | `phi2` | LayerNorm before, perhaps of queries and keys by head "
        "| rotary, 0.5 of a head | plain MLP, side by side |"
    )
