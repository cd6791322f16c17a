"""What lies beside a plain `.tflite`: `tokenizer.json`, and `tokenizer_config.json` where there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.errors import ModelRefusedError
from app.model.foreign.json_tokenizer import JsonTokenizer, read_tokenizer
from app.model.foreign.metadata import TextMetadata
from app.model.template import default_template

ENDS = ("<|endoftext|>", "<|im_end|>", "</s>", "<eos>", "<end_of_turn>", "<|eot_id|>", "<|end_of_text|>")
"""Names of tokens that end a text, where no file says which do."""


def read_beside(model: Path, vocabulary: int) -> tuple[JsonTokenizer, TextMetadata]:
    """The tokenizer of a model file, and how its texts begin and end.

    Raises:
        ModelRefusedError: There is no tokenizer, it is of an unknown kind, or nothing ends a text.
    """
    path = model.with_name("tokenizer.json")
    try:
        content = path.read_bytes()
    except OSError:
        raise ModelRefusedError(f"{model}: a decoder without a tokenizer: no {path.name} beside it") from None
    tokenizer = read_tokenizer(str(path), content, vocabulary)
    config = _config(model.with_name("tokenizer_config.json"))
    wanted = (_name(config["eos_token"]),) if config.get("eos_token") else ENDS
    ends = sorted({number for name, number in tokenizer.special_tokens.items() if name in wanted})
    if not ends:
        raise ModelRefusedError(f"{path}: no token ends a text; looked for {', '.join(wanted)}")
    start = config.get("bos_token") if config.get("add_bos_token") else None
    return tokenizer, TextMetadata(
        start_id=tokenizer.special_tokens.get(_name(start)) if start else None,
        end_ids=tuple(ends),
        chat_template=_template(model.with_name("chat_template.jinja"), config),
    )


def _template(apart: Path, config: dict[str, Any]) -> str | None:
    if not apart.exists():
        return default_template(config.get("chat_template"))
    try:
        return apart.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelRefusedError(f"{apart}: not readable as text: {error}") from None


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise ModelRefusedError(f"{path}: not a tokenizer_config.json, or a damaged one")
    return config


def _name(token: Any) -> str:
    """A token's text; some files hold an object around it."""
    return str(token["content"] if isinstance(token, dict) else token)
