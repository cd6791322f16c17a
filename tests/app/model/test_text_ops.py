from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.tables import TEXT_OPERATORS
from app.model.text_ops import LIBRARY, text_op_registerers


def test_every_text_operator_has_a_registerer(text_ops: Path) -> None:
    kernels = (text_ops / LIBRARY).read_bytes()
    assert all(name.encode() in kernels for name in TEXT_OPERATORS)
    assert len(text_op_registerers(text_ops)) == len(TEXT_OPERATORS)


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match=rf"^{tmp_path}/{LIBRARY}: cannot be loaded: .*No such file"):
        text_op_registerers(tmp_path)


def test_a_library_without_the_operators_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy.random.mtrand

    (tmp_path / LIBRARY).symlink_to(numpy.random.mtrand.__file__)
    with pytest.raises(ModelRefusedError, match=r"cannot be loaded: .*undefined symbol: AddByteSplit$"):
        text_op_registerers(tmp_path)
