"""What stands beside `tokenizer.json`: the chat template, and whether a text has a start token."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import SourceError
from models.sources.fields import Fields, read_json


def chat_template(folder: Path) -> str | None:
    """Jinja source, from where it stands."""
    apart, settings = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    if apart.exists():
        return apart.read_text(encoding="utf-8")
    template = read_json(settings).get("chat_template", None) if settings.exists() else None
    return template if isinstance(template, str) else None


def start_token(folder: Path, content: Fields, ids: Mapping[str, int]) -> int | None:
    """The token that stands before every text.

    It is named by a template of the tokenizer's post-processor that puts a special token first, or by
    `add_bos_token` and `bos_token` of `tokenizer_config.json`.

    Args:
        folder: Of the checkpoint.
        content: `tokenizer.json`.
        ids: Of all tokens, by text.

    Raises:
        SourceError: It is no token.
    """
    found = _of_template(content.object("post_processor"))
    if found is None:
        path = folder / "tokenizer_config.json"
        settings = read_json(path) if path.exists() else Fields(path, {})
        if settings.get("add_bos_token", False) is True and "bos_token" in settings:
            name = token_text(settings.get("bos_token"))
            if name not in ids:
                raise SourceError(f"{path}: bos_token is {name!r}, which is no token")
            found = ids[name]
    if found is not None and found not in ids.values():
        raise SourceError(f"{content.path}: the post-processor starts with {found}, which is no token")
    return found


def token_text(value: Any) -> str:
    """The text of a token, which is written as itself or as an object that describes it."""
    return str(value.get("content") if isinstance(value, Mapping) else value)


def _of_template(step: Any) -> int | None:
    """The id of the special token that a post-processor puts first."""
    if not isinstance(step, Mapping):
        return None
    for part in step.get("processors") or []:
        found = _of_template(part)
        if found is not None:
            return found
    single = step.get("single") or [{}]
    if step.get("type") != "TemplateProcessing" or "SpecialToken" not in single[0]:
        return None
    ids = step["special_tokens"][single[0]["SpecialToken"]["id"]]["ids"]
    return int(ids[0])
