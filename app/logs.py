"""What the service says: one JSON object a line for machines, one short line for people."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from pydantic_core import to_json

from app.settings import Settings


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, event, and the facts of a request."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever is in the message."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return to_json(line, fallback=str).decode()


class HumanFormatter(logging.Formatter):
    """Time, message, and the facts of a request that a person looks for first."""

    def format(self, record: logging.LogRecord) -> str:
        """One line for most records."""
        facts = getattr(record, "facts", None)
        if facts is None:
            return super().format(record)
        record = logging.makeLogRecord(record.__dict__ | {"msg": self._line(facts), "args": None})
        return super().format(record)

    def _line(self, facts: dict[str, object]) -> str:
        line = f"{facts['status']} {facts['method']} {facts['route']} {facts['duration_ms']:.1f} ms"
        if "completion_tokens" in facts:
            line += (
                f", {facts['prompt_tokens']}+{facts['completion_tokens']} tokens, {facts['finish_reason']}"
            )
        if "error" in facts:
            line += f", {facts['error']}"
        return f"{line} [{facts['request_id']}]"


def configure_logs(settings: Settings) -> None:
    """Send every log of the process to standard error in the settings' format.

    A log that cannot be written (a full disk) never disturbs a request.
    """
    human = settings.log_format == "human" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(
        HumanFormatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S") if human else JsonFormatter()
    )
    logging.raiseExceptions = False
    # What no format of ours shows need not be found out for each line.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if settings.log_level == "info":  # our own lines say who is ready
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
