"""The automaton: all variants at once, in time linear in the text."""

from collections.abc import Iterable
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick

from app.guard.variants import Variant


@dataclass(frozen=True, slots=True)
class Group:
    """Variants that share a skeleton: whether one counts inside a word, has gaps; the shortest's size."""

    variants: tuple[Variant, ...]
    inside: bool
    gapped: bool
    size: int


@dataclass(frozen=True, slots=True)
class Automaton:
    """Finds the skeletons of variants.

    `heads` are their beginnings, `gapped_heads` of those that may have gaps, `inside_heads` of those that
    count inside a longer word.
    """

    search: BytesAhoCorasick
    groups: tuple[Group, ...]
    heads: frozenset[bytes]
    gapped_heads: frozenset[bytes]
    inside_heads: frozenset[bytes]
    longest: int

    def hits(self, skeleton: bytes) -> list[tuple[int, int, int]]:
        """Every group in these runs, overlapping ones too: its number, and the runs `[first, last)`."""
        return self.search.find_matches_as_indexes(skeleton, overlapping=True)


def automaton(variants: set[Variant]) -> Automaton:
    """The automaton of these variants."""
    shared: dict[bytes, list[Variant]] = {}
    for variant in sorted(variants, key=_order):
        shared.setdefault(variant.skeleton, []).append(variant)
    groups = tuple(map(_group, shared.values()))
    gapped = (skeleton for skeleton, group in zip(shared, groups, strict=True) if group.gapped)
    inside = (skeleton for skeleton, group in zip(shared, groups, strict=True) if group.inside)
    return Automaton(
        BytesAhoCorasick(shared),
        groups,
        _heads(shared),
        _heads(gapped),
        _heads(inside),
        max(map(len, shared), default=0),
    )


def _heads(skeletons: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(skeleton[:size] for skeleton in skeletons for size in range(1, len(skeleton) + 1))


def _order(variant: Variant) -> tuple[int, str, tuple[int, ...], tuple[int, ...], str, str]:
    """Innocent variants first, then the worst."""
    listed = variant.listed
    return (
        -listed.severity if listed is not None else -9,
        variant.letters,
        variant.counts,
        variant.joints,
        variant.hidden,
        f"{listed.category} {listed.word} {listed.traits}" if listed is not None else "",
    )


def _group(variants: list[Variant]) -> Group:
    return Group(
        tuple(variants),
        any(variant.inside for variant in variants),
        any(variant.gapped for variant in variants),
        min(variant.size for variant in variants),
    )
