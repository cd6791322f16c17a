from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.foreign.text_to_text import Utf8, read_whole
from app.model.kinds import WholeText
from app.model.tables import Operator, read_tables
from tests.plugged import write_whole

TEXT_OPS = Path("text_ops")


def test_the_text_goes_through_serving_default(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "classic.tflite")
    expected = WholeText("serving_default", "prompt", "output_0", TEXT_OPS)
    assert read_whole(path, read_tables(path), TEXT_OPS) == expected


def test_a_single_signature_may_have_any_name(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "classic.tflite", name="generate")
    assert read_whole(path, read_tables(path), TEXT_OPS).signature == "generate"


def test_serving_default_comes_before_others(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "classic.tflite")
    tables = read_tables(path)
    both = replace(tables, signatures={"other": tables.signatures["serving_default"]} | tables.signatures)
    assert read_whole(path, both, TEXT_OPS).signature == "serving_default"


def test_a_file_without_such_a_signature_says_which_it_has(decoder_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match=r"its signatures: decode, prefill_32, prefill_8$"):
        read_whole(decoder_path, read_tables(decoder_path), TEXT_OPS)


def test_a_file_without_signatures_says_so(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "classic.tflite")
    with pytest.raises(ModelRefusedError, match=r"its signatures: none$"):
        read_whole(path, replace(read_tables(path), signatures={}), TEXT_OPS)


def test_flex_operators_are_refused(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "classic.tflite")
    tables = read_tables(path)
    flex = replace(tables, operators=tables.operators | {Operator("FlexStringJoin", 1, True)})
    with pytest.raises(ModelRefusedError, match=r"\(FlexStringJoin\) .* Convert it without SELECT_TF_OPS$"):
        read_whole(path, flex, TEXT_OPS)


def test_each_byte_of_utf8_is_a_token() -> None:
    assert Utf8().tokenize("é!") == [0xC3, 0xA9, 0x21]
    assert Utf8().detokenize([0xC3, 0xA9]) == "é".encode()
    with pytest.raises(ValueError, match="bytes must be in range"):
        Utf8().detokenize([256])
