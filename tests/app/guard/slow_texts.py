"""Searches for the texts that cost the guard most: python -m tests.app.guard.slow_texts --minutes 10.

A text is a short pattern over words, letters, separators and digits, repeated. The cost of a character is
the processor time of a check, beside that of prose in the same run. The worst patterns are varied further.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from time import monotonic, process_time

from rich.console import Console
from rich.table import Table

from app.guard import Guard, GuardStream, Thresholds, load_guard
from tests.app.guard.bench_guard import PROSE

SIZE = 2048
KEPT = 20

WORDS = """
ass Ass asses tit tits cum Dick dick cock cocks fuck fucker shit bitch nigger faggot fag cunt whore bastard
retard assholes cocksuckers moby hen robin der en sehr said kiss my son of a great blue ox class snigger
f*ck f** f*** sh** s*s a$$ 4ss 5h1t sh1t n1gg3r b00b a55 c0ck f--k s***
"""
LETTERS = "asfuckhitbdgnerol"
SYMBOLS = " .,_-*#@$!|+~&()[]{}'\"/\\:;=?^%1457\n\t\u0301\u200bж字█éﬁ"
JOINED = ("  ", " = ", "->")


def alphabet() -> list[str]:
    """Words, letters and symbols that patterns are made of."""
    return [*WORDS.split(), *LETTERS, *LETTERS.upper(), *SYMBOLS, *JOINED]


def grown(pattern: str, size: int) -> str:
    """A pattern repeated to a text of so many characters."""
    return (pattern * (size // len(pattern) + 1))[:size]


def microseconds(check: Callable[[str], object], text: str, rounds: int = 2) -> float:
    """Processor time of a check for each character; the best of some rounds."""
    times = []
    for _ in range(rounds):
        start = process_time()
        check(text)
        times.append(process_time() - start)
    return min(times) / len(text) * 1e6


def patterns(best: list[tuple[float, str]], chance: random.Random) -> Iterator[list[str]]:
    """Random patterns, and variations of the worst so far."""
    units = alphabet()
    while True:
        if best and chance.random() < 0.6:
            parts = list(chance.choice(best)[1])
            for _ in range(chance.randint(1, 2)):
                at = chance.randint(0, len(parts))
                parts[at : at + chance.randint(0, 1)] = [chance.choice(units)] * chance.randint(0, 1)
            yield parts
        else:
            yield [chance.choice(units) for _ in range(chance.randint(1, 4))]


def streamed(guard: Guard, text: str) -> None:
    """The text through a stream, in pieces of the size of a token."""
    stream = GuardStream(guard)
    for at in range(0, len(text), 4):
        stream.push(text[at : at + 4])
    stream.finish()


def main() -> None:
    """Search, and print the worst patterns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stream", action="store_true", help="push pieces of four characters instead")
    options = parser.parse_args()
    guard = load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())
    check: Callable[[str], object] = (lambda text: streamed(guard, text)) if options.stream else guard.check
    prose = microseconds(check, grown(PROSE, SIZE), 50)
    best: list[tuple[float, str]] = []
    seen: set[str] = set()
    end = monotonic() + options.minutes * 60
    for parts in patterns(best, random.Random(options.seed)):
        pattern = "".join(parts)
        if monotonic() > end:
            break
        if pattern and pattern not in seen and len(pattern) <= SIZE // 8:
            seen.add(pattern)
            best[:] = sorted([*best, (microseconds(check, grown(pattern, SIZE)), pattern)], reverse=True)[
                :KEPT
            ]
    table = Table(
        "pattern", "µs a character", title=f"{len(seen):,} patterns; prose {prose:.2f} µs a character"
    )
    for _, pattern in best:
        table.add_row(repr(pattern), f"{microseconds(check, grown(pattern, SIZE), 9):.1f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
