"""The automaton: all forms at once, in time linear in the text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick

from app.guard.variants import Form


@dataclass(frozen=True, slots=True)
class Group:
    """Forms that share a skeleton: whether one counts inside a longer word, has gaps; the shortest's size."""

    forms: tuple[Form, ...]
    inside: bool
    gapped: bool
    size: int


@dataclass(frozen=True, slots=True)
class Automaton:
    """Finds the skeletons of forms.

    `heads` are their beginnings, `gapped_heads` of those that may have gaps, `inside_heads` of those that
    count inside a longer word.
    """

    search: BytesAhoCorasick
    groups: tuple[Group, ...]
    heads: frozenset[bytes]
    gapped_heads: frozenset[bytes]
    inside_heads: frozenset[bytes]
    longest: int

    def hits(self, skeleton: bytes) -> Iterator[tuple[Group, int, int]]:
        """Every group in a reading, overlapping ones too, with the runs `[first, last)` that spell it."""
        for pattern, first, last in self.search.find_matches_as_indexes(skeleton, overlapping=True):
            yield self.groups[pattern], first, last


def automaton(forms: set[Form]) -> Automaton:
    """The automaton of these forms."""
    shared: dict[bytes, list[Form]] = {}
    for form in sorted(forms, key=_order):
        shared.setdefault(form.skeleton, []).append(form)
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


def _order(form: Form) -> tuple[int, str, tuple[int, ...], tuple[int, ...], str, str]:
    """Innocent forms first, then the worst."""
    entry = form.entry
    return (
        -entry.severity if entry is not None else -9,
        form.letters,
        form.counts,
        form.joints,
        form.hidden,
        f"{entry.category} {entry.word} {entry.traits}" if entry is not None else "",
    )


def _group(forms: list[Form]) -> Group:
    return Group(
        tuple(forms),
        any(form.inside for form in forms),
        any(form.gapped for form in forms),
        min(form.size for form in forms),
    )
