"""The file of packed weights: the first start makes it, every later one and every other process maps it."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import logging
import mmap
import os
import platform
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from app.engine.runtimes.memory_file import memory_file

logger = logging.getLogger(__name__)

TURN_SECONDS = 20.0
"""For another process to pack the same weights, which takes about one."""


class PackedWeights:
    """One model's weights as its runtime packs them for this machine, kept in a folder.

    The file's name tells what it was made from and its own CRC-32, so that a damaged one is never used.
    """

    def __init__(self, folder: Path, model: Path, digest: str) -> None:
        self._folder = folder
        self._stem = model.stem
        self._digest = digest[:16]
        self._machine = machine_key()

    def find(self) -> Path | None:
        """The stored file, if its content is what its name says; a damaged one is removed."""
        for path in self._stored(self._digest):
            try:
                if path.name == self._name(checksum(path)):
                    return path
            except OSError as error:  # another user's
                logger.warning("%s: %s; the weights are packed anew", path, error.strerror)
                continue
            logger.warning("%s: damaged; the weights are packed anew", path)
            with suppress(OSError):
                path.unlink()
        return None

    @contextmanager
    def make(self, pack: Callable[[Path], object]) -> Iterator[Path]:
        """Where the weights are that `pack` has written, inside the block.

        They are packed in memory first: native code aborts the process where a disk is full. What cannot be
        stored stays in memory, in one copy. Of several processes one packs, and the others wait for its file.
        """
        with memory_file("packed weights") as (_, place):
            with self._turn():
                path = self.find()
                if path is None:
                    pack(place)
                    path = self._store(place)
            yield path

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """No other process is here at the same time, unless one stays too long or the folder has no locks."""
        try:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            yield
            return
        try:
            end = time.monotonic() + TURN_SECONDS
            while not _locked(folder) and time.monotonic() < end:
                time.sleep(TURN_SECONDS / 1000)
            yield
        finally:
            os.close(folder)

    def _store(self, place: Path) -> Path:
        path = self._folder / self._name(checksum(place))
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        try:
            shutil.copyfile(place, part)
            part.replace(path)
        except OSError as error:
            logger.warning("%s: %s; the packed weights stay in memory", path, error.strerror)
            return place
        finally:
            with suppress(OSError):
                part.unlink()
        for old in set(self._stored("*")) - {path}:
            with suppress(OSError):
                old.unlink()
        return path

    def _stored(self, digest: str) -> list[Path]:
        """Files of this model for this machine, made from contents of that digest."""
        pattern = f"{glob.escape(self._stem)}.{digest}.{self._machine}*.xnnpack"
        try:
            return sorted(self._folder.glob(pattern)) if self._folder.is_dir() else []
        except OSError:
            return []

    def _name(self, check: int) -> str:
        return f"{self._stem}.{self._digest}.{self._machine}.{check:08x}.xnnpack"


def _locked(folder: int) -> bool:
    """Whether the folder is ours until it is closed; also where its file system has no locks."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def checksum(path: Path) -> int:
    """CRC-32 of a file: it finds what disks and copies damage, at more than a gigabyte a second."""
    if not path.stat().st_size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return zlib.crc32(content)


def machine_key() -> str:
    """Names what packed weights depend on beside the model: runtime version and processor features."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    parts = [version("ai-edge-litert"), platform.machine(), flags]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
