"""`python -m tests.infill TOKENIZER LLAMA_SERVER`: the prompts of `/infill` beside those of llama.cpp.

A small random model with a real tokenizer is written as GGUF and built. Both servers lay out the same
requests. llama.cpp's token ids are read from what it saves of its slot; `make test` lays the requests out
again, from `tests/infill/data/expected.json.gz`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np

from app.model.tokenizer import TextModel, open_text_model
from models.sources import read_checkpoint
from models.sources.tokenizer_json import read_tokenizer
from tests.docker.traffic import answers, free_port, program, wait_until
from tests.infill.requests import EXPECTED, Sizes, lay_out_request, texts_of
from tests.tiny import TinyModel, build_tiny, gguf_fields, gguf_tensors, tiny_checkpoint, write_gguf

ROOT = Path(__file__).parents[2]
SIZES = (Sizes(512, 256, 64), Sizes(1024, 512, 16), Sizes(1024, 256, 100))
EACH = 34
CORPUS = ("app/completion/healing.py", "app/http/sse.py", "docs/typing.md", "app/http/static/playground.css")


def make_requests(number: int, seed: int) -> Iterator[dict[str, Any]]:
    """Requests whose texts are cut from files of the project: empty, short, longer than their share."""
    rng = random.Random(seed)
    texts = [(ROOT / name).read_text() for name in CORPUS]

    def cut(most: int) -> str:
        text, size = rng.choice(texts), rng.choice((0, 7, rng.randrange(60), rng.randrange(most), most))
        start = rng.randrange(len(text))
        return text[start : start + size]

    for _ in range(number):
        extra = [
            {"text": cut(1500), "filename": rng.choice(("a.py", "src/long name.md"))}
            for _ in range(rng.choice((0, 0, 1, 2, 5)))
        ]
        yield {
            "input_prefix": cut(3500),
            "prompt": cut(90),
            "input_suffix": cut(1500),
            "input_extra": extra,
        }


def write_model(tokenizer: Path, folder: Path) -> Path:
    """A random model with the tokenizer of Qwen, as llama.cpp's converter writes it."""
    content = json.loads((tokenizer / "tokenizer.json").read_text())
    ids = [*content["model"]["vocab"].values(), *(each["id"] for each in content["added_tokens"])]
    found = read_tokenizer(tokenizer, max(ids) + 1)
    model = replace(
        tiny_checkpoint("llama", found.vocabulary),
        end_ids=found.end_ids(set()),
        special_tokens=found.special_tokens,
    )
    fields = gguf_fields(model) | {
        "llama.context_length": 4096,  # llama.cpp gives a slot no more
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.add_bos_token": False,
    }
    for _, i in found.vocabulary.added:
        fields["tokenizer.ggml.token_type"][i] = 4
    return write_gguf(folder / "model.gguf", fields, gguf_tensors(model))


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """llama.cpp's server with one slot, which it saves into a folder."""

    url: str
    folder: Path

    def prompt_ids(self, body: dict[str, Any]) -> list[int]:
        """The token ids of a request's prompt, out of the slot's file.

        Behind magic, version and count there are the ids; since 2026 between -1, a version and their number,
        and what is no text.
        """
        answer = httpx.post(f"{self.url}/infill", json=body | {"n_predict": 1}, timeout=60)
        assert answer.status_code == 200, answer.text
        httpx.post(f"{self.url}/slots/0?action=save", json={"filename": "slot"}).raise_for_status()
        saved = np.fromfile(self.folder / "slot", np.int32)
        ids: list[int] = saved[3 : 3 + saved[2]].tolist()
        return ids[3 : 3 + ids[2]] if ids[0] == -1 else ids


@contextmanager
def llama_server(command: str, model: Path, sizes: Sizes) -> Iterator[LlamaServer]:
    """The server on a model."""
    port, folder = free_port(), model.parent
    options = {
        "-m": model, "-c": sizes.length, "-b": sizes.window, "-n": sizes.reserved, "-np": 1,
        "--port": port, "--slot-save-path": f"{folder}/",
    }  # fmt: skip
    arguments = [str(part) for option in options.items() for part in option]
    with program([command, *arguments], folder / "server.log", **os.environ):
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/health"), 120)
        yield LlamaServer(url, folder)


def compare(command: str, gguf: Path, tiny: TinyModel, text_model: TextModel) -> list[dict[str, Any]]:
    """Ask both for every request; each with llama.cpp's ids and whether they are this service's."""
    bodies = make_requests(EACH * len(SIZES), seed=1)
    cases = []
    for sizes in SIZES:
        with llama_server(command, gguf, sizes) as server:
            for body in (next(bodies) for _ in range(EACH)):
                ids = server.prompt_ids(body)
                ours = asyncio.run(lay_out_request(tiny.manifest, text_model.tokenize, body, sizes))
                cases.append({"sizes": asdict(sizes), "body": body, "ids": ids, "equal": ours == ids})
    return cases


def record(tiny: TinyModel, text_model: TextModel, cases: list[dict[str, Any]]) -> None:
    """Keep what `make test` needs to lay the requests out again without the tokenizer."""
    texts = sorted({text for case in cases for text in texts_of(case["body"])} - {""})
    known = {text: text_model.tokenize(text) for text in texts}
    kept = {"infill_tokens": tiny.manifest.infill_tokens, "texts": known, "cases": cases}
    EXPECTED.parent.mkdir(exist_ok=True)
    EXPECTED.write_bytes(gzip.compress(json.dumps(kept, separators=(",", ":")).encode(), mtime=0))


def main(tokenizer: str, command: str) -> int:
    with TemporaryDirectory() as folder:
        gguf = write_model(Path(tokenizer), Path(folder))
        text_ops = ROOT / "models/artifacts/text_ops"
        tiny = build_tiny(Path(folder) / "built", read_checkpoint(gguf), text_ops, quantize="dynamic")
        text_model = open_text_model(tiny.path, text_ops, "litert", normalizer=tiny.manifest.normalizer)
        cases = compare(command, gguf, tiny, text_model)
        record(tiny, text_model, cases)
    equal, sizes = sum(case["equal"] for case in cases), [len(case["ids"]) for case in cases]
    print(f"{equal} of {len(cases)} prompts are equal, of {min(sizes)} to {max(sizes)} tokens")
    return int(equal < len(cases))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
