"""Checkpoints from Hugging Face directories, without torch."""

from __future__ import annotations

from pathlib import Path

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.weights import Weights
from models.errors import SourceError
from models.sources.config import Config
from models.sources.families import FAMILIES
from models.sources.fields import Fields, read_json
from models.sources.hugging_face_weights import read_weights
from models.sources.layout import arrange
from models.sources.shapes import check_shapes
from models.sources.tokenizer_json import read_tokenizer
from models.sources.tokenizer_settings import advised


def read_hugging_face(folder: Path) -> Checkpoint:
    """Load a directory; the weights themselves are read when they are asked for.

    Raises:
        SourceError: A file is missing or damaged, or the model uses a feature that cannot be expressed.
    """
    config = _text_part(read_json(folder / "config.json"))
    kind = config.text("model_type")
    if kind not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise config.error(f"model_type {kind!r}; supported are {known}")
    family = FAMILIES[kind]
    arch, layout = Config(config, family).describe()
    _check_tokenizer(folder)
    tokenizer = read_tokenizer(folder, arch.vocabulary)
    stored = read_weights(folder, family, arch, shared=family.shared_norm(config))
    if not layout.tied and "head" not in stored:
        raise config.error("the tensor lm_head.weight is missing")
    weights = Weights(arrange(folder, arch, layout, stored))
    check_shapes(folder, arch, weights)
    return Checkpoint(
        name=folder.resolve().name.lower(),
        source=f"{folder.resolve().name} (Hugging Face directory)",
        licence="unknown",
        architecture=arch,
        weights=weights,
        vocabulary=tokenizer.vocabulary,
        end_ids=tokenizer.end_ids(_declared_ends(folder, config)),
        chat_template=tokenizer.chat_template,
        special_tokens=tokenizer.special_tokens,
        start_id=tokenizer.start_id,
        named_tokens=tokenizer.named_tokens,
        token_strips=tokenizer.token_strips,
        infill_tokens=tokenizer.infill_tokens,
        sampling=advised(folder),
    )


def _check_tokenizer(folder: Path) -> None:
    """See whether the tokenizer is there in the form that is read.

    Raises:
        SourceError: It is there in an older one.
    """
    older = [name for name in ("vocab.json", "tokenizer.model", "vocab.txt") if (folder / name).exists()]
    if older and not (folder / "tokenizer.json").exists():
        raise SourceError(
            f"{folder / 'tokenizer.json'}: not found; write it from {older[0]} with transformers: "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )


def _text_part(config: Fields) -> Fields:
    """The language model's configuration, where images have one beside it."""
    if "text_config" not in config:
        return config
    inner = config.object("text_config")
    shared = [name for name in ("tie_word_embeddings", "eos_token_id", "model_type") if name in config]
    return Fields(config.path, {name: config.get(name) for name in shared} | dict(inner))


def _declared_ends(folder: Path, config: Fields) -> set[int]:
    """Tokens that end a text, from both files that may name them.

    Raises:
        SourceError: One is no token.
    """
    files = [config]
    if (folder / "generation_config.json").exists():
        files.append(read_json(folder / "generation_config.json"))
    found = set[int]()
    for fields in files:
        ids = fields.get("eos_token_id", [])
        for i in ids if isinstance(ids, list) else [ids]:
            if type(i) is not int or not 0 <= i < config.count("vocab_size"):
                raise fields.error(f"eos_token_id is {ids!r}, expected token ids")
            found.add(i)
    return found
