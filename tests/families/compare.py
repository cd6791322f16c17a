"""Builds what stands in a folder, beside transformers: `python -m tests.families.compare FOLDER [NAMES]`.

The folder is that of `tests/families/oracle.py` or `tests/families/tokenizers.py`. Each model has a row:
texts that are continued as they should be, then, with real tokenizers, texts and conversations that have the
same ids.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from app.completion.chat_template import ChatTemplate, Message
from app.engine.worker.offline import complete_greedily
from app.errors import InvalidRequestError
from app.model.tokenizer import open_text_model
from models.errors import BuildError
from models.sources import read_checkpoint
from tests.tiny import TinyModel, build_tiny

TEXT_OPS = Path(__file__).parents[2] / "models" / "artifacts" / "text_ops"
FORMS = {"folder": "model", "GGUF": "model.gguf"}
NOTHING = "–"
LEFT_OUT = {
    "mistral, window": "the window",
    "qwen2, window": "the window",
    "starcoder2": "the window",
    "gemma2": "the scale of scores",
    "gemma3": "the scale of scores",
    "granite 4 without positions": "that there are none",
}
"""What llama.cpp's converter does not write of a model, so that no reader of its file can know it."""


def compare(source: Path) -> str:
    """What a file built of the source does as transformers does, or why none was built."""
    if not source.exists():
        return NOTHING
    try:
        checkpoint = read_checkpoint(source)
        with tempfile.TemporaryDirectory() as work:
            length = min(256, checkpoint.architecture.context_length)
            small = replace(checkpoint, name="tiny")
            model = build_tiny(Path(work), small, TEXT_OPS.resolve(), sequence_length=length)
            counts = [_continued(model, source.parent), *_tokenized(model, source.parent)]
    except BuildError as error:
        return str(error).removeprefix(f"{source}: ")
    return ", ".join(f"{equal} of {total}" for equal, total in counts)


def _continued(model: TinyModel, folder: Path) -> tuple[int, int]:
    texts = json.loads((folder / "expected.json").read_text())
    endless = model.manifest.model_copy(update={"end_ids": ()})
    prompts, wanted = [prompt for prompt, _ in texts], [greedy for _, greedy in texts]
    found = complete_greedily(model.path, endless, prompts, len(wanted[0]))
    return sum(a == b for a, b in zip(found, wanted, strict=True)), len(texts)


def _tokenized(model: TinyModel, folder: Path) -> list[tuple[int, int]]:
    """Of texts, and of conversations where there are some."""
    if not (folder / "texts.json").exists():
        return []
    said, manifest = json.loads((folder / "texts.json").read_text()), model.manifest
    tokenizer = open_text_model(model.path, TEXT_OPS.resolve(), "litert", normalizer=manifest.normalizer)
    start = [] if manifest.start_id is None else [manifest.start_id]
    found = [[*start, *tokenizer.tokenize(text)] for text in said["texts"]]
    counts = [(sum(a == b for a, b in zip(found, said["ids"], strict=True)), len(found))]
    if said["talks"] and manifest.chat_template:
        template = ChatTemplate(
            manifest.chat_template, manifest.special_tokens, manifest.named_tokens, manifest.token_strips
        )
        chats: list[list[int] | None] = []
        for talk in said["talks"]:
            try:
                chats.append(template.tokens([Message(**turn) for turn in talk], tokenizer))
            except InvalidRequestError:
                chats.append(None)
        counts.append((sum(a == b for a, b in zip(chats, said["chats"], strict=True)), len(chats)))
    return counts


def main(folder: Path, names: list[str]) -> int:
    """Print the table; returns how many cells show a difference or a refusal that is not known."""
    print(f"| model | {' | '.join(FORMS)} |\n| --- | --- | --- |")
    different = 0
    for name in names or sorted(path.name for path in folder.iterdir()):
        cells = {form: compare(folder / name / path) for form, path in FORMS.items()}
        if name in LEFT_OUT:
            cells["GGUF"] = f"{NOTHING} ({LEFT_OUT[name]} is not in the file)"
        for cell in cells.values():
            counts = [part.split(" of ") for part in cell.split(", ")]
            different += not cell.startswith(NOTHING) and any(len(set(count)) != 1 for count in counts)
        print(f"| {name} | {' | '.join(cells.values())} |", flush=True)
    return different


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]), sys.argv[2:])))
