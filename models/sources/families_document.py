"""The table of families in docs/models.md, from the code: `python -m models.sources.families_document`."""

from __future__ import annotations

from models.sources.families import FAMILIES
from models.sources.family import Family, always, never
from models.sources.gguf_config import KINDS

NORMS = {"rms": "RMS", "layer": "LayerNorm"}
POSITIONS = {"rope": "rotary", "learned": "learned", "linear": "ALiBi"}


def family_table() -> str:
    """A row for each `model_type`."""
    rows = [
        "| `model_type` | GGUF | norms | positions | attention and MLP |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, family in FAMILIES.items():
        gguf = ", ".join(f"`{key}`" for key, kind in KINDS.items() if kind.model_type == name)
        cells = f"`{name}`", gguf, _norms(family), _positions(family), _layers(family)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _norms(family: Family) -> str:
    places = [*(["before"] if family.pre_norm else [])]
    places += ["behind" if family.post_norm is always else "perhaps behind"] * (family.post_norm is not never)
    said = [f"{NORMS[family.norm]} {' and '.join(places)}"]
    if family.gain:
        said.append("gain 1 + w")
    if family.head_norm:
        some = "" if family.has_head_norm is always else "perhaps "
        last = ", behind the rotation" if family.head_norm_last else ""
        said.append(f"{some}of queries and keys by {family.head_norm}{last}")
    return ", ".join(said)


def _positions(family: Family) -> str:
    share = family.defaults.get("partial_rotary_factor")
    said = [POSITIONS[family.positions] + (f", {share:g} of a head" if share else "")]
    if family.plain_where_sliding:
        said.append("another base in windows")
    if family.straight is not Family().straight:
        said.append("layers without")
    return ", ".join(said)


def _layers(family: Family) -> str:
    said = ["gated MLP" if family.gated else "plain MLP"]
    if family.sliding is not never:
        said.append("windows" if family.sliding is always else "windows in some layers")
    if family.parallel is not never:
        said.append("side by side" if family.parallel is always else "perhaps side by side")
    caps = [name for name in family.defaults if name.endswith("softcapping")]
    if caps:
        said.append("capped")
    return ", ".join(said)


if __name__ == "__main__":
    print(family_table(), end="")
