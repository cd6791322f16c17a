"""Errors of the build: each ends it with one line."""


class BuildError(Exception):
    """The build cannot go on; the message says what and where."""


class SourceError(BuildError):
    """The weights cannot be read, or use a feature that is not supported; the message names it."""


class DownloadError(BuildError):
    """A pinned package could not be fetched, or is not the pinned one."""
