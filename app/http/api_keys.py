"""The API keys that are accepted, from the settings or from a file that may change while the service runs."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

logger = logging.getLogger(__name__)


class ApiKeys:
    """Accepted keys, held as digests.

    A key file is read again when its stamp changes. While it cannot be read the last keys stand, and a file
    that never could be read accepts nobody: a mistake in it never opens the service.
    """

    def __init__(self, keys: Iterable[str], file: Path | None) -> None:
        self._fixed = [_digest(key.encode()) for key in keys]
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._from_file: list[bytes] = []

    @property
    def required(self) -> bool:
        """Whether a request must carry a key."""
        return bool(self._fixed) or self._file is not None

    def accept(self, authorization: bytes) -> bool:
        """Whether an Authorization header carries an accepted key, in a time that tells nothing of them."""
        presented = _digest(_credential(authorization))
        matches = [hmac.compare_digest(presented, key) for key in (*self._fixed, *self._read_file())]
        return any(matches)

    def _read_file(self) -> list[bytes]:
        if self._file is None:
            return []
        try:
            status = self._file.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                lines = self._file.read_bytes().splitlines()
                self._from_file = [_digest(key) for line in lines if (key := line.strip())]
                self._stamp = stamp
                logger.info("read %d API keys from %s", len(self._from_file), self._file)
        except OSError as error:
            if self._stamp != (0, 0, 0):
                logger.warning("API key file %s: %s; the last keys stand", self._file, error.strerror)
            self._stamp = (0, 0, 0)
        return self._from_file


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()


def _credential(authorization: bytes) -> bytes:
    """The key in `Bearer KEY` or, for browsers, the password in `Basic USER:KEY`."""
    scheme, _, value = authorization.partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return b""
