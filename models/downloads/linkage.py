"""A shared object without its need of a library that it takes no symbol from."""

from __future__ import annotations

import struct
from collections.abc import Iterator

DT_NEEDED, DT_STRTAB, DT_DEBUG = 1, 5, 21
PT_LOAD, PT_DYNAMIC = 1, 2
LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB = 0xC, 0x80000018


def drop_needed(content: bytes, library: str) -> bytes:
    """The shared object, of which the loader does not ask for that library; its size stays.

    In an ELF file the entry gets a tag that loaders ignore in libraries (System V ABI, dynamic section); in a
    Mach-O file the library becomes one that may be missing.

    Raises:
        ValueError: It is neither a 64-bit little-endian ELF nor Mach-O file, or it is cut short.
    """
    changed = bytearray(content)
    try:
        if content.startswith(b"\x7fELF\x02\x01"):
            tag, places = struct.pack("<q", DT_DEBUG), _elf_needs(content, library)
        elif content.startswith(b"\xcf\xfa\xed\xfe"):
            tag, places = struct.pack("<I", LC_LOAD_WEAK_DYLIB), _macho_needs(content, library)
        else:
            raise ValueError("no 64-bit shared object")
        for place in places:
            changed[place : place + len(tag)] = tag
    except (struct.error, StopIteration):
        raise ValueError("a damaged shared object") from None
    return bytes(changed)


def _elf_needs(content: bytes, library: str) -> list[int]:
    """Where the entries of the dynamic section stand that name the library."""
    begin, size, count = *struct.unpack_from("<Q", content, 32), *struct.unpack_from("<HH", content, 54)
    headers = [struct.unpack_from("<IIQQQQ", content, begin + n * size) for n in range(count)]
    _, _, at, _, _, length = next(header for header in headers if header[0] == PT_DYNAMIC)
    entries = {place: struct.unpack_from("<qQ", content, place) for place in range(at, at + length, 16)}
    strings = next(value for tag, value in entries.values() if tag == DT_STRTAB)
    start = next(
        offset + strings - address
        for kind, _, offset, address, _, held in headers
        if kind == PT_LOAD and address <= strings < address + held
    )
    name = library.encode() + b"\0"
    return [
        place
        for place, (tag, value) in entries.items()
        if tag == DT_NEEDED and content.startswith(name, start + value)
    ]


def _macho_needs(content: bytes, library: str) -> list[int]:
    """Where the load commands stand that name the library, in whatever folder."""
    name = b"/" + library.encode() + b"\0"
    return [
        place
        for place, kind, size in _macho_commands(content)
        if kind == LC_LOAD_DYLIB and name in content[place : place + size]
    ]


def _macho_commands(content: bytes) -> Iterator[tuple[int, int, int]]:
    (count,), place = struct.unpack_from("<I", content, 16), 32
    for _ in range(count):
        kind, size = struct.unpack_from("<II", content, place)
        yield place, kind, size
        place += size
