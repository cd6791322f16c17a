"""`python -m app`: serve as the settings say. `python -m app FD`: one worker of several, on their socket."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from app.errors import ModelRefusedError
from app.guard.word_list import MalformedListError
from app.logs import configure_logs
from app.main import create_app
from app.server.lifecycle import REFUSED, serve, uncollected
from app.server.workers import serve_workers
from app.settings import Settings, setting_faults


def main(arguments: Sequence[str]) -> int:
    """Serve; the exit status. What stops the start is one line on standard error."""
    try:
        settings = Settings()
        configure_logs(settings)
        if settings.workers > 1 and not arguments:
            return serve_workers(settings)
        sockets = [socket.socket(fileno=int(descriptor)) for descriptor in arguments]
        return serve(uncollected(lambda: create_app(settings)), sockets or None)
    except ValidationError as error:
        print(setting_faults(error), file=sys.stderr)
    except (ModelRefusedError, MalformedListError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
    return REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
