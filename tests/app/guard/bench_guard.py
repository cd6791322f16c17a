"""Processor times of the guard, medians: python -m tests.app.guard.bench_guard.

Not wall time, so that other work on the machine counts as little as it can; the guard never waits.
"""

from collections.abc import Callable
from statistics import median
from time import process_time

from better_profanity import Profanity
from rich.console import Console
from rich.table import Table

from app.guard import Guard, GuardStream, Thresholds, load_guard

PROSE = (
    "The assistant passed the glass to her cousin, who had asked for it twice, and looked out at the "
    "harbour where the last ferry was leaving. Nobody in the town remembered a colder spring. "
)
HARD = {
    "f + space": "f ",
    "a + combining mark": "a\u0301",
    "a + dot": "a.",
    "one letter": "a",
    "mixed look-alikes": "fυсκ аѕѕ ",
    "sh it": "sh it ",
    "moby dick": "moby dick ",
    "s*": "s*",
}


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The median time of a call."""
    times = []
    for _ in range(rounds):
        start = process_time()
        work()
        times.append(process_time() - start)
    return median(times)


def checked(guard: Guard, text: str, rounds: int) -> float:
    """The median time of a check of this text."""
    return seconds(lambda: guard.check(text), rounds)


def main() -> None:
    """Print the table."""
    table = Table("what", "microseconds", "ratio to the row above")

    def row(what: str, time: float, other: float = 0) -> None:
        table.add_row(what, f"{time * 1e6:,.0f}", f"{time / other:,.1f}" if other else "")

    row("load", seconds(lambda: load_guard(allow_file=None, deny_file=None, thresholds=Thresholds()), 3))
    guard = load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())
    last = 0.0
    for size in (100, 1_000, 10_000, 100_000):
        text = (PROSE * (size // len(PROSE) + 1))[:size]
        time = checked(guard, text, 2_000_000 // (size + 1_000))
        row(f"check, {size:,} characters", time, last)
        last = time
    for name, unit in HARD.items():
        few, many = (checked(guard, unit * (size // len(unit)), 5) for size in (10_000, 100_000))
        row(f"{name}, 10,000 characters", few)
        row(f"{name}, 100,000 characters", many, few)
    stream = GuardStream(guard)
    pieces = iter([PROSE[at : at + 4] for at in range(0, len(PROSE), 4)] * 40)
    row("a push of 4 characters", seconds(lambda: stream.push(next(pieces)), 1_500))
    words = " ".join((PROSE * 30).split()[:700])
    ours = checked(guard, words, 50)
    row("700 words", ours)
    row("700 words, better-profanity", seconds(lambda: Profanity().contains_profanity(words), 3), ours)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
