"""How the process starts: as the service, as the supervisor of several workers, or as one of them."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from app.errors import ModelRefusedError
from app.guard.word_list import MalformedListError
from app.http.host_check import is_loopback
from app.logs import configure_logs
from app.main import create_app
from app.server.lifecycle import REFUSED, serve, uncollected
from app.server.multiprocess_metrics import share_metrics
from app.server.sockets import bind_sockets
from app.server.workers import serve_workers
from app.settings import Settings, setting_faults, unknown_settings

logger = logging.getLogger(__name__)


def start(arguments: Sequence[str]) -> int:
    """Serve as the settings say; the exit status. What stops the start is the last line on standard error.

    Args:
        arguments: Of a worker, its number and the descriptors of its sockets; else none.
    """
    try:
        settings = Settings()
        configure_logs(settings)
        if arguments:
            worker, *descriptors = map(int, arguments)
            share_metrics(worker)
            sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
            return serve(uncollected(lambda: create_app(settings)), sockets, os.getppid())
        for warning in [*unknown_settings(os.environ), *open_doors(settings)]:
            logger.warning("%s", warning)
        sockets = bind_sockets(settings.host, settings.port)
        if settings.workers > 1:
            return serve_workers(settings.workers, sockets)
        return serve(uncollected(lambda: create_app(settings)), sockets)
    except ValidationError as error:
        print(setting_faults(error), file=sys.stderr)
    except (ModelRefusedError, MalformedListError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
    return REFUSED


def open_doors(settings: Settings) -> list[str]:
    """What lets in more people than may be meant."""
    if is_loopback(settings.host) or settings.api_keys or settings.api_keys_file:
        return []
    return [
        f"LISTENING ON {settings.host} WITHOUT API KEYS: whoever reaches this machine may ask; "
        "set AUTOCOMPLETE_API_KEYS or AUTOCOMPLETE_API_KEYS_FILE"
    ]
