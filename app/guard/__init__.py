"""The profanity guard: what it promises is in `docs/guard.md`."""

from app.guard.bias import banned_tokens
from app.guard.entry import MalformedListError
from app.guard.files import GuardFiles, load_guard
from app.guard.fold import MASK
from app.guard.guard import Guard
from app.guard.stream import GuardStream, OutputPolicy
from app.guard.thresholds import Thresholds
from app.guard.verdict import CATEGORIES, Span, Verdict

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
