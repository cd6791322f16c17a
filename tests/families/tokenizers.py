"""Real tokenizers beside transformers: `python -m tests.families.tokenizers FOLDER LLAMA_CPP PACKAGES`.

As `tests/families/oracle.py`, for models that have the vocabulary of a published tokenizer. PACKAGES holds a
folder with `tokenizer.json` and `tokenizer_config.json` for each name below. Token ids of texts and of
conversations are written besides.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, GPT2Tokenizer

from models.evaluation.samples import PROMPTS, sample_texts
from tests.families.configs import CONFIGS
from tests.families.expect import open_model
from tests.families.languages import language_texts
from tests.families.oracle import COUNT, converted
from tests.families.templates import TALKS

PAIRS = {
    "qwen3": "qwen3",
    "qwen2": "qwen3",
    "llama 3.2": "llama3_1",
    "smollm3": "llama3",
    "llama": "llama2",
    "mistral": "llama2",
    "phi3": "llama2",
    "gemma3": "gemma3",
    "gemma2": "gemma3",
    "gemma": "gemma3",
    "granite 4": "gpt35turbo",
    "olmo2": "gpt35turbo",
    "phi4 mini": "gpt4o",
    "stablelm": "gptoss",
    "seed_oss": "deepseek_v3",
    "gpt2": "gpt2",
    "opt": "gpt2",
}
"""Configuration and tokenizer."""


def sized(name: str, tokenizer: Any) -> dict[str, Any]:
    """The configuration with the tokenizer's vocabulary and tokens."""
    ids = {f"{kind}_token_id": getattr(tokenizer, f"{kind}_token_id", None) for kind in ("bos", "eos", "pad")}
    return {**CONFIGS[name], **ids, "vocab_size": max(tokenizer.get_vocab().values()) + 1}


def continue_texts(model: Any, tokenizer: Any) -> list[tuple[list[int], list[int]]]:
    """Ids of the prompts, and of what follows greedily."""
    found = []
    for prompt in PROMPTS:
        start = tokenizer(prompt).input_ids
        ids = list(start)
        for _ in range(COUNT):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        found.append((start, ids[len(start) :]))
    return found


def write(name: str, folder: Path, package: Path) -> str:
    """Everything of one pair; says what became of the GGUF file."""
    published = (package / "tokenizer.json").exists()
    tokenizer = (AutoTokenizer if published else GPT2Tokenizer).from_pretrained(package)
    model = open_model(name, folder / "model", sized(name, tokenizer))
    if published:
        for path in package.glob("*.json"):
            shutil.copy(path, folder / "model")
        tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    else:
        tokenizer.save_pretrained(folder / "model")
    texts = [*sample_texts(1000), *language_texts(1000)]
    with torch.no_grad():
        greedy = continue_texts(model, tokenizer)
    talks = [*TALKS.values()] if tokenizer.chat_template else []
    chats = [chat_ids(tokenizer, talk) for talk in talks]
    said = {
        "texts": texts,
        "ids": [tokenizer(text).input_ids for text in texts],
        "talks": talks,
        "chats": chats,
    }
    (folder / "expected.json").write_text(json.dumps(greedy))
    (folder / "texts.json").write_text(json.dumps(said))
    return converted(folder, of_bytes=False)


def chat_ids(tokenizer: Any, talk: list[dict[str, str]]) -> list[int] | None:
    """Ids of a conversation; None where the template refuses it."""
    try:
        found = tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_dict=False)
    except Exception:
        return None
    return [*map(int, found)]


def main(folder: Path, llama_cpp: Path, packages: Path, names: list[str]) -> None:
    """Write what was asked for, or everything."""
    sys.path[1:1] = [str(llama_cpp), str(llama_cpp / "gguf-py")]
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for name in names or PAIRS:
        where = folder / f"{name} with {PAIRS[name]}"
        where.mkdir(parents=True, exist_ok=True)
        print(f"{where.name}: {write(name, where, packages / PAIRS[name])}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
