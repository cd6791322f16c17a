"""The service over scripted parts, on a real socket."""

from tests.app.conftest import compose, guard, listen

__all__ = ["compose", "guard", "listen"]
