from __future__ import annotations

import struct

import pytest

from app.errors import ModelRefusedError
from app.model.foreign.optional import required


def test_a_package_that_is_there_is_imported() -> None:
    assert required("struct") is struct


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(ModelRefusedError) as refusal:
        required("litert_lm_nothing.schema")
    assert str(refusal.value) == (
        "litert-lm-nothing is not installed (No module named 'litert_lm_nothing'):"
        " pip install 'autocomplete-service[foreign]'"
    )
