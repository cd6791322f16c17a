"""The profanity guard: what it promises is in `docs/guard.md`."""

from app.guard.guard import Guard
from app.guard.loader import GuardFiles, load_guard
from app.guard.normalize import MASK
from app.guard.stream import GuardStream, OutputPolicy
from app.guard.token_bias import banned_tokens
from app.guard.verdict import CATEGORIES, Span, Thresholds, Verdict
from app.guard.word_list import MalformedListError

__all__ = [
    "CATEGORIES",
    "MASK",
    "Guard",
    "GuardFiles",
    "GuardStream",
    "MalformedListError",
    "OutputPolicy",
    "Span",
    "Thresholds",
    "Verdict",
    "banned_tokens",
    "load_guard",
]
