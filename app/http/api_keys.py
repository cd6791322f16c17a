"""The API keys that are accepted, from the settings or from a file that may change while the service runs."""

from __future__ import annotations

import base64
import binascii
import logging
import secrets
from codecs import BOM_UTF8
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

logger = logging.getLogger(__name__)

Stamp = tuple[int, int, int]
"""Of a file: time, size and number."""

NO_STAMP: Stamp = (0, 0, 0)
"""Of one that cannot be read."""


class ApiKeys:
    """Accepted keys, held as digests that depend on a secret of this process.

    A key file is read again when its stamp changes. While it cannot be read the last keys stand, and a file
    that never could be read accepts nobody: a mistake in it never opens the service.
    """

    def __init__(self, keys: Iterable[str], file: Path | None) -> None:
        self._secret = secrets.token_bytes(32)
        self._fixed = frozenset(self._digest(key.encode()) for key in keys)
        self._file = file
        self._stamp: Stamp | None = None
        self._from_file: frozenset[bytes] = frozenset()

    @property
    def required(self) -> bool:
        """Whether a request must carry a key."""
        return bool(self._fixed) or self._file is not None

    @property
    def changed(self) -> bool:
        """Whether the key file is another one than was read."""
        return self._file is not None and _stamp(self._file) != self._stamp

    def accept(self, authorization: bytes) -> bool:
        """Whether an Authorization header carries an accepted key.

        One look-up, however many keys there are. Its time tells nothing of them: nobody outside can choose a
        text by the digest that it will have.
        """
        if self.changed:
            self.read()
        presented = self._digest(_credential(authorization))
        return presented in self._fixed or presented in self._from_file

    def read(self) -> None:
        """Read the key file: a key a line, without empty lines and those that begin with #."""
        assert self._file is not None
        stamp = _stamp(self._file)
        try:
            lines = self._file.read_bytes().removeprefix(BOM_UTF8).splitlines()
            keys = [key for line in lines if (key := line.strip()) and not key.startswith(b"#")]
            self._from_file = frozenset(map(self._digest, keys))
            level = logging.INFO if keys else logging.WARNING
            logger.log(level, "read %d API keys from %s", len(keys), self._file)
        except OSError as error:
            if self._stamp != NO_STAMP:
                logger.warning("API key file %s: %s; the last keys stand", self._file, error.strerror)
            stamp = NO_STAMP
        self._stamp = stamp

    def _digest(self, key: bytes) -> bytes:
        return blake2b(key, key=self._secret, digest_size=32).digest()


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
    except OSError:
        return NO_STAMP
    return status.st_mtime_ns, status.st_size, status.st_ino


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
