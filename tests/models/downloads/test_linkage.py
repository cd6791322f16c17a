from __future__ import annotations

import struct

import pytest

from models.downloads.linkage import drop_needed

STRINGS = b"\0libc.so.6\0libmissing.so.2\0libmissing.so\0"
ADDRESS = 0x1000
"""Where the file is loaded: an address is no place in the file."""


def elf(*needed: bytes) -> bytes:
    """A shared object that needs these libraries: header, two program headers, dynamic section, strings."""
    entries = [(1, STRINGS.index(name + b"\0")) for name in needed]
    dynamic_at, size = 64 + 2 * 56, 16 * (len(entries) + 2)
    entries += [(5, ADDRESS + dynamic_at + size), (0, 0)]
    length = dynamic_at + size + len(STRINGS)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, ADDRESS, ADDRESS, length, length, 4096)
    dynamic = struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, ADDRESS + dynamic_at, 0, size, size, 8)
    return header + load + dynamic + b"".join(struct.pack("<qQ", *entry) for entry in entries) + STRINGS


def macho(*commands: tuple[int, bytes]) -> bytes:
    """A library of Apple's with these load commands."""
    packed = [
        struct.pack("<IIIIII", kind, 24 + len(path), 24, 0, 0, 0) + path
        for kind, path in ((kind, path + b"\0" * (8 - len(path) % 8)) for kind, path in commands)
    ]
    sizes = struct.pack("<IIIIIIII", 0xFEEDFACF, 0, 0, 6, len(packed), sum(map(len, packed)), 0, 0)
    return sizes + b"".join(packed)


def test_an_elf_files_need_becomes_an_entry_that_loaders_ignore() -> None:
    before = elf(b"libc.so.6", b"libmissing.so.2", b"libmissing.so")
    after = drop_needed(before, "libmissing.so.2")
    place = 64 + 2 * 56 + 16
    assert after[:place] == before[:place]
    assert struct.unpack_from("<q", after, place) == (21,)
    assert after[place + 8 :] == before[place + 8 :]


def test_a_macho_files_need_becomes_one_that_may_be_missing() -> None:
    paths = [b"/usr/lib/libc++.1.dylib", b"@rpath/libmissing.2.dylib"]
    before = macho((0xD, b"@rpath/own.dylib"), *((0xC, path) for path in paths))
    after = drop_needed(before, "libmissing.2.dylib")
    assert after == macho((0xD, b"@rpath/own.dylib"), (0xC, paths[0]), (0x80000018, paths[1]))


@pytest.mark.parametrize("content", [elf(b"libc.so.6"), macho((0xC, b"/usr/lib/libc++.1.dylib"))])
def test_a_library_that_does_not_need_it_stays_as_it_is(content: bytes) -> None:
    assert drop_needed(content, "libmissing.so.2") == content


@pytest.mark.parametrize("content", [b"", b"no library", b"\x7fELF\x01\x01 of 32 bits"])
def test_what_is_no_shared_object_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no 64-bit shared object"):
        drop_needed(content, "libmissing.so.2")


@pytest.mark.parametrize("content", [elf(b"libc.so.6")[:100], elf()[:64], macho((0xC, b"a"))[:34]])
def test_one_that_is_cut_short_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="a damaged shared object"):
        drop_needed(content, "libmissing.so.2")
