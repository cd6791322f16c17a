"""What stands beside `tokenizer.json`: the chat template, what its tokens are called, the start token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.model.template import default_template
from models.checkpoint.architecture import Advice, Strip
from models.errors import SourceError
from models.sources.fields import Fields, read_json

ENDS = ("<|endoftext|>", "<|im_end|>", "<|end|>", "<|eot_id|>", "<|end_of_text|>", "</s>", "<end_of_turn>")
"""Texts of tokens that end a text or a turn."""

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
"""Names that a chat template may have for tokens."""


def chat_template(folder: Path) -> str | None:
    """Jinja source, from where it stands; of several that have names, the default one.

    Raises:
        SourceError: A file that should hold it is damaged.
    """
    apart = folder / "chat_template.jinja"
    if apart.exists():
        try:
            return apart.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{apart}: not readable as text: {error}") from None
    for path in (folder / "tokenizer_config.json", folder / "chat_template.json"):
        found = default_template(read_json(path).get("chat_template", None)) if path.exists() else None
        if found is not None:
            return found
    return None


def named_tokens(folder: Path) -> dict[str, str]:
    """Texts of tokens by the chat template's names for them; `tokenizer_config.json` decides."""
    found = dict[str, str]()
    for path in (folder / "special_tokens_map.json", folder / "tokenizer_config.json"):
        settings = read_json(path) if path.exists() else Fields(path, {})
        found |= {name: token_text(settings.get(name)) for name in NAMED if name in settings}
    return found


def advised(folder: Path) -> dict[Advice, float]:
    """How the authors would have tokens chosen, from `generation_config.json`.

    Values outside of what the service accepts are left out.

    Raises:
        SourceError: A value is no number.
    """
    path = folder / "generation_config.json"
    settings = read_json(path) if path.exists() else Fields(path, {})
    found = {name: settings.number(name) for name in ADVISED if name in settings}
    return {name: value for name, value in found.items() if ADVISED[name][0] <= value <= ADVISED[name][1]}


ADVISED: Mapping[Advice, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_k": (0, 1_000_000),
    "top_p": (1e-6, 1),
    "min_p": (0, 1),
    "repetition_penalty": (1, 2),
}
"""Least and largest value."""


def token_strips(added: Iterable[Mapping[str, Any]]) -> dict[str, Strip]:
    """Special tokens that take the white space on a side of them away, out of descriptions of tokens."""
    found = {
        str(token["content"]): _STRIPS.get((bool(token.get("lstrip")), bool(token.get("rstrip"))))
        for token in added
        if token.get("special")
    }
    return {text: strip for text, strip in found.items() if strip}


_STRIPS: Mapping[tuple[bool, bool], Strip] = {
    (True, False): "left",
    (False, True): "right",
    (True, True): "both",
}


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
