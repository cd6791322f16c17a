"""File descriptors: connections leave enough for an engine, the pipe to it and the files that are read."""

from __future__ import annotations

import logging
import resource

logger = logging.getLogger(__name__)

RESERVED = 64
"""For all that is no connection: about 25 while nothing happens, 8 more while an engine is started."""


def affordable_connections(wanted: int, spare: int) -> int:
    """Connections that the limit of open files leaves beside `spare` ones: at most `wanted`, at least 1.

    The soft limit is raised first, as far as it is needed and the hard one permits: it is low for the sake of
    programs that call select.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + spare + RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    affordable = max(1, soft - spare - RESERVED)
    logger.warning(
        "at most %d connections instead of %d: this process may open %d files", affordable, wanted, soft
    )
    return affordable
